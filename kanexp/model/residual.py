"""A way around every layer: what residual KANs and perceptrons have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from torch import Generator, Tensor

from kanexp.layer.base import normal
from kanexp.model.layer_norm import layer_norm, layer_norm_start
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
