"""Lucas polynomials of tanh(x)."""

from dataclasses import dataclass

from kanexp.error import require
from kanexp.layer.base import Polynomials


@dataclass(frozen=True)
class Lucas(Polynomials):
    """L_1 .. L_degree of tanh(x): L_m = t L_(m-1) + L_(m-2), from L_0 = 2 and L_1 = t.

    Source: Weisstein, https://mathworld.wolfram.com/LucasPolynomial.html
    """

    def __post_init__(self):
        require(self._degree_is_right)

    @property
    def recurrence(self) -> list[tuple[float, float, float]]:
        # The second step is from 2, where all others here are from a constant of 1.
        steps = [(1.0, 0.0, 0.0), (1.0, 0.0, -2.0)] + [(1.0, 0.0, -1.0)] * (self.degree - 2)
        return steps[: self.degree]
