"""pykan's start: small random functions, fitted."""

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from kanexp.error import require
from kanexp.init.base import Edges, Fitted


@dataclass(frozen=True)
class Pykan(Fitted):
    """Small random functions, scale 1/sqrt(n_in), residual (residual_mean + residual_spread U(-1, 1)) / sqrt(n_in).

    Where the layer has no scale of its own, the coefficients carry it.

    Source: pykan, https://github.com/KindXiaoming/pykan
    """

    noise_scale: float = 0.3
    residual_mean: float = 0.0
    residual_spread: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        require(
            (math.isfinite(self.residual_mean), f"residual_mean must be a number, got {self.residual_mean}"),
            (0 <= self.residual_spread < math.inf, f"residual_spread must be zero or more, got {self.residual_spread}"),
        )

    def coef(self, edges: Edges, generator: Generator) -> Tensor:
        carried = 1.0 if edges.has_scale else 1 / math.sqrt(edges.n_in)
        return carried * super().coef(edges, generator)

    def residual(self, edges: Edges, generator: Generator) -> Tensor:
        spread = edges.uniform_residual(self.residual_spread, generator)
        return (self.residual_mean + spread) / math.sqrt(edges.n_in)

    def scale(self, edges: Edges, generator: Generator) -> Tensor:
        return torch.full((edges.n_out, edges.n_in), 1 / math.sqrt(edges.n_in), dtype=torch.float64)
