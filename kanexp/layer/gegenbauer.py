"""Gegenbauer polynomials of tanh(x)."""

import math
from dataclasses import dataclass

from kanexp.error import require
from kanexp.layer.base import Polynomials


@dataclass(frozen=True)
class Gegenbauer(Polynomials):
    """C_1^(a) .. C_degree^(a) of tanh(x), orthogonal on [-1, 1] under (1 - t^2)^(a - 1/2).

    a = 1/2 are Legendre's, a = 1 Chebyshev's of the second kind.

    Source: Abramowitz and Stegun 1964, chapter 22, https://dlmf.nist.gov/18.9
    """

    a: float = 1.5

    def __post_init__(self):
        require(
            self._degree_is_right,
            (-0.5 < self.a < math.inf and self.a != 0, f"a must be above -1/2 and not 0, got {self.a}"),
        )

    @property
    def recurrence(self) -> list[tuple[float, float, float]]:
        a = self.a
        return [(2 * (m + a - 1) / m, 0, (m + 2 * a - 2) / m * (m > 1)) for m in range(1, self.degree + 1)]
