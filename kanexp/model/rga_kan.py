"""The residual-gated adaptive KAN: a deep Kolmogorov-Arnold network that starts as a shallow one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from kanexp.error import require
from kanexp.layer.base import Basis
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.gated import Gated, GatedModel, between
from kanexp.model.network import Network
from kanexp.model.wiring import Apply


@dataclass(frozen=True)
class Adaptive(Gated):
    """block(x) = g(second(b g(first(x)) + (1 - b) x)) with g(f) = f u + (1 - f) v and a trained share b."""

    parts: ClassVar[int] = 2
    shares: ClassVar[tuple[str, ...]] = ("alpha", "beta")

    def block(self, x: Tensor, u: Tensor, v: Tensor, layers: Sequence[Apply], shares: Sequence[Tensor]) -> Tensor:
        first, second = layers
        inside = shares[1] * between(first(x), u, v) + (1 - shares[1]) * x
        return between(second(inside), u, v)


@dataclass(frozen=True)
class RGAKAN(GatedModel):
    """Residual-adaptive blocks of two layers of learned functions between two gates of such layers.

    `beta` is where the share starts that the first layer of a block has in what enters its second. As published, but
    that the entry is of the same layer as all others (jaxKAN has sines there, or random frequencies alone), and the
    last layer starts as init= says, where the paper fits it to data that are known.

    Source: Rigas et al. 2025, https://arxiv.org/abs/2510.23501; jaxKAN
    """

    beta: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        require((0 <= self.beta <= 1, f"beta must be between 0 and 1, got {self.beta}"))

    def bases(self, layers: Sequence[Basis], depth: int) -> list[Basis]:
        return [layers[0]]

    def network(self, widths: Sequence[int], *layers: Basis) -> Network:
        (basis,) = layers
        edges = [EdgeLayer(basis, *level) for level in self.levels(widths, Adaptive.parts)]
        return Network(edges, Adaptive(self.blocks, (self.alpha, self.beta)))
