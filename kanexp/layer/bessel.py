"""Bessel polynomials of tanh(x)."""

from dataclasses import dataclass

from kanexp.error import require
from kanexp.layer.base import Polynomials


@dataclass(frozen=True)
class Bessel(Polynomials):
    """y_1 .. y_degree of tanh(x), each divided by y_m(1), its largest value on [-1, 1].

    y_m = (2 m - 1) t y_(m-1) + y_(m-2). Without the divisor degree 5 is 2431 at t = 1, and degree 20 is 1e24.

    Source: Krall and Frink 1949, https://doi.org/10.1090/S0002-9947-1949-0028473-1
    """

    def __post_init__(self):
        require(self._degree_is_right)

    @property
    def recurrence(self) -> list[tuple[float, float, float]]:
        # y_1 is 1 + t, which is the general step from y_0 = y_(-1) = 1; ratios y_(m-1) / y_m at 1 stay in range.
        ratio, steps = 0.5, [(0.5, 0.5, 0.0)]
        for m in range(2, self.degree + 1):
            new = 1 / (2 * m - 1 + ratio)
            steps.append(((2 * m - 1) * new, 0.0, -ratio * new))
            ratio = new
        return steps
