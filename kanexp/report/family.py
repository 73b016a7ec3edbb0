"""A family of comparisons: p values corrected together, so that one wrong verdict among all is as rare as LEVEL says.

Two arms are told apart where every group of arms that holds both is told apart, itself at its share of the level: a
closed test. Where nothing differs, the group of all arms already fails; where some arms differ, those that do not form
groups whose shares add up to the level at most. Holm's correction, which knows nothing of groups, needs more seeds.

Sources: Marcus, Peritz and Gabriel 1976, https://doi.org/10.1093/biomet/63.3.655; shares as Ryan 1960 and Welsch 1977
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special, stats

from kanexp.report.difference import least_p, unpaired
from kanexp.report.looks import hope, of_all_looks, of_each_look
from kanexp.report.stats import LEVEL, capped, holm, sign_flip
from kanexp.report.stats import least_p as least_paired_p
from kanexp.score.cost import BEYOND

MOST_IN_GROUPS = 16  # arms of which all groups are looked at: 65,519
CHUNK = 2**14  # groups at once
SOME_CHANCE = 0.2  # of being established in the end, below which more seeds are not worth their cost


@dataclass(frozen=True)
class Family:
    """Arms that are compared with each other, and the pairs that are asked for, as numbers of arms.

    costs (seeds,) of each arm; where `paired`, seeds are partners by their order. With `looks`, the seeds of each arm
    at which verdicts may be taken, arms get more seeds until all is decided; those that have fewer are decided.
    """

    costs: tuple[np.ndarray, ...]
    pairs: tuple[tuple[int, int], ...]
    paired: bool = False
    looks: tuple[int, ...] = ()

    @property
    def center(self) -> int | None:
        """The arm that is in all pairs: a baseline."""
        common = set.intersection(*map(set, self.pairs)) if self.pairs else set()
        return min(common) if common else None

    def p(self) -> np.ndarray:
        """The p of each pair alone, of all looks."""
        return np.array([self._pair_p(i, j) for i, j in self.pairs])

    def p_at_once(self, i: int, j: int, seeds: int | None = None) -> float:
        """The p of two arms with so many seeds, or with those that both have, were they never looked at before."""
        a, b = self.costs[i][:seeds], self.costs[j][:seeds]
        if not self.paired:
            return unpaired(a, b)
        return sign_flip(capped(b[: len(a)] - a[: len(b)], BEYOND))

    def _pair_p(self, i: int, j: int) -> float:
        if not self.looks:
            return self.p_at_once(i, j)
        there = min(len(self.costs[i]), len(self.costs[j]))
        least = min((self.p_at_once(i, j, n) for n in self.looks if n <= there), default=1.0)
        return float(of_all_looks(least, self.looks))

    def whole_p(self) -> float:
        """The p that all of its arms are the same."""
        return float(self.group_test()(np.ones((1, len(self.costs)), dtype=bool))[0])

    def group_test(self) -> Callable[[np.ndarray], np.ndarray]:
        """What gives the p of groups (groups, arms)."""
        one_look = _Friedman if self.paired else _KruskalWallis
        return _Looks(self, one_look) if self.looks else one_look(self.costs)

    def going_on(self, decided: np.ndarray, level: float) -> set[int]:
        """The arms that get more seeds, where these pairs are decided and others are at this level of one look.

        All that are linked by open pairs of which any has a chance, and not each open pair by itself: a pair is told
        apart where all groups are that hold it, whose arms so have as many seeds. The largest is that of all arms which
        are linked; where it has no chance, nor has a pair of it.
        """
        more: set[int] = set()
        pairs = [pair for pair, done in zip(self.pairs, decided, strict=True) if not done]
        for group in _linked(pairs):
            seeds = min(len(self.costs[i]) for i in group)
            best = min(self.p_at_once(i, j) for i, j in pairs if i in group)
            whole = replace(self, costs=tuple(self.costs[i][:seeds] for i in sorted(group)), pairs=(), looks=())
            chances = hope(best, seeds, self.looks, level), hope(whole.whole_p(), seeds, self.looks, level)
            if min(chances) >= SOME_CHANCE:
                more |= group
        return more

    def least_p(self, i: int, j: int) -> float:
        """The smallest p that a pair of arms can have with its seeds."""
        n, m = len(self.costs[i]), len(self.costs[j])
        return least_paired_p(n) if self.paired else least_p(n, m)


def _linked(pairs: Sequence[tuple[int, int]]) -> list[set[int]]:
    """The numbers in these pairs, those together that are linked by some of them."""
    groups: list[set[int]] = []
    for pair in pairs:
        linked = [group for group in groups if group & set(pair)]
        groups = [*(group for group in groups if group not in linked), set(pair).union(*linked)]
    return groups


def corrected(families: Sequence[Family]) -> list[np.ndarray]:
    """The p of each pair of each family after correction for all of them."""
    alone = [family.p() for family in families]
    if any(len(family.costs) > MOST_IN_GROUPS for family in families):
        return _holm(alone)
    total = sum(len(family.costs) for family in families)
    return [_closed(family, p, total, len(families) == 1) for family, p in zip(families, alone, strict=True)]


def levels(families: Sequence[Family]) -> list[float]:
    """The p at which a pair of each family is established at the earliest; where there are looks, its p at one."""
    shared = [LEVEL / factor for factor in _factors(families)]
    return [of_each_look(level, family.looks) for level, family in zip(shared, families, strict=True)]


def _factors(families: Sequence[Family]) -> list[float]:
    """By how much the p of a pair of each family is multiplied at least."""
    if any(len(family.costs) > MOST_IN_GROUPS for family in families):
        return [float(sum(len(family.pairs) for family in families))] * len(families)
    total = sum(len(family.costs) for family in families)
    return [float(_shares(family, np.array([2]), total, len(families) == 1)[0]) for family in families]


def _holm(alone: Sequence[np.ndarray]) -> list[np.ndarray]:
    ends = np.cumsum([len(p) for p in alone])[:-1]
    return list(np.split(holm(np.concatenate(alone)), ends)) if alone else []


def _shares(family: Family, sizes: np.ndarray, total: int, only: bool) -> np.ndarray:
    """What the p of groups of these sizes is multiplied by, of `total` arms in all families.

    Groups that are true together are disjoint, so that levels in proportion to their sizes add up to LEVEL. Groups
    around a baseline all hold it: of them one is true. An arm that is left over is no group.
    """
    arms = len(family.costs)
    if family.center is not None:
        return np.full(len(sizes), total / arms)
    return np.where(only & (sizes >= arms - 1), 1.0, total / sizes)


def _closed(family: Family, alone: np.ndarray, total: int, only: bool) -> np.ndarray:
    arms = len(family.costs)
    pair_p = dict(zip(family.pairs, alone, strict=True))
    found = np.zeros(len(family.pairs))
    members = _groups(arms, family.center)
    test = family.group_test()
    for start in range(0, len(members), CHUNK):
        groups = members[start : start + CHUNK]
        sizes = groups.sum(axis=1)
        p = test(groups)
        for row in np.flatnonzero(sizes == 2):
            i, j = np.flatnonzero(groups[row]).tolist()
            p[row] = pair_p.get((i, j), pair_p.get((j, i), 0.0))
        p = np.minimum(1, p * _shares(family, sizes, total, only))
        for number, (i, j) in enumerate(family.pairs):
            found[number] = max(found[number], p[groups[:, i] & groups[:, j]].max(initial=0.0))
    return found


def _groups(arms: int, center: int | None) -> np.ndarray:
    """Which arms are in each group of two and more (groups, arms), of those that hold the center if there is one."""
    numbers = np.arange(2**arms)
    members = (numbers[:, None] >> np.arange(arms) & 1).astype(bool)
    fine = members.sum(axis=1) >= 2
    return members[fine if center is None else fine & members[:, center]]


class _Looks:
    """The p that the arms of groups are the same, of all looks at which each of them had its seeds."""

    def __init__(self, family: Family, one_look: Callable[[Sequence[np.ndarray]], Callable[[np.ndarray], np.ndarray]]):
        self._looks, self._tests = family.looks, []
        for n in family.looks:
            there = np.array([len(own) >= n for own in family.costs])
            costs = [own[:n] if enough else np.zeros(n) for own, enough in zip(family.costs, there, strict=True)]
            if there.sum() > 1:
                self._tests.append((there, one_look(costs)))

    def __call__(self, groups: np.ndarray) -> np.ndarray:
        p = np.ones(len(groups))
        for there, test in self._tests:
            whole = ~(groups & ~there).any(axis=1)
            p[whole] = np.minimum(p[whole], test(groups[whole]))
        sizes = groups.sum(axis=1)
        for size in np.unique(sizes):
            p[sizes == size] = of_all_looks(p[sizes == size], self._looks, int(size) - 1)
        return p


class _KruskalWallis:
    """The p that the arms of groups are the same, each from ranks within its group.

    From the beta distribution with the statistic's exact mean, variance and largest value, which is close for few
    seeds, where chi squared is not.

    Source: Kruskal and Wallis 1952, https://doi.org/10.1080/01621459.1952.10483441; Wallace 1959
    """

    def __init__(self, costs: Sequence[np.ndarray]):
        self._sizes = np.array([len(own) for own in costs])
        # Pairs of seeds in which an arm costs more than another, ties half: rank sums in any group add up from them.
        self._over = np.array([[_wins(a, b) * (i != j) for j, b in enumerate(costs)] for i, a in enumerate(costs)])
        values, group = np.unique(np.concatenate(costs), return_inverse=True)
        arm = np.repeat(np.arange(len(costs)), self._sizes)
        counts = np.zeros((len(costs), len(values)))
        np.add.at(counts, (arm, group), 1)
        self._ties = counts[:, counts.sum(axis=0) > 1]

    def __call__(self, groups: np.ndarray) -> np.ndarray:
        n, inside = self._sizes, groups.astype(float)
        k, total = inside.sum(axis=1), inside @ n
        ranks = inside @ self._over.T + n * (n + 1) / 2
        off = np.where(groups, (ranks - n * (total[:, None] + 1) / 2) ** 2 / np.maximum(n, 1), 0).sum(axis=1)
        alike = inside @ self._ties
        untied = 1 - (alike**3 - alike).sum(axis=1) / (total**3 - total)
        h = np.divide(12 * off / (total * (total + 1)), untied, out=np.zeros_like(off), where=untied > 0)
        return np.maximum(
            _beta_p(h, k, total, inside @ n**3, inside @ (1 / np.maximum(n, 1))), self._least(inside, total)
        )

    def _least(self, inside: np.ndarray, total: np.ndarray) -> np.ndarray:
        """No p is smaller than that of the orders in which the arms do not overlap."""
        ways = special.gammaln(total + 1) - inside @ special.gammaln(self._sizes + 1)
        return np.minimum(1, np.exp(special.gammaln(inside.sum(axis=1) + 1) - ways))


def _beta_p(h: np.ndarray, k: np.ndarray, total: np.ndarray, cubes: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """P(H >= h) for k arms of `total` seeds; `cubes` and `shares` are the sums of n^3 and 1/n of the arms' seeds n."""
    mean = k - 1
    variance = (
        2 * mean - 2 * (3 * k**2 - 6 * k + total * (2 * k**2 - 6 * k + 1)) / (5 * total * (total + 1)) - 6 / 5 * shares
    )
    most = (total**3 - cubes) / (total * (total + 1))
    with np.errstate(all="ignore"):
        first = mean * (mean * (most - mean) - variance) / (most * variance / 2)
        second = (most - mean) / mean * first
        p = special.betainc(second / 2, first / 2, np.clip(1 - h / most, 0, 1))
    return np.where(np.isfinite(p), p, 1.0)


