"""The PirateNet: a deep perceptron that starts as a linear function of what enters it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from kanexp.layer.base import Basis
from kanexp.model.activation import ACTIVATIONS, Activation
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.gated import Gated, GatedModel, between
from kanexp.model.network import Network
from kanexp.model.wiring import Apply

LINEAR = Activation(name="identity")


@dataclass(frozen=True)
class Pirate(Gated):
    """block(x) = s(W3 g(s(W2 g(s(W1 x))))) with g(f) = f u + (1 - f) v and an activation s after every linear layer."""

    parts: ClassVar[int] = 3
    shares: ClassVar[tuple[str, ...]] = ("alpha",)
    activation: str

    def gates(self, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        bent = ACTIVATIONS[self.activation]
        return bent(u), bent(v)

    def block(self, x: Tensor, u: Tensor, v: Tensor, layers: Sequence[Apply], shares: Sequence[Tensor]) -> Tensor:
        first, second, third = layers
        bent = ACTIVATIONS[self.activation]
        x = between(bent(first(x)), u, v)
        x = between(bent(second(x)), u, v)
        return bent(third(x))


@dataclass(frozen=True)
class PirateNet(GatedModel):
    """Residual-adaptive blocks of three linear layers between two gates, around which everything goes at the start.

    As published, but that a linear layer brings inputs to the width, with or without random frequencies, and the last
    layer starts as init= says, where the paper fits it to data that are known.

    Source: Wang, Li, Chen and Perdikaris 2024, https://arxiv.org/abs/2402.00326
    """

    activation: Literal["silu", "relu", "gelu", "tanh"] = "tanh"

    @property
    def uses_layer(self) -> bool:
        return False

    def bases(self, layers: Sequence[Basis], depth: int) -> list[Basis]:
        # The activation is the wiring's, but whoever asks for kinks looks here.
        return [LINEAR, Activation(name=self.activation)]

    def network(self, widths: Sequence[int], *layers: Basis) -> Network:
        edges = [EdgeLayer(LINEAR, *level) for level in self.levels(widths, Pirate.parts)]
        return Network(edges, Pirate(self.blocks, (self.alpha,), self.activation))
