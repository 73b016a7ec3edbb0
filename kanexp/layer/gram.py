"""Gram polynomials of tanh(x)."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from torch import Tensor

from kanexp.error import require
from kanexp.layer.base import Polynomials


@dataclass(frozen=True)
class Gram(Polynomials):
    """Polynomials of tanh(x), orthonormal under the mean over `points` equally spaced points of [-1, 1].

    Also called discrete Chebyshev polynomials; with many points they are Legendre's times sqrt(2 m + 1). The degree
    must stay below the number of points, for no polynomial of that degree is orthogonal to all lower ones.

    Source: KAGN in torch-conv-kan, https://github.com/IvanDrokin/torch-conv-kan
    """

    bounded: ClassVar[bool] = True  # but see closed_slopes
    points: int = 64

    def __post_init__(self):
        require(
            self._degree_is_right,
            (self.points > self.degree, f"points must be above the degree, got {self.points} and {self.degree}"),
        )

    @property
    def recurrence(self) -> list[tuple[float, float, float]]:
        norms = [0.0, *(self._norm(m) for m in range(1, self.degree + 1))]
        return [(1 / norm, 0, before / norm) for before, norm in pairwise(norms)]

    def closed_slopes(self, x: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
        # Of higher degrees slopes between the last points are so large that nothing is left of those in the middle.
        return super().closed_slopes(x) if self.degree**2 <= 4 * self.points else ()

    def _norm(self, m: int) -> float:
        """The coefficient of t G_m in the expansion of G_{m-1}: t G_{m-1} = norm_m G_m + norm_{m-1} G_{m-2}."""
        n = self.points
        return m / (n - 1) * math.sqrt((n * n - m * m) / (4 * m * m - 1))
