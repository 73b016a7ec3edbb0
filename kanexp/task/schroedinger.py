"""The cubic equation of Schroedinger."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from kanexp.data.reference import stored
from kanexp.task.condition import Condition
from kanexp.task.differential import Equation
from kanexp.task.jet import Jet, Partial

REFERENCE = Path(__file__).with_suffix(".npz")  # made by scripts/references.py


@dataclass(frozen=True, kw_only=True)
class Schroedinger(Equation):
    """i h_t + h_xx / 2 + |h|^2 h = 0 for t in [0, pi / 2] and x in [-5, 5], from 2 / cosh(x), periodic.

    h = u + i v has two answers and two equations. The solution is a stored one, by Fourier modes.

    Source: Raissi, Perdikaris and Karniadakis 2019, https://doi.org/10.1016/j.jcp.2018.10.045
    """

    equations: ClassVar[int] = 2
    names: ClassVar[tuple[str, ...]] = ("t", "x")
    answers: ClassVar[tuple[str, ...]] = ("u", "v")
    partials: ClassVar[tuple[Partial, ...]] = ((0,), (1,), (1, 1))

    @property
    def ranges(self) -> list[tuple[float, float]]:
        return [(0.0, math.pi / 2), (-5.0, 5.0)]

    @property
    def conditions(self) -> tuple[Condition, ...]:
        both = self.all_answers
        return (
            Condition(0, 0, "start", both, known=self.lift),
            Condition(1, answers=both),
            Condition(1, answers=both, partial=(1,)),
        )

    def left_side(self, jet: Jet, x: Tensor) -> Tensor:
        # The real part of the equation, then the imaginary one.
        turned = torch.cat([-jet.d(0)[:, 1:], jet.d(0)[:, :1]], 1)
        return turned + jet.d(1, 1) / 2 + jet.value.square().sum(1, keepdim=True) * jet.value

    def lift(self, x: Tensor) -> Tensor:
        return torch.cat([2 / x[1:].cosh(), torch.zeros_like(x[1:])])

    def solution(self, x: Tensor) -> Tensor:
        return stored(REFERENCE, ("t", "x"), ("u", "v"), x)
