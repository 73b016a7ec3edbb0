"""Statistics of reports against closed forms, enumeration and simulation."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu, permutation_test

from kanexp.folder.record import SeedStatus
from kanexp.report import stats
from kanexp.report.interval import median_interval
from kanexp.report.stats import ended_well
from kanexp.score.cost import LOST, Metric
from kanexp.score.score import ACCURACY, MSE, PSNR

SCORES = {score.name: score for score in (MSE.on("test"), PSNR.on("test"), ACCURACY.on("test"))}


@pytest.mark.parametrize("n", [1, 2, 5, 6, 9, 10, 20, 31])
def test_median_interval_is_exact(n):
    x = np.arange(n, dtype=float)[::-1]
    m = median_interval(x)
    assert m.median == np.median(x)
    k = int(m.low)
    assert m.high == n - 1 - k
    # P(true median outside) = 2 P(Binomial(n, 1/2) <= k), by another road.
    outside = 2 * sum(pmf(n, i) for i in range(k + 1))
    assert m.coverage == pytest.approx(1 - outside)
    assert m.coverage >= 0.95 or k == 0
    if k + 1 < (n + 1) // 2:
        assert 1 - 2 * sum(pmf(n, i) for i in range(k + 2)) < 0.95  # no narrower one would do


def pmf(n, i):
    return math.comb(n, i) / 2**n


def test_median_interval_covers_the_median_as_often_as_it_says():
    rng = np.random.default_rng(0)
    samples = rng.lognormal(size=(4000, 10))  # true median 1
    intervals = [median_interval(row) for row in samples]
    covered = np.mean([m.low <= 1 <= m.high for m in intervals])
    assert covered == pytest.approx(intervals[0].coverage, abs=0.012)


def test_nothing_known_is_said_as_such():
    assert np.isnan(median_interval([]).median)
    assert np.isnan(stats.bootstrap([], stats.median).value)
    assert np.isnan(stats.chance([], [1]).value)
    assert stats.sign_flip([]) == stats.sign_flip([0.3]) == stats.sign_flip([0, 0, 0]) == 1


def test_only_lost_seeds_are_left_out():
    status = ["ok", "stalled", "stopped at step 7: its budget is spent", "restarted at step 3: its loss is not finite"]
    lost = ["diverged at step 7: its loss is not finite", "failed", "running", "interrupted"]
    assert ended_well(pd.Series([*map(SeedStatus.read, status + lost)])).tolist() == [True] * 4 + [False] * 4


@pytest.mark.parametrize("n", [1, 4, 6, 10])
def test_sign_flip_is_exact(n):
    """Against all 2^n patterns of signs, written out."""
    d = np.random.default_rng(n).normal(0.5, size=n)
    patterns = np.array(list(itertools.product([-1, 1], repeat=n)))
    means = (patterns * d).mean(axis=1)
    upper, lower = ((side >= abs(d.mean()) - 1e-12).mean() for side in (means, -means))
    assert stats.sign_flip(d) == pytest.approx(min(1, upper + lower))


def test_ten_pairs_of_one_sign_have_the_least_p_there_is():
    assert stats.sign_flip(np.arange(1.0, 11)) == pytest.approx(2 / 1024)
    assert stats.least_p(10) == 2 / 1024
    assert stats.least_p(6) < stats.LEVEL < stats.least_p(5)


def test_sign_flip_is_right_as_often_as_it_says():
    """Without a difference, p lies below .05 in 5 of 100 samples, however skewed the arms are."""
    rng = np.random.default_rng(1)
    p = [stats.sign_flip(a - b) for a, b in rng.exponential(size=(600, 2, 8))]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.03)


@pytest.mark.parametrize(("n", "near"), [(9, 1e-12), (16, 1e-12), (20, 0.006)])
def test_sign_flip_is_scipys_permutation_test(n, near):
    d = np.random.default_rng(n).normal(0.4, size=n)
    with_scipy = permutation_test((d,), np.mean, permutation_type="samples", n_resamples=2**16, rng=0)
    assert stats.sign_flip(d) == pytest.approx(with_scipy.pvalue, abs=near)


def test_many_pairs_are_drawn_and_still_never_certain():
    p = stats.sign_flip(np.arange(1.0, 41))
    assert p == stats.least_p(40) == stats.sign_flip(np.arange(1.0, 41)) > 0
    assert stats.least_p(16) == 2 / 2**16


def test_holm_by_hand():
    assert stats.holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert stats.holm([0.5, 0.6]).tolist() == [1, 1]
    assert stats.holm([0.02]).tolist() == [0.02]
    assert stats.holm([]).tolist() == []


def test_chance_is_mann_whitney_over_the_number_of_pairs():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=9), rng.normal(0.7, size=12)
    found = stats.chance(a, b)
    assert found.value == pytest.approx(mannwhitneyu(b, a).statistic / (9 * 12))
    assert 0 < found.low < found.value < found.high <= 1


def test_chance_counts_ties_half_and_lost_seeds_as_worst():
    assert stats.chance([1, 1, 1], [1, 1, 1]).value == 0.5
    assert stats.chance([1, LOST, LOST], [2, 2, LOST]).value == pytest.approx((2 + 1 + 0.5 * 2) / 9)


@pytest.mark.parametrize("n", [1, 3, 10])
def test_chance_is_never_certain(n):
    """Of n trials without one failure, the exact one-sided lower bound is .05^(1/n)."""
    found = stats.chance(np.arange(n), np.arange(n) + 100)
    assert found.value == found.high == 1
    assert found.low**n == pytest.approx(0.05)
    assert stats.chance(np.arange(n) + 100, np.arange(n)).high == pytest.approx(1 - found.low)


def test_interquartile_mean_is_the_mean_of_the_middle_half():
    assert stats.interquartile_mean(np.array([-900.0, 1, 2, 900])) == 1.5
    assert stats.interquartile_mean(np.arange(8.0)) == 3.5


def test_bootstrap_covers_and_repeats():
    """A percentile interval of a median of 20 covers the true one about as often as it says."""
    rng = np.random.default_rng(3)
    samples = rng.normal(size=(150, 20))
    found = [stats.bootstrap(x, stats.median) for x in samples]
    assert 0.88 <= np.mean([f.low <= 0 <= f.high for f in found]) <= 1
    assert found[0] == stats.bootstrap(samples[0], stats.median)
    assert stats.bootstrap([3, 3, 3], stats.median) == (3, 3, 3)
    assert stats.bootstrap([1, 2], stats.median) == (1.5, 1, 2)


@pytest.mark.parametrize(("n", "comparisons"), [(10, 1), (12, 4), (25, 1)])
def test_what_is_called_detectable_is_seen_four_times_in_five(n, comparisons):
    rng = np.random.default_rng(4)
    sure = rng.normal(size=n)
    sure = (sure - sure.mean()) / sure.std(ddof=1)  # a spread of exactly one
    size = stats.detectable(sure, stats.LEVEL / comparisons)
    p = np.array([stats.sign_flip(x) for x in rng.normal(size, 1, (250, n))])
    assert np.mean(p < stats.LEVEL / comparisons) == pytest.approx(0.8, abs=0.09)


def test_nothing_is_detectable_where_no_p_is_small_enough():
    assert np.isnan(stats.detectable([1, 2, 3, 4, 5]))
    assert np.isnan(stats.detectable(np.arange(8.0), stats.LEVEL / 190))
    assert np.isnan(stats.detectable([2.0] * 8))


def test_lost_seeds_weigh_as_much_as_the_largest_real_difference():
    assert stats.capped([0.1, -0.3, LOST, -LOST], 1e6).tolist() == [0.1, -0.3, 0.3, -0.3]
    assert stats.capped([LOST, LOST], 1e6).tolist() == [1, 1]


def test_profile_by_hand():
    excess = np.array([0.0, 0.0, 1.0, LOST])
    assert stats.profile(excess, np.array([0.0, 0.5, 1.0, 5.0])).tolist() == [0.5, 0.5, 0.75, 0.75]


@pytest.mark.parametrize(
    ("name", "values", "costs"),
    [
        ("test_mse", [0.01, 10, np.nan], [-2, 1, LOST]),
        ("test_psnr", [20, -3, np.nan], [-20, 3, LOST]),
        ("test_mse", [0, 0.5, np.inf], [0, 0.5, LOST]),  # a zero has no logarithm
    ],
)
def test_costs_and_values(name, values, costs):
    metric = Metric.of(SCORES[name], values)
    assert metric.cost(values).tolist() == pytest.approx(costs)
    back = [metric.value(c) for c in costs]
    assert back[:2] == pytest.approx(values[:2])
    assert back[2] == (-np.inf if name == "test_psnr" else np.inf)


@pytest.mark.parametrize(
    ("name", "log", "gain", "text"),
    [
        ("test_mse", True, 14.52, "14.5 times"),
        ("test_mse", True, 0.532, "0.53 times"),
        ("test_mse", True, 1234.5, "1234 times"),
        ("test_mse", True, 194708741, "1.9e8 times"),
        ("test_mse", True, 1.94708741e12, "1.9e12 times"),
        ("test_mse", False, 0.01234, "0.0123"),
        ("test_psnr", False, -0.04, "0.0 dB"),
        ("test_accuracy", False, 0.0312, "3.1 points"),
        ("test_mse", True, np.inf, "inf times"),
    ],
)
def test_gains_are_said_in_their_unit(name, log, gain, text):
    metric = Metric(SCORES[name], log)
    assert metric.gain_text(gain) + metric.unit == text
