"""The wave equation."""

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from kanexp.error import require
from kanexp.task.condition import Condition, nothing
from kanexp.task.differential import Equation
from kanexp.task.jet import Jet, Partial


@dataclass(frozen=True, kw_only=True)
class Wave(Equation):
    """u_tt = speed^2 u_xx for t and x in [0, 1], zero at both ends, at rest at the start.

    The solution is sin(pi x) cos(speed pi t) + sin(4 pi x) cos(4 speed pi t) / 2.

    Source: Wang, Yu and Perdikaris 2022, speed 2, https://doi.org/10.1016/j.jcp.2021.110768
    """

    names: ClassVar[tuple[str, ...]] = ("t", "x")
    partials: ClassVar[tuple[Partial, ...]] = ((0,), (0, 0), (1, 1))
    edges: ClassVar[tuple[tuple[int, int], ...]] = ((0, 0), (1, 0), (1, 1))
    speed: float = 2.0

    def __post_init__(self):
        super().__post_init__()
        require((0 < self.speed < math.inf, f"speed must be positive, got {self.speed}"))

    @property
    def ranges(self) -> list[tuple[float, float]]:
        return [(0.0, 1.0)] * 2

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return (*self.on_edges, Condition(0, 0, "velocity", partial=(0,), known=nothing))

    def left_side(self, jet: Jet, x: Tensor) -> Tensor:
        return jet.d(0, 0) - self.speed**2 * jet.d(1, 1)

    def lift(self, x: Tensor) -> Tensor:
        place = math.pi * x[1:]
        return place.sin() + (4 * place).sin() / 2

    def solution(self, x: Tensor) -> Tensor:
        t, place = math.pi * self.speed * x[:1], math.pi * x[1:]
        return place.sin() * t.cos() + (4 * place).sin() * (4 * t).cos() / 2
