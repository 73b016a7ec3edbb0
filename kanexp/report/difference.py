"""Two arms: whether their costs over seeds differ, by how much, and what so many seeds could have shown.

Seeds of different arms are two samples: a seed draws other weights for another layer or start. Only where starts are
the same is a seed of one arm a partner of the same seed of the other. A cost is better when it is less.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from kanexp.report.stats import LEVEL, POWER, Estimate
from kanexp.score.cost import BEYOND

MOST_EXACT = 200  # seeds of both arms up to which all divisions into two arms are counted
ROUNDED = 100  # scores are counted in so many parts of one
MOST_UNEQUAL = 3.0  # ratio of two arms' spreads from which on equal arms would too often be taken for different


def unpaired(costs: ArrayLike, others: ArrayLike) -> float:
    """Two-sided p that two arms (n,), (m,) are the same: an exact rank test with normal scores.

    All divisions of the seeds into arms of n and m are counted, ties share their scores, and a seed that was lost is
    the worst rank. Where the interquartile ranges differ more than MOST_UNEQUAL times, or the numbers of seeds differ,
    and no seed was lost, p is not below that of Welch's t test: ranks alone take arms of one median and unequal spreads
    for different too often.

    Source: van der Waerden 1952; the guard is ours, scripts/verdicts shows what it is good for
    """
    a, b = np.asarray(costs, dtype=float), np.asarray(others, dtype=float)
    if min(len(a), len(b)) == 0:
        return 1.0
    p = _rank_p(a, b)
    doubtful = len(a) != len(b) or unequal(a, b) > MOST_UNEQUAL
    if p <= LEVEL and doubtful and max(a.max(), b.max()) < BEYOND:
        return max(p, _welch_p(a, b))
    return p


def _welch_p(a: np.ndarray, b: np.ndarray) -> float:
    """P of Welch's t test; of samples of one value each, whether the two are the same."""
    if min(len(a), len(b)) < 2:
        return 1.0
    if np.ptp(a) == 0 and np.ptp(b) == 0:
        return float(a[0] == b[0])
    first, second = ((x.mean(), x.std(ddof=1), len(x)) for x in (a, b))
    return float(stats.ttest_ind_from_stats(*first, *second, equal_var=False).pvalue)


def unequal(a: np.ndarray, b: np.ndarray) -> float:
    """How many times as large the interquartile range of one sample is as the other's."""
    small, large = sorted(float(np.subtract(*np.percentile(x, [75, 25]))) for x in (a, b))
    return large / small if small > 0 else np.inf if large > 0 else 1.0


def _rank_p(a: np.ndarray, b: np.ndarray) -> float:
    scores = normal_scores(np.concatenate([a, b]))
    n, total = len(a), len(scores)
    off = abs(int(total * scores[:n].sum() - n * scores.sum()))  # from what is expected, times the number of seeds
    if total > MOST_EXACT:
        spread = np.sqrt(n * (total - n) / (total * (total - 1)) * ((scores - scores.mean()) ** 2).sum()) * total
        return float(2 * stats.norm.sf(off / spread)) if spread > 0 else 1.0
    sums, chances = _divisions(min(n, total - n), tuple(np.sort(scores).tolist()))
    # The distance of one arm's sum from its mean is that of the other's.
    return float(chances[np.abs(total * sums - min(n, total - n) * scores.sum()) >= off].sum())


def normal_scores(values: ArrayLike) -> np.ndarray:
    """What each value (n,) of a normal sample of its rank would be, in whole parts of 1/ROUNDED; ties share theirs."""
    x = np.asarray(values, dtype=float)
    own = special.ndtri(np.arange(1, len(x) + 1) / (len(x) + 1))
    _, group, counts = np.unique(x, return_inverse=True, return_counts=True)
    shared = np.bincount(np.repeat(np.arange(len(counts)), counts), weights=own) / counts
    return np.rint(ROUNDED * shared[group]).astype(int)


