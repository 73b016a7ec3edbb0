"""The Allen-Cahn equation."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from torch import Tensor

from kanexp.data.reference import stored
from kanexp.task.differential import Equation
from kanexp.task.jet import Jet, Partial

DIFFUSION, REACTION = 1e-4, 5.0
REFERENCE = Path(__file__).with_suffix(".npz")  # made by scripts/references.py


@dataclass(frozen=True, kw_only=True)
class AllenCahn(Equation):
    """u_t = 1e-4 u_xx + 5 (u - u^3) for t in [0, 1] and x in [-1, 1], from x^2 cos(pi x), -1 at both ends.

    Inputs are t and x. The solution is a stored one, from finite differences at 8001 places and small steps in time.

    Source: Raissi, Perdikaris and Karniadakis 2019, https://doi.org/10.1016/j.jcp.2018.10.045
    """

    names: ClassVar[tuple[str, ...]] = ("t", "x")
    partials: ClassVar[tuple[Partial, ...]] = ((0,), (1, 1))
    edges: ClassVar[tuple[tuple[int, int], ...]] = ((0, 0), (1, 0), (1, 1))

    @property
    def ranges(self) -> list[tuple[float, float]]:
        return [(0.0, 1.0), (-1.0, 1.0)]

    def left_side(self, jet: Jet, x: Tensor) -> Tensor:
        return jet.d(0) - DIFFUSION * jet.d(1, 1) - REACTION * (jet.value - jet.value**3)

    def lift(self, x: Tensor) -> Tensor:
        return x[1:].square() * (math.pi * x[1:]).cos()

    def solution(self, x: Tensor) -> Tensor:
        return stored(REFERENCE, ("t", "x"), ("u",), x)
