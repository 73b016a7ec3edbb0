"""A small multilayer perceptron on every edge."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor
from torch.nn import functional

from kanexp.error import require
from kanexp.layer.base import Basis, normal


@dataclass(frozen=True)
class MLPEdge(Basis):
    """phi(x) = sum_h coef_h silu(W_h . f(x) + b_h) with f(x) = [x, sin(2^p x), cos(2^p x)], p = 0 .. octaves - 1.

    All sines come first, then all cosines. The output bias of each edge's network is the node's bias. With 32 hidden
    units and 3 octaves an edge has 288 weights. Features exist per edge: memory grows with n_in n_out hidden batch.

    Source: MLP-KAN, https://github.com/Zhangyanbo/MLP-KAN
    """

    per_edge: ClassVar[bool] = True
    hidden: int = 32
    octaves: int = 3

    def __post_init__(self):
        require(
            (self.hidden >= 1, f"hidden must be at least 1, got {self.hidden}"),
            (self.octaves >= 0, f"octaves must be zero or more, got {self.octaves}"),
        )

    @property
    def terms(self) -> int:
        return self.hidden

    def flops(self, n_out: int, n_in: int) -> int:
        return 2 * self.hidden * (1 + 2 * self.octaves) * n_out * n_in

    def draw_weights(self, n_out: int, n_in: int, generator: Generator) -> dict[str, Tensor]:
        """W N(0, 2 / ((n_in + n_out) hidden features)), b 0, as in MLP-KAN."""
        inputs = 1 + 2 * self.octaves
        std = math.sqrt(2 / ((n_in + n_out) * self.hidden * inputs))
        return {
            "inner": normal((self.hidden, inputs, n_out, n_in), std, generator),
            "inner_bias": torch.zeros(self.hidden, n_out, n_in, dtype=torch.float64),
        }

    def features(self, x: Tensor, inner: Tensor, inner_bias: Tensor) -> Tensor:
        scaled = x.unsqueeze(-3) * 2.0 ** torch.arange(self.octaves, dtype=x.dtype, device=x.device)[:, None, None]
        encoded = torch.cat([x.unsqueeze(-3), scaled.sin(), scaled.cos()], dim=-3)  # (..., inputs, n_in, batch)
        return functional.silu(torch.einsum("...hfoi,...fib->...hoib", inner, encoded) + inner_bias[..., None])

    def draw_coef(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """N(0, 2 / ((n_in + n_out) hidden)), as in MLP-KAN."""
        return normal((n_out, self.hidden, n_in), math.sqrt(2 / ((n_in + n_out) * self.hidden)), generator)
