"""How fast something spreads, from measurements of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from kanexp.error import require
from kanexp.task.condition import Condition
from kanexp.task.differential import Equation
from kanexp.task.jet import Jet, Partial

COEFFICIENT = 0.1


@dataclass(frozen=True, kw_only=True)
class Diffusion(Equation):
    """u_t = D u_xx for t and x in [0, 1] with D unknown: it is trained with the network, from 1 on.

    u is measured at `measured` points, uniform in the domain, with normal noise. The solution is
    exp(-D pi^2 t) sin(pi x) + exp(-4 D pi^2 t) sin(2 pi x) / 2 with D = 0.1; test scores are its error and D's.

    Source: an inverse problem as in Raissi, Perdikaris and Karniadakis 2019, https://doi.org/10.1016/j.jcp.2018.10.045
    """

    partials: ClassVar[tuple[Partial, ...]] = ((0,), (1, 1))
    names: ClassVar[tuple[str, ...]] = ("t", "x")
    unknowns: ClassVar[Mapping[str, float]] = {"diffusion": 1.0}
    truths: ClassVar[Mapping[str, float]] = {"diffusion": COEFFICIENT}
    measured: int = 200
    noise: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        require(
            (self.measured >= 1, f"measured must be at least 1, got {self.measured}"),
            (0 <= self.noise < math.inf, f"noise must be zero or more, got {self.noise}"),
        )

    @property
    def ranges(self) -> list[tuple[float, float]]:
        return [(0.0, 1.0)] * 2

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return (Condition(None, name="measured", points=self.measured, noise=self.noise),)

    def left_side(self, jet: Jet, x: Tensor) -> Tensor:
        return jet.d(0) - jet.unknowns["diffusion"] * jet.d(1, 1)

    def solution(self, x: Tensor) -> Tensor:
        t, place = x
        decay, wave = -COEFFICIENT * math.pi**2 * t, math.pi * place
        return (decay.exp() * wave.sin() + (4 * decay).exp() * (2 * wave).sin() / 2)[None]
