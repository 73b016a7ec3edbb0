"""Jacobi polynomials of tanh(x)."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.layer.base import Basis


@dataclass(frozen=True)
class Jacobi(Basis):
    """P_1^(a,b) .. P_degree^(a,b) of tanh(x), orthogonal on [-1, 1] under (1 - t)^a (1 + t)^b.

    a = b = 0 are Legendre's; a = b = -1/2 are Chebyshev's up to a factor.

    Source: JacobiKAN in torch-conv-kan, https://github.com/IvanDrokin/torch-conv-kan
    """

    size: ClassVar[str] = "degree"
    degree: int = 5
    a: float = 1.0
    b: float = 1.0

    def __post_init__(self):
        require(
            (self.degree >= 1, f"degree must be at least 1, got {self.degree}"),
            (-1 < self.a < math.inf, f"a must be above -1, got {self.a}"),
            (-1 < self.b < math.inf, f"b must be above -1, got {self.b}"),
        )

    @property
    def terms(self) -> int:
        return self.degree

    def features(self, x: Tensor) -> Tensor:
        return torch.stack(_polynomials(torch.tanh(x), self.degree, self.a, self.b)[1:], dim=-3)

    def slopes(self, x: Tensor, features: Tensor) -> Tensor:
        """d P_m^(a,b)/dt = (m + a + b + 1)/2 P_{m-1}^(a+1,b+1), times the slope 1 - t^2 of tanh."""
        t = torch.tanh(x)
        lower = torch.stack(_polynomials(t, self.degree - 1, self.a + 1, self.b + 1), dim=-3)
        m = torch.arange(1, self.terms + 1, dtype=x.dtype, device=x.device)[:, None, None]
        return (m + self.a + self.b + 1) / 2 * lower * (1 - t.square()).unsqueeze(-3)


def _polynomials(t: Tensor, degree: int, a: float, b: float) -> list[Tensor]:
    """P_0 .. P_degree by the three-term recurrence."""
    P = [torch.ones_like(t), (a - b) / 2 + (a + b + 2) / 2 * t]
    for n in range(2, degree + 1):
        c = 2 * n + a + b
        slope, shift = (c - 1) * c * (c - 2), (c - 1) * (a * a - b * b)
        back = 2 * (n + a - 1) * (n + b - 1) * c
        P.append(((slope * t + shift) * P[-1] - back * P[-2]) / (2 * n * (n + a + b) * (c - 2)))
    return P[: degree + 1]
