"""A Kolmogorov-Arnold network with a way around every layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from torch import Generator, Tensor

from kanexp.layer.base import Basis, normal
from kanexp.model.base import Model, one_each
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.layer_norm import layer_norm, layer_norm_start
from kanexp.model.network import Network
from kanexp.model.wiring import Apply, Wiring


@dataclass(frozen=True)
class Residual(Wiring):
    """x_{i+1} = skip_i(x_i) + layer_i(norm_i(x_i)); the first layer sees the inputs as they are."""

    widths: tuple[int, ...]
    skip: Literal["identity", "linear", "none"]
    norm: bool

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {f"skip.{i}": shape for i, shape in self._linear.items()}
        return shapes | {f"norm.{i}": (2, n) for i, n in enumerate(self.widths[:-1]) if self.norm and i > 0}

    @property
    def _linear(self) -> dict[int, tuple[int, int]]:
        """Shapes (n_out, n_in) of the skips that are matrices, by layer."""
        if self.skip == "none":
            return {}
        pairs = enumerate(pairwise(self.widths))
        return {i: (n_out, n_in) for i, (n_in, n_out) in pairs if self.skip == "linear" or n_in != n_out}

    def start(self, generator: Generator) -> dict[str, Tensor]:
        """Skips N(0, 1/n_in), which keeps the size of the signal."""
        skips = {f"skip.{i}": normal(shape, shape[1] ** -0.5, generator) for i, shape in self._linear.items()}
        return {
            name: skips[name] if name in skips else layer_norm_start(shape[1]) for name, shape in self.shapes.items()
        }

    def run(self, x: Tensor, layers: Sequence[Apply], own: Mapping[str, Tensor]) -> Tensor:
        for i, layer in enumerate(layers):
            norm, matrix = own.get(f"norm.{i}"), own.get(f"skip.{i}")
            y = layer(x if norm is None else layer_norm(x, norm))
            around = x if matrix is None else matrix @ x
            x = y if self.skip == "none" else around + y
        return x

    def flops(self, layers: Sequence[int]) -> int:
        return sum(layers) + sum(2 * n_out * n_in for n_out, n_in in self._linear.values())


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
