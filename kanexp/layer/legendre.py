"""Legendre polynomials of tanh(x)."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from kanexp.error import require
from kanexp.layer.base import Polynomials, truncated_normal


@dataclass(frozen=True)
class Legendre(Polynomials):
    """P_1 .. P_degree of tanh(x), orthogonal on [-1, 1], each bounded by 1; the layer's bias is P_0.

    Source: jaxKAN, https://jaxkan.readthedocs.io
    """

    size: ClassVar[str] = "degree"
    degree: int = 5

    def __post_init__(self):
        require((self.degree >= 1, f"degree must be at least 1, got {self.degree}"))

    @property
    def terms(self) -> int:
        return self.degree

    @property
    def recurrence(self) -> list[tuple[float, float, float]]:
        return [((2 * m - 1) / m, 0, (m - 1) / m) for m in range(1, self.degree + 1)]

    def slopes(self, x: Tensor, features: Tensor) -> Tensor:
        """d P_m(tanh x) / dx = m (P_{m-1} - t P_m): the 1 - t^2 of tanh cancels, as for Chebyshev."""
        t = features[..., :1, :, :]
        lower = torch.cat([torch.ones_like(t), features[..., :-1, :, :]], dim=-3)
        m = torch.arange(1, self.terms + 1, dtype=x.dtype, device=x.device)[:, None, None]
        return m * (lower - t * features)

    def draw_coef(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """Normal with variance 1 / (n_in degree), cut at two standard deviations (as in jaxKAN)."""
        return truncated_normal((n_out, self.terms, n_in), 1 / math.sqrt(n_in * self.terms), generator)
