"""Regression of a function of a few variables: a named one, one of scipy's special functions, or a formula."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.data.expression import Expression, function_named
from kanexp.error import require
from kanexp.task.base import Regression

_F3 = "i1(x1) + exp(i1e(x2)) + sin(x1*x2)"
FUNCTIONS = {
    "square_plus_exp": "x1**2 + 2*exp(x2)",  # jaxKAN's tutorials
    "exp_sin_square": "exp(sin(pi*x1) + x2**2)",  # pykan, MLP-KAN
    "product": "x1*x2",
    "runge": "1/(1 + 25*x1**2)",
    # The five of the initialization study of Rigas et al.; the first two are product and exp_sin_square.
    "bessel_sum": _F3,
    "fresnel_product": f"fresnel_s({_F3} + erfinv(x2)) * fresnel_c({_F3} + erfinv(x2))",
    "jumps": "x2*(1 if x1 < 1/2 else -1) + erf(x1)*(x1*x2 if x1*x2 < 1 else 1/(x1*x2))",
}


@dataclass(frozen=True)
class Function(Regression):
    """A function at points uniform in [low, high]^n, with optional noise on the training targets.

    `function` is one of FUNCTIONS or of scipy.special (ellipkinc, jv, ...), taking its inputs in order; `expression` is
    a formula in x1, x2, ... used instead. low and high are numbers, or lists with one for every input.
    """

    function: str = "square_plus_exp"
    expression: str | None = None
    low: float | list[float] = -1.0
    high: float | list[float] = 1.0

    def __post_init__(self):
        super().__post_init__()
        try:
            inputs = len(self.formula.variables)
        except ValueError as error:
            raise ValueError(f"{self.source} {error}") from None
        for name, end in (("low", self.low), ("high", self.high)):
            require(
                (
                    not isinstance(end, list) or len(end) == inputs,
                    f"{name} must be a number, or a list of one for each of the {inputs} inputs, got {end}",
                )
            )
        require(
            (
                all(-math.inf < low < high < math.inf for low, high in self.ranges),
                f"low must be below high, both finite, got low {self.low} and high {self.high}",
            ),
        )

    @property
    def source(self) -> str:
        return "function" if self.expression is None else "expression"

    @property
    def formula(self) -> Expression:
        """Raises ValueError where there is no such function or it is no formula."""
        if self.expression is not None:
            return Expression(self.expression)
        if self.function in FUNCTIONS:
            return Expression(FUNCTIONS[self.function])
        found = function_named(self.function)
        if found is None:
            raise ValueError(
                f"must be one of {', '.join(FUNCTIONS)} or a function of scipy.special, got '{self.function}'"
            )
        return Expression(f"{self.function}({', '.join(f'x{i + 1}' for i in range(found[1]))})")

    @property
    def ranges(self) -> list[tuple[float, float]]:
        inputs = len(self.formula.variables)
        lows, highs = (end if isinstance(end, list) else [end] * inputs for end in (self.low, self.high))
        return list(zip(lows, highs, strict=True))

    def solution(self, x: Tensor) -> Tensor:
        return torch.from_numpy(self.formula(x.cpu().numpy()).copy()).to(x.device)[None]
