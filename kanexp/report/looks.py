"""Looks: arms judged again and again while seeds are added. The p of all looks, and whether more seeds have a chance.

The p of a family that is looked at several times is the chance that equal arms give, at any of the planned looks, a p
as small as the least seen so far. A verdict may so be taken at each look, and one family in twenty is wrong at most.

Sources: looks at one level, Pocock 1977, https://doi.org/10.1093/biomet/64.2.191; the chance by recursion from look to
look, Armitage, McPherson and Rowe 1969, https://doi.org/10.2307/2343787; as a p, Liu and Anderson 2008,
https://doi.org/10.1198/016214508000000986
"""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import interpolate, special, stats

NODES = 48  # of the quadrature over where a family is at a look
LEAST = 1e-12  # p below which all are taken for this one
GRID = 40  # p values between it and 1 of which the chance is computed, others are in between


def of_all_looks(p: ArrayLike, looks: tuple[int, ...], dimensions: int = 1) -> np.ndarray:
    """The chance, where nothing differs, that any of the looks gives a p as small as these.

    looks are the seeds of each arm that are there; a comparison of k arms has k - 1 dimensions. By the normal
    distribution, to which rank tests come close from few seeds on.
    """
    p = np.asarray(p, dtype=float)
    if len(looks) < 2:
        return p
    x = np.log(p.clip(LEAST, 1))
    return np.exp(_curve(looks, dimensions)(x)).clip(p, 1)


def of_each_look(level: float, looks: tuple[int, ...]) -> float:
    """The p that a pair needs at a look, so that the p of all looks is this level."""
    if len(looks) < 2:
        return level
    grid = np.linspace(np.log(LEAST), 0, 2001)
    return float(np.exp(np.interp(np.log(level), _curve(looks, 1)(grid), grid)))


def hope(p: float, seeds: int, looks: tuple[int, ...], level: float) -> float:
    """The chance of a pair with this p at so many seeds to be established at the last look, at this level of one look.

    Were its difference one standard error larger than it looks: where even then there is little chance, it is given up.
    """
    done = seeds / looks[-1]
    if done >= 1:
        return 0.0
    z = stats.norm.isf(max(p, LEAST) / 2)
    drift = (z + 1) / np.sqrt(done)
    needed = stats.norm.isf(level / 2)
    return float(stats.norm.sf((needed - z * np.sqrt(done) - drift * (1 - done)) / np.sqrt(1 - done)))


@lru_cache(maxsize=256)
def _curve(looks: tuple[int, ...], dimensions: int) -> interpolate.PchipInterpolator:
    """Logarithm of the chance over that of the least p."""
    x = np.linspace(np.log(LEAST), 0, GRID)
    return interpolate.PchipInterpolator(x, np.log([_crossing(p, looks, dimensions) for p in np.exp(x)]))


def _crossing(p: float, looks: tuple[int, ...], dimensions: int) -> float:
    """The chance that |B(n)| / sqrt(n), B a Brownian motion, is at any look n beyond what one look exceeds with p."""
    if p >= 1:
        return 1.0
    n = np.array(looks) / looks[0]
    bound = np.sqrt(stats.chi2.isf(p, dimensions) * n)
    nodes, weights = special.roots_legendre(NODES)
    gaps = np.diff(n, prepend=0)
    crossed, at, share = p, np.zeros(0), np.zeros(0)
    for k, next_gap in enumerate(gaps[1:]):
        # Where |B| is at look k, of those that were beyond no bound up to there.
        to = bound[k] * (nodes + 1) / 2
        density = _moves(at, to, gaps[k], dimensions).T @ share if k else stats.chi.pdf(to, dimensions)
        at, share = to, density * weights * bound[k] / 2
        crossed += float(stats.ncx2.sf(bound[k + 1] ** 2 / next_gap, dimensions, at**2 / next_gap) @ share)
    return min(crossed, 1.0)


def _moves(start: np.ndarray, end: np.ndarray, step: float, dimensions: int) -> np.ndarray:
    """Density of |B| at its ends (m,), given where it was (n,) a while before, (n, m)."""
    a, b = start[:, None] / np.sqrt(step), end / np.sqrt(step)
    order = dimensions / 2 - 1
    return b * (b / a) ** order * np.exp(-((b - a) ** 2) / 2) * special.ive(order, a * b) / np.sqrt(step)
