"""What a publication claims, as data; each kind judges finished runs."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from kanexp.error import require
from kanexp.report import stats
from kanexp.report.metric import BEYOND, Metric, higher_is_better, words
from kanexp.report.table import Run
from kanexp.reproduce.edges import (
    EDGE_FUNCTIONS,
    affine_r2,
    departure_from_lines,
    distance_of_nodes,
    edges_of_all_seeds,
)
from kanexp.reproduce.runs import NotFound, Runs, said, scores


class Verdict(NamedTuple):
    """One line of the table of reproductions."""

    claim: str
    published: str
    ours: str  # median [lowest, highest] over seeds, unless the claim is about something else
    asked: str  # what it takes to be met
    seeds: int
    met: bool


@dataclass(frozen=True, kw_only=True)
class Claim(ABC):
    """A statement about the runs of a row that measured numbers make true or false."""

    @abstractmethod
    def judge(self, runs: Runs) -> Verdict:
        """Raises NotFound where the runs it is about are not there."""


@dataclass(frozen=True, kw_only=True)
class Median(Claim):
    """The median over seeds lies between two numbers."""

    of: dict[str, object]
    metric: str
    published: float
    within: list[float]

    def __post_init__(self):
        require((_is_range(self.within), f"within must be a lower and a higher number, got {self.within}"))

    def judge(self, runs: Runs) -> Verdict:
        found = runs.scores(self.of, self.metric)
        what = f"{said(self.of)}: {words(self.metric)}"
        asked = f"median in [{_n(self.within[0])}, {_n(self.within[1])}]"
        return Verdict(
            what, _n(self.published), spread(found), asked, len(found), _is_within(found.median(), self.within)
        )


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
        what = f"{said(self.of)}: {words(self.metric)}"
        asked = f"published in our range widened {self.widened:g} times"
        return Verdict(what, _n(self.published), spread(found), asked, len(found), bool(met))


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
        one, other = (-one, -other) if higher_is_better(self.metric) else (one, other)
        gap = _paired(one, other) if self.paired else np.subtract.outer(one.to_numpy(), other.to_numpy()).ravel()
        share = _share_below(gap)
        what = f"{said(self.of)} beats {said(self.over)} in {words(self.metric)}"
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
        require(_one_bound(self.at_least, self.at_most))

    def judge(self, runs: Runs) -> Verdict:
        one, other = runs.scores(self.of, self.metric), runs.scores(self.over, self.metric)
        ratio = one.median() / other.median()
        what = f"{words(self.metric)}, {said(self.of)} : {said(self.over)}"
        ours = f"{_n(ratio)} ({_n(one.median())} : {_n(other.median())})"
        published = "" if self.published is None else _n(self.published)
        met = _bounded(ratio, self.at_least, self.at_most)
        return Verdict(what, published, ours, _bounds(self.at_least, self.at_most), min(len(one), len(other)), met)


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
        require(_one_bound(self.at_least, self.at_most))

    def judge(self, runs: Runs) -> Verdict:
        gap = _paired(runs.scores(self.of, self.metric), runs.scores(self.over, self.metric))
        what = f"{words(self.metric)}, {said(self.of)} - {said(self.over)}"
        met = _bounded(float(np.median(gap)), self.at_least, self.at_most)
        return Verdict(what, self.published, spread(gap), _bounds(self.at_least, self.at_most), len(gap), met)


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
        corrected = stats.holm([sign_flip(a, b, self.metric) for a, b in pairs])
        (p,) = (float(p) for p, pair in zip(corrected, pairs, strict=True) if one in pair and other in pair)
        what = f"{said(self.of)} and {said(self.over)} are undecided in {words(self.metric)}"
        seeds, asked = len(scores(one, self.metric)), f"p >= {stats.LEVEL:g}"
        return Verdict(what, self.published, f"p = {p:.2g} after Holm", asked, seeds, p >= stats.LEVEL)


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
        sign = -1 if higher_is_better(self.metric) else 1
        found = runs.scores(self.of, self.metric)
        others = {said(arm): runs.scores(arm, self.metric) for arm in self.among}  # type: ignore[arg-type]
        met = all(sign * found.median() > sign * other.median() for other in others.values())
        medians = ", ".join(f"{name} {_n(other.median())}" for name, other in others.items())
        ours = f"{spread(found)}; medians: {medians}"
        what = f"{said(self.of)} is the worst in {words(self.metric)}"
        return Verdict(what, self.published, ours, "worse median than all others", len(found), met)


@dataclass(frozen=True, kw_only=True)
class Stages(Claim):
    """At every size of the grid, the median before its refinement lies within a factor of the published number.

    Sizes beyond the factors given are shown, and not judged.
    """

    of: dict[str, object]
    metric: str
    published: list[float]
    factors: list[float]

    def __post_init__(self):
        require(
            (
                0 < len(self.factors) <= len(self.published) and min(self.factors) >= 1,
                f"factors must be at least 1, for some of {len(self.published)} numbers, got {self.factors}",
            )
        )

    def judge(self, runs: Runs) -> Verdict:
        stages = runs.stages(self.of, self.metric)
        sizes = list(stages)[: len(self.published)]
        if len(sizes) < len(self.factors):
            raise NotFound(f"{said(self.of)} has {len(sizes)} sizes of the grid, and the claim is about more")
        medians = [float(stages[size].median()) for size in sizes]
        judged = zip(medians, self.published, self.factors, strict=False)
        met = all(published / factor <= ours <= published * factor for ours, published, factor in judged)
        what = f"{words(self.metric)} at grids of {', '.join(map(str, sizes))}"
        ours = ", ".join(spread(stages[size]) for size in sizes)
        asked = f"within {', '.join(f'{factor:g}' for factor in self.factors)} times"
        return Verdict(what, ", ".join(map(_n, self.published)), ours, asked, len(stages), met)


@dataclass(frozen=True, kw_only=True)
class Decreasing(Claim):
    """The median falls with every refinement, and ends below a number."""

    of: dict[str, object]
    metric: str
    published: str = "falls"
    at_most: float = np.inf

    def judge(self, runs: Runs) -> Verdict:
        stages = runs.stages(self.of, self.metric)
        medians = stages.median().tolist()
        met = all(b < a for a, b in itertools.pairwise(medians)) and medians[-1] <= self.at_most
        asked = "every median below the one before"
        asked += f", the last <= {_n(self.at_most)}" if self.at_most < np.inf else ""
        what = f"{words(self.metric)} falls with the grid, {', '.join(map(str, stages))}"
        return Verdict(
            what,
            self.published,
            ", ".join(map(_n, medians)),
            asked,
            len(stages),
            met,
        )


@dataclass(frozen=True, kw_only=True)
class Slope(Claim):
    """The median falls like a power of the grid size; the exponent is fitted on logarithms over the first sizes."""

    of: dict[str, object]
    metric: str
    sizes: int
    published: float
    within: list[float]

    def __post_init__(self):
        require(
            (self.sizes >= 2, f"sizes must be at least 2, got {self.sizes}"),
            (_is_range(self.within), f"within must be a lower and a higher number, got {self.within}"),
        )

    def judge(self, runs: Runs) -> Verdict:
        medians = runs.stages(self.of, self.metric).median().iloc[: self.sizes]
        found = -float(np.polyfit(np.log(medians.index.to_numpy(float)), np.log(medians.to_numpy()), 1)[0])
        seeds = len(runs.scores(self.of, self.metric))
        what = f"exponent of {words(self.metric)} over the grid, {medians.index[0]} to {medians.index[-1]}"
        return Verdict(
            what,
            _n(self.published),
            _n(found),
            f"in [{self.within[0]:g}, {self.within[1]:g}]",
            seeds,
            _is_within(found, self.within),
        )


@dataclass(frozen=True, kw_only=True)
class Edge(Claim):
    """An edge function is a known one up to a factor and a constant, over the inputs it sees."""

    of: dict[str, object]
    layer: int
    input: int
    function: str
    r2: float
    output: int = 0

    def __post_init__(self):
        known = list(EDGE_FUNCTIONS)
        require(
            (self.function in known, f"function must be one of {', '.join(known)}, got '{self.function}'"),
            (0 < self.r2 <= 1, f"r2 must be above 0 and at most 1, got {self.r2}"),
        )

    def judge(self, runs: Runs) -> Verdict:
        edges = edges_of_all_seeds(runs.one(self.of))
        place = (edges["layer"] == self.layer) & (edges["output"] == self.output) & (edges["input"] == self.input)
        here = edges[place & (edges["state"] == "after")]
        found = here.groupby("seed")[["x", "y"]].apply(lambda own: affine_r2(own, self.function))
        what = f"{said(self.of)}: layer {self.layer + 1}, input {self.input + 1} is {self.function}"
        met = bool(found.median() >= self.r2)
        return Verdict(what, "a picture", f"R² {spread(found)}", f"median R² >= {self.r2:g}", len(found), met)


@dataclass(frozen=True, kw_only=True)
class Linear(Claim):
    """Every edge function of every seed starts as a straight line."""

    of: dict[str, object]
    at_most: float

    def judge(self, runs: Runs) -> Verdict:
        found = departure_from_lines(edges_of_all_seeds(runs.one(self.of)))
        what = f"{said(self.of)}: every edge starts linear"
        ours = f"off a line by {_n(found.max())} of its size"
        return Verdict(what, "a picture", ours, f"<= {_n(self.at_most)}", len(found), found.max() <= self.at_most)


@dataclass(frozen=True, kw_only=True)
class Degenerate(Claim):
    """How different the nodes of the first layer start, median over their pairs: 0 are twins, about 1 strangers."""

    of: dict[str, object]
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self):
        require(_one_bound(self.at_least, self.at_most))

    def judge(self, runs: Runs) -> Verdict:
        found = distance_of_nodes(edges_of_all_seeds(runs.one(self.of)))
        what = f"{said(self.of)}: distance of hidden nodes"
        met = _bounded(float(found.median()), self.at_least, self.at_most)
        return Verdict(what, "a picture", spread(found), _bounds(self.at_least, self.at_most), len(found), met)


@dataclass(frozen=True, kw_only=True)
class Parameters(Claim):
    """Two networks are of the same size."""

    of: dict[str, object]
    over: dict[str, object]
    within: float
    published: str = ""

    def judge(self, runs: Runs) -> Verdict:
        one, other = (runs.one(arm).record["parameters"] for arm in (self.of, self.over))
        off = abs(one / other - 1)
        what = f"parameters, {said(self.of)} : {said(self.over)}"
        return Verdict(what, self.published, f"{one} : {other}", f"equal to {self.within:.0%}", 1, off <= self.within)


# The one table of kinds: what stands behind `claim:` in a row's file.
KINDS: dict[str, type[Claim]] = {
    "median": Median,
    "covers": Covers,
    "wins": Wins,
    "ratio": Ratio,
    "difference": Difference,
    "undecided": Undecided,
    "worst": Worst,
    "stages": Stages,
    "decreasing": Decreasing,
    "slope": Slope,
    "edge": Edge,
    "linear": Linear,
    "degenerate": Degenerate,
    "parameters": Parameters,
}


def sign_flip(one: Run, other: Run, metric: str) -> float:
    """The report's p that two runs, paired by seed, do not differ in their costs."""
    a, b = (scores(run, metric) for run in (one, other))
    cost = Metric.of(metric, pd.concat([a, b])).cost
    seeds = a.index.intersection(b.index)
    return stats.sign_flip(stats.capped(cost(a[seeds]) - cost(b[seeds]), BEYOND))


