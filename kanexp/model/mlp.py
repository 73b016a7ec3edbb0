"""The multilayer perceptron: the baseline every comparison needs."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor
from torch.nn import functional

from kanexp.layer.base import Basis, uniform
from kanexp.model.base import Model
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.network import Network

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": torch.clone,
    "silu": functional.silu,
    "relu": functional.relu,
    "gelu": functional.gelu,
    "tanh": torch.tanh,
}


@dataclass(frozen=True)
class Activation(Basis):
    """One fixed function as a basis of one term: a linear layer after it is an edge layer."""

    name: str = "identity"

    @property
    def terms(self) -> int:
        return 1

    @property
    def orders(self) -> None:
        return None

    def features(self, x: Tensor) -> Tensor:
        return ACTIVATIONS[self.name](x).unsqueeze(-3)

    def draw_coef(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """U(+-1/sqrt(n_in)), as torch.nn.Linear."""
        return uniform((n_out, 1, n_in), 1 / math.sqrt(n_in), generator)

    def draw_bias(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """U(+-1/sqrt(n_in)), as torch.nn.Linear."""
        return uniform((n_out,), 1 / math.sqrt(n_in), generator)


@dataclass(frozen=True)
class MLP(Model):
    """Linear layers with one fixed activation between them.

    Source: torch.nn.Linear's start under init=default
    """

    uses_layer: ClassVar[bool] = False
    activation: Literal["silu", "relu", "gelu", "tanh"] = "silu"

    def bases(self, layer: Basis, depth: int) -> list[Basis]:
        return [Activation(name="identity"), *[Activation(name=self.activation)] * (depth - 1)]

    def network(self, widths: Sequence[int], layer: Basis) -> Network:
        bases = self.bases(layer, len(widths) - 1)
        return Network([EdgeLayer(b, n_in, n_out) for b, (n_in, n_out) in zip(bases, pairwise(widths), strict=True)])
