"""Rank tests of two arms and of many, against enumeration, scipy and simulation."""

import itertools

import numpy as np
import pytest
from scipy import stats as scipy_stats

from kanexp.report import difference, family
from kanexp.report.difference import detectable, least_p, normal_scores, seeds_needed, shift, unpaired
from kanexp.report.family import Family, corrected, levels
from kanexp.report.rank import letters
from kanexp.report.stats import LEVEL
from kanexp.score.cost import LOST


def all_pairs(count):
    return tuple(itertools.combinations(range(count), 2))


# -- two arms -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "m"), [(3, 3), (5, 5), (6, 6), (7, 7)])
def test_a_rank_test_counts_all_divisions(n, m, rng):
    a, b = rng.normal(size=n), rng.normal(0.8, size=m)
    scores = normal_scores(np.concatenate([a, b]))
    sums = [scores[list(chosen)].sum() for chosen in itertools.combinations(range(n + m), n)]
    middle = scores.sum() * n / (n + m)
    expected = np.mean(np.abs(np.array(sums) - middle) >= abs(scores[:n].sum() - middle) - 1e-9)
    assert difference._rank_p(a, b) == pytest.approx(expected)
    assert difference._rank_p(b, a) == pytest.approx(expected)


def test_lost_seeds_are_the_worst_ranks_and_tied():
    a, b = np.array([1.0, 2, 3, 4, 5]), np.array([LOST, LOST, LOST, 6, 7])
    assert unpaired(a, b) == least_p(5, 5) == pytest.approx(2 / 252)
    assert unpaired([LOST] * 5, [LOST] * 5) == 1
    assert unpaired([1.0] * 5, [2.0] * 5) == pytest.approx(2 / 252)


def test_of_many_seeds_p_is_that_of_the_normal_distribution(rng, monkeypatch):
    a, b = rng.normal(size=60), rng.normal(0.3, size=60)
    exact = unpaired(a, b)
    monkeypatch.setattr(difference, "MOST_EXACT", 100)
    assert unpaired(a, b) == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize("spread", [1, 3, 10])
def test_equal_medians_are_rarely_taken_for_different(spread, rng):
    p = [unpaired(spread * rng.normal(size=8), rng.normal(size=8)) for _ in range(1500)]
    assert np.mean(np.array(p) <= LEVEL) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1500)


def test_ranks_alone_would_be_fooled_by_spreads(rng):
    pairs = [(10 * rng.normal(size=5), rng.normal(size=20)) for _ in range(800)]
    assert np.mean([difference._rank_p(*pair) <= LEVEL for pair in pairs]) > 0.2
    assert np.mean([unpaired(*pair) <= LEVEL for pair in pairs]) <= 0.07


def test_a_shift_and_its_interval(rng):
    a = rng.normal(size=9)
    found = shift(a, a + 3)
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(3, abs=0.5)
    assert shift([1, 2], [11, 12]) == (10, 9, 11)
    assert np.isnan(shift([], [1]).value)
    assert shift([1, 2, 3, 4, 5], [LOST] * 5).low > 1e6
    covered = []
    for _ in range(400):
        x, y = rng.normal(size=6), rng.normal(2, size=6)
        covered.append(shift(x, y).low <= 2 <= shift(x, y).high)
    assert 0.93 <= np.mean(covered) <= 0.99


def test_the_interval_is_where_mann_and_whitney_would_just_not_reject(rng):
    a, b = rng.normal(size=7), rng.normal(1, size=8)
    low, high = shift(a, b).low, shift(a, b).high
    for at, rejected in ((low - 1e-9, True), (low + 1e-9, False), (high - 1e-9, False), (high + 1e-9, True)):
        assert (scipy_stats.mannwhitneyu(a, b - at, method="exact").pvalue <= 0.05) == rejected


@pytest.mark.parametrize(("n", "level"), [(10, 0.05), (12, 0.01), (30, 0.05)])
def test_what_is_called_detectable_is_seen_four_times_in_five(n, level, rng):
    sure = rng.normal(size=n)
    sure = (sure - sure.mean()) / sure.std(ddof=1)
    size = detectable(sure, sure, level)
    seen = [unpaired(rng.normal(size=n), rng.normal(size, size=n)) <= level for _ in range(300)]
    assert np.mean(seen) == pytest.approx(0.8, abs=0.1)
    assert seeds_needed(sure, sure + size, level) in (n - 1, n, n + 1)


def test_what_cannot_be_seen():
    assert np.isnan(detectable([1, 2, 3], [2, 3, 4]))
    assert np.isnan(detectable([1.0] * 5, [1.0] * 5))
    assert seeds_needed([1, 2, 3], [11, 12, 13]) == 4  # the least of which anything can be established
    assert seeds_needed(np.arange(9.0), np.arange(9.0) + 1e-6) == 0


