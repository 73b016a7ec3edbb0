"""Statistics over seeds."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import binom


class Interval(NamedTuple):
    """A median with an interval that covers the true one with probability `coverage`."""

    median: float
    low: float
    high: float
    coverage: float


def median_interval(values: ArrayLike, coverage: float = 0.95) -> Interval:
    """The median of a sample and the narrowest order-statistic interval that reaches the coverage.

    Exact for any continuous distribution: the number of values below the true median is binomial. With fewer than six
    values no interval reaches 95 %; then it is the whole range, whose coverage 1 - 2^(1-n) is given.
    """
    x = np.sort(np.asarray(values, dtype=float))
    n = len(x)
    if n == 0 or np.isnan(x).any():
        return Interval(np.nan, np.nan, np.nan, np.nan)
    # [x_(k+1), x_(n-k)] misses when at most k values lie on one side of the true median.
    k = max((k for k in range((n + 1) // 2) if 1 - 2 * binom.cdf(k, n, 0.5) >= coverage), default=0)
    return Interval(float(np.median(x)), x[k], x[n - 1 - k], float(1 - 2 * binom.cdf(k, n, 0.5)))


def ended_well(status: pd.Series) -> pd.Series:
    """Which seeds' scores count: whatever made them stop, they were not lost."""
    return status.str.match("ok|stalled|stopped|restarted")
