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
    units and 3 octaves an edge has 288 weights.

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
        encoded = self._encoded(x)
        return functional.silu(torch.einsum("...hfoi,...fib->...hoib", inner, encoded) + inner_bias[..., None])

    # The fast path has a matmul for each input node, with a row for every hidden unit of its edges.

    def sums(self, x: Tensor, weight: Tensor, inner: Tensor, inner_bias: Tensor) -> Tensor:
        hidden = _before(self._by_node(x), _rows(inner, inner_bias))
        return functional.silu(hidden, inplace=True).mul_(weight.movedim(-1, -3).unsqueeze(-1)).sum((-4, -2))

    def pull_sums(
        self, x: Tensor, weight: Tensor, grad: Tensor, inner: Tensor, inner_bias: Tensor
    ) -> tuple[Tensor, ...]:
        encoded, rows = self._by_node(x), _rows(inner, inner_bias)
        before = _before(encoded, rows)
        pulled = grad.unsqueeze(-2).unsqueeze(-4)  # (..., 1, n_out, 1, batch)
        of_before = weight.movedim(-1, -3).unsqueeze(-1) * pulled
        of_before = torch.ops.aten.silu_backward(of_before, before).flatten(-3, -2)
        of_weight = functional.silu(before, inplace=True).mul_(pulled).sum(-1).movedim(-3, -1)
        of_rows = (encoded @ of_before.mT).unflatten(-1, rows.shape[-3:-1])  # (..., n_in, inputs + 1, n_out, hidden)
        of_inner, of_bias = of_rows.movedim((-1, -4), (-4, -1)).split([encoded.shape[-2] - 1, 1], dim=-3)
        of_encoded = rows.flatten(-3, -2).mT @ of_before
        return self._slope(encoded, of_encoded), of_weight, of_inner, of_bias.squeeze(-3)

    def draw_coef(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """N(0, 2 / ((n_in + n_out) hidden)), as in MLP-KAN."""
        return normal((n_out, self.hidden, n_in), math.sqrt(2 / ((n_in + n_out) * self.hidden)), generator)

    def _encoded(self, x: Tensor) -> Tensor:
        """What enters the networks, (..., inputs, n_in, batch)."""
        scaled = x.unsqueeze(-3) * self._octaves(x)[:, None, None]
        return torch.cat([x.unsqueeze(-3), scaled.sin(), scaled.cos()], dim=-3)

    def _octaves(self, x: Tensor) -> Tensor:
        return 2.0 ** torch.arange(self.octaves, dtype=x.dtype, device=x.device)

    def _by_node(self, x: Tensor) -> Tensor:
        """The same by input node, with ones that the bias multiplies: (..., n_in, inputs + 1, batch)."""
        return torch.cat([self._encoded(x), torch.ones_like(x).unsqueeze(-3)], dim=-3).transpose(-3, -2)

    def _slope(self, encoded: Tensor, grad: Tensor) -> Tensor:
        """The gradient in x (..., n_in, batch), given that of `_by_node`."""
        sizes = [1, self.octaves, self.octaves, 1]
        (_, sines, cosines, _), (of_x, of_sines, of_cosines, _) = (t.split(sizes, dim=-2) for t in (encoded, grad))
        waves = (cosines * of_sines - sines * of_cosines) * self._octaves(grad)[:, None]
        return of_x.squeeze(-2) + waves.sum(-2)


def _rows(inner: Tensor, inner_bias: Tensor) -> Tensor:
    """What multiplies the inputs of each node and the one beside them, (..., n_in, n_out, hidden, inputs + 1)."""
    return torch.cat([inner, inner_bias.unsqueeze(-3)], dim=-3).movedim((-1, -2, -4), (-4, -3, -2))


def _before(encoded: Tensor, rows: Tensor) -> Tensor:
    """What enters the hidden units, (..., n_in, n_out, hidden, batch)."""
    return (rows.flatten(-3, -2) @ encoded).unflatten(-2, rows.shape[-3:-1])
