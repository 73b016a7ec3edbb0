"""The equation of Klein and Gordon."""

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from kanexp.task.condition import Condition, nothing
from kanexp.task.differential import Equation
from kanexp.task.jet import Jet, Partial


@dataclass(frozen=True, kw_only=True)
class KleinGordon(Equation):
    """u_tt - u_xx + u^3 = f for t and x in [0, 1] with u = x cos(5 pi t) + (t x)^3, known at both ends and the start.

    Source: Wang, Teng and Perdikaris 2021, https://doi.org/10.1137/20M1318043
    """

    names: ClassVar[tuple[str, ...]] = ("t", "x")
    partials: ClassVar[tuple[Partial, ...]] = ((0,), (0, 0), (1, 1))
    edges: ClassVar[tuple[tuple[int, int], ...]] = ((0, 0), (1, 0), (1, 1))

    @property
    def ranges(self) -> list[tuple[float, float]]:
        return [(0.0, 1.0)] * 2

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return (*self.on_edges, Condition(0, 0, "velocity", partial=(0,), known=nothing))

    def left_side(self, jet: Jet, x: Tensor) -> Tensor:
        return jet.d(0, 0) - jet.d(1, 1) + jet.value**3

    def right_side(self, x: Tensor) -> Tensor:
        t, place = x[:1], x[1:]
        faster = -25 * math.pi**2 * place * (5 * math.pi * t).cos() + 6 * t * place**3
        return faster - 6 * t**3 * place + self.solution(x) ** 3

    def lift(self, x: Tensor) -> Tensor:
        t, place = x[:1], x[1:]
        return place * ((5 * math.pi * t).cos() + t**3)

    def solution(self, x: Tensor) -> Tensor:
        t, place = x[:1], x[1:]
        return place * (5 * math.pi * t).cos() + (t * place) ** 3
