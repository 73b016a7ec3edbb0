"""The kinds of claims by their names."""

from kanexp.reproduce.claim import Claim
from kanexp.reproduce.edge_claim import Degenerate, Edge, Linear
from kanexp.reproduce.grid_claim import Decreasing, Slope, Stages
from kanexp.reproduce.score_claim import Covers, Difference, Median, Parameters, Ratio, Undecided, Wins, Worst

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
