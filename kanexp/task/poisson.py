"""Poisson's equation."""

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from kanexp.task.condition import nothing
from kanexp.task.differential import Equation
from kanexp.task.jet import Jet, Partial


@dataclass(frozen=True)
class Poisson(Equation):
    """u_xx + u_yy = f on [-1, 1]^2 with u = sin(pi x) sin(pi y), zero on the edges.

    Source: pykan's example of a partial differential equation, https://github.com/KindXiaoming/pykan
    """

    names: ClassVar[tuple[str, ...]] = ("x", "y")
    partials: ClassVar[tuple[Partial, ...]] = ((0, 0), (1, 1))
    edges: ClassVar[tuple[tuple[int, int], ...]] = ((0, 0), (0, 1), (1, 0), (1, 1))

    @property
    def ranges(self) -> list[tuple[float, float]]:
        return [(-1.0, 1.0)] * 2

    def left_side(self, jet: Jet, x: Tensor) -> Tensor:
        return jet.d(0, 0) + jet.d(1, 1)

    def right_side(self, x: Tensor) -> Tensor:
        return -2 * math.pi**2 * self.solution(x)

    def lift(self, x: Tensor) -> Tensor:
        return nothing(x)

    def solution(self, x: Tensor) -> Tensor:
        return (math.pi * x).sin().prod(dim=0, keepdim=True)
