"""Jacobi polynomials of tanh(x)."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.layer.base import Polynomials


@dataclass(frozen=True)
class Jacobi(Polynomials):
    """P_1^(a,b) .. P_degree^(a,b) of tanh(x), orthogonal on [-1, 1] under (1 - t)^a (1 + t)^b.

    a = b = 0 are Legendre's; a = b = -1/2 are Chebyshev's up to a factor.

    Source: JacobiKAN in torch-conv-kan, https://github.com/IvanDrokin/torch-conv-kan
    """

    bounded: ClassVar[bool] = True
    a: float = 1.0
    b: float = 1.0

    def __post_init__(self):
        require(
            self._degree_is_right,
            (-1 < self.a < math.inf, f"a must be above -1, got {self.a}"),
            (-1 < self.b < math.inf, f"b must be above -1, got {self.b}"),
        )

    @property
    def recurrence(self) -> list[tuple[float, float, float]]:
        a, b = self.a, self.b
        steps = [((a + b + 2) / 2, (a - b) / 2, 0.0)]
        for m in range(2, self.degree + 1):
            c = 2 * m + a + b
            scale = 2 * m * (m + a + b) * (c - 2)
            back = 2 * (m + a - 1) * (m + b - 1) * c
            steps.append(((c - 1) * c * (c - 2) / scale, (c - 1) * (a * a - b * b) / scale, back / scale))
        return steps

    def slopes(self, x: Tensor, features: Tensor) -> Tensor:
        """d P_m^(a,b)/dt = (m + a + b + 1)/2 P_{m-1}^(a+1,b+1), times the slope 1 - t^2 of tanh."""
        t = torch.tanh(x).unsqueeze(-3)
        lower = torch.ones_like(t)
        if self.degree > 1:
            higher = Jacobi(degree=self.degree - 1, a=self.a + 1, b=self.b + 1)
            lower = torch.cat([lower, higher.features(x)], dim=-3)
        m = torch.arange(1, self.terms + 1, dtype=x.dtype, device=x.device)[:, None, None]
        return (m + self.a + self.b + 1) / 2 * lower * (1 - t.square())
