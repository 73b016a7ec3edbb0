"""Two arms compared seed by seed, and the sentence that says what is known."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from kanexp.report import arm as arms_
from kanexp.report import stats
from kanexp.report.stats import Estimate
from kanexp.score.cost import BEYOND, Metric

# Arms up to which all are compared with all: of 21, no p of ten seeds outlives the correction for 210 pairs.
MOST_ARMS = 20

BETTER, OPEN, FEW = "better", "cannot tell", "not enough seeds"


@dataclass(frozen=True)
class Pair:
    """One arm against another on one problem; the first is the one that looks better, or the same."""

    problem: str
    arm: str
    other: str
    metric: Metric
    seeds: tuple[int, int]  # of each
    pairs: int  # seeds that both arms have
    wins: int  # of the first
    ties: int
    effect: Estimate  # median over pairs of cost of the other minus cost of the first
    chance: Estimate  # P(first < other), over all pairs of seeds
    p: float
    detectable: float  # difference of costs that so many pairs of this spread would show
    lost: tuple[int, int]  # seeds of each that were lost
    corrected: float = np.nan  # p after Holm's correction for all comparisons of the report
    comparisons: int = 1

    @property
    def verdict(self) -> str:
        if self.pairs < stats.FEWEST_PAIRS:
            return FEW
        return BETTER if self.corrected < stats.LEVEL and self.effect.value > 0 else OPEN

    @property
    def sentence(self) -> str:
        """The verdict in words, with effect, interval, wins and p; for an open one also what could have been seen."""
        size, p = self._size, _p_text(self.corrected)
        if self.comparisons > 1:
            p += f" (Holm over {self.comparisons})"
        won = f"{self.wins} of {self.pairs} pairs"
        if self.verdict == FEW:
            few = f"{self.pairs} pair{'s' if self.pairs != 1 else ''} of seeds, and fewer than {stats.FEWEST_PAIRS}"
            said = f": {size}, {won}" if self.pairs else ""
            return f"not enough seeds to tell {self.arm} from {self.other}{said}; {few} can prove nothing{self._losses}"
        if self.verdict == BETTER:
            return f"{self.arm} is better than {self.other}: {size}, {won}, {p}{self._losses}"
        return f"cannot tell {self.arm} from {self.other}: {size}, {won}, {p}{self._losses}; {self._seen}"

    @property
    def _size(self) -> str:
        m, (value, low, high) = self.metric, self.effect
        number = m.gain_text(m.gain(value))
        # Open ends are of lost seeds, which have no ratio.
        interval = f"[{m.gain_text(m.gain(low))}, {m.gain_text(m.gain(high))}]"
        if self.verdict == BETTER:
            return f"{number}{m.unit} {interval} {m.better} {m.title}"
        if m.log:
            return f"ratio of {m.title} {number} {interval}"
        return f"{m.title} {m.better} by {number}{m.unit} {interval}"

    @property
    def _losses(self) -> str:
        told = [f"{n} of {name}" for n, name in zip(self.lost, (self.arm, self.other), strict=True) if n]
        return f" (lost seeds, counted as worst: {', '.join(told)})" if told else ""

    @property
    def _seen(self) -> str:
        m, pairs = self.metric, self.pairs
        if stats.least_p(pairs) * self.comparisons > stats.LEVEL:
            need = int(np.ceil(np.log2(2 * self.comparisons / stats.LEVEL)))
            return f"with {pairs} seeds and {self.comparisons} comparisons nothing could be seen; take {need} seeds"
        if not np.isfinite(self.detectable):
            return "all pairs differ by the same"
        size = m.gain_text(m.gain(self.detectable))
        said = f"a ratio of {size}" if m.log else f"a difference of {size}{m.unit}"
        return f"with {pairs} seeds {said} would be seen"


def _p_text(p: float) -> str:
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1) if p < 0.0995 else _coarse(p)


def _coarse(p: float) -> str:
    return "p = 1" if p > 0.995 else f"p = {p:.2f}".replace("0.", ".", 1)


def compare(rows: pd.DataFrame, metrics: dict[str, Metric], wanted: Sequence[tuple[str, str, str]]) -> list[Pair]:
    """A Pair for each (problem, arm, other arm), corrected together for their number.

    metrics holds a metric per problem; rows are those that are compared.
    """
    rows = rows[rows["problem"].isin(list(metrics))]
    rows = rows.assign(replicate=rows.groupby(["data_seed", "seed"], dropna=False).ngroup())
    costs = {key: _costs(here, metrics[key[0]]) for key, here in rows.groupby(["problem", "arm"], sort=False)}
    empty = pd.Series(dtype=float, index=pd.Index([], dtype=int))
    found = []
    for problem, first, second in wanted:
        a, b = (costs.get((problem, name), empty) for name in (first, second))
        found.append(_pair(problem, (first, second), metrics[problem], (a, b), len(wanted)))
    able = [i for i, pair in enumerate(found) if pair.pairs >= stats.FEWEST_PAIRS]
    corrected = dict(zip(able, stats.holm([found[i].p for i in able]), strict=True))
    return [
        replace(pair, corrected=corrected.get(i, np.nan), comparisons=max(1, len(able))) for i, pair in enumerate(found)
    ]


def _costs(rows: pd.DataFrame, metric: Metric) -> "pd.Series[float]":
    """Costs by replicate: one number for a data seed and a seed, which is looked up faster than two."""
    values = rows[metric.name].where(stats.ended_well(rows["status"]))
    return pd.Series(metric.cost(values), index=rows["replicate"])


def _pair(
    problem: str,
    names: tuple[str, str],
    metric: Metric,
    costs: tuple["pd.Series[float]", "pd.Series[float]"],
    many: int,
) -> Pair:
    a, b = costs
    common = a.index.intersection(b.index)
    d = (b.loc[common] - a.loc[common]).to_numpy()
    capped = stats.capped(d, BEYOND)
    if len(d) and (np.median(d), capped.mean()) < (0, 0):
        return _pair(problem, (names[1], names[0]), metric, (b, a), many)
    return Pair(
        problem,
        *names,
        metric,
        seeds=(len(a), len(b)),
        pairs=len(d),
        wins=int((d > 0).sum()),
        ties=int((d == 0).sum()),
        effect=stats.bootstrap(d, stats.median),
        chance=stats.chance(a, b),
        p=stats.sign_flip(capped),
        detectable=stats.detectable(capped, many),
        lost=(int((a > BEYOND).sum()), int((b > BEYOND).sum())),
    )


def pairs_of(
    rows: pd.DataFrame, arms: "arms_.Arms", baseline: str | None
) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Which arms are compared on each problem: all with all, or all with the baseline; and a sentence if none are."""
    named = arms_.baselines(arms, baseline) if baseline else []
    wanted, notes = [], []
    for problem, here in rows.groupby("problem", sort=False):
        present = list(dict.fromkeys(here["arm"]))
        if baseline:
            others = [a for a in present if a not in named]
            pairs = [(a, b) for a in others for b in arms_.partner(arms, a, named, baseline) if b in present]
        elif len(present) > MOST_ARMS:
            pairs = []
            many = len(present) * (len(present) - 1) // 2
            notes.append(
                f"no comparisons on {problem}: {len(present)} arms make {many} pairs, too many to tell any apart; "
                "name a baseline with --baseline, or make fewer arms with --by"
            )
        else:
            pairs = [(a, b) for i, a in enumerate(present) for b in present[i + 1 :]]
        wanted += [(str(problem), a, b) for a, b in pairs]
    return wanted, notes


def as_table(pairs: Sequence[Pair]) -> pd.DataFrame:
    """The comparisons as comparisons.csv holds them: effects as ratios of errors or differences of scores."""
    columns = ["problem", "metric", "arm", "other", "verdict", "effect", "low", "high", "pairs", "wins", "ties"]
    columns += [
        "chance",
        "chance_low",
        "chance_high",
        "p",
        "p_holm",
        "detectable",
        "lost_arm",
        "lost_other",
        "sentence",
    ]
    table = []
    for q in pairs:
        gain = q.metric.gain
        first = (q.problem, q.metric.name, q.arm, q.other, q.verdict, *map(gain, q.effect), q.pairs, q.wins, q.ties)
        table.append((*first, *q.chance, q.p, q.corrected, gain(q.detectable), *q.lost, q.sentence))
    return pd.DataFrame(table, columns=columns)
