"""A form of symbols as an expression of sympy, its numbers trained once more, dropped and made simple."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import sympy
import torch
from torch import Tensor

from kanexp.formula.computed import computed
from kanexp.formula.form import Form, Level, Named, Pass
from kanexp.formula.least_squares import EachSample, Residuals, minimized
from kanexp.formula.symbol import Symbol

STEPS = 60
EXACT = 1e-26  # mean square, relative to the targets', that is rounding: below it a simpler formula is always better
NEAR = 1e-5  # relative distance of a number from a simple one, below which it is tried with all others of this kind
DOUBT = 100.0  # times that the loss may rise less than is foreseen
FLAT = 1e-13  # times the largest slope squared, below which a direction changes nothing
LONGER = 4  # times that an expression may become longer when it is multiplied out
NUMBER = 6.0  # bits of a simple number; one that is free has log2(n)/2
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


def expression(form: Form, theta: Tensor, inputs: Sequence[sympy.Expr], scale: float) -> sympy.Expr:
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
    return _spread(sympy.Float(scale, 17) * list(nodes.values())[-1])


def _spread(written: sympy.Expr) -> sympy.Expr:
    """With sums multiplied out, where that does not make it many times as long."""
    spread = sympy.expand(written)
    return spread if sympy.count_ops(spread) <= LONGER * sympy.count_ops(written) else written


def _edge(part: object, own: Tensor, entering: sympy.Expr, middle: float, half: float) -> sympy.Expr:
    if isinstance(part, Pass):
        return entering
    if isinstance(part, Level):
        return sympy.Float(float(own), 17)
    assert isinstance(part, Named)
    a, b, c, d = (float(number) for number in part.constants(own))
    z = sympy.expand(sympy.Float(b / half, 17) * entering + sympy.Float(c - b * middle / half, 17))
    return sympy.Float(a, 17) * part.symbol.written(z) + sympy.Float(d, 17)


def named(written: sympy.Expr) -> tuple[sympy.Expr, dict[sympy.Symbol, float]]:
    """The same with its decimal numbers named k0, k1, ..., and their values."""
    numbers = sorted(written.atoms(sympy.Float), key=lambda number: str(number))
    names = {number: sympy.Symbol(f"k{i}", real=True) for i, number in enumerate(numbers)}
    return written.xreplace(names), {name: float(number) for number, name in names.items()}


@dataclass(frozen=True)
class Data:
    """What expressions are fitted to: the inputs' names and values (n, samples), targets (samples,)."""

    inputs: Sequence[sympy.Symbol]
    x: Tensor
    y: Tensor
    symbols: Sequence[Symbol] = ()  # that an expression may call by their names

    def residuals(self, shape: sympy.Expr, names: Sequence[sympy.Symbol]) -> Residuals:
        """Of an expression whose constants are the numbers of a row; their squares add up to the relative loss."""
        function = computed([*names, *self.inputs], shape, self.symbols)
        samples = len(self.y)
        root = samples**0.5 * (float(self.y.std()) or 1.0)

        def found(theta: Tensor) -> Tensor:
            columns = [theta[:, place] for place in range(len(names))]
            values = torch.as_tensor(function(*columns, *(row[None] for row in self.x)), dtype=torch.float64)
            return (values.expand(len(theta), samples) - self.y) / root

        return found


def refit(shape: sympy.Expr, values: Mapping[sympy.Symbol, float], data: Data) -> Fit:
    """Constants trained together, from these values."""
    names = sorted(values, key=str)
    residuals = data.residuals(shape, names)
    start = torch.tensor([[values[name] for name in names]], dtype=torch.float64)
    if not names:
        return Fit(shape, {}, float(residuals(start.unsqueeze(-1)).square().sum(1).nan_to_num(torch.inf)))
    theta, loss = minimized(residuals, start, len(data.y), STEPS, floor=1e-33)
    return Fit(shape, dict(zip(names, theta[0].tolist(), strict=True)), float(loss))


