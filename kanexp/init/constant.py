"""efficient-kan's first start, a negative control."""

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from kanexp.error import require
from kanexp.init.base import Edges, Fitted


@dataclass(frozen=True)
class Constant(Fitted):
    """Small random functions; residual weights and scales all `value`.

    All nodes of a layer see the same sum, so this trains badly: efficient-kan reached 20 % on MNIST with it and 97 %
    without.

    Source: efficient-kan before 2024-05-04, https://github.com/Blealtan/efficient-kan
    """

    value: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        require((math.isfinite(self.value), f"value must be a number, got {self.value}"))

    def residual(self, edges: Edges, generator: Generator) -> Tensor:
        return torch.full((edges.n_out, edges.n_in), self.value, dtype=torch.float64)

    def scale(self, edges: Edges, generator: Generator) -> Tensor:
        return torch.full((edges.n_out, edges.n_in), self.value, dtype=torch.float64)
