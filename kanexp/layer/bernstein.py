"""Bernstein polynomials of sigmoid(x)."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from kanexp.error import require
from kanexp.layer.base import Basis, weighted_sums


@dataclass(frozen=True)
class Bernstein(Basis):
    """C(degree, m) s^m (1 - s)^(degree - m) for m = 0 .. degree with s = sigmoid(x): positive bumps that sum to one.

    Source: BernsteinKAN in torch-conv-kan, https://github.com/IvanDrokin/torch-conv-kan
    """

    size: ClassVar[str] = "degree"
    unrolled: ClassVar[bool] = True
    degree: int = 5

    def __post_init__(self):
        require((1 <= self.degree <= 60, f"degree must be between 1 and 60, got {self.degree}"))

    @property
    def terms(self) -> int:
        return self.degree + 1

    def features(self, x: Tensor) -> Tensor:
        # 1 - s as a sigmoid of its own keeps its digits where s is close to one.
        s, rest = torch.sigmoid(x), torch.sigmoid(-x)
        D = self.degree
        return torch.stack([math.comb(D, m) * s**m * rest ** (D - m) for m in range(D + 1)], dim=-3)

    def fill(self, x: Tensor, out: Tensor) -> None:
        s, rest, D, terms = torch.sigmoid(x), torch.sigmoid(-x), self.degree, out.unbind(-3)
        # C(D, m) s^m upwards, then times (1 - s)^(D - m) downwards: one multiplication each.
        terms[0].fill_(1)
        for m in range(1, D + 1):
            torch.mul(terms[m - 1], s, out=terms[m]).mul_((D + 1 - m) / m)
        power = rest.clone()
        for m in range(D - 1, -1, -1):
            terms[m].mul_(power)
            power.mul_(rest)

    def pull(self, x: Tensor, features: Tensor, grad: Tensor) -> Tensor:
        mass, moment = weighted_sums(([1.0] * self.terms, range(self.terms)), grad.mul_(features))
        return torch.addcmul(moment, mass, torch.sigmoid(x), value=-self.degree)

    def closed_slopes(self, x: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
        m = torch.arange(self.terms, dtype=torch.float64)
        pairs = ((-self.degree * torch.sigmoid(x), torch.ones_like(m)), (x.new_ones(()), m))
        return tuple((a, functional.pad(D.diag(), (0, 1))) for a, D in pairs)

    def slopes(self, x: Tensor, features: Tensor) -> Tensor:
        """d B_m / dx = (m - degree s) B_m: the slope s (1 - s) of the sigmoid cancels both divisions."""
        m = torch.arange(self.terms, dtype=x.dtype, device=x.device)[:, None, None]
        return (m - self.degree * torch.sigmoid(x).unsqueeze(-3)) * features