def bits(fit: Fit, samples: int) -> float:
    """Length of the description: n/2 log2(mean square), operations and variables, simple numbers and free ones."""
    count = 2.0 * sum(1 for _ in sympy.preorder_traversal(fit.shape))
    simple = [n for n in fit.shape.atoms(sympy.Rational) if n not in (0, 1, -1, 2, sympy.Rational(1, 2))]
    count += NUMBER * len(simple) + max(math.log2(samples) / 2, NUMBER + 2) * 2 * len(fit.values)
    return samples / 2 * math.log2(max(fit.loss, EXACT)) + count


def simplest(fit: Fit, data: Data) -> Fit:
    """The fit with terms dropped and numbers made simple, as long as that shortens the description.

    After each change all that is left is trained again: numbers that others can make up for become 1 or 0 by this.
    """
    fit = _all_at_once(fit, data)
    changed = True
    while changed:
        changed = False
        stiff = _stiffness(fit, data)
        for name in sorted(fit.values, key=lambda one: (abs(fit.values[one]), str(one))):
            for number in simple_numbers(fit.values[name]):
                # Where all others make up for it as well as they can; a hundredth, because that is a linear model.
                price = stiff[name] * (float(number) - fit.values[name]) ** 2 / DOUBT
                hoped = replace(fit, shape=fit.shape.xreplace({name: number}), loss=fit.loss + price)
                if bits(hoped, len(data.y)) >= bits(fit, len(data.y)) + NUMBER:
                    continue
                other = _set(fit, {name: number}, data)
                if other is not None and bits(other, len(data.y)) < bits(fit, len(data.y)):
                    fit, changed = other, True
                    break
            if changed:
                break
    return fit


def _all_at_once(fit: Fit, data: Data) -> Fit:
    """The fit with every number simple that nearly is one, where that is as good: what is exact mostly is."""
    near = {}
    for name, value in fit.values.items():
        numbers = [one for one in simple_numbers(value) if abs(float(one) - value) < NEAR * max(1.0, abs(value))]
        if numbers:
            near[name] = numbers[0]
    other = _set(fit, near, data) if near else None
    return other if other is not None and bits(other, len(data.y)) < bits(fit, len(data.y)) else fit


def _stiffness(fit: Fit, data: Data) -> dict[sympy.Symbol, float]:
    """By what the loss rises with the square of a number's change, all others trained again, of a linear model.

    Source: Hassibi and Stork 1992, optimal brain surgeon,
    https://papers.nips.cc/paper/1992/hash/303ed4c69846ab36c2904d3ba8573050-Abstract.html
    """
    names = sorted(fit.values, key=str)
    if not names:
        return {}
    theta = torch.tensor([[fit.values[name] for name in names]], dtype=torch.float64)
    jacobian = EachSample(data.residuals(fit.shape, names), len(data.y)).jacobian(theta)[1][0]
    if not bool(jacobian.isfinite().all()):
        return dict.fromkeys(names, 0.0)
    sizes, directions = torch.linalg.eigh(jacobian @ jacobian.T)
    flat = sizes <= FLAT * sizes[-1]
    free = directions.square()[:, flat].sum(1) > 1e-4
    inverse = (directions.square()[:, ~flat] / sizes[~flat]).sum(1)
    stiff = torch.where(free, 0.0, 1 / (inverse + 1e-300))
    return dict(zip(names, stiff.tolist(), strict=True))


def _set(fit: Fit, numbers: Mapping[sympy.Symbol, sympy.Expr], data: Data) -> Fit | None:
    shape = fit.shape.xreplace(dict(numbers))
    if shape.has(sympy.zoo, sympy.nan, sympy.oo, sympy.I):
        return None
    values = {other: value for other, value in fit.values.items() if shape.has(other)}
    try:
        return refit(shape, values, data)
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


def finished(form: Form, theta: Tensor, inputs: Sequence[sympy.Expr], scale: float, data: Data) -> Fit:
    """The simplest expression that a form of symbols comes to; `inputs` are what goes into it."""
    fit = refit(*named(expression(form, theta, inputs, scale)), data)
    fit = simplest(fit, data)
    merged = refit(*named(_spread(fit.written)), data)
    if bits(merged, len(data.y)) <= bits(fit, len(data.y)):
        fit = simplest(merged, data)
    return fit
