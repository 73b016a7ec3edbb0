"""Hat functions: an edge is a table of values, joined by straight lines."""

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Generator, Tensor

from kanexp.error import require
from kanexp.layer.base import Basis, Bumps, uniform


@dataclass(frozen=True)
class PiecewiseLinear(Bumps):
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
    def kinks(self) -> bool:
        return True

    @property
    def pieces(self) -> int:
        return self.nodes - 1

    @property
    def live(self) -> int:
        return 2

    def bump(self, w: Tensor) -> Tensor:
        return (1 - w.abs()).clamp(min=0)

    def nests(self, larger: Basis) -> bool:
        return larger.pieces % self.pieces == 0

    def bump_slope(self, w: Tensor) -> Tensor:
        """Plus and minus one beside the node, zero outside; at a kink that of the right side."""
        after = [(w >= kink).to(w.dtype) for kink in (-1, 0, 1)]
        return after[0].sub_(after[1], alpha=2).add_(after[2])

    def draw_coef(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """U(+-sqrt(6 / ((n_in + n_out) nodes))), as in MLP-KAN."""
        bound = math.sqrt(6 / ((n_in + n_out) * self.nodes))
        return uniform((n_out, self.terms, n_in), bound, generator)
