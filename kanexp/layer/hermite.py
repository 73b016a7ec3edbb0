"""Hermite polynomials of tanh(x)."""

import math
from dataclasses import dataclass

from kanexp.error import require
from kanexp.layer.base import Polynomials


@dataclass(frozen=True)
class Hermite(Polynomials):
    """H_1 .. H_degree of tanh(x), each divided by sqrt(2^m m!): orthonormal on the line under exp(-t^2) / sqrt(pi).

    Without that divisor degree 10 is beyond 3e4 at t = 0.

    Source: Abramowitz and Stegun 1964, chapter 22, https://dlmf.nist.gov/18.9
    """

    def __post_init__(self):
        require(self._degree_is_right)

    @property
    def recurrence(self) -> list[tuple[float, float, float]]:
        return [(math.sqrt(2 / m), 0, math.sqrt((m - 1) / m)) for m in range(1, self.degree + 1)]
