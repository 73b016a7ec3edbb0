"""How edge layers make a network: where each gets its inputs from, and the weights that are no edge's."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Generator, Tensor

from kanexp.calculus import derivative

Apply = Callable[[Tensor], Tensor]  # an edge layer with its weights: (seeds, n_in, columns) -> (seeds, n_out, columns)
Partial = tuple[int, ...]  # a derivative, as the inputs in which it is taken, in their order
Partials = Mapping[Partial, Tensor]


class Wiring(ABC):
    """The way through the edge layers of a network, with named weights of its own where it needs any."""

    direct: bool = False  # True: inputs go to the first layer alone, so that its features can be kept

    @property
    def row(self) -> bool:
        """Whether layers follow one another, so that derivatives can be carried through them."""
        return self.direct

    def finished(self, x: Tensor, channels: Partials) -> Partials:
        """Values () and derivatives of the outputs, from those of what leaves the last layer of a row at inputs x."""
        return channels

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

    def names(self, layers: int) -> list[str]:
        """What each of so many edge layers is called."""
        return [f"layer {i + 1}" for i in range(layers)]

    def flops(self, layers: Sequence[int]) -> int:
        """Operations of all matmuls for one sample, from those of each edge layer for one column of its inputs."""
        return sum(layers)


def _subsets(p: Partial) -> list[tuple[Partial, Partial]]:
    """All ways to divide a partial into two, as often as its places allow."""
    places = range(len(p))
    return [
        (tuple(p[k] for k in places if chosen >> k & 1), tuple(p[k] for k in places if not chosen >> k & 1))
        for chosen in range(2 ** len(p))
    ]


def _derivative(function: Callable[[Tensor], Tensor], x: Tensor, p: Partial) -> Tensor:
    """Of a function of each point by itself, in these inputs of x (seeds or 1, n_in, batch), at all points."""
    if not p:
        return function(x)
    k = p[-1]

    def along(moved: Tensor) -> Tensor:
        return _derivative(function, torch.cat([x[:, :k], moved, x[:, k + 1 :]], dim=1), p[:-1])

    return derivative(along, x[:, k : k + 1], again=True)


class Row(Wiring):
    """One layer after the other."""

    direct = True

    def run(self, x: Tensor, layers: Sequence[Apply], own: Mapping[str, Tensor]) -> Tensor:
        for layer in layers:
            x = layer(x)
        return x


class Finished(Wiring):
    """Another wiring, whose outputs y become finish(x, y) = a(x) + b(x) y at inputs x, point by point."""

    def __init__(self, inner: Wiring, finish: Callable[[Tensor, Tensor], Tensor]):
        self.inner, self.finish = inner, finish
        self._known: tuple[Tensor, Partials, Partials] | None = None  # inputs, with a and b there

    @property
    def row(self) -> bool:
        return self.inner.row

    def derivatives(self, x: Tensor, own: Mapping[str, Tensor], partials: Iterable[Partial]) -> dict[Partial, Tensor]:
        return self.inner.derivatives(x, own, partials)

    def finished(self, x: Tensor, channels: Partials) -> Partials:
        """By Leibniz' rule: d_p (a + b y) is d_p a and, over all parts q of p, the sum of d_(p without q) b d_q y."""
        if self._known is None or self._known[0] is not x or set(self._known[1]) != set(channels):
            self._known = (x, *self._parts(x, channels))
        _, a, b = self._known
        return {
            p: a[p] + sum((b[rest] * channels[part] for part, rest in _subsets(p)), start=torch.zeros_like(channels[p]))
            for p in channels
        }

    def _parts(self, x: Tensor, channels: Partials) -> tuple[Partials, Partials]:
        """a and b with the same derivatives, (seeds or 1, n_out, batch) each: of one seed, where inputs are shared."""
        zeros = torch.zeros_like(channels[()][:1])

        def a(x: Tensor) -> Tensor:
            return self.finish(x, zeros)

        def b(x: Tensor) -> Tensor:
            return self.finish(x, zeros + 1) - self.finish(x, zeros)

        x = x.detach()
        return {p: _derivative(a, x, p).detach() for p in channels}, {
            p: _derivative(b, x, p).detach() for p in channels
        }

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

    def names(self, layers: int) -> list[str]:
        return self.inner.names(layers)

    def flops(self, layers: Sequence[int]) -> int:
        return self.inner.flops(layers)
