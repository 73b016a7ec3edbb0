"""Symbols: functions of one variable that an edge may be, each with its formula, its domain and what it costs."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import sympy
import torch
from torch import Tensor

from kanexp.calculus import derivative


@dataclass(frozen=True)
class Symbol:
    """f(z) for z = b x + c, of which `free` names what is a number of its own.

    Where f(lambda z) is a multiple of f(z), b is 1 or -1, and where f(z + shift) is one, c is 0: the factor in front
    has it already. `low` and `high` bound z; both ends belong to the domain where `closed`. `bits` is the length of its
    description. Where formulas call it by its name, `target` is the module and function that this stands for.
    """

    name: str
    value: Callable[[Tensor], Tensor]
    formula: str  # in z, as sympy reads it
    bits: float
    free: str = "bc"
    low: float = -math.inf
    high: float = math.inf
    closed: bool = False
    periodic: bool = False
    target: str = ""

    def written(self, z: sympy.Expr) -> sympy.Expr:
        """f(z)."""
        own = {self.name: sympy.Function(self.name)} if self.target else {}
        return sympy.sympify(self.formula, locals={"z": z, **own})

    def slope(self, z: Tensor) -> Tensor:
        """f'(z), of the shape of z."""
        return derivative(self.value, z)

    def holds(self, z: Tensor) -> Tensor:
        """Whether all numbers of the last axis lie in the domain, bool."""
        low, high = z.amin(-1), z.amax(-1)
        return (low >= self.low) & (high <= self.high) if self.closed else (low > self.low) & (high < self.high)


def _power(exponent: int) -> Callable[[Tensor], Tensor]:
    return lambda z: z**exponent


def _powers() -> list[Symbol]:
    made = [Symbol("x", lambda z: z, "z", 1, free="")]
    made += [Symbol(f"x^{n}", _power(n), f"z**{n}", n, free="c") for n in (2, 3, 4, 5)]
    made += [
        Symbol(f"1/x^{n}" if n > 1 else "1/x", _power(-n), f"z**({-n})", 1 + n, free="c", low=0)
        for n in (1, 2, 3, 4, 5)
    ]
    made.append(Symbol("sqrt", torch.sqrt, "sqrt(z)", 2, free="c", low=0))
    made.append(Symbol("1/sqrt", torch.rsqrt, "1/sqrt(z)", 3, free="c", low=0))
    made.append(Symbol("x^1.5", lambda z: z * torch.sqrt(z), "z**Rational(3, 2)", 4, free="c", low=0))
    made.append(Symbol("1/x^1.5", lambda z: torch.rsqrt(z) / z, "z**Rational(-3, 2)", 5, free="c", low=0))
    return made


def _transcendental() -> list[Symbol]:
    return [
        Symbol("exp", torch.exp, "exp(z)", 2, free="b"),
        Symbol("log", torch.log, "log(z)", 2, free="c", low=0),
        Symbol("abs", torch.abs, "Abs(z)", 3, free="c"),
        Symbol("sgn", torch.sign, "sign(z)", 3, free="c"),
        Symbol("sin", torch.sin, "sin(z)", 2, periodic=True),
        Symbol("cos", torch.cos, "cos(z)", 2, periodic=True),
        Symbol("tan", torch.tan, "tan(z)", 3, low=-math.pi / 2, high=math.pi / 2),
        Symbol("tanh", torch.tanh, "tanh(z)", 3),
        Symbol("sinh", torch.sinh, "sinh(z)", 3),
        Symbol("cosh", torch.cosh, "cosh(z)", 3),
        Symbol("sech", lambda z: 1 / torch.cosh(z), "1/cosh(z)", 4),
        Symbol("arcsin", torch.asin, "asin(z)", 3, low=-1, high=1),
        Symbol("arccos", torch.acos, "acos(z)", 3, low=-1, high=1),
        Symbol("arctan", torch.atan, "atan(z)", 3),
        Symbol("arctanh", torch.atanh, "atanh(z)", 3, low=-1, high=1),
        Symbol("gaussian", lambda z: torch.exp(-z * z), "exp(-z**2)", 4),
        Symbol("sigmoid", torch.sigmoid, "1/(1 + exp(-z))", 4),
    ]


def _of_squares() -> list[Symbol]:
    """Functions of 1 + z^2 and 1 - z^2, which physics is full of."""
    return [
        Symbol("1/(1+x^2)", lambda z: 1 / (1 + z * z), "1/(1 + z**2)", 4),
        Symbol("sqrt(1+x^2)", lambda z: torch.sqrt(1 + z * z), "sqrt(1 + z**2)", 4),
        Symbol("log(1+x^2)", lambda z: torch.log1p(z * z), "log(1 + z**2)", 4),
        Symbol("sqrt(1-x^2)", lambda z: torch.sqrt(1 - z * z), "sqrt(1 - z**2)", 4, low=-1, high=1),
        Symbol("1/sqrt(1-x^2)", lambda z: torch.rsqrt(1 - z * z), "1/sqrt(1 - z**2)", 5, low=-1, high=1),
        Symbol("log(1-x^2)", lambda z: torch.log1p(-z * z), "log(1 - z**2)", 4, low=-1, high=1),
    ]


ZERO = Symbol("0", torch.zeros_like, "0", 0, free="")
SYMBOLS = {symbol.name: symbol for symbol in [*_powers(), *_transcendental(), *_of_squares()]}
