"""The Kolmogorov-Arnold network."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from kanexp.layer.base import Basis
from kanexp.model.base import Model, one_each
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.network import Network


@dataclass(frozen=True)
class KAN(Model):
    """Layers of learned functions of one variable; nodes only add.

    Source: Liu et al. 2024, https://arxiv.org/abs/2404.19756
    """

    def bases(self, layers: Sequence[Basis], depth: int) -> list[Basis]:
        return one_each(layers, depth)

    def network(self, widths: Sequence[int], *layers: Basis) -> Network:
        bases = self.bases(layers, len(widths) - 1)
        return Network([EdgeLayer(b, n_in, n_out) for b, (n_in, n_out) in zip(bases, pairwise(widths), strict=True)])
