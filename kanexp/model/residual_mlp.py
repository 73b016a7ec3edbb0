"""A multilayer perceptron with a way around every layer: a baseline for residual KANs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from kanexp.layer.base import Basis
from kanexp.model.activation import Activation
from kanexp.model.base import Model
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.network import Network
from kanexp.model.residual import Residual


@dataclass(frozen=True)
class ResidualMLP(Model):
    """An MLP whose linear layers, each after its activation, add to what goes around both.

    As model=residual_kan with a fixed function in the place of learned ones: skip linear has a matrix at every layer,
    skip none leaves a plain MLP, and with norm layer each layer but the first sees normalized inputs.

    Source: activation before weights, He et al. 2016, https://arxiv.org/abs/1603.05027
    """

    activation: Literal["silu", "relu", "gelu", "tanh"] = "silu"
    skip: Literal["identity", "linear", "none"] = "identity"
    norm: Literal["none", "layer"] = "none"

    @property
    def uses_layer(self) -> bool:
        return False

    def bases(self, layers: Sequence[Basis], depth: int) -> list[Basis]:
        return [Activation(name="identity"), *[Activation(name=self.activation)] * (depth - 1)]

    def network(self, widths: Sequence[int], *layers: Basis) -> Network:
        bases = self.bases(layers, len(widths) - 1)
        edges = [EdgeLayer(b, n_in, n_out) for b, (n_in, n_out) in zip(bases, pairwise(widths), strict=True)]
        return Network(edges, Residual(tuple(widths), self.skip, self.norm == "layer"))
