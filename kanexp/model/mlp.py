"""The multilayer perceptron: the baseline every comparison needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from kanexp.layer.base import Basis
from kanexp.model.activation import Activation
from kanexp.model.base import Model
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.network import Network


@dataclass(frozen=True)
class MLP(Model):
    """Linear layers with one fixed activation between them.

    Source: torch.nn.Linear's start under init=default
    """

    activation: Literal["silu", "relu", "gelu", "tanh"] = "silu"

    @property
    def uses_layer(self) -> bool:
        return False

    def bases(self, layers: Sequence[Basis], depth: int) -> list[Basis]:
        return [Activation(name="identity"), *[Activation(name=self.activation)] * (depth - 1)]

    def network(self, widths: Sequence[int], *layers: Basis) -> Network:
        bases = self.bases(layers, len(widths) - 1)
        return Network([EdgeLayer(b, n_in, n_out) for b, (n_in, n_out) in zip(bases, pairwise(widths), strict=True)])
