"""Expressions of sympy as functions of tensors, with functions that torch does not have, and a user's own."""

from collections.abc import Callable, Sequence

import sympy
import torch
from sympy.printing.pytorch import TorchPrinter
from torch import Tensor

from kanexp.formula.symbol import Symbol

Function = Callable[..., Tensor | float]  # a number where nothing that goes in is in the expression
RECIPROCALS: dict[str, Callable[[Tensor], Tensor]] = {
    "sec": lambda z: 1 / torch.cos(z),
    "csc": lambda z: 1 / torch.sin(z),
    "cot": lambda z: 1 / torch.tan(z),
    "sech": lambda z: 1 / torch.cosh(z),
    "csch": lambda z: 1 / torch.sinh(z),
    "coth": lambda z: 1 / torch.tanh(z),
    "acoth": lambda z: torch.atanh(1 / z),
}
PRINTED = {"fully_qualified_modules": False, "inline": True}  # as sympy itself sets it for lambdify


class _Printer(TorchPrinter):  # type: ignore[misc]  # sympy has no types
    """Functions that torch does not have are called by their names."""

    def _print_Function(self, expr: sympy.Expr) -> str:
        if type(expr) in self.mapping:
            return str(super()._print_Function(expr))
        return f"{expr.func}({', '.join(self._print(one) for one in expr.args)})"


def computed(inputs: Sequence[sympy.Symbol], written: sympy.Expr, symbols: Sequence[Symbol] = ()) -> Function:
    """An expression in inputs as a function of tensors, one for each; `symbols` are those that it may call by name."""
    own = {one.name: one.value for one in symbols if one.target}
    modules = [{"Abs": torch.abs, "sign": torch.sign, **RECIPROCALS, **own}, "torch"]
    found: Function = sympy.lambdify(inputs, sympy.N(written, 17), modules=modules, printer=_Printer(PRINTED))
    return found
