"""Form: a small network in which every edge is a series or a symbol, and a node adds or multiplies what arrives."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import torch
from torch import Tensor

from kanexp.formula.symbol import Symbol

Place: TypeAlias = tuple[int, int, int]  # layer, input, output, from 0
Range: TypeAlias = tuple[float, float]  # middle and half width of what arrives at a node


@dataclass(frozen=True)
class Series:
    """sum_m c_m T_m(t), m = 0..degree, of Chebyshev polynomials: an edge that nobody has read yet."""

    degree: int = 9

    @property
    def size(self) -> int:
        return self.degree + 1

    def value(self, own: Tensor, t: Tensor) -> Tensor:
        """(rows, samples) for numbers own (rows, size, samples or 1) at t (rows, samples)."""
        terms = [torch.ones_like(t), t]
        for _ in range(2, self.size):
            terms.append(2 * t * terms[-1] - terms[-2])
        return (own * torch.stack(terms[: self.size], 1)).sum(1)


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


Part: TypeAlias = Series | Named | Level | Pass


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

    def nodes(self, theta: Tensor, x: Tensor) -> dict[tuple[int, int], Tensor]:
        """What arrives at each node (layer, input), (rows, samples), for x (n, samples).

        theta is (rows, size, samples or 1). The last layer's one output is the last of them.
        """
        values = {(0, i): row.expand(len(theta), -1) for i, row in enumerate(x)}
        for (layer, i, j), part in self.parts.items():
            entering = values[layer, i]
            if isinstance(part, Pass):
                leaving = entering
            else:
                middle, half = self.ranges[layer, i]
                leaving = part.value(theta[:, self.slices[layer, i, j]], (entering - middle) / half)
            if (before := values.get((layer + 1, j))) is None:
                values[layer + 1, j] = leaving
            else:
                values[layer + 1, j] = before * leaving if (layer, j) in self.products else before + leaving
        return values

    def __call__(self, theta: Tensor, x: Tensor) -> Tensor:
        """Outputs (rows, samples)."""
        return list(self.nodes(theta, x).values())[-1]

    def with_part(self, place: Place, part: Part, numbers: Tensor, theta: Tensor) -> tuple["Form", Tensor]:
        """This form with another part at a place, and theta (rows, size) with its numbers (rows, part.size) there."""
        own = self.slices[place]
        made = replace(self, parts={**self.parts, place: part})
        return made, torch.cat([theta[:, : own.start], numbers, theta[:, own.stop :]], 1)


def form(ranges: list[Range], total: bool, products: int, outer: bool, degree: int = 9) -> Form:
    """y = F(sum_i g_i(x_i) + sum_k prod_i p_ki(x_i)): with the first sum or not, so many products, an outer F or not.

    Source of nodes that multiply: Liu et al. 2024, KAN 2.0, https://arxiv.org/abs/2408.10205
    """
    parts: dict[Place, Part] = {}
    inputs, hidden = range(len(ranges)), range(total + products)
    for j in hidden:
        parts |= {(0, i, j): Series(degree) for i in inputs}
    if len(hidden) > 1:
        parts |= {(1, j, 0): Pass() for j in hidden}
    last = 2 if len(hidden) > 1 else 1
    if outer:
        parts[last, 0, 0] = Series(degree)
    many = frozenset((0, j) for j in hidden if j >= total)
    return Form(parts, {(0, i): one for i, one in enumerate(ranges)} | {(last, 0): (0.0, 1.0)}, many)
