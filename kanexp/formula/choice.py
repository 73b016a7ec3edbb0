"""Choices: of each edge of a form all symbols that it may be, how well each fits, and which was taken."""

from collections.abc import Sequence
from dataclasses import dataclass

import sympy
from torch import Tensor

from kanexp.formula.form import Form, Level, Named
from kanexp.formula.reading import Read, candidates
from kanexp.formula.symbol import Symbol


@dataclass(frozen=True)
class Choice:
    """A symbol on the curve of an edge: R^2 of its best fit, whether the formula has it there, why it is refused."""

    edge: str  # layer, node it comes from and node it goes to, from 0
    entering: str
    symbol: str
    r2: float
    bits: float
    chosen: bool
    refused: str


def choices(
    begun: Read, x: Tensor, read: Form, inputs: Sequence[sympy.Expr], symbols: Sequence[Symbol]
) -> tuple[Choice, ...]:
    """Of a form of series at inputs x (n, samples), and the form that it was read as."""
    form = begun.form
    nodes = form.nodes(begun.theta.unsqueeze(-1), x)
    found = []
    for place, those in zip(form.unread, candidates(form, begun.theta, nodes, symbols), strict=True):
        layer, i, j = place
        entering = str(inputs[i]) if layer == 0 else "what is inside"
        taken = read.parts[place]
        name = taken.symbol.name if isinstance(taken, Named) else ""
        edge = f"{layer}: {i} to {j}"
        level = isinstance(taken, Level)
        found.append(Choice(edge, entering, "a number", 0.0, 0.0, level, ""))
        for one in those:
            symbol = one.symbol
            found.append(Choice(edge, entering, symbol.name, one.r2, symbol.bits, symbol.name == name, one.refused))
    return tuple(found)
