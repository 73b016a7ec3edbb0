"""Claims about the scores of runs: one arm against a number, or against another arm."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kanexp.error import require
from kanexp.report import stats
from kanexp.report.family import Family, corrected
from kanexp.reproduce.claim import Claim, Verdict, bounded, bounds, is_range, is_within, number, one_bound, spread
from kanexp.reproduce.runs import Runs, declared, said, scores
from kanexp.score.cost import Metric
from kanexp.score.score import metric_label


@dataclass(frozen=True, kw_only=True)
class Median(Claim):
    """The median over seeds lies between two numbers."""

    of: dict[str, object]
    metric: str
    within: list[float]
    published: float = math.nan  # where there is no such number

    def __post_init__(self):
        require((is_range(self.within), f"within must be a lower and a higher number, got {self.within}"))

    def judge(self, runs: Runs) -> Verdict:
        found = runs.scores(self.of, self.metric)
        what = f"{said(self.of)}: {metric_label(self.metric)}"
        asked = f"median in [{number(self.within[0])}, {number(self.within[1])}]"
        published = "" if math.isnan(self.published) else number(self.published)
        return Verdict(what, published, spread(found), asked, len(found), is_within(found.median(), self.within))


@dataclass(frozen=True, kw_only=True)
class Covers(Claim):
    """The published value, one seed's, lies between our lowest and highest seed, both widened by a factor."""

    of: dict[str, object]
    metric: str
    published: float
    widened: float = 1.0

    def __post_init__(self):
        require((1 <= self.widened < np.inf, f"widened must be a factor of at least 1, got {self.widened}"))

    def judge(self, runs: Runs) -> Verdict:
        found = runs.scores(self.of, self.metric)
        met = found.min() / self.widened <= self.published <= found.max() * self.widened
        what = f"{said(self.of)}: {metric_label(self.metric)}"
        asked = f"published in our range widened {self.widened:g} times"
        return Verdict(what, number(self.published), spread(found), asked, len(found), bool(met))


@dataclass(frozen=True, kw_only=True)
class Wins(Claim):
    """One arm is better than another in a share of all pairs of their seeds, or of the pairs with the same seed."""

    of: dict[str, object]
    over: dict[str, object]
    metric: str
    probability: float
    paired: bool = False
    published: str = "better"

    def __post_init__(self):
        require((0.5 <= self.probability <= 1, f"probability must be from 0.5 to 1, got {self.probability}"))

    def judge(self, runs: Runs) -> Verdict:
        one, other = runs.scores(self.of, self.metric), runs.scores(self.over, self.metric)
        one, other = (-one, -other) if runs.declared(self.of, self.metric).higher_is_better else (one, other)
        gap = _paired(one, other) if self.paired else np.subtract.outer(one.to_numpy(), other.to_numpy()).ravel()
        share = _share_below(gap)
        what = f"{said(self.of)} beats {said(self.over)} in {metric_label(self.metric)}"
        ours = f"in {share * len(gap):g} of {len(gap)} pairs" if self.paired else f"P = {share:.3g}"
        asked = f"in {self.probability:.0%} of the pairs of one seed" if self.paired else f"P >= {self.probability:g}"
        return Verdict(what, self.published, ours, asked, min(len(one), len(other)), share >= self.probability)


@dataclass(frozen=True, kw_only=True)
class Ratio(Claim):
    """The medians of two arms stand in a ratio."""

    of: dict[str, object]
    over: dict[str, object]
    metric: str
    published: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self):
        require(one_bound(self.at_least, self.at_most))

    def judge(self, runs: Runs) -> Verdict:
        one, other = runs.scores(self.of, self.metric), runs.scores(self.over, self.metric)
        ratio = one.median() / other.median()
        what = f"{metric_label(self.metric)}, {said(self.of)} : {said(self.over)}"
        ours = f"{number(ratio)} ({number(one.median())} : {number(other.median())})"
        published = "" if self.published is None else number(self.published)
        met = bounded(ratio, self.at_least, self.at_most)
        return Verdict(what, published, ours, bounds(self.at_least, self.at_most), min(len(one), len(other)), met)