def spread(values: "pd.Series[float] | np.ndarray") -> str:
    """Median [lowest, highest]."""
    return f"{_n(np.median(values))} [{_n(np.min(values))}, {_n(np.max(values))}]"


def _n(value: float) -> str:
    """Three digits, and a power of ten where that is shorter than zeros."""
    return f"{value:.2e}".replace("e-0", "e-").replace("e+0", "e+") if 0 < abs(value) < 1e-2 else f"{value:.3g}"


def _paired(one: "pd.Series[float]", other: "pd.Series[float]") -> np.ndarray:
    """Differences of the seeds that both have."""
    seeds = [seed for seed in one.index if seed in other.index]
    with np.errstate(invalid="ignore"):  # two lost seeds are a tie
        return np.nan_to_num((one[seeds] - other[seeds]).to_numpy(), nan=0.0, posinf=np.inf, neginf=-np.inf)


def _share_below(gap: np.ndarray) -> float:
    """Share below zero; ties count half."""
    return float(((gap < 0) + 0.5 * ~((gap < 0) | (gap > 0))).mean())


def _is_range(within: Sequence[float]) -> bool:
    return len(within) == 2 and within[0] < within[1]


def _is_within(value: float, within: Sequence[float]) -> bool:
    return bool(within[0] <= value <= within[1])


def _one_bound(at_least: float | None, at_most: float | None) -> tuple[bool, str]:
    given = [bound for bound in (at_least, at_most) if bound is not None]
    return len(given) == 1, f"needs one of at_least and at_most, got {len(given)}"


def _bounded(value: float, at_least: float | None, at_most: float | None) -> bool:
    return bool(value >= at_least) if at_least is not None else bool(value <= at_most)  # type: ignore[operator]


def _bounds(at_least: float | None, at_most: float | None) -> str:
    return f">= {_n(at_least)}" if at_least is not None else f"<= {_n(at_most)}"  # type: ignore[arg-type]
