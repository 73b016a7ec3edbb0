"""Claims about the functions on the edges, of every seed."""

from dataclasses import dataclass

from kanexp.error import require
from kanexp.reproduce.claim import Claim, Verdict, bounded, bounds, number, one_bound, spread
from kanexp.reproduce.edges import (
    EDGE_FUNCTIONS,
    affine_r2,
    departure_from_lines,
    distance_of_nodes,
    edges_of_all_seeds,
)
from kanexp.reproduce.runs import Runs, said


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
        ours = f"off a line by {number(found.max())} of its size"
        return Verdict(what, "a picture", ours, f"<= {number(self.at_most)}", len(found), found.max() <= self.at_most)


@dataclass(frozen=True, kw_only=True)
class Degenerate(Claim):
    """How different the nodes of the first layer start, median over their pairs: 0 are twins, about 1 strangers."""

    of: dict[str, object]
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self):
        require(one_bound(self.at_least, self.at_most))

    def judge(self, runs: Runs) -> Verdict:
        found = distance_of_nodes(edges_of_all_seeds(runs.one(self.of)))
        what = f"{said(self.of)}: distance of hidden nodes"
        met = bounded(float(found.median()), self.at_least, self.at_most)
        return Verdict(what, "a picture", spread(found), bounds(self.at_least, self.at_most), len(found), met)
