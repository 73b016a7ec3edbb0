"""Claims about what every refinement of a grid gains."""

import itertools
from dataclasses import dataclass

import numpy as np

from kanexp.error import require
from kanexp.reproduce.claim import Claim, Verdict, is_range, is_within, number, spread
from kanexp.reproduce.runs import NotFound, Runs, said
from kanexp.score.score import metric_label


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
        what = f"{metric_label(self.metric)} at grids of {', '.join(map(str, sizes))}"
        ours = ", ".join(spread(stages[size]) for size in sizes)
        asked = f"within {', '.join(f'{factor:g}' for factor in self.factors)} times"
        return Verdict(what, ", ".join(map(number, self.published)), ours, asked, len(stages), met)


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
        asked += f", the last <= {number(self.at_most)}" if self.at_most < np.inf else ""
        what = f"{metric_label(self.metric)} falls with the grid, {', '.join(map(str, stages))}"
        return Verdict(
            what,
            self.published,
            ", ".join(map(number, medians)),
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
            (is_range(self.within), f"within must be a lower and a higher number, got {self.within}"),
        )

    def judge(self, runs: Runs) -> Verdict:
        medians = runs.stages(self.of, self.metric).median().iloc[: self.sizes]
        found = -float(np.polyfit(np.log(medians.index.to_numpy(float)), np.log(medians.to_numpy()), 1)[0])
        seeds = len(runs.scores(self.of, self.metric))
        what = f"exponent of {metric_label(self.metric)} over the grid, {medians.index[0]} to {medians.index[-1]}"
        return Verdict(
            what,
            number(self.published),
            number(found),
            f"in [{self.within[0]:g}, {self.within[1]:g}]",
            seeds,
            is_within(found, self.within),
        )
