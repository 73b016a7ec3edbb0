"""Statistics over seeds: of one sample of costs, of two, and of many comparisons. A cost is better when it is less."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

RESAMPLES = 4999  # of a bootstrap: the ends of a 95 % interval move by about 2 % of its width
MOST_EXACT = 16  # pairs up to which all patterns of signs are tried
DRAWN = 100_000  # patterns of more pairs: p as small as .00001, for the correction of a thousand comparisons
LEVEL = 0.05
POWER = 0.8


class Estimate(NamedTuple):
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


def ended_well(status: pd.Series) -> pd.Series:
    """Which seeds' scores count, from a column of SeedStatus: whatever made them stop, they were not lost."""
    return status.map(lambda one: one.ended_well).astype(bool)


def unfinished(status: pd.Series) -> pd.Series:
    """Which seeds are of runs without an end, from a column of SeedStatus."""
    return status.map(lambda one: one.unfinished).astype(bool)


def median(x: np.ndarray, axis: int = -1) -> Any:
    return np.median(x, axis=axis)


def interquartile_mean(x: np.ndarray, axis: int = -1) -> Any:
    """Mean of the middle half: nearly as precise as a mean, nearly as calm as a median.

    Source: Agarwal et al. 2021, https://arxiv.org/abs/2108.13264
    """
    return stats.trim_mean(x, 0.25, axis=axis)


def bootstrap(values: ArrayLike, statistic: Callable[..., Any], resamples: int = RESAMPLES) -> Estimate:
    """A statistic of a sample with its 95 % percentile bootstrap interval; of two values or fewer, their range.

    Percentiles and not BCa, whose correction has no value for a median of equal or of lost seeds. The generator has a
    fixed seed: the same runs give the same report.
    """
    x = np.asarray(values, dtype=float)
    if len(x) == 0:
        return Estimate(np.nan, np.nan, np.nan)
    value = float(statistic(x))
    if len(x) <= 2 or np.ptp(x) == 0:
        return Estimate(value, float(x.min()), float(x.max()))
    found = stats.bootstrap(
        (x,), statistic, n_resamples=resamples, method="percentile", vectorized=True, rng=np.random.default_rng(0)
    ).confidence_interval
    return Estimate(value, float(found.low), float(found.high))


def sign_flip(differences: ArrayLike) -> float:
    """Two-sided p of paired differences: how often their mean is as far from zero when signs are drawn by chance.

    Exact for up to 16 pairs, where all 2^n patterns are tried: the least p possible is 2 / 2^n. It is the p of
    scipy.stats.permutation_test(permutation_type="samples"), whose patterns are made anew for every sample and, beyond
    the exact, too few for the correction of many comparisons.
    """
    d = np.asarray(differences, dtype=float)
    if not d.any():
        return 1.0
    means, found = np.abs(_signs(len(d)) @ d), abs(d.sum())
    as_far = int((means >= found * (1 - 1e-12)).sum())
    return as_far / len(means) if len(d) <= MOST_EXACT else (as_far + 1) / (len(means) + 1)


@lru_cache(maxsize=4)
def _signs(n: int) -> np.ndarray:
    """Patterns of n signs: all there are, or DRAWN of them."""
    if n <= MOST_EXACT:
        return 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
    return np.random.default_rng(0).choice((-1.0, 1.0), size=(DRAWN, n))


def capped(differences: ArrayLike, beyond: float) -> np.ndarray:
    """Differences where a lost seed counts as much as the largest difference among the others.

    A mean of infinities says nothing. Both signs are cut alike, so that a sign flip stays exact.
    """
    d = np.asarray(differences, dtype=float)
    real = np.abs(d[np.abs(d) < beyond])
    largest = real.max() if len(real) and real.max() > 0 else 1.0
    return d.clip(-largest, largest)


def chance(costs: ArrayLike, others: ArrayLike) -> Estimate:
    """P(A < B): the share of all pairs of a seed of A and a seed of B in which A costs less; a tie is half.

    The interval is a bootstrap over both arms' seeds. Where no pair disagrees it has no width, which ten seeds do not
    support: then its open end is that of Clopper and Pearson for as many trials as the smaller arm has seeds.
    """
    a, b = np.asarray(costs, dtype=float), np.asarray(others, dtype=float)
    n = min(len(a), len(b))
    if n == 0:
        return Estimate(np.nan, np.nan, np.nan)
    # Each pair is judged once; a resample then only counts how often it drew each seed.
    wins = np.sign(b[None, :] - a[:, None]) / 2 + 0.5
    value = float(wins.mean())
    if value in (0.0, 1.0):
        edge = (1 - 0.95) ** (1 / n)
        return Estimate(value, *((edge, 1.0) if value else (0.0, 1 - edge)))
    if n <= 2:
        return Estimate(value, 0.0, 1.0)

    def share(i: np.ndarray, j: np.ndarray, axis: int = -1) -> Any:
        return ((_counts(i) @ wins) * _counts(j)).sum(axis=-1) / wins.size

    found = stats.bootstrap(
        (np.arange(len(a)), np.arange(len(b))),
        share,
        n_resamples=RESAMPLES,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Estimate(value, float(found.low), float(found.high))


def _counts(drawn: np.ndarray) -> np.ndarray:
    """How often each of n numbers is in every row of n draws (..., n)."""
    n = drawn.shape[-1]
    rows = drawn.reshape(-1, n) + n * np.arange(drawn.size // n)[:, None]
    return np.bincount(rows.ravel(), minlength=drawn.size).reshape(drawn.shape)


def holm(p: ArrayLike) -> np.ndarray:
    """p values corrected for their number, so that one wrong verdict among all is as rare as the level says.

    Source: Holm 1979, https://www.jstor.org/stable/4615733
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p)
    corrected = np.empty_like(p)
    corrected[order] = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order]).clip(max=1)
    return corrected


def detectable(differences: ArrayLike, level: float = LEVEL) -> float:
    """The true mean difference that as many pairs of this spread would show at this level four times in five.

    (t_(1 - level/2) + t_power) sd / sqrt(n): that of a t test, which a sign flip equals closely from six pairs on. NaN
    where there is no spread, or where no p can get below the level.
    """
    d = np.asarray(differences, dtype=float)
    n = len(d)
    if n < 2 or np.ptp(d) == 0 or least_p(n) > level:
        return np.nan
    t = stats.t(n - 1)
    return float((t.ppf(1 - level / 2) + t.ppf(POWER)) * d.std(ddof=1) / np.sqrt(n))


def least_p(pairs: int) -> float:
    """The smallest p that a sign flip of so many pairs can have."""
    return 2.0 / 2**pairs if pairs <= MOST_EXACT else 1 / (DRAWN + 1)


def profile(excess: np.ndarray, within: np.ndarray) -> np.ndarray:
    """Performance profile: the share of cases (n,) that come within each excess (m,) over the best arm's cost.

    Source: Dolan and More 2002, https://doi.org/10.1007/s101070100263
    """
    return (excess[:, None] <= within[None, :] + 1e-12).mean(axis=0)