# -- many -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(3, 3, 3), (5, 5, 5), (4, 6, 8, 5), (6,) * 6])
def test_groups_are_tested_as_by_kruskal_and_wallis(sizes, rng):
    costs = [rng.integers(0, 12, n).astype(float) for n in sizes]
    whole = np.ones((1, len(sizes)), dtype=bool)
    test = family._KruskalWallis(costs)
    chi2 = scipy_stats.kruskal(*costs)
    drawn = np.concatenate(costs)
    count, more = 4000, 0
    for _ in range(count):
        parts = np.split(rng.permutation(drawn), np.cumsum(sizes)[:-1])
        more += scipy_stats.kruskal(*parts).statistic >= chi2.statistic - 1e-9
    assert test(whole)[0] == pytest.approx((more + 1) / (count + 1), rel=0.25, abs=0.012)


def test_a_group_of_many_is_tested_by_its_own_ranks(rng):
    costs = [rng.normal(size=5) for _ in range(5)]
    some = np.array([[True, False, True, True, False]])
    alone = family._KruskalWallis([costs[i] for i in (0, 2, 3)])(np.ones((1, 3), dtype=bool))
    assert family._KruskalWallis(costs)(some) == pytest.approx(alone)


def test_partners_are_tested_as_by_friedman(rng):
    costs = [rng.normal(i / 3, size=9) for i in range(4)]
    p = family._Friedman(costs)(np.ones((1, 4), dtype=bool))[0]
    found = scipy_stats.friedmanchisquare(*costs)
    count, more = 3000, 0
    for _ in range(count):
        more += scipy_stats.friedmanchisquare(*rng.permuted(np.stack(costs), axis=0)).statistic >= found.statistic
    assert p == pytest.approx((more + 1) / (count + 1), rel=0.3, abs=0.01)


@pytest.mark.parametrize(("arms", "seeds"), [*itertools.product(range(3, 9), range(3, 14))])
def test_partners_that_are_all_in_one_order_have_the_least_p(arms, seeds, rng):
    costs = [10.0 * i + rng.uniform(size=seeds) for i in range(arms)]
    p = family._Friedman(costs)(np.ones((1, arms), dtype=bool))[0]
    assert p == pytest.approx(np.prod(np.arange(1.0, arms + 1)) ** (1 - seeds), rel=1e-6)


def test_two_arms_need_no_correction(rng):
    costs = (rng.normal(size=6), rng.normal(1, size=6))
    (found,) = corrected([Family(costs, ((0, 1),))])
    assert found[0] == unpaired(*costs)
    assert levels([Family(costs, ((0, 1),))]) == [LEVEL]


def test_six_arms_of_five_seeds_that_do_not_overlap_are_all_told_apart(rng):
    costs = tuple(10 * i + rng.uniform(size=5) for i in rng.permutation(6))
    (found,) = corrected([Family(costs, all_pairs(6))])
    assert found == pytest.approx(3 * 2 / 252)  # a pair has a third of the level


def test_a_correction_is_never_below_p_and_above_it_for_each_group(rng):
    costs = tuple(rng.normal(size=6) + (i > 3) for i in range(6))
    own = Family(costs, all_pairs(6))
    (found,) = corrected([own])
    assert (found >= own.p()).all()
    assert (found >= own.whole_p()).all()
    (part,) = corrected([Family(costs[:2], ((0, 1),))])
    assert part[0] <= found[0]


def test_a_baseline_is_the_center_of_its_family(rng):
    costs = tuple(rng.normal(size=6) + 8 * (i > 0) for i in range(5))
    star = Family(costs, tuple((0, i) for i in range(1, 5)))
    assert star.center == 0
    assert Family(costs, all_pairs(5)).center is None
    assert corrected([star])[0] == pytest.approx([least_p(6, 6)] * 4)  # all groups hold the baseline: one is true
    assert levels([star, star]) == [LEVEL / 2] * 2


def test_too_many_arms_are_corrected_by_holm(rng):
    costs = tuple(rng.normal(size=8) for _ in range(20))
    star = Family(costs, tuple((0, i) for i in range(1, 20)))
    (found,) = corrected([star])
    order = np.argsort(star.p())
    assert found[order[0]] == pytest.approx(min(1, 19 * star.p()[order[0]]))
    assert levels([star]) == [LEVEL / 19]


@pytest.mark.parametrize(("arms", "seeds"), [(3, 5), (6, 6)])
def test_one_family_in_twenty_is_wrong_where_nothing_differs(arms, seeds, rng):
    count = 1000
    told = [corrected([Family(tuple(rng.normal(size=(arms, seeds))), all_pairs(arms))])[0].min() for _ in range(count)]
    assert np.mean(np.array(told) <= LEVEL) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / count)


def test_letters_are_shared_by_those_that_are_not_told_apart(rng):
    assert letters(4, {(0, 2), (0, 3), (1, 3)}) == ["a", "ab", "bc", "c"]
    assert letters(3, set()) == ["a"] * 3
    assert letters(3, {(0, 1), (0, 2), (1, 2)}) == ["a", "b", "c"]
    for _ in range(50):
        told = {pair for pair in all_pairs(7) if rng.random() < 0.4}
        marks = letters(7, told)
        for i, j in all_pairs(7):
            assert bool(set(marks[i]) & set(marks[j])) == ((i, j) not in told)
