"""Legendre polynomials of tanh(x)."""

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Generator, Tensor

from kanexp.error import require
from kanexp.layer.base import Polynomials, slopes_from_lower_degrees, truncated_normal


@dataclass(frozen=True)
class Legendre(Polynomials):
    """P_1 .. P_degree of tanh(x), orthogonal on [-1, 1], each bounded by 1; the layer's bias is P_0.

    Source: jaxKAN, https://jaxkan.readthedocs.io
    """

    bounded: ClassVar[bool] = True

    def __post_init__(self):
        require(self._degree_is_right)

    @property
    def recurrence(self) -> list[tuple[float, float, float]]:
        return [((2 * m - 1) / m, 0, (m - 1) / m) for m in range(1, self.degree + 1)]

    def slopes(self, x: Tensor, features: Tensor) -> Tensor:
        """d P_m(tanh x) / dx = m (P_{m-1} - t P_m)."""
        return slopes_from_lower_degrees(features)

    def draw_coef(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """Normal with variance 1 / (n_in degree), cut at two standard deviations (as in jaxKAN)."""
        return truncated_normal((n_out, self.terms, n_in), 1 / math.sqrt(n_in * self.terms), generator)
