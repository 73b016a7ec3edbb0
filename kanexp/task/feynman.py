"""Equations of the Feynman lectures: some in dimensionless form, and pykan's problems in their own units."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from kanexp.data.expression import Expression
from kanexp.data.feynman import Problem, pykan_problems
from kanexp.error import require
from kanexp.task.base import Regression

_UNIT, _ANGLE, _ABOVE = (-1.0, 1.0), (0.0, 2 * math.pi), (0.5, 2.0)
# Each equation with its variables and their ranges. The ranges are ours, chosen where the equation is finite.
EQUATIONS: dict[str, tuple[str, dict[str, tuple[float, float]]]] = {
    "I.6.2": ("exp(-t**2/(2*s**2))/sqrt(2*pi*s**2)", {"t": _UNIT, "s": _ABOVE}),
    "I.6.2b": ("exp(-(t-u)**2/(2*s**2))/sqrt(2*pi*s**2)", {"t": _UNIT, "u": _UNIT, "s": _ABOVE}),
    "I.9.18": (
        "a/((b-1)**2+(c-d)**2+(g-h)**2)",
        {"a": _UNIT, "b": (1.5, 3.0), "c": _UNIT, "d": _UNIT, "g": _UNIT, "h": _UNIT},
    ),
    "I.12.11": ("1+a*sin(b)", {"a": _UNIT, "b": _ANGLE}),
    "I.13.12": ("a*(1/b-1)", {"a": _UNIT, "b": _ABOVE}),
    "I.15.3x": ("(1-a)/sqrt(1-b**2)", {"a": _UNIT, "b": (-0.9, 0.9)}),
    "I.16.6": ("(a+b)/(1+a*b)", {"a": (0.0, 1.0), "b": (0.0, 1.0)}),
    "I.18.4": ("(1+a*b)/(1+a)", {"a": _ABOVE, "b": _UNIT}),
    "I.26.2": ("asin(a*sin(b))", {"a": _UNIT, "b": _ANGLE}),
    "I.27.6": ("1/(1+a*b)", {"a": (0.0, 2.0), "b": (0.0, 2.0)}),
    "I.29.16": ("sqrt(1+a**2-2*a*cos(b-c))", {"a": _UNIT, "b": _ANGLE, "c": _ANGLE}),
    "I.30.3": ("sin(a*b/2)**2/sin(b/2)**2", {"a": (0.0, 4.0), "b": (0.5, 5.5)}),
    "I.30.5": ("asin(a/b)", {"a": _UNIT, "b": (1.5, 3.0)}),
    "I.37.4": ("1+a+2*sqrt(a)*cos(b)", {"a": (0.0, 2.0), "b": _ANGLE}),
    "I.40.1": ("a*exp(-b)", {"a": _UNIT, "b": _UNIT}),
    "I.44.4": ("a*log(b)", {"a": _UNIT, "b": _ABOVE}),
    "I.50.26": ("cos(a)+b*cos(a)**2", {"a": _ANGLE, "b": _UNIT}),
    "II.2.42": ("(a-1)*b", {"a": _UNIT, "b": _UNIT}),
    "II.6.15a": ("c*sqrt(a**2+b**2)/(4*pi)", {"a": _UNIT, "b": _UNIT, "c": _UNIT}),
    "II.11.7": ("a*(1+b*cos(c))", {"a": _UNIT, "b": _UNIT, "c": _ANGLE}),
    "II.11.27": ("a*b/(1-a*b/3)", {"a": _UNIT, "b": _UNIT}),
    "II.35.18": ("a/(exp(b)+exp(-b))", {"a": _UNIT, "b": _UNIT}),
    "II.36.38": ("a+b*c", {"a": _UNIT, "b": _UNIT, "c": _UNIT}),
    "II.38.3": ("a/b", {"a": _UNIT, "b": _ABOVE}),
    "III.10.19": ("sqrt(1+a**2+b**2)", {"a": _UNIT, "b": _UNIT}),
    "III.17.37": ("a*(1+b*cos(c))", {"a": _UNIT, "b": _UNIT, "c": _ANGLE}),
}


@dataclass(frozen=True)
class Feynman(Regression):
    """One of EQUATIONS by its number in the lectures (I.12.11 is 1 + a sin b), or of pykan's 120 problems.

    `domain` says where: own on those given above; unit on [-1, 1] in every variable, as the initialization study draws
    them; pykan is pykan's problem of that name, in its own units and on pykan's ranges. Names that EQUATIONS lack are
    pykan's with unit as well.

    Source: Udrescu and Tegmark 2020, https://arxiv.org/abs/1905.11481; dimensionless as in Liu et al. 2024,
    https://arxiv.org/abs/2404.19756; unit: Rigas et al. 2025, https://arxiv.org/abs/2509.03417
    """

    before: ClassVar[dict[str, Any]] = {"scale": False, "domain": "own"}
    equation: str = "I.12.11"
    domain: Literal["own", "unit", "pykan"] = "own"

    def __post_init__(self):
        super().__post_init__()
        require((self.equation in self.known, self._unknown))

    @property
    def known(self) -> list[str]:
        """The names that `equation` may be, with these ranges."""
        pykan = [] if self.domain == "own" else list(pykan_problems())
        return list(dict.fromkeys([*([] if self.domain == "pykan" else EQUATIONS), *pykan]))

    @property
    def _unknown(self) -> str:
        if self.equation in (*EQUATIONS, *pykan_problems()):
            other = "own" if self.equation in EQUATIONS else "pykan"
            return f"equation {self.equation} has no domain={self.domain}; use task.domain={other} or unit"
        return f"equation must be one of {', '.join(self.known)}, got {self.equation}"

    @property
    def problem(self) -> Problem:
        """The formula with its variables and where they are."""
        if self.domain == "pykan" or self.equation not in EQUATIONS:
            found = pykan_problems()[self.equation]
        else:
            found = Problem(*EQUATIONS[self.equation])
        return found.on_unit if self.domain == "unit" else found

    @property
    def source(self) -> str:
        return "equation"

    @property
    def ranges(self) -> list[tuple[float, float]]:
        return list(self.problem.variables.values())

    @property
    def names(self) -> list[str]:
        return list(self.problem.variables)

    def solution(self, x: Tensor) -> Tensor:
        formula = Expression(self.problem.formula, self.names)
        return torch.from_numpy(formula(x.cpu().numpy()).copy()).to(x.device)[None]
