"""Burgers' equation."""

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from kanexp.calculus import gauss_hermite
from kanexp.error import require
from kanexp.task.differential import Equation
from kanexp.task.jet import Jet, Partial

NODES = 200  # of the Gauss-Hermite rule: at viscosity 0.01 / pi the shock is exact to 1e-10


@dataclass(frozen=True, kw_only=True)
class Burgers(Equation):
    """u_t + u u_x = viscosity u_xx for t in [0, 1] and x in [-1, 1], from u = -sin(pi x), zero at both ends.

    Inputs are t and x. The solution is that of Cole and Hopf, an integral that Gauss-Hermite quadrature gives.

    Source: Raissi, Perdikaris and Karniadakis 2019, https://doi.org/10.1016/j.jcp.2018.10.045; the solution by
    Basdevant et al. 1986, https://doi.org/10.1016/0045-7930(86)90036-8
    """

    names: ClassVar[tuple[str, ...]] = ("t", "x")
    partials: ClassVar[tuple[Partial, ...]] = ((0,), (1,), (1, 1))
    edges: ClassVar[tuple[tuple[int, int], ...]] = ((0, 0), (1, 0), (1, 1))
    viscosity: float = 0.01 / math.pi

    def __post_init__(self):
        super().__post_init__()
        require((0.001 <= self.viscosity <= 10, f"viscosity must be between 0.001 and 10, got {self.viscosity}"))

    @property
    def ranges(self) -> list[tuple[float, float]]:
        return [(0.0, 1.0), (-1.0, 1.0)]

    def left_side(self, jet: Jet, x: Tensor) -> Tensor:
        return jet.d(0) + jet.value * jet.d(1) - self.viscosity * jet.d(1, 1)

    def lift(self, x: Tensor) -> Tensor:
        return -(math.pi * x[1:]).sin()

    def solution(self, x: Tensor) -> Tensor:
        nodes, weights = (t.to(x)[:, None] for t in gauss_hermite(NODES))
        # At time zero all nodes fall on x itself, where the quotient is the start.
        at = math.pi * (x[1] - nodes * (4 * self.viscosity * x[0]).sqrt())
        exponent = -at.cos() / (2 * math.pi * self.viscosity)
        share = weights * (exponent - exponent.amax(dim=0)).exp()
        return -(share * at.sin()).sum(dim=0, keepdim=True) / share.sum(dim=0, keepdim=True)
