"""Chebyshev polynomials of tanh(x)."""

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Generator, Tensor

from kanexp.error import require
from kanexp.layer.base import Polynomials, slopes_from_lower_degrees, truncated_normal


@dataclass(frozen=True)
class Chebyshev(Polynomials):
    """T_1 .. T_degree of tanh(x), each bounded by 1; the layer's bias is the constant T_0.

    Source: SS et al. 2024, https://arxiv.org/abs/2405.07200
    """

    bounded: ClassVar[bool] = True

    def __post_init__(self):
        require(self._degree_is_right)

    @property
    def recurrence(self) -> list[tuple[float, float, float]]:
        # Not cos(k arccos t): arccos has an infinite slope at +-1.
        return [(1, 0, 0), *[(2, 0, 1)] * (self.degree - 1)]

    def slopes(self, x: Tensor, features: Tensor) -> Tensor:
        """d T_m(tanh x) / dx = m (T_{m-1} - t T_m)."""
        return slopes_from_lower_degrees(features)

    def draw_coef(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """Normal with variance 1 / (n_in degree), cut at two standard deviations (as in jaxKAN)."""
        return truncated_normal((n_out, self.terms, n_in), 1 / math.sqrt(n_in * self.terms), generator)
