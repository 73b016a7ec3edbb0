"""ActNet: one learned function for every node, of all of its inputs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Generator, Tensor

from kanexp.error import require
from kanexp.layer.base import Basis, normal
from kanexp.model.base import Model, one_each
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.network import Network
from kanexp.model.wiring import Apply, Wiring


@dataclass(frozen=True)
class Mixing(Wiring):
    """y_k = bias_k + sum over inputs i of lambda_ki phi_k(x_i), from omega times the inputs of the network on.

    An edge layer has one input and all functions of a level as its outputs; its columns are the inputs, one by one.
    """

    widths: tuple[int, ...]
    omega: float

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        pairs = list(enumerate(pairwise(self.widths)))
        shapes: dict[str, tuple[int, ...]] = {f"mix.{i}": (n_out, n_in) for i, (n_in, n_out) in pairs}
        return shapes | {f"bias.{i}": (n_out,) for i, (_, n_out) in pairs}

    def start(self, generator: Generator) -> dict[str, Tensor]:
        """lambda ~ N(0, 1/n_in), which keeps the size of the signal, and no bias."""
        return {
            name: normal(shape, shape[1] ** -0.5, generator) if len(shape) > 1 else torch.zeros(shape).double()
            for name, shape in self.shapes.items()
        }

    def run(self, x: Tensor, layers: Sequence[Apply], own: Mapping[str, Tensor]) -> Tensor:
        x = self.omega * x
        for i, layer in enumerate(layers):
            each = layer(x.flatten(1).unsqueeze(1)).unflatten(2, x.shape[1:])  # (seeds, n_out, n_in, batch)
            x = torch.einsum("soi,soib->sob", own[f"mix.{i}"], each) + own[f"bias.{i}"].unsqueeze(-1)
        return x

    def flops(self, layers: Sequence[int]) -> int:
        pairs = zip(layers, pairwise(self.widths), strict=True)
        return sum(n_in * layer + 2 * n_out * n_in for layer, (n_in, n_out) in pairs)


@dataclass(frozen=True)
class ActNet(Model):
    """Layers y_k = sum_i lambda_ki phi_k(x_i), with a function phi_k of layer= for every node k, not for every edge.

    The paper's functions are those of layer=sine, with four terms;
    its linear layers before the first and after the last are left out, as in jaxKAN. `omega` multiplies the inputs.

    Source: Guilhoto and Perdikaris 2024, https://arxiv.org/abs/2410.01990; jaxKAN
    """

    omega: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        require((0 < self.omega < math.inf, f"omega must be positive, got {self.omega}"))

    def bases(self, layers: Sequence[Basis], depth: int) -> list[Basis]:
        return one_each(layers, depth)

    def network(self, widths: Sequence[int], *layers: Basis) -> Network:
        bases = self.bases(layers, len(widths) - 1)
        edges = [EdgeLayer(basis, 1, n_out, bias=False) for basis, n_out in zip(bases, widths[1:], strict=True)]
        return Network(edges, Mixing(tuple(widths), self.omega))
