"""Chebyshev polynomials of the second kind of tanh(x)."""

from dataclasses import dataclass
from typing import ClassVar

from kanexp.error import require
from kanexp.layer.base import Polynomials


@dataclass(frozen=True)
class ChebyshevSecond(Polynomials):
    """U_1 .. U_degree of tanh(x), orthogonal on [-1, 1] under (1 - t^2)^(1/2); U_m is at most m + 1.

    Source: Abramowitz and Stegun 1964, chapter 22, https://dlmf.nist.gov/18.9
    """

    bounded: ClassVar[bool] = True

    def __post_init__(self):
        require(self._degree_is_right)

    @property
    def recurrence(self) -> list[tuple[float, float, float]]:
        return [(2, 0, 0), *[(2, 0, 1)] * (self.degree - 1)]
