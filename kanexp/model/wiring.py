"""How edge layers make a network: where each gets its inputs from, and the weights that are no edge's."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from torch import Generator, Tensor

Apply = Callable[[Tensor], Tensor]  # an edge layer with its weights: (seeds, n_in, columns) -> (seeds, n_out, columns)


class Wiring(ABC):
    """The way through the edge layers of a network, with named weights of its own where it needs any."""

    direct: ClassVar[bool] = False  # True: inputs go to the first layer alone, so that its features can be kept

    @abstractmethod
    def run(self, x: Tensor, layers: Sequence[Apply], own: Mapping[str, Tensor]) -> Tensor:
        """Outputs (seeds, n_out, batch) at inputs x (seeds or 1, n_in, batch).

        Calls every layer once, in their order. `own` holds the weights that `shapes` names, (seeds, *shape) each.
        """

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the weights that are no edge's, for one seed."""
        return {}

    def start(self, generator: Generator) -> dict[str, Tensor]:
        """Start of the weights that `shapes` names, one seed's, float64."""
        return {}

    def flops(self, layers: Sequence[int]) -> int:
        """Operations of all matmuls for one sample, from those of each edge layer for one column of its inputs."""
        return sum(layers)


class Row(Wiring):
    """One layer after the other."""

    direct: ClassVar[bool] = True

    def run(self, x: Tensor, layers: Sequence[Apply], own: Mapping[str, Tensor]) -> Tensor:
        for layer in layers:
            x = layer(x)
        return x


class Finished(Wiring):
    """Another wiring, whose outputs are made into others: `finish` has the inputs of the network and these outputs."""

    def __init__(self, inner: Wiring, finish: Callable[[Tensor, Tensor], Tensor]):
        self.inner, self.finish = inner, finish

    def run(self, x: Tensor, layers: Sequence[Apply], own: Mapping[str, Tensor]) -> Tensor:
        return self.finish(x, self.inner.run(x, layers, own))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return self.inner.shapes

    def start(self, generator: Generator) -> dict[str, Tensor]:
        return self.inner.start(generator)

    def flops(self, layers: Sequence[int]) -> int:
        return self.inner.flops(layers)
