"""How edge layers make a network: where each gets its inputs from, and the weights that are no edge's."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Generator, Tensor

Apply = Callable[[Tensor], Tensor]  # an edge layer with its weights: (seeds, n_in, columns) -> (seeds, n_out, columns)
Partial = tuple[int, ...]  # a derivative, as the inputs in which it is taken, in their order


class Wiring(ABC):
    """The way through the edge layers of a network, with named weights of its own where it needs any."""

    direct: bool = False  # True: inputs go to the first layer alone, so that its features can be kept

    def enter(self, x: Tensor, own: Mapping[str, Tensor]) -> Tensor:
        """What enters the first layer of a direct wiring at inputs x (seeds or 1, n_in, batch)."""
        return x

    def derivatives(self, x: Tensor, own: Mapping[str, Tensor], partials: Iterable[Partial]) -> dict[Partial, Tensor]:
        """That, and its derivatives in the inputs that a partial names, (seeds or 1, width, batch); others are zero."""
        unit = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)[:, None, :, None]
        return {(): x} | {p: unit[p].expand(1, -1, x.shape[-1]) for p in partials if len(p) == 1}

    @abstractmethod
    def run(self, x: Tensor, layers: Sequence[Apply], own: Mapping[str, Tensor]) -> Tensor:
        """Outputs (seeds, n_out, batch) at inputs x (seeds or 1, n_in, batch).

        Calls every layer once, in their order. `own` holds the weights that `shapes` names, (seeds, *shape) each.
        """

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the weights that are no edge's, for one seed."""
        return {}

    @property
    def kept(self) -> frozenset[str]:
        """The names among them of those that are drawn and not trained."""
        return frozenset()

    def start(self, generator: Generator) -> dict[str, Tensor]:
        """Start of the weights that `shapes` names, one seed's, float64."""
        return {}

    def flops(self, layers: Sequence[int]) -> int:
        """Operations of all matmuls for one sample, from those of each edge layer for one column of its inputs."""
        return sum(layers)


class Row(Wiring):
    """One layer after the other."""

    direct = True

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

    @property
    def kept(self) -> frozenset[str]:
        return self.inner.kept

    def start(self, generator: Generator) -> dict[str, Tensor]:
        return self.inner.start(generator)

    def flops(self, layers: Sequence[int]) -> int:
        return self.inner.flops(layers)
