"""Problems of the Feynman lectures: a formula, its variables and where they are; those of pykan in a table."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from kanexp.data.expression import Expression

TABLE = Path(__file__).with_name("feynman.csv")


@dataclass(frozen=True)
class Problem:
    """A formula, and its variables with their lowest and highest values."""

    formula: str
    variables: Mapping[str, tuple[float, float]]

    @property
    def on_unit(self) -> "Problem":
        """The same with all variables in [-1, 1]."""
        return Problem(self.formula, dict.fromkeys(self.variables, (-1.0, 1.0)))


@cache
def pykan_problems() -> Mapping[str, Problem]:
    """pykan's 120 problems by their names, with the ranges that pykan gives them.

    Its second I.18.4 is I.18.12 here and its I.10.9 is II.10.9, as in the lectures; spaces are underscores. Formulas
    are what pykan writes, also for I.16.6 and Jackson_2.11, where its data are of something else.

    Source: pykan 0.2.8, kan/feynman.py, https://github.com/KindXiaoming/pykan; the first hundred are those of Udrescu
    and Tegmark 2020, https://arxiv.org/abs/1905.11481
    """
    with TABLE.open(newline="") as rows:
        return {row["name"]: Problem(row["formula"], _ranges(row["ranges"])) for row in csv.DictReader(rows)}


def _ranges(text: str) -> dict[str, tuple[float, float]]:
    """x=-1..1 y=0..2*pi"""
    found = {}
    for one in text.split():
        name, ends = one.split("=")
        low, high = (_number(end) for end in ends.split(".."))
        found[name] = (low, high)
    return found


def _number(text: str) -> float:
    return float(Expression(text, [])(np.zeros((0, 1)))[0])
