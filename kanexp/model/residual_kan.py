"""A Kolmogorov-Arnold network with a way around every layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from kanexp.layer.base import Basis
from kanexp.model.base import Model, one_each
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.network import Network
from kanexp.model.residual import Residual


@dataclass(frozen=True)
class ResidualKAN(Model):
    """A KAN whose layers add to what goes around them: unchanged, or through a matrix where widths differ.

    skip linear has a matrix at every layer, skip none leaves a plain KAN. With norm layer each layer but the first sees
    normalized inputs. Layers start as those of model=kan.

    Source: residual connections, He et al. 2016, https://arxiv.org/abs/1512.03385
    """

    skip: Literal["identity", "linear", "none"] = "identity"
    norm: Literal["none", "layer"] = "none"

    def bases(self, layers: Sequence[Basis], depth: int) -> list[Basis]:
        return one_each(layers, depth)

    def network(self, widths: Sequence[int], *layers: Basis) -> Network:
        bases = self.bases(layers, len(widths) - 1)
        edges = [EdgeLayer(b, n_in, n_out) for b, (n_in, n_out) in zip(bases, pairwise(widths), strict=True)]
        return Network(edges, Residual(tuple(widths), self.skip, self.norm == "layer"))
