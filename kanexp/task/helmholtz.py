"""Helmholtz' equation."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.task.condition import nothing
from kanexp.task.differential import Equation
from kanexp.task.jet import Jet, Partial


@dataclass(frozen=True, kw_only=True)
class Helmholtz(Equation):
    """u_xx + u_yy + k^2 u = f on [-1, 1]^2 with u = sin(waves_x pi x) sin(waves_y pi y), known on the edges.

    Source: Wang, Teng and Perdikaris 2021, https://doi.org/10.1137/20M1318043
    """

    names: ClassVar[tuple[str, ...]] = ("x", "y")
    partials: ClassVar[tuple[Partial, ...]] = ((0, 0), (1, 1))
    edges: ClassVar[tuple[tuple[int, int], ...]] = ((0, 0), (0, 1), (1, 0), (1, 1))
    k: float = 1.0
    waves_x: float = 1.0
    waves_y: float = 4.0

    def __post_init__(self):
        super().__post_init__()
        require(*((math.isfinite(v), f"{n} must be finite, got {v}") for n, v in self._numbers.items()))

    @property
    def _numbers(self) -> dict[str, float]:
        return {"k": self.k, "waves_x": self.waves_x, "waves_y": self.waves_y}

    @property
    def ranges(self) -> list[tuple[float, float]]:
        return [(-1.0, 1.0)] * 2

    def left_side(self, jet: Jet, x: Tensor) -> Tensor:
        return jet.d(0, 0) + jet.d(1, 1) + self.k**2 * jet.value

    def right_side(self, x: Tensor) -> Tensor:
        return (self.k**2 - math.pi**2 * (self.waves_x**2 + self.waves_y**2)) * self.solution(x)

    def lift(self, x: Tensor) -> Tensor | None:
        return nothing(x) if float(self.waves_x).is_integer() and float(self.waves_y).is_integer() else None

    def solution(self, x: Tensor) -> Tensor:
        waves = torch.tensor([[self.waves_x], [self.waves_y]], dtype=x.dtype, device=x.device)
        return (math.pi * waves * x).sin().prod(dim=0, keepdim=True)
