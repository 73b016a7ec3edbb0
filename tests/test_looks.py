"""Looks: the p of all of them, held to a simulation of the process, and families that are decided at different ones."""

import numpy as np
import pytest
from scipy import stats

from kanexp.report.family import Family, corrected, levels
from kanexp.report.looks import hope, of_all_looks, of_each_look
from kanexp.report.stats import LEVEL

EIGHT = tuple(range(5, 41, 5))


def test_the_level_of_each_look_is_the_published_one():
    """Pocock's constants for .05: 2.178 of two looks, 2.413 of five, 2.512 of eight."""
    for looks, constant in (((10, 20), 2.178), ((5, 10, 15, 20, 25), 2.413), (EIGHT, 2.512)):
        assert stats.norm.isf(of_each_look(0.05, looks) / 2) == pytest.approx(constant, abs=1e-3)
    assert of_each_look(0.05, (10,)) == 0.05


@pytest.mark.parametrize("looks", [EIGHT, (5, 10, 12), (5, 7, 20, 40)])
@pytest.mark.parametrize("dimensions", [1, 3, 7])
def test_p_of_all_looks_is_how_often_a_walk_is_seen_so_far_out(looks, dimensions):
    rng, walks = np.random.default_rng(0), 40_000
    gaps = np.sqrt(np.diff(looks, prepend=0))[:, None]
    at = (rng.standard_normal((walks, len(looks), dimensions)) * gaps).cumsum(axis=1)
    farthest = ((at**2).sum(axis=2) / np.array(looks)).max(axis=1)
    for p in (0.3, 0.05, 0.01):
        seen = np.mean(farthest >= stats.chi2.isf(p, dimensions))
        found = float(of_all_looks(p, looks, dimensions))
        assert found == pytest.approx(seen, abs=4 * np.sqrt(seen * (1 - seen) / walks) + 0.003)
        assert p <= found <= min(1, p * len(looks))


def test_p_of_all_looks_grows_with_p_to_one():
    p = np.logspace(-14, 0, 200)
    found = of_all_looks(p, EIGHT)
    assert (np.diff(found) >= 0).all()
    assert found[-1] == 1
    assert of_all_looks(0.03, (10,)) == 0.03
    back = [of_each_look(float(level), EIGHT) for level in of_all_looks([1e-6, 0.01, 0.2], EIGHT)]
    assert back == pytest.approx([1e-6, 0.01, 0.2], rel=1e-3)


def test_hope_is_the_share_that_ends_beyond_the_bound():
    """Of walks whose drift is one standard error more than what is seen."""
    rng, seeds, z = np.random.default_rng(0), 10, 1.2
    done = seeds / 40
    drift = (z + 1) / np.sqrt(done)
    ends = z * np.sqrt(done) + drift * (1 - done) + np.sqrt(1 - done) * rng.standard_normal(100_000)
    seen = np.mean(ends >= stats.norm.isf(of_each_look(0.05, EIGHT) / 2))
    level = of_each_look(0.05, EIGHT)
    assert hope(2 * stats.norm.sf(z), seeds, EIGHT, level) == pytest.approx(seen, abs=0.006)
    assert hope(1.0, 35, EIGHT, level) < 0.01
    assert hope(0.02, 5, EIGHT, level) > 0.9
    assert hope(1e-6, 40, EIGHT, level) == 0


def test_a_verdict_taken_early_stands_whatever_comes_later():
    rng = np.random.default_rng(1)
    far, near = rng.normal(5, 1, 5), rng.normal(size=(2, 40))
    pairs = ((0, 1), (0, 2), (1, 2))
    at_first = corrected([Family((*near[:, :5], far), pairs, looks=EIGHT)])[0]
    in_the_end = corrected([Family((*near, far), pairs, looks=EIGHT)])[0]
    assert at_first[1] <= LEVEL
    assert at_first[2] <= LEVEL
    assert in_the_end[1:] == pytest.approx(at_first[1:])
    assert in_the_end[0] > LEVEL
    one_look = corrected([Family((*near[:, :5], far), pairs)])[0]
    assert (at_first[1:] > one_look[1:]).all()  # looking more often has its price


def test_before_the_first_look_nothing_is_known():
    family = Family((np.zeros(4), np.ones(4)), ((0, 1),), looks=(5, 10))
    assert family.p() == [1.0]
    assert corrected([family])[0] == [1.0]
    assert levels([family]) == [of_each_look(LEVEL, (5, 10))]


@pytest.mark.parametrize(("arms", "paired"), [(2, False), (2, True), (4, False), (4, True)])
def test_equal_arms_are_seldom_told_apart_at_any_look(arms, paired):
    """By the real tests of small samples, stopped at the first verdict; 400 families, five standard errors."""
    rng, pairs = np.random.default_rng(2), tuple((i, j) for i in range(arms) for j in range(i + 1, arms))
    wrong = [
        corrected([Family(tuple(rng.normal(size=(arms, 20))), pairs, paired, (5, 10, 15, 20))])[0].min() <= LEVEL
        for _ in range(400)
    ]
    assert np.mean(wrong) <= LEVEL + 5 * np.sqrt(LEVEL * (1 - LEVEL) / 400)


def more_of(family):
    return family.going_on(corrected([family])[0] <= LEVEL, levels([family])[0])


def test_arms_get_more_seeds_as_long_as_a_difference_has_a_chance():
    rng, pairs = np.random.default_rng(3), ((0, 1), (0, 2), (1, 2))
    near, apart = rng.normal(size=10), rng.normal(0.8, 1, 10)
    undecided = Family((near, apart, rng.normal(9, 1, 10)), pairs, looks=EIGHT)
    assert more_of(undecided) == {0, 1}  # and not the one that is far from both
    same = rng.normal(size=25)
    assert more_of(Family((same, same + 1e-9, same + 2e-9), pairs, looks=EIGHT)) == set()
    assert more_of(Family((near, near + 9, near + 20), pairs, looks=EIGHT)) == set()
    assert more_of(Family(tuple(rng.normal(size=(3, 40))), pairs, looks=EIGHT)) == set()


def test_arms_that_are_linked_by_open_pairs_go_on_together():
    """Between the first and the last a difference is near, and the one in the middle may not be left behind."""
    x = stats.norm.ppf((np.arange(10) + 0.5) / 10)
    family = Family((x, x + 0.5, x + 1.0), ((0, 1), (0, 2), (1, 2)), looks=EIGHT)
    assert family.p_at_once(0, 1) > 0.2
    assert more_of(family) == {0, 1, 2}


def test_more_equal_arms_do_not_keep_each_other_in_the_race():
    """Some pair of many equal arms looks promising; that all of them are equal does so, too."""
    rng, pairs = np.random.default_rng(4), tuple((i, j) for i in range(6) for j in range(i + 1, 6))
    going = [bool(more_of(Family(tuple(rng.normal(size=(6, 20))), pairs, looks=EIGHT))) for _ in range(100)]
    assert np.mean(going) < 0.5
