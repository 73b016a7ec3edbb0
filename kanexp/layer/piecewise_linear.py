"""Hat functions: an edge is a table of values, joined by straight lines."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from kanexp.error import require
from kanexp.layer.base import Basis, Bounded, uniform


@dataclass(frozen=True)
class PiecewiseLinear(Bounded):
    """max(0, 1 - |x - node| / spacing) on nodes uniform in [low, high]; zero from one spacing outside.

    The coefficients are the function's values at the nodes.

    Source: MLP-KAN `KANInterpoLayer`, https://github.com/Zhangyanbo/MLP-KAN
    """

    size: ClassVar[str] = "nodes"
    nodes: int = 64
    low: float = -2.0
    high: float = 2.0

    def __post_init__(self):
        require(
            (self.nodes >= 2, f"nodes must be at least 2, got {self.nodes}"),
            self._range_is_right,
        )

    @property
    def terms(self) -> int:
        return self.nodes

    @property
    def orders(self) -> None:
        return None  # hats side by side

    @property
    def pieces(self) -> int:
        return self.nodes - 1

    def nests(self, larger: Basis) -> bool:
        return larger.pieces % self.pieces == 0

    def features(self, x: Tensor, *span: Tensor) -> Tensor:
        return (1 - self._distance(self.inside(x, *span)).abs()).clamp(min=0)

    def slopes(self, x: Tensor, features: Tensor, *span: Tensor) -> Tensor:
        """Minus and plus one spacing's rise beside the node, zero outside; at a kink that of the right side."""
        if span:
            return super().slopes(x, features, *span)
        u = self._distance(self.inside(x))
        rises, falls = (u >= -1) & (u < 0), (u >= 0) & (u < 1)
        slopes = (rises.to(x.dtype) - falls.to(x.dtype)) * ((self.nodes - 1) / (self.high - self.low))
        return self.chain(x, slopes)

    def draw_coef(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """U(+-sqrt(6 / ((n_in + n_out) nodes))), as in MLP-KAN."""
        bound = math.sqrt(6 / ((n_in + n_out) * self.nodes))
        return uniform((n_out, self.terms, n_in), bound, generator)

    def _distance(self, x: Tensor) -> Tensor:
        """From each node, in spacings: (..., terms, n_in, batch)."""
        m = torch.arange(self.nodes, dtype=x.dtype, device=x.device)[:, None, None]
        return ((x - self.low) * ((self.nodes - 1) / (self.high - self.low))).unsqueeze(-3) - m
