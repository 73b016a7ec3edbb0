"""What a publication claims, as data: the contract of a claim, its verdict, and how numbers are said."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from kanexp.reproduce.runs import Runs


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


def spread(values: "pd.Series[float] | np.ndarray") -> str:
    """Median [lowest, highest]."""
    return f"{number(np.median(values))} [{number(np.min(values))}, {number(np.max(values))}]"


def number(value: float) -> str:
    """Three digits, and a power of ten where that is shorter than zeros."""
    return f"{value:.2e}".replace("e-0", "e-").replace("e+0", "e+") if 0 < abs(value) < 1e-2 else f"{value:.3g}"


def is_range(within: Sequence[float]) -> bool:
    return len(within) == 2 and within[0] < within[1]


def is_within(value: float, within: Sequence[float]) -> bool:
    return bool(within[0] <= value <= within[1])


def one_bound(at_least: float | None, at_most: float | None) -> tuple[bool, str]:
    given = [bound for bound in (at_least, at_most) if bound is not None]
    return len(given) == 1, f"needs one of at_least and at_most, got {len(given)}"


def bounded(value: float, at_least: float | None, at_most: float | None) -> bool:
    return bool(value >= at_least) if at_least is not None else bool(value <= at_most)  # type: ignore[operator]


def bounds(at_least: float | None, at_most: float | None) -> str:
    return f">= {number(at_least)}" if at_least is not None else f"<= {number(at_most)}"  # type: ignore[arg-type]
