"""The equation of Kuramoto and Sivashinsky."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from torch import Tensor

from kanexp.data.reference import stored
from kanexp.task.condition import Condition
from kanexp.task.differential import Equation
from kanexp.task.jet import Jet, Partial

STEEPENING, GROWTH, DAMPING = 100 / 16, 100 / 16**2, 100 / 16**4
REFERENCE = Path(__file__).with_suffix(".npz")  # made by scripts/references.py


@dataclass(frozen=True, kw_only=True)
class KuramotoSivashinsky(Equation):
    """u_t + 100/16 u u_x + 100/16^2 u_xx + 100/16^4 u_xxxx = 0 for t in [0, 1] and x in [0, 2 pi], periodic: chaos.

    From cos(x) (1 + sin(x)). The solution is a stored one, by Fourier modes.

    Source: Wang, Sankaran, Wang and Perdikaris 2023, https://arxiv.org/abs/2308.08468; the start is that of Kassam and
    Trefethen 2005, https://doi.org/10.1137/S1064827502410633
    """

    names: ClassVar[tuple[str, ...]] = ("t", "x")
    partials: ClassVar[tuple[Partial, ...]] = ((0,), (1,), (1, 1), (1, 1, 1), (1, 1, 1, 1))

    @property
    def ranges(self) -> list[tuple[float, float]]:
        return [(0.0, 1.0), (0.0, 2 * math.pi)]

    @property
    def conditions(self) -> tuple[Condition, ...]:
        start = Condition(0, 0, "start", known=self.lift)
        return (start, *(Condition(1, partial=(1,) * order) for order in range(4)))

    def left_side(self, jet: Jet, x: Tensor) -> Tensor:
        steeper = STEEPENING * jet.value * jet.d(1)
        return jet.d(0) + steeper + GROWTH * jet.d(1, 1) + DAMPING * jet.d(1, 1, 1, 1)

    def lift(self, x: Tensor) -> Tensor:
        return x[1:].cos() * (1 + x[1:].sin())

    def solution(self, x: Tensor) -> Tensor:
        return stored(REFERENCE, ("t", "x"), ("u",), x)
