"""The Kolmogorov-Arnold network."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from kanexp.layer.base import Basis
from kanexp.model.base import Model
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.network import Network


@dataclass(frozen=True)
class KAN(Model):
    """Layers of learned functions of one variable; nodes only add.

    Source: Liu et al. 2024, https://arxiv.org/abs/2404.19756
    """

    def bases(self, layer: Basis, depth: int) -> list[Basis]:
        return [layer] * depth

    def network(self, widths: Sequence[int], layer: Basis) -> Network:
        return Network([EdgeLayer(layer, n_in, n_out) for n_in, n_out in pairwise(widths)])