@lru_cache(maxsize=512)
def _divisions(n: int, scores: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """All sums of n of these scores, and how often each occurs, as shares of one."""
    least = min(scores)
    parts = [score - least for score in scores]
    top = sum(sorted(parts)[-n:])
    ways = np.zeros((n + 1, top + 1))  # of taking so many scores of this sum
    ways[0, 0] = 1
    for part in parts:
        more = ways.copy()
        more[1:, part:] += ways[:-1, : top + 1 - part]
        ways = more
    found = np.flatnonzero(ways[n])
    return found + n * least, ways[n, found] / ways[n].sum()


def least_p(n: int, m: int) -> float:
    """The smallest p of two arms of n and m seeds: none of one overlaps with the other."""
    return float(2 / special.comb(n + m, n)) if min(n, m) else 1.0


def shift(costs: ArrayLike, others: ArrayLike) -> Estimate:
    """How much more the others cost: the median over all pairs of seeds, with the interval of 95 % of the rank test.

    Its ends are the differences at which Mann and Whitney's exact test would just not reject; of few seeds, which no
    interval covers so surely, the least and the largest difference.

    Source: Hodges and Lehmann 1963, https://doi.org/10.1214/aoms/1177704172
    """
    a, b = np.asarray(costs, dtype=float), np.asarray(others, dtype=float)
    if min(len(a), len(b)) == 0:
        return Estimate(np.nan, np.nan, np.nan)
    d = np.sort((b[None, :] - a[:, None]).ravel())
    out = max(0, _outside(len(a), len(b)) - 1)
    return Estimate(float(np.median(d)), float(d[out]), float(d[len(d) - 1 - out]))


@lru_cache(maxsize=512)
def _outside(n: int, m: int) -> int:
    """The largest c for which the c-th least and the c-th largest difference enclose the true one in 95 %, or 0."""
    if n + m > MOST_EXACT:
        half = 1.96 * np.sqrt(n * m * (n + m + 1) / 12)
        return max(0, int(n * m / 2 - half))
    _, chances = _divisions(min(n, m), tuple(range(1, n + m + 1)))
    below = np.cumsum(chances)  # of U = 0, 1, 2, ..., all of which occur
    return int((2 * below <= 1 - 0.95).sum())


def detectable(costs: ArrayLike, others: ArrayLike, level: float = LEVEL, seeds: int | None = None) -> float:
    """The true difference that arms of these spreads would show at this level four times in five.

    That of Welch's t test, to which a rank test with normal scores is equal or nearly so; for as many seeds as the arms
    have, or for `seeds` of each. NaN where so few can show nothing, or there is no spread.
    """
    a, b = (_finite(costs), _finite(others))
    n, m = (len(a), len(b)) if seeds is None else (seeds, seeds)
    if min(len(a), len(b)) < 2 or least_p(n, m) > level:
        return np.nan
    parts = np.array([a.var(ddof=1) / n, b.var(ddof=1) / m])
    if not parts.sum() > 0:
        return np.nan
    freedom = parts.sum() ** 2 / (parts**2 / np.array([n - 1, m - 1])).sum()
    t = special.stdtrit(freedom, [1 - level / 2, POWER])
    return float(t.sum() * np.sqrt(parts.sum()))


def fewest_seeds(level: float = LEVEL) -> int:
    """Seeds of each arm of which some can establish a difference at this level."""
    return next(n for n in range(2, 100) if least_p(n, n) <= level)


def seeds_needed(costs: ArrayLike, others: ArrayLike, level: float = LEVEL, most: int = 200) -> int:
    """Seeds of each arm of which the difference, were it as it looks, would be established four times in five.

    0 where more than `most` are needed.
    """
    size = abs(shift(costs, others).value)
    for n in range(fewest_seeds(level), most + 1):
        found = detectable(costs, others, level, n)
        if np.isnan(found) or found <= size:
            return n
    return 0


def _finite(costs: ArrayLike) -> np.ndarray:
    x = np.asarray(costs, dtype=float)
    return x[x < BEYOND]
