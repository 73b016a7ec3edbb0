"""The DeepONet: an operator from a function, by its values at sensors, to a function of coordinates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kanexp.error import require
from kanexp.layer.base import Basis
from kanexp.model.activation import Activation
from kanexp.model.base import Model, one_each
from kanexp.model.bodies import Bodies, row_of
from kanexp.model.network import Network


@dataclass(frozen=True)
class DeepONet(Model):
    """G(u)(y) = sum over r = 1 .. rank of b_r(u) t_r(y): branch b sees the sensors, trunk t the last inputs, y.

    Both have these hidden widths, and are of any layer= or of linear layers, independently. Each sample is one function
    at one y, so that a branch is asked once for every y of its function. Unlike the paper's, a trunk of linear layers
    ends with one.

    Source: Lu et al. 2021, https://arxiv.org/abs/1910.03193; with learned functions Abueidda, Pantidis and Mobasher
    2024, https://arxiv.org/abs/2405.19143
    """

    branch: Literal["kan", "mlp"] = "kan"
    trunk: Literal["kan", "mlp"] = "kan"
    coordinates: int = 1
    rank: int = 16
    activation: Literal["silu", "relu", "gelu", "tanh"] = "silu"

    def __post_init__(self):
        super().__post_init__()
        require(
            (self.coordinates >= 1, f"coordinates must be at least 1, got {self.coordinates}"),
            (self.rank >= 1, f"rank must be at least 1, got {self.rank}"),
        )

    @property
    def uses_layer(self) -> bool:
        return "kan" in (self.branch, self.trunk)

    def bases(self, layers: Sequence[Basis], depth: int) -> list[Basis]:
        return one_each(layers, depth) if self.uses_layer else self._linear(depth)

    def network(self, widths: Sequence[int], *layers: Basis) -> Network:
        first, *hidden, last = widths
        depth = len(hidden) + 1
        inputs = (first - self.coordinates, self.coordinates)
        edges = []
        for kind, count in zip((self.branch, self.trunk), inputs, strict=True):
            bases = one_each(layers, depth) if kind == "kan" else self._linear(depth)
            edges += row_of(bases, [count, *hidden, last * self.rank])
        return Network(edges, Bodies(inputs, self.rank, ("branch", "trunk")))

    def _linear(self, depth: int) -> list[Basis]:
        return [Activation(name="identity"), *[Activation(name=self.activation)] * (depth - 1)]

    def conflict(self, inputs: int) -> str:
        if self.frequencies:
            return f"frequencies would be of sensors, too, got {self.frequencies}; use model=kan"
        if inputs <= self.coordinates:
            return f"{self.coordinates} of {inputs} inputs are coordinates, which leaves no sensor; use task=operator"
        return ""
