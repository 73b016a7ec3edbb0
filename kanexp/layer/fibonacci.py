"""Fibonacci polynomials of tanh(x)."""

from dataclasses import dataclass

from kanexp.error import require
from kanexp.layer.base import Polynomials


@dataclass(frozen=True)
class Fibonacci(Polynomials):
    """F_2 .. F_(degree + 1) of tanh(x), of degree 1 .. degree: F_(m+1) = t F_m + F_(m-1), from F_1 = 1 and F_0 = 0.

    At t = 1 they are Fibonacci's numbers.

    Source: Weisstein, https://mathworld.wolfram.com/FibonacciPolynomial.html
    """

    def __post_init__(self):
        require(self._degree_is_right)

    @property
    def recurrence(self) -> list[tuple[float, float, float]]:
        return [(1, 0, 0), *[(1, 0, -1)] * (self.degree - 1)]