class _Friedman:
    """The p that the arms of groups are the same, from ranks within each seed and group.

    From the F distribution of Iman and Davenport 1980, https://doi.org/10.1080/03610928008827904.
    """

    def __init__(self, costs: Sequence[np.ndarray]):
        self._seeds = len(costs[0])
        self._over = np.array(
            [[_paired_wins(a, b) * (i != j) for j, b in enumerate(costs)] for i, a in enumerate(costs)]
        )

    def __call__(self, groups: np.ndarray) -> np.ndarray:
        inside, seeds = groups.astype(float), self._seeds
        k = inside.sum(axis=1)
        ranks = inside @ self._over.T + seeds
        off = np.where(groups, (ranks - seeds * (k[:, None] + 1) / 2) ** 2, 0).sum(axis=1)
        q = 12 * off / (seeds * k * (k + 1))
        with np.errstate(all="ignore"):
            f = (seeds - 1) * q / (seeds * (k - 1) - q)
        p = np.where(np.isfinite(f), stats.f.sf(f, k - 1, (k - 1) * (seeds - 1)), 0.0)
        return np.maximum(p, np.exp((1 - seeds) * special.gammaln(k + 1)))


def _wins(a: np.ndarray, b: np.ndarray) -> float:
    """Pairs of a seed of each in which the first costs more; a tie is half."""
    return float((np.sign(a[:, None] - b[None, :]) / 2 + 0.5).sum())


def _paired_wins(a: np.ndarray, b: np.ndarray) -> float:
    return float((np.sign(a - b) / 2 + 0.5).sum())
