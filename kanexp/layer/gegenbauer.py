"""Gegenbauer polynomials of tanh(x)."""

import math
from dataclasses import dataclass
from typing import ClassVar

from kanexp.error import require
from kanexp.layer.base import Polynomials


@dataclass(frozen=True)
class Gegenbauer(Polynomials):
    """C_1^(a) .. C_degree^(a) of tanh(x), each divided by its value at 1; orthogonal under (1 - t^2)^(a - 1/2).

    a = 0 are Chebyshev's, 1/2 Legendre's, and 1 Chebyshev's of the second kind but for a factor. Without the divisor
    degree 5 is 21 at t = 1 with a = 3/2.

    Source: Abramowitz and Stegun 1964, chapter 22, https://dlmf.nist.gov/18.9
    """

    bounded: ClassVar[bool] = True
    a: float = 1.5

    def __post_init__(self):
        require(
            self._degree_is_right,
            (-0.5 < self.a < math.inf, f"a must be above -1/2, got {self.a}"),
        )

    @property
    def recurrence(self) -> list[tuple[float, float, float]]:
        a = self.a
        later = [(2 * (m + a - 1) / (m + 2 * a - 1), 0.0, (m - 1) / (m + 2 * a - 1)) for m in range(2, self.degree + 1)]
        return [(1.0, 0.0, 0.0), *later]
