"""Networks of several bodies, each a row of layers that sees some of the inputs, whose outputs are multiplied."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from kanexp.layer.base import Basis
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.wiring import Apply, Wiring


@dataclass(frozen=True)
class Bodies(Wiring):
    """y_o = sum over r = 1 .. rank of the product over bodies of their output (o, r).

    Body g sees the next `inputs[g]` of the inputs; edge layers are those of the first body, of the second and so on.
    """

    inputs: tuple[int, ...]
    rank: int
    labels: tuple[str, ...]  # what each body is called

    def run(self, x: Tensor, layers: Sequence[Apply], own: Mapping[str, Tensor]) -> Tensor:
        first, *others = self.outputs(x, layers)
        for factor in others:
            first = first * factor
        return first.unflatten(1, (-1, self.rank)).sum(2)

    def outputs(self, x: Tensor, layers: Sequence[Apply]) -> list[Tensor]:
        """What leaves each body, (seeds, n_out rank, batch)."""
        depth, found = len(layers) // len(self.inputs), []
        for i, value in enumerate(x.split(list(self.inputs), dim=1)):
            for layer in layers[depth * i : depth * (i + 1)]:
                value = layer(value)
            found.append(value)
        return found

    def names(self, layers: int) -> list[str]:
        depth = layers // len(self.inputs)
        return [f"{label} layer {i + 1}" for label in self.labels for i in range(depth)]


def row_of(bases: Sequence[Basis], widths: Sequence[int]) -> list[EdgeLayer]:
    """Edge layers that follow one another."""
    return [EdgeLayer(basis, n_in, n_out) for basis, (n_in, n_out) in zip(bases, pairwise(widths), strict=True)]
