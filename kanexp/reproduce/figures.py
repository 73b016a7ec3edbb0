"""The one table of figures that a row of reproductions may ask for: what each is drawn from, and how."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pandas as pd

from kanexp.figure import arm_figures, published_figures
from kanexp.figure.style import Figure
from kanexp.reproduce import figure_table
from kanexp.reproduce.claim import Claim
from kanexp.reproduce.runs import Runs


class Drawing(NamedTuple):
    """A figure in its two steps: the table from a row's runs and claims, and the figure from the table."""

    table: Callable[[Runs, Sequence[Claim]], pd.DataFrame]
    draw: Callable[[pd.DataFrame], Figure]


FIGURES = {
    "curves": Drawing(figure_table.curves, arm_figures.curves),
    "points": Drawing(figure_table.points, published_figures.points),
    "pictures": Drawing(figure_table.pictures, published_figures.pictures),
    "strip": Drawing(figure_table.strip, published_figures.strip),
    "exponents": Drawing(figure_table.exponents, published_figures.exponents),
    "edges": Drawing(figure_table.edges, published_figures.edges),
    "staircase": Drawing(figure_table.staircase, published_figures.staircase),
    "solution": Drawing(figure_table.solution, published_figures.solution),
    "pareto": Drawing(figure_table.points, published_figures.pareto),
}
