"""Cosines and sines whose frequencies are trained."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from kanexp.error import require
from kanexp.layer.base import Basis


@dataclass(frozen=True)
class LearnedFourier(Basis):
    """cos(w_k x) for k = 1 .. frequencies, then sin(w_k x), with w trained and shared by all edges, from w_k = k on.

    It starts as layer=fourier, and can leave its period. The cosines of w near 0 are nearly the bias.

    Source: after Kolmogorov-Arnold Fourier networks, https://arxiv.org/abs/2502.06018, without their GELU
    """

    frequencies: int = 5

    def __post_init__(self):
        require((self.frequencies >= 1, f"frequencies must be at least 1, got {self.frequencies}"))

    @property
    def terms(self) -> int:
        return 2 * self.frequencies

    def draw_weights(self, n_out: int, n_in: int, generator: Generator) -> dict[str, Tensor]:
        return {"frequency": torch.arange(1, self.frequencies + 1, dtype=torch.float64)}

    def features(self, x: Tensor, frequency: Tensor) -> Tensor:
        angle = frequency[..., None, None] * x.unsqueeze(-3)
        return torch.cat([angle.cos(), angle.sin()], dim=-3)

    def slopes(self, x: Tensor, features: Tensor, frequency: Tensor) -> Tensor:
        """-w sin(w x) for the cosines, w cos(w x) for the sines."""
        cos, sin = features.split(self.frequencies, dim=-3)
        w = frequency[..., None, None]
        return torch.cat([-w * sin, w * cos], dim=-3)
