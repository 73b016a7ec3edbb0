"""Sines with trained frequencies and phases."""

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from kanexp.error import require
from kanexp.layer.base import Basis, normal


@dataclass(frozen=True)
class Sine(Basis):
    """(sin(w_m x + p_m) - mean_m) / (std_m + 1e-8), mean and std those of the sine under x ~ N(0, 1).

    Frequencies w ~ N(0, 1) and phases p = 0 are trained and shared by all edges of the layer.

    Source: jaxKAN; ActNet, https://arxiv.org/abs/2410.01990
    """

    degree: int = 5

    def __post_init__(self):
        require((self.degree >= 1, f"degree must be at least 1, got {self.degree}"))

    @property
    def terms(self) -> int:
        return self.degree

    def draw_weights(self, n_out: int, n_in: int, generator: Generator) -> dict[str, Tensor]:
        return {
            "frequency": normal((self.degree,), 1.0, generator),
            "phase": torch.zeros(self.degree, dtype=torch.float64),
        }

    def features(self, x: Tensor, frequency: Tensor, phase: Tensor) -> Tensor:
        w, p = frequency[..., None, None], phase[..., None, None]
        decay = torch.exp(-0.5 * w.square())
        mean = decay * torch.sin(p)
        variance = 0.5 * (1 - decay**4 * torch.cos(2 * p)) - mean.square()
        # Zero variance at w = 0: the guard keeps the square root's slope finite, 1e-8 as published keeps the quotient.
        std = variance.clamp(min=1e-20).sqrt()
        return (torch.sin(w * x.unsqueeze(-3) + p) - mean) / (std + 1e-8)

    def draw_coef(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """Normal with variance 1 / (n_in degree) (as in jaxKAN)."""
        return normal((n_out, self.terms, n_in), 1 / math.sqrt(n_in * self.degree), generator)
