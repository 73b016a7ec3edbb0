"""pykan's first start."""

import math
from dataclasses import dataclass

from torch import Generator, Tensor

from kanexp.error import require
from kanexp.init.base import Edges, Init


@dataclass(frozen=True)
class PykanV0(Init):
    """Coefficients N(0, (noise_scale / intervals)^2), scale 1, residual 1/sqrt(n_in) + U(+-noise_scale_base).

    With both noises 0 and layer.residual=identity every edge is exactly linear; with noise_scale_base 0 the nodes of a
    layer are degenerate.

    Source: pykan's tutorial on initialization hyperparameters, https://kindxiaoming.github.io/pykan/
    """

    noise_scale: float = 0.1
    noise_scale_base: float = 0.1

    def __post_init__(self):
        require(
            (0 <= self.noise_scale < math.inf, f"noise_scale must be zero or more, got {self.noise_scale}"),
            (
                0 <= self.noise_scale_base < math.inf,
                f"noise_scale_base must be zero or more, got {self.noise_scale_base}",
            ),
        )

    def coef(self, edges: Edges, generator: Generator) -> Tensor:
        return edges.normal(generator) * (self.noise_scale / edges.intervals)

    def residual(self, edges: Edges, generator: Generator) -> Tensor:
        return 1 / math.sqrt(edges.n_in) + edges.uniform_residual(self.noise_scale_base, generator)
