"""Mexican-hat wavelets, one on every edge."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from kanexp.layer.base import Basis, uniform


@dataclass(frozen=True)
class Wavelet(Basis):
    """psi((x - t) / s), psi(u) = 2 / (sqrt(3) pi^(1/4)) (1 - u^2) exp(-u^2 / 2), with t and s trained on every edge.

    Starts from t = 0 and s = 1. Features exist per edge: memory grows with n_in n_out batch.

    Source: Wav-KAN, https://arxiv.org/abs/2405.12832
    """

    per_edge: ClassVar[bool] = True

    @property
    def terms(self) -> int:
        return 1

    def draw_weights(self, n_out: int, n_in: int, generator: Generator) -> dict[str, Tensor]:
        shape = (n_out, n_in)
        return {"shift": torch.zeros(shape, dtype=torch.float64), "width": torch.ones(shape, dtype=torch.float64)}

    def features(self, x: Tensor, shift: Tensor, width: Tensor) -> Tensor:
        # u^2 beyond 1e4 is nothing but zero; without the bound its product with exp(-u^2 / 2) is inf times 0.
        u = ((x.unsqueeze(-3) - shift[..., None]) / width[..., None]).clamp(-100, 100)
        hat = 2 / (math.sqrt(3) * math.pi**0.25) * (1 - u.square()) * torch.exp(-0.5 * u.square())
        return hat.unsqueeze(-4)

    def draw_coef(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """U(+-1/sqrt(n_in)), torch's Kaiming start of the weights (as in Wav-KAN)."""
        return uniform((n_out, 1, n_in), 1 / math.sqrt(n_in), generator)
