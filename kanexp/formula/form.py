"""Form: a small network in which every edge is a series or a symbol, and a node adds or multiplies what arrives."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import torch
from torch import Tensor

from kanexp.formula.symbol import Symbol

Place: TypeAlias = tuple[int, int, int]  # layer, input, output, from 0
# Middle and half width of what arrives at a node, numbers or (rows, 1).
Range: TypeAlias = tuple[float, float] | tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Series:
    """sum_m c_m T_m(t), m = 0..degree, of Chebyshev polynomials: an edge that nobody has read yet."""

    degree: int

    @property
    def size(self) -> int:
        return self.degree + 1

    def value(self, own: Tensor, t: Tensor) -> Tensor:
        """(rows, samples) for numbers own (rows, size, samples or 1) at t (rows, samples)."""
        return (own * self.terms(t)).sum(1)

    def terms(self, t: Tensor) -> Tensor:
        """T_m(t), (rows, size, samples), for t (rows, samples)."""
        terms = [torch.ones_like(t), t]
        for _ in range(2, self.size):
            terms.append(2 * t * terms[-1] - terms[-2])
        return torch.stack(terms[: self.size], 1)


@dataclass(frozen=True)
class Named:
    """a f(b t + c) + d, whose numbers are a, d and those of b and c that are free; b that is not is `side`."""

    symbol: Symbol
    side: float = 1.0

    @property
    def size(self) -> int:
        return 2 + len(self.symbol.free)

    def value(self, own: Tensor, t: Tensor) -> Tensor:
        a, b, c, d = self.constants(own)
        return a * self.symbol.value(b * t + c) + d

    def constants(self, own: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """a, b, c, d, of the shape of own[:, 0]."""
        free = {name: own[:, 2 + place] for place, name in enumerate(self.symbol.free)}
        a, d = own[:, 0], own[:, 1]
        return a, free.get("b", torch.full_like(a, self.side)), free.get("c", torch.zeros_like(a)), d


@dataclass(frozen=True)
class Level:
    """A number: an edge that says nothing of what arrives."""

    size: int = 1

    def value(self, own: Tensor, t: Tensor) -> Tensor:
        return own[:, 0] + torch.zeros_like(t)


@dataclass(frozen=True)
class Pass:
    """What arrives, unchanged."""

    size: int = 0


NUMBERS = 100
LOWEST, HIGHEST = 9, 15  # degrees of series
Part: TypeAlias = Series | Named | Level | Pass
Terms: TypeAlias = Mapping[int, Tensor]  # of series, by the input that enters them


@dataclass(frozen=True)
class Form:
    """Edges by their place, which nodes multiply (layer, output), and the ranges of what arrives (layer, input).

    An edge sees t = (x - middle) / half of its node's range. Places without an edge are left out.
    """

    parts: Mapping[Place, Part]
    ranges: Mapping[tuple[int, int], Range]
    products: frozenset[tuple[int, int]] = frozenset()

    @cached_property
    def slices(self) -> dict[Place, slice]:
        """Where in the numbers of a row each edge's own are."""
        found, begin = {}, 0
        for place, part in self.parts.items():
            found[place] = slice(begin, begin + part.size)
            begin += part.size
        return found

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts.values())

    @property
    def unread(self) -> list[Place]:
        return [place for place, part in self.parts.items() if isinstance(part, Series)]

    def terms(self, x: Tensor) -> Terms:
        """The terms of the series that inputs x (n, samples) enter: they are the same in every step."""
        entered = {place[1]: part for place, part in self.parts.items() if place[0] == 0 and isinstance(part, Series)}
        return {
            i: part.terms((x[i : i + 1] - self.ranges[0, i][0]) / self.ranges[0, i][1]) for i, part in entered.items()
        }

    def nodes(self, theta: Tensor, x: Tensor, terms: Terms | None = None) -> dict[tuple[int, int], Tensor]:
        """What arrives at each node (layer, input), (rows, samples), for x (n, samples) and their `terms`.

        theta is (rows, size, samples or 1). The last layer's one output is the last of them.
        """
        terms = self.terms(x) if terms is None else terms
        values = {(0, i): row.expand(len(theta), -1) for i, row in enumerate(x)}
        for (layer, i, j), part in self.parts.items():
            entering = values[layer, i]
            if isinstance(part, Pass):
                leaving = entering
            elif layer == 0 and isinstance(part, Series):
                leaving = (theta[:, self.slices[layer, i, j]] * terms[i]).sum(1)
            else:
                middle, half = self.ranges[layer, i]
                leaving = part.value(theta[:, self.slices[layer, i, j]], (entering - middle) / half)
            if (before := values.get((layer + 1, j))) is None:
                values[layer + 1, j] = leaving
            else:
                values[layer + 1, j] = before * leaving if (layer, j) in self.products else before + leaving
        return values

    def __call__(self, theta: Tensor, x: Tensor, terms: Terms | None = None) -> Tensor:
        """Outputs (rows, samples)."""
        return list(self.nodes(theta, x, terms).values())[-1]

    def with_part(self, place: Place, part: Part, numbers: Tensor, theta: Tensor) -> tuple["Form", Tensor]:
        """This form with another part at a place, and theta (rows, size) with its numbers (rows, part.size) there."""
        own = self.slices[place]
        made = replace(self, parts={**self.parts, place: part})
        return made, torch.cat([theta[:, : own.start], numbers, theta[:, own.stop :]], 1)


@dataclass(frozen=True)
class Factor:
    """F(sum_i g_i(x_i) + sum_k prod_i p_ki(x_i)): with the first sum or not, so many products, an outer F or not."""

    total: bool = False
    products: int = 0
    outer: bool = False

    @property
    def hidden(self) -> int:
        """Nodes whose sum it is of."""
        return self.total + self.products


Shape: TypeAlias = tuple[Factor, ...]


def form(ranges: list[Range], shape: Shape, degree: int | None = None) -> Form:
    """y = the product of factors, each of all inputs, with series on its edges.

    Where no degree is given, it is as high as about NUMBERS in all allow; that of an outer function, with which others
    are hard to train, stays low.

    Source of nodes that multiply: Liu et al. 2024, KAN 2.0, https://arxiv.org/abs/2408.10205
    """
    edges = sum(one.hidden for one in shape) * len(ranges)
    degree = min(max(NUMBERS // edges - 1, LOWEST), HIGHEST) if degree is None else degree
    parts: dict[Place, Part] = {}
    joined: dict[Place, Part] = {}
    many, first = set(), 0
    for place, factor in enumerate(shape):
        hidden = range(first, first + factor.hidden)
        first += factor.hidden
        parts |= {(0, i, j): Series(degree) for j in hidden for i in range(len(ranges))}
        joined |= {(1, j, place): Pass() for j in hidden}
        many |= {(0, j) for j in hidden[factor.total :]}
    outers: dict[Place, Part] = {
        (2, f, f): Series(min(degree, LOWEST)) if one.outer else Pass() for f, one in enumerate(shape)
    }
    last: dict[Place, Part] = {(3, f, 0): Pass() for f in range(len(shape))}
    inside = {(0, i): one for i, one in enumerate(ranges)} | {(2, f): (0.0, 1.0) for f in range(len(shape))}
    return Form(parts | joined | outers | last, inside, frozenset(many | {(3, 0)}))
