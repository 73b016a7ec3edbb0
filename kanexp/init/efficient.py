"""efficient-kan's start: small random functions, weights as in a linear layer."""

import math
from dataclasses import dataclass

from torch import Generator, Tensor

from kanexp.error import require
from kanexp.init.base import Edges, Fitted


@dataclass(frozen=True)
class Efficient(Fitted):
    """Small random functions; scale and residual U(+-gain / sqrt(n_in)).

    In the original a larger scale shrinks the weights (kaiming_uniform takes it as a slope); here `gain` multiplies.

    Source: efficient-kan since 2024-05-04, https://github.com/Blealtan/efficient-kan
    """

    gain: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        require((0 < self.gain < math.inf, f"gain must be positive, got {self.gain}"))

    def residual(self, edges: Edges, generator: Generator) -> Tensor:
        return edges.uniform_residual(self.gain / math.sqrt(edges.n_in), generator)

    def scale(self, edges: Edges, generator: Generator) -> Tensor:
        return edges.uniform_residual(self.gain / math.sqrt(edges.n_in), generator)