@dataclass(frozen=True, kw_only=True)
class Difference(Claim):
    """The median difference of two arms, seed by seed."""

    of: dict[str, object]
    over: dict[str, object]
    metric: str
    published: str = ""
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self):
        require(one_bound(self.at_least, self.at_most))

    def judge(self, runs: Runs) -> Verdict:
        gap = _paired(runs.scores(self.of, self.metric), runs.scores(self.over, self.metric))
        what = f"{metric_label(self.metric)}, {said(self.of)} - {said(self.over)}"
        met = bounded(float(np.median(gap)), self.at_least, self.at_most)
        return Verdict(what, self.published, spread(gap), bounds(self.at_least, self.at_most), len(gap), met)


@dataclass(frozen=True, kw_only=True)
class Undecided(Claim):
    """The report of all the row's runs does not tell two arms apart."""

    of: dict[str, object]
    over: dict[str, object]
    metric: str
    published: str = ""

    def judge(self, runs: Runs) -> Verdict:
        one, other = runs.one(self.of), runs.one(self.over)
        pairs = list(itertools.combinations(runs.all, 2))
        own = [scores(run, self.metric) for run in runs.all]
        cost = Metric.of(declared(one, self.metric), pd.concat(own)).cost
        numbers = tuple(itertools.combinations(range(len(own)), 2))
        (after,) = corrected([Family(tuple(map(cost, own)), numbers)])
        (p,) = (float(p) for p, pair in zip(after, pairs, strict=True) if one in pair and other in pair)
        what = f"{said(self.of)} and {said(self.over)} are undecided in {metric_label(self.metric)}"
        seeds, asked = len(scores(one, self.metric)), f"p >= {stats.LEVEL:g}"
        return Verdict(what, self.published, f"p = {p:.2g} after correction", asked, seeds, p >= stats.LEVEL)


@dataclass(frozen=True, kw_only=True)
class Worst(Claim):
    """One arm's median is the worst among several."""

    of: dict[str, object]
    among: list[object]
    metric: str
    published: str = "worst"

    def __post_init__(self):
        arms = [arm for arm in self.among if isinstance(arm, dict)]
        require((bool(arms) and arms == self.among, f"among must be a list of arms, got {self.among}"))

    def judge(self, runs: Runs) -> Verdict:
        sign = -1 if runs.declared(self.of, self.metric).higher_is_better else 1
        found = runs.scores(self.of, self.metric)
        others = {said(arm): runs.scores(arm, self.metric) for arm in self.among}  # type: ignore[arg-type]
        met = all(sign * found.median() > sign * other.median() for other in others.values())
        medians = ", ".join(f"{name} {number(other.median())}" for name, other in others.items())
        ours = f"{spread(found)}; medians: {medians}"
        what = f"{said(self.of)} is the worst in {metric_label(self.metric)}"
        return Verdict(what, self.published, ours, "worse median than all others", len(found), met)


@dataclass(frozen=True, kw_only=True)
class Parameters(Claim):
    """Two networks are of the same size."""

    of: dict[str, object]
    over: dict[str, object]
    within: float
    published: str = ""

    def judge(self, runs: Runs) -> Verdict:
        one, other = (runs.one(arm).record.parameters or 0 for arm in (self.of, self.over))
        off = abs(one / other - 1)
        what = f"parameters, {said(self.of)} : {said(self.over)}"
        return Verdict(what, self.published, f"{one} : {other}", f"equal to {self.within:.0%}", 1, off <= self.within)


def _paired(one: "pd.Series[float]", other: "pd.Series[float]") -> np.ndarray:
    """Differences of the seeds that both have."""
    seeds = [seed for seed in one.index if seed in other.index]
    with np.errstate(invalid="ignore"):  # two lost seeds are a tie
        return np.nan_to_num((one[seeds] - other[seeds]).to_numpy(), nan=0.0, posinf=np.inf, neginf=-np.inf)


def _share_below(gap: np.ndarray) -> float:
    """Share below zero; ties count half."""
    return float(((gap < 0) + 0.5 * ~((gap < 0) | (gap > 0))).mean())
