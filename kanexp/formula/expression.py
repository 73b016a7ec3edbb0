"""A form of symbols as an expression of sympy, its numbers trained once more, dropped and made simple."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import sympy
import torch
from torch import Tensor

from kanexp.formula.form import Form, Level, Named, Pass
from kanexp.formula.least_squares import minimized

STEPS = 60
EXACT = 1e-26  # mean square, relative to the targets', that is rounding: below it a simpler formula is always better
NUMBER = 6.0  # bits of a simple number; one that is free has log2(n)/2
MODULES = [{"Abs": torch.abs, "sign": torch.sign, "sech": lambda z: 1 / torch.cosh(z)}, "torch"]


UNITS = (
    *(sympy.Integer(1), sympy.pi, 1 / sympy.pi, sympy.sqrt(2), sympy.sqrt(2) / 2, 1 / sympy.sqrt(2 * sympy.pi)),
    sympy.E,
)


@dataclass(frozen=True)
class Fit:
    """An expression in the inputs and in constants k0, k1, ... with values, and the mean square it leaves."""

    shape: sympy.Expr
    values: dict[sympy.Symbol, float]
    loss: float

    @property
    def written(self) -> sympy.Expr:
        """With its numbers."""
        return self.shape.xreplace({name: sympy.Float(value, 17) for name, value in self.values.items()})


def inputs_of(names: Sequence[str]) -> list[sympy.Symbol]:
    return [sympy.Symbol(name, real=True) for name in names]


def expression(form: Form, theta: Tensor, inputs: Sequence[sympy.Symbol], scale: float) -> sympy.Expr:
    """What a form without series is, times `scale`, with numbers of 17 digits; sums are multiplied out."""
    nodes: dict[tuple[int, int], sympy.Expr] = {(0, i): one for i, one in enumerate(inputs)}
    for place, part in form.parts.items():
        layer, i, j = place
        own = theta[:, form.slices[place]]
        leaving = _edge(part, own, nodes[layer, i], *form.ranges.get((layer, i), (0.0, 1.0)))
        if (before := nodes.get((layer + 1, j))) is None:
            nodes[layer + 1, j] = leaving
        else:
            nodes[layer + 1, j] = before * leaving if (layer, j) in form.products else before + leaving
    return sympy.expand(sympy.Float(scale, 17) * list(nodes.values())[-1])


def _edge(part: object, own: Tensor, entering: sympy.Expr, middle: float, half: float) -> sympy.Expr:
    if isinstance(part, Pass):
        return entering
    if isinstance(part, Level):
        return sympy.Float(float(own), 17)
    assert isinstance(part, Named)
    a, b, c, d = (float(number) for number in part.constants(own))
    z = sympy.expand(sympy.Float(b / half, 17) * entering + sympy.Float(c - b * middle / half, 17))
    there = sympy.sympify(part.symbol.formula, locals={"z": z})
    return sympy.Float(a, 17) * there + sympy.Float(d, 17)


def named(written: sympy.Expr) -> tuple[sympy.Expr, dict[sympy.Symbol, float]]:
    """The same with its decimal numbers named k0, k1, ..., and their values."""
    numbers = sorted(written.atoms(sympy.Float), key=lambda number: str(number))
    names = {number: sympy.Symbol(f"k{i}", real=True) for i, number in enumerate(numbers)}
    return written.xreplace(names), {name: float(number) for number, name in names.items()}


def refit(
    shape: sympy.Expr, values: Mapping[sympy.Symbol, float], inputs: Sequence[sympy.Symbol], x: Tensor, y: Tensor
) -> Fit:
    """Constants trained together, from these values, on inputs x (n, samples) and targets y (samples,)."""
    names = sorted(values, key=str)
    function = sympy.lambdify([*names, *inputs], sympy.N(shape, 17), modules=MODULES)
    root = len(y) ** 0.5 * float(y.std())

    def residuals(theta: Tensor) -> Tensor:
        columns = [theta[:, place] for place in range(len(names))]
        found = function(*columns, *(row[None] for row in x))
        return (torch.as_tensor(found, dtype=torch.float64).expand(len(theta), len(y)) - y) / root

    start = torch.tensor([[values[name] for name in names]], dtype=torch.float64)
    if not names:
        loss = residuals(start.unsqueeze(-1)).square().sum(1).nan_to_num(torch.inf)
        return Fit(shape, {}, float(loss))
    theta, loss = minimized(residuals, start, len(y), STEPS, floor=1e-33)
    return Fit(shape, dict(zip(names, theta[0].tolist(), strict=True)), float(loss))


def bits(fit: Fit, samples: int) -> float:
    """Length of the description: n/2 log2(mean square), operations and variables, simple numbers and free ones."""
    count = 2.0 * sum(1 for _ in sympy.preorder_traversal(fit.shape))
    simple = [n for n in fit.shape.atoms(sympy.Rational) if n not in (0, 1, -1, 2, sympy.Rational(1, 2))]
    count += NUMBER * len(simple) + max(math.log2(samples) / 2, NUMBER + 2) * 2 * len(fit.values)
    return samples / 2 * math.log2(max(fit.loss, EXACT)) + count


def simplest(fit: Fit, inputs: Sequence[sympy.Symbol], x: Tensor, y: Tensor) -> Fit:
    """The fit with terms dropped and numbers made simple, as long as that shortens the description.

    After each change all that is left is trained again: numbers that others can make up for become 1 or 0 by this.
    """
    changed = True
    while changed:
        changed = False
        for name in sorted(fit.values, key=lambda one: (abs(fit.values[one]), str(one))):
            if name not in fit.values:
                continue
            for number in simple_numbers(fit.values[name]):
                other = _set(fit, name, number, inputs, x, y)
                if other is not None and bits(other, len(y)) < bits(fit, len(y)):
                    fit, changed = other, True
                    break
    return fit


def _set(
    fit: Fit, name: sympy.Symbol, number: sympy.Expr, inputs: Sequence[sympy.Symbol], x: Tensor, y: Tensor
) -> Fit | None:
    shape = fit.shape.xreplace({name: number})
    if shape.has(sympy.zoo, sympy.nan, sympy.oo, sympy.I):
        return None
    values = {other: value for other, value in fit.values.items() if shape.has(other)}
    try:
        return refit(shape, values, inputs, x, y)
    except (ZeroDivisionError, OverflowError, TypeError, ValueError):  # sympy found no real number there
        return None


def simple_numbers(value: float) -> list[sympy.Expr]:
    """0, 1 and -1, and what simple numbers and multiples of pi and e lie near a value, the simplest first."""
    found: list[sympy.Expr] = [sympy.Integer(0), sympy.Integer(1), sympy.Integer(-1)]
    for unit in UNITS:
        size = float(unit)
        ratio = value / size
        if not 1e-6 < abs(ratio) < 1e6:
            continue
        near = Fraction(ratio).limit_denominator(12)
        if near and abs(float(near) / ratio - 1) < 0.02:
            found.append(sympy.Rational(near.numerator, near.denominator) * unit)
    return found


def finished(form: Form, theta: Tensor, names: Sequence[str], scale: float, x: Tensor, y: Tensor) -> Fit:
    """The simplest expression that a form of symbols comes to, for inputs x (n, samples), targets y (samples,)."""
    inputs = inputs_of(names)
    fit = refit(*named(expression(form, theta, inputs, scale)), inputs, x, y)
    fit = simplest(fit, inputs, x, y)
    again = named(sympy.expand(fit.written))
    merged = refit(*again, inputs, x, y)
    if bits(merged, len(y)) <= bits(fit, len(y)):
        fit = simplest(merged, inputs, x, y)
    return fit
