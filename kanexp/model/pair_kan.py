"""A network of learned functions of two inputs, which are tables where layer= is piecewise_linear."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.layer.base import Basis
from kanexp.layer.bspline import BSpline
from kanexp.model.base import Model, one_each
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.network import Network
from kanexp.model.table import TableLayer
from kanexp.model.wiring import Apply, Wiring

MOST_INPUTS = 256  # every pair of them is a layer


@dataclass(frozen=True)
class Pairs(Wiring):
    """On each level y_q = sum over pairs of f_q(a, b) / sqrt(pairs), f_q(a, b) = sum_r B_r(tanh a) phi_qr(b).

    Pairs are neighbours, (0, 1), (2, 3) and so on; the last of an odd number goes with the first. Edge layers are the
    phi of each pair of the first level, then of the second.
    """

    widths: tuple[int, ...]  # inputs of each level
    rows: BSpline

    @property
    def pairs(self) -> list[list[tuple[int, int]]]:
        """The two inputs of every pair of each level."""
        return [[(a, (a + 1) % width) for a in range(0, width, 2)] for width in self.widths]

    def run(self, x: Tensor, layers: Sequence[Apply], own: Mapping[str, Tensor]) -> Tensor:
        return self.levels(x, layers)[-1]

    def levels(self, x: Tensor, layers: Sequence[Apply]) -> list[Tensor]:
        """What enters each level, and last what leaves: (seeds or 1, width, batch) each."""
        values = [x]
        remaining, row = iter(layers), EdgeLayer(self.rows, 1, 1)
        for pairs in self.pairs:
            of_rows = row.features(x[:, ::2], seen=row.seen(x[:, ::2]))  # (seeds or 1, rows, pairs, batch)
            found = []
            for p, (_, b) in enumerate(pairs):
                phi = next(remaining)(x[:, b : b + 1]).unflatten(1, (-1, self.rows.terms))
                found.append((phi * of_rows[:, None, :, p]).sum(2))
            x = torch.stack(found).sum(0) / math.sqrt(len(pairs))
            values.append(x)
        return values

    def names(self, layers: int) -> list[str]:
        return [f"level {i + 1} pair {p + 1}" for i, pairs in enumerate(self.pairs) for p in range(len(pairs))]


@dataclass(frozen=True)
class PairKAN(Model):
    """A KAN whose functions are of two inputs: B-splines of one times functions of layer= of the other, all summed.

    `rows` intervals on tanh of the first input, splines of `order`; with order 1 and layer=piecewise_linear each
    function is a table of values between which it is bilinear. reg=hessian penalizes how they bend.

    Source: lookup multivariate Kolmogorov-Arnold networks, Pozdnyakov and Schwaller 2025,
    https://arxiv.org/abs/2509.07103, whose tables have a grid of their own in both inputs
    """

    rows: int = 5
    order: int = 2

    def __post_init__(self):
        super().__post_init__()
        require(
            (self.rows >= 1, f"rows must be at least 1, got {self.rows}"),
            (1 <= self.order <= 5, f"order must be between 1 and 5, got {self.order}"),
        )

    @property
    def kinks(self) -> bool:
        return self.order == 1

    def bases(self, layers: Sequence[Basis], depth: int) -> list[Basis]:
        return one_each(layers, depth)

    def network(self, widths: Sequence[int], *layers: Basis) -> Network:
        rows = BSpline(intervals=self.rows, order=self.order, bound="tanh", residual="none", scale=False)
        wiring = Pairs(tuple(widths[:-1]), rows)
        tables = [
            TableLayer(basis, 1, n_out * rows.terms, rows=rows)
            for basis, n_out, pairs in zip(self.bases(layers, len(wiring.pairs)), widths[1:], wiring.pairs, strict=True)
            for _ in pairs
        ]
        return Network(tables, wiring)

    def conflict(self, inputs: int) -> str:
        entering = inputs + 2 * self.frequencies
        if entering > MOST_INPUTS:
            return f"it has a layer for every pair of inputs, of at most {MOST_INPUTS}, got {entering}; use model=kan"
        return ""
