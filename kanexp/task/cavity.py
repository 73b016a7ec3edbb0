"""The lid-driven cavity: the equations of Navier and Stokes."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from kanexp.data.reference import stored
from kanexp.task.condition import Condition
from kanexp.task.differential import Equation
from kanexp.task.jet import Jet, Partial

REYNOLDS = 100
REFERENCE = Path(__file__).with_suffix(".npz")  # made by scripts/references.py


@dataclass(frozen=True, kw_only=True)
class Cavity(Equation):
    """u u_x + v u_y + p_x = (u_xx + u_yy) / 100, the same for v with p_y, and u_x + v_y = 0, on [0, 1]^2.

    A steady flow with velocity (u, v) and pressure p behind a lid at y = 1 that moves with u = 1; all else rests. The
    solution is a stored one of u and v, by finite differences; p, which is known but for a constant, is not compared.

    Source: Ghia, Ghia and Shin 1982, https://doi.org/10.1016/0021-9991(82)90058-4
    """

    equations: ClassVar[int] = 3
    names: ClassVar[tuple[str, ...]] = ("x", "y")
    answers: ClassVar[tuple[str, ...]] = ("u", "v", "p")
    compared: ClassVar[int | None] = 2
    partials: ClassVar[tuple[Partial, ...]] = ((0,), (1,), (0, 0), (1, 1))

    @property
    def ranges(self) -> list[tuple[float, float]]:
        return [(0.0, 1.0)] * 2

    @property
    def conditions(self) -> tuple[Condition, ...]:
        def lid(x: Tensor) -> Tensor:
            return torch.stack([torch.ones_like(x[0]), torch.zeros_like(x[0])])

        def rest(x: Tensor) -> Tensor:
            return torch.zeros_like(x)

        walls = (Condition(axis, end, "walls", (0, 1), known=rest) for axis, end in ((0, 0), (0, 1), (1, 0)))
        return (Condition(1, 1, "lid", (0, 1), known=lid), *walls)

    def left_side(self, jet: Jet, x: Tensor) -> Tensor:
        u, v = jet.value[:, :1], jet.value[:, 1:2]
        velocity = (jet.d(0), jet.d(1), jet.d(0, 0) + jet.d(1, 1))
        along_x, along_y, spread = (part[:, :2] for part in velocity)
        pressure = torch.cat([jet.d(0)[:, 2:], jet.d(1)[:, 2:]], 1)
        momentum = u * along_x + v * along_y + pressure - spread / REYNOLDS
        return torch.cat([momentum, along_x[:, :1] + along_y[:, 1:]], 1)

    def solution(self, x: Tensor) -> Tensor:
        return stored(REFERENCE, ("x", "y"), ("u", "v"), x)
