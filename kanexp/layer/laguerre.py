"""Laguerre polynomials of tanh(x)."""

import math
from dataclasses import dataclass

from kanexp.error import require
from kanexp.layer.base import Polynomials


@dataclass(frozen=True)
class Laguerre(Polynomials):
    """L_1^(a) .. L_degree^(a) of tanh(x), orthogonal on [0, inf) under t^a exp(-t).

    Source: Abramowitz and Stegun 1964, chapter 22, https://dlmf.nist.gov/18.9
    """

    a: float = 0.0

    def __post_init__(self):
        require(
            self._degree_is_right,
            (-1 < self.a < math.inf, f"a must be above -1, got {self.a}"),
        )

    @property
    def recurrence(self) -> list[tuple[float, float, float]]:
        a = self.a
        return [(-1 / m, (2 * m - 1 + a) / m, (m - 1 + a) / m * (m > 1)) for m in range(1, self.degree + 1)]
