"""A Kolmogorov-Arnold network some of whose nodes multiply."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.layer.base import Basis
from kanexp.model.base import Model, one_each
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.network import Network
from kanexp.model.wiring import Apply, Wiring


@dataclass(frozen=True)
class Multiplying(Wiring):
    """One layer after the other; of what leaves a hidden one, the last outputs are multiplied, `arity` at a time."""

    products: tuple[int, ...]  # after each layer, how many
    arity: int

    direct = True

    @property
    def row(self) -> bool:
        return False

    def run(self, x: Tensor, layers: Sequence[Apply], own: Mapping[str, Tensor]) -> Tensor:
        for layer, products in zip(layers, self.products, strict=True):
            x = layer(x)
            if products:
                sums, factors = x[:, : -products * self.arity], x[:, -products * self.arity :]
                # One by one: the slope of torch's own product is found by dividing, of zeros too.
                first, *others = factors.unflatten(1, (products, self.arity)).unbind(2)
                for factor in others:
                    first = first * factor
                x = torch.cat([sums, first], dim=1)
        return x


@dataclass(frozen=True)
class MultKAN(Model):
    """A KAN in which a share of the nodes of each hidden layer multiply as many inputs as `arity` says, others add.

    Each factor is a sum of edge functions of its own. Widths count nodes; of a layer's the share is rounded.

    Source: Liu et al. 2024 (KAN 2.0), https://arxiv.org/abs/2408.10205; pykan's MultKAN
    """

    share: float = 0.5
    arity: int = 2

    def __post_init__(self):
        super().__post_init__()
        require(
            (0 <= self.share <= 1, f"share must be between 0 and 1, got {self.share}"),
            (2 <= self.arity <= 8, f"arity must be between 2 and 8, got {self.arity}"),
        )

    def bases(self, layers: Sequence[Basis], depth: int) -> list[Basis]:
        return one_each(layers, depth)

    def network(self, widths: Sequence[int], *layers: Basis) -> Network:
        products = [*(round(self.share * n) for n in widths[1:-1]), 0]
        bases, pairs = self.bases(layers, len(widths) - 1), pairwise(widths)
        edges = [
            EdgeLayer(basis, n_in, n_out + (self.arity - 1) * multiplied)
            for basis, (n_in, n_out), multiplied in zip(bases, pairs, products, strict=True)
        ]
        return Network(edges, Multiplying(tuple(products), self.arity))
