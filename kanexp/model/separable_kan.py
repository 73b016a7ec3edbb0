"""A Kolmogorov-Arnold network as a sum of products of networks of one input each."""

from collections.abc import Sequence
from dataclasses import dataclass

from kanexp.error import require
from kanexp.layer.base import Basis
from kanexp.model.base import Model, one_each
from kanexp.model.bodies import Bodies, row_of
from kanexp.model.network import Network

MOST_INPUTS = 64  # a product of more functions is zero or beyond all numbers


@dataclass(frozen=True)
class SeparableKAN(Model):
    """y(x_1 .. x_d) = sum over r = 1 .. rank of f_1r(x_1) .. f_dr(x_d), each f_i a KAN of one input and these widths.

    Bodies are asked at every sample: what they save on grids of points, where each is needed at the points of its own
    axis alone, is not made use of.

    Source: separable physics-informed KANs, Jacob, Howard and Stinis 2024, https://arxiv.org/abs/2411.06286, after
    Cho et al. 2023, https://arxiv.org/abs/2306.15969
    """

    rank: int = 8

    def __post_init__(self):
        super().__post_init__()
        require((self.rank >= 1, f"rank must be at least 1, got {self.rank}"))

    def bases(self, layers: Sequence[Basis], depth: int) -> list[Basis]:
        return one_each(layers, depth)

    def network(self, widths: Sequence[int], *layers: Basis) -> Network:
        count, *hidden, last = widths
        bases = self.bases(layers, len(widths) - 1)
        body = row_of(bases, [1, *hidden, last * self.rank])
        labels = tuple(f"input {i + 1}" for i in range(count))
        return Network(body * count, Bodies((1,) * count, self.rank, labels))

    def conflict(self, inputs: int) -> str:
        if self.frequencies:
            return f"frequencies mix inputs that are to stay apart, got {self.frequencies}; use model=kan"
        if inputs > MOST_INPUTS:
            return f"it multiplies a function of each input, of at most {MOST_INPUTS}, got {inputs}; use model=kan"
        return ""
