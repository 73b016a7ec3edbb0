"""The advection equation."""

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from kanexp.error import require
from kanexp.task.condition import Condition
from kanexp.task.differential import Equation
from kanexp.task.jet import Jet, Partial


@dataclass(frozen=True, kw_only=True)
class Advection(Equation):
    """u_t + speed u_x = 0 for t in [0, 1] and x in [0, 2 pi], from sin(x), the same at both ends.

    The solution is sin(x - speed t).

    Source: Krishnapriyan et al. 2021, speed 30, https://arxiv.org/abs/2109.01050
    """

    names: ClassVar[tuple[str, ...]] = ("t", "x")
    partials: ClassVar[tuple[Partial, ...]] = ((0,), (1,))
    edges: ClassVar[tuple[tuple[int, int], ...]] = ((0, 0),)
    speed: float = 30.0

    def __post_init__(self):
        super().__post_init__()
        require((math.isfinite(self.speed), f"speed must be finite, got {self.speed}"))

    @property
    def ranges(self) -> list[tuple[float, float]]:
        return [(0.0, 1.0), (0.0, 2 * math.pi)]

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return (*self.on_edges, Condition(1))

    def left_side(self, jet: Jet, x: Tensor) -> Tensor:
        return jet.d(0) + self.speed * jet.d(1)

    def lift(self, x: Tensor) -> Tensor:
        return x[1:].sin()

    def solution(self, x: Tensor) -> Tensor:
        return (x[1:] - self.speed * x[:1]).sin()
