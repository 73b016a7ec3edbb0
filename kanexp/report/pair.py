"""Two arms compared, and the sentence that says what is known: the effect first, then how sure it is."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from kanexp.report import arm as arms_
from kanexp.report import stats
from kanexp.report.difference import detectable, fewest_seeds, least_p, seeds_needed, shift
from kanexp.report.family import Family, corrected, levels
from kanexp.report.stats import Estimate
from kanexp.score.cost import BEYOND, Metric

# Arms up to which all are compared with all: of 21, no p of five seeds outlives the correction.
MOST_ARMS = 20

ESTABLISHED, LOOKS, OPEN = "better", "looks better", "no difference seen"
# What starts depend on: where arms share all of it, a seed draws the same weights in each.
STARTS = ("layer", "init", "model", "widths", "layers", "match", "dtype", "device", "data_seed")


@dataclass(frozen=True)
class Pair:
    """One arm against another on one problem; the first is the one that looks better, or the same."""

    problem: str
    arm: str
    other: str
    metric: Metric
    seeds: tuple[int, int]  # of each
    paired: bool  # whether a seed of one arm is a partner of the same seed of the other
    pairs: int  # of seeds that are compared: partners, or each of one arm with each of the other
    wins: int  # of the first
    ties: int
    effect: Estimate  # median over pairs of cost of the other minus cost of the first
    chance: Estimate  # P(first < other), over all pairs of seeds
    p: float
    corrected: float  # p after correction for all comparisons of the report
    comparisons: int
    detectable: float  # difference of costs that such arms would probably show
    able: bool  # whether so many seeds can establish anything
    fewest: int  # seeds of each that can
    needed: int  # seeds of each that would probably establish what it looks like; 0: too many
    lost: tuple[int, int]  # seeds of each that were lost
    looks: int = 1  # how often the arms are judged, while seeds are added
    more: bool = False  # whether it is open, and both arms are to get more seeds

    @property
    def verdict(self) -> str:
        if self.corrected <= stats.LEVEL and self.effect.value > 0:
            return ESTABLISHED
        agreed = self.wins == self.pairs and min(self.seeds) >= 3  # of fewer, chance does as well in one of three
        return LOOKS if self.effect.value > 0 and (self.p <= stats.LEVEL or agreed) else OPEN

    @property
    def sentence(self) -> str:
        """The verdict in words: effect, interval, wins and p; for an open one also what could have been seen."""
        a, b, m = self.arm, self.other, self.metric
        if not self.pairs:
            return f"no seeds to tell {a} from {b} by"
        won = f"{m.better} in {self.wins} of {self.pairs} pairs of seeds"
        if self.verdict == ESTABLISHED:
            return f"{a} has {self._gain} than {b} {self._interval}; {won}; {self._p}{self._losses}"
        if self.verdict == LOOKS:
            said = f"{a} looks better than {b}, but it is not established: {self._gain} {self._interval}, {won}"
            return f"{said}; {self._p}; {self._more}{self._losses}"
        said = f"no difference seen between {a} and {b}: {self._size} {self._interval}, {won}"
        return f"{said}; {self._p}; {self._seen}{self._losses}"

    @property
    def _gain(self) -> str:
        """8.3 times lower test MSE."""
        m = self.metric
        return f"{m.gain_text(m.gain(self.effect.value))}{m.unit} {m.better} {m.title}"

    @property
    def _size(self) -> str:
        m = self.metric
        size = m.gain_text(m.gain(self.effect.value))
        return f"ratio of {m.title} {size}" if m.log else f"{m.title} {m.better} by {size}{m.unit}"

    @property
    def _interval(self) -> str:
        m = self.metric
        return f"[{m.gain_text(m.gain(self.effect.low))}, {m.gain_text(m.gain(self.effect.high))}]"

    @property
    def _p(self) -> str:
        of = [f"{self.comparisons} comparisons"] * (self.comparisons > 1) + [f"{self.looks} looks"] * (self.looks > 1)
        after = f"after correction for {' and '.join(of)}"
        if self.comparisons < 2:
            return f"{p_text(self.p)} {after}" if of else p_text(self.p)
        if self.verdict == LOOKS:
            return f"{p_text(self.p)} by itself, {p_text(self.corrected).removeprefix('p = ')} {after}"
        return f"{p_text(self.corrected)} {after}"

    @property
    def _losses(self) -> str:
        told = [f"{n} of {name}" for n, name in zip(self.lost, (self.arm, self.other), strict=True) if n]
        return f" (lost seeds, counted as worst: {', '.join(told)})" if told else ""

    @property
    def _more(self) -> str:
        return f"at least {self.needed} seeds of each would decide" if self.needed else "few seeds would not decide"

    @property
    def _seen(self) -> str:
        m, seeds = self.metric, min(self.seeds)
        if not self.able:
            return f"{seeds} seed{'s' if seeds != 1 else ''} of each can establish nothing here, {self.fewest} can"
        if not np.isfinite(self.detectable):
            return "there is no spread to tell what would have been seen"
        size = m.gain_text(m.gain(self.detectable))
        return (
            f"a {'ratio' if m.log else 'difference'} of {size}{'' if m.log else m.unit} would probably have been seen"
        )


def p_text(p: float) -> str:
    """p = .032, as a sentence has it."""
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1) if p < 0.0995 else _coarse(p)


def _coarse(p: float) -> str:
    return "p = 1" if p > 0.995 else f"p = {p:.2f}".replace("0.", ".", 1)


Costs = dict[tuple[str, str], "pd.Series[float]"]  # by problem and arm: costs by replicate


def compare(
    rows: pd.DataFrame,
    metrics: dict[str, Metric],
    wanted: Sequence[tuple[str, str, str]],
    starts: Sequence[str] = (),
    looks: Mapping[str, tuple[int, ...]] | None = None,
) -> list[Pair]:
    """A Pair for each (problem, arm, other arm), corrected together for their number.

    metrics holds a metric per problem; rows are those that are compared; `starts` are columns on which starts depend;
    `looks` are by problem the seeds at which arms are judged that get seeds until they are decided.
    """
    looks = looks or {}
    rows = rows[rows["problem"].isin(list(metrics))]
    rows = rows.assign(replicate=rows.groupby(["data_seed", "seed"], dropna=False).ngroup())
    costs = {
        (str(problem), str(arm)): _costs(here, metrics[str(problem)])
        for (problem, arm), here in rows.groupby(["problem", "arm"], sort=False)
    }
    groups = _connected(wanted)
    alike = {name: _alike(here, starts) for name, here in rows.groupby("problem", sort=False)}
    families = [_family(group, costs, alike.get(group[0][0], {}), looks.get(group[0][0], ())) for group in groups]
    able = [family for family in families if all(map(len, family.costs))]
    after = dict(zip(map(id, able), corrected(able), strict=True))
    level = dict(zip(map(id, able), levels(able), strict=True))
    count = sum(len(family.pairs) for family in able)
    found = {}
    for group, family in zip(groups, families, strict=True):
        names = _arms_of(group)
        own = after.get(id(family), np.full(len(group), np.nan))
        alone = family.p() if id(family) in after else own
        more = family.going_on(own <= stats.LEVEL, level[id(family)]) if family.looks and id(family) in after else set()
        for one, (i, j), p, q in zip(group, family.pairs, alone, own, strict=True):
            pair = (family.costs[i], family.costs[j])
            own_level = level.get(id(family), stats.LEVEL)
            made = _pair(one[0], (names[i], names[j]), metrics[one[0]], pair, family.paired, (p, q), own_level)
            found[one] = replace(made, looks=len(family.looks) or 1, more={i, j} <= more)
    return [replace(found[one], comparisons=max(1, count)) for one in wanted]


def _connected(wanted: Sequence[tuple[str, str, str]]) -> list[list[tuple[str, str, str]]]:
    """Comparisons by problem, and within it by arms that are linked by some of them."""
    groups: list[list[tuple[str, str, str]]] = []
    for one in wanted:
        linked = [g for g in groups if g[0][0] == one[0] and set(one[1:]) & {arm for other in g for arm in other[1:]}]
        groups = [g for g in groups if g not in linked] + [[*(other for g in linked for other in g), one]]
    return groups


def _arms_of(group: Sequence[tuple[str, str, str]]) -> list[str]:
    return list(dict.fromkeys(arm for one in group for arm in one[1:]))


def _alike(rows: pd.DataFrame, starts: Sequence[str]) -> dict[str, str]:
    """What the starts of each arm depend on, as text."""
    columns = [*dict.fromkeys((*starts, "layer", "init", "model", "widths"))]
    return {
        str(arm): json.dumps(sorted({repr(row) for row in here[columns].itertuples(index=False, name=None)}))
        for arm, here in rows.groupby("arm", sort=False)
    }


def _family(
    group: Sequence[tuple[str, str, str]], costs: Costs, alike: dict[str, str], looks: tuple[int, ...]
) -> Family:
    """The arms of some comparisons: partners by seed where all share their starts and seeds, and enough of them.

    Arms that get seeds until they are decided are partners from the first look to the last.
    """
    names, problem = _arms_of(group), group[0][0]
    empty = pd.Series(dtype=float, index=pd.Index([], dtype=int))
    own = [costs.get((problem, name), empty).sort_index() for name in names]
    pairs = tuple((names.index(a), names.index(b)) for _, a, b in group)
    common = min(map(len, own)) if looks else max(map(len, own))
    same = len({alike.get(name) for name in names}) == 1
    same = same and all(a.index[:common].equals(own[0].index[:common]) for a in own)
    family = Family(tuple(a.to_numpy(dtype=float) for a in own), pairs, same and not own[0].empty, looks)
    # Partners give more certainty, and fewer seeds none at all.
    enough = family.paired and (bool(looks) or family.least_p(0, 1) <= levels([family])[0])
    return family if enough else replace(family, paired=False)


def _costs(rows: pd.DataFrame, metric: Metric) -> "pd.Series[float]":
    """Costs by replicate: one number for a data seed and a seed, which is looked up faster than two."""
    values = rows[metric.name].where(stats.ended_well(rows["status"]))
    return pd.Series(metric.cost(values), index=rows["replicate"])


def _pair(
    problem: str,
    names: tuple[str, str],
    metric: Metric,
    costs: tuple[np.ndarray, np.ndarray],
    paired: bool,
    p: tuple[float, float],
    level: float,
) -> Pair:
    a, b = costs
    if paired:  # of arms that are decided at different looks, those that both have
        a, b = a[: len(b)], b[: len(a)]
    d = b - a if paired else (b[None, :] - a[:, None]).ravel()
    effect = stats.bootstrap(d, stats.median) if paired else shift(a, b)
    if len(d) and (effect.value, (d > 0).sum()) < (0, (d < 0).sum()):
        return _pair(problem, (names[1], names[0]), metric, (b, a), paired, p, level)
    least = stats.least_p(len(d)) if paired else least_p(len(a), len(b))
    return Pair(
        problem,
        *names,
        metric,
        seeds=(len(a), len(b)),
        paired=paired,
        pairs=len(d),
        wins=int((d > 0).sum()),
        ties=int((d == 0).sum()),
        effect=effect,
        chance=stats.chance(a, b),
        p=p[0],
        corrected=p[1],
        comparisons=1,
        detectable=stats.detectable(stats.capped(d, BEYOND), level) if paired else detectable(a, b, level),
        able=bool(least <= level),
        fewest=fewest_seeds(level),
        needed=seeds_needed(a, b, level) if min(len(a), len(b)) else 0,
        lost=(int((a > BEYOND).sum()), int((b > BEYOND).sum())),
    )


def pairs_of(
    rows: pd.DataFrame, arms: "arms_.Arms", baseline: str | None
) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Which arms are compared on each problem: all with all, or all with the baseline; and a sentence if none are."""
    named = arms_.baselines(arms, baseline) if baseline else []
    wanted: list[tuple[str, str, str]] = []
    crowded: dict[int, list[str]] = {}  # problems by their number of arms
    for problem, here in rows.groupby("problem", sort=False):
        present = list(dict.fromkeys(here["arm"]))
        if baseline:
            others = [a for a in present if a not in named]
            pairs = [(a, b) for a in others for b in arms_.partner(arms, a, named, baseline) if b in present]
        elif len(present) > MOST_ARMS:
            pairs = []
            crowded.setdefault(len(present), []).append(str(problem))
        else:
            pairs = [(a, b) for i, a in enumerate(present) for b in present[i + 1 :]]
        wanted += [(str(problem), a, b) for a, b in pairs]
    return wanted, [_too_many(count, problems) for count, problems in crowded.items()]


def _too_many(arms: int, problems: Sequence[str]) -> str:
    on = problems[0] if len(problems) == 1 else f"{len(problems)} problems, with {problems[0]}"
    return (
        f"no comparisons on {on}: {arms} arms make {arms * (arms - 1) // 2} pairs, too many to tell any apart; "
        "name a baseline with --baseline, or make fewer arms with --by"
    )


def as_table(pairs: Sequence[Pair]) -> pd.DataFrame:
    """The comparisons as comparisons.csv holds them: effects as ratios of errors or differences of scores."""
    columns = ["problem", "metric", "arm", "other", "verdict", "effect", "low", "high", "pairs", "wins", "ties"]
    columns += [
        "chance",
        "chance_low",
        "chance_high",
        "p",
        "p_corrected",
        "paired",
        "detectable",
        "lost_arm",
        "lost_other",
        "sentence",
    ]
    table = []
    for q in pairs:
        gain = q.metric.gain
        first = (q.problem, q.metric.name, q.arm, q.other, q.verdict, *map(gain, q.effect), q.pairs, q.wins, q.ties)
        table.append((*first, *q.chance, q.p, q.corrected, q.paired, gain(q.detectable), *q.lost, q.sentence))
    return pd.DataFrame(table, columns=columns)
