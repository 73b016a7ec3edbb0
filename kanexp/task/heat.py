"""The heat equation in a plane."""

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from kanexp.error import require
from kanexp.task.differential import Equation
from kanexp.task.jet import Jet, Partial


@dataclass(frozen=True, kw_only=True)
class Heat(Equation):
    """u_t = conductivity (u_xx + u_yy) for t, x and y in [0, 1], zero on the edges: three inputs.

    The solution is exp(-2 conductivity pi^2 t) sin(pi x) sin(pi y).

    Source: Fourier's own, by separation; as a benchmark of networks, with other starts, Hao et al. 2023,
    https://arxiv.org/abs/2306.08827
    """

    names: ClassVar[tuple[str, ...]] = ("t", "x", "y")
    partials: ClassVar[tuple[Partial, ...]] = ((0,), (1, 1), (2, 2))
    edges: ClassVar[tuple[tuple[int, int], ...]] = ((0, 0), (1, 0), (1, 1), (2, 0), (2, 1))
    conductivity: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        require((0 < self.conductivity < math.inf, f"conductivity must be positive, got {self.conductivity}"))

    @property
    def ranges(self) -> list[tuple[float, float]]:
        return [(0.0, 1.0)] * 3

    def left_side(self, jet: Jet, x: Tensor) -> Tensor:
        return jet.d(0) - self.conductivity * (jet.d(1, 1) + jet.d(2, 2))

    def lift(self, x: Tensor) -> Tensor:
        return (math.pi * x[1:]).sin().prod(dim=0, keepdim=True)

    def solution(self, x: Tensor) -> Tensor:
        decay = (-2 * self.conductivity * math.pi**2 * x[:1]).exp()
        return decay * (math.pi * x[1:]).sin().prod(dim=0, keepdim=True)
