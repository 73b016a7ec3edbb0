"""The equation of Korteweg and de Vries."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from torch import Tensor

from kanexp.data.reference import stored
from kanexp.task.condition import Condition
from kanexp.task.differential import Equation
from kanexp.task.jet import Jet, Partial

DISPERSION = 0.022**2
REFERENCE = Path(__file__).with_suffix(".npz")  # made by scripts/references.py


@dataclass(frozen=True, kw_only=True)
class KortewegDeVries(Equation):
    """u_t + u u_x + 0.022^2 u_xxx = 0 for t in [0, 1] and x in [-1, 1], from cos(pi x), periodic: solitons.

    The solution is a stored one, by Fourier modes.

    Source: Zabusky and Kruskal 1965, https://doi.org/10.1103/PhysRevLett.15.240; as a benchmark of networks Wang,
    Sankaran, Wang and Perdikaris 2023, https://arxiv.org/abs/2308.08468
    """

    names: ClassVar[tuple[str, ...]] = ("t", "x")
    partials: ClassVar[tuple[Partial, ...]] = ((0,), (1,), (1, 1), (1, 1, 1))

    @property
    def ranges(self) -> list[tuple[float, float]]:
        return [(0.0, 1.0), (-1.0, 1.0)]

    @property
    def conditions(self) -> tuple[Condition, ...]:
        start = Condition(0, 0, "start", known=self.lift)
        return (start, Condition(1), Condition(1, partial=(1,)), Condition(1, partial=(1, 1)))

    def left_side(self, jet: Jet, x: Tensor) -> Tensor:
        return jet.d(0) + jet.value * jet.d(1) + DISPERSION * jet.d(1, 1, 1)

    def lift(self, x: Tensor) -> Tensor:
        return (math.pi * x[1:]).cos()

    def solution(self, x: Tensor) -> Tensor:
        return stored(REFERENCE, ("t", "x"), ("u",), x)
