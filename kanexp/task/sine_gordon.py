"""The sine-Gordon equation."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.task.condition import Condition, nothing
from kanexp.task.differential import Equation
from kanexp.task.jet import Jet, Partial


@dataclass(frozen=True, kw_only=True)
class SineGordon(Equation):
    """u_tt - u_xx + sin(u) = 0 for t in [0, 10] and x in [-10, 10]: a breather that turns `frequency` rad in unit time.

    With s = sqrt(1 - frequency^2), the solution is 4 arctan(s / frequency cos(frequency t) / cosh(s x)), known at both
    ends and at the start, where it rests.

    Source: Ablowitz, Kaup, Newell and Segur 1973, https://doi.org/10.1103/PhysRevLett.30.1262
    """

    names: ClassVar[tuple[str, ...]] = ("t", "x")
    partials: ClassVar[tuple[Partial, ...]] = ((0,), (0, 0), (1, 1))
    edges: ClassVar[tuple[tuple[int, int], ...]] = ((0, 0), (1, 0), (1, 1))
    frequency: float = 0.6

    def __post_init__(self):
        super().__post_init__()
        require((0 < self.frequency < 1, f"frequency must be between 0 and 1, got {self.frequency}"))

    @property
    def ranges(self) -> list[tuple[float, float]]:
        return [(0.0, 10.0), (-10.0, 10.0)]

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return (*self.on_edges, Condition(0, 0, "velocity", partial=(0,), known=nothing))

    def left_side(self, jet: Jet, x: Tensor) -> Tensor:
        return jet.d(0, 0) - jet.d(1, 1) + jet.value.sin()

    def lift(self, x: Tensor) -> Tensor:
        start, end = torch.zeros_like(x[:1]), torch.full_like(x[:1], self.ranges[1][1])
        corner, far = torch.cat([start, end]), torch.cat([x[:1], end])
        return self.solution(torch.cat([start, x[1:]])) + self.solution(far) - self.solution(corner)

    def solution(self, x: Tensor) -> Tensor:
        s = (1 - self.frequency**2) ** 0.5
        return 4 * (s / self.frequency * (self.frequency * x[:1]).cos() / (s * x[1:]).cosh()).arctan()
