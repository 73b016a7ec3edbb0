"""What becomes of inputs before the first layer: some pass, and cosines and sines of fixed frequencies join them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from kanexp.layer.base import normal
from kanexp.model.wiring import Apply, Partial, Wiring

RANDOM = "embedding.frequencies"  # what the drawn rows are called among a network's weights


@dataclass(frozen=True)
class Embedding:
    """Inputs x become those of them that have no period, then cos(2 pi F x), then sin(2 pi F x), all in [-1, 1].

    F has a row 1/period for each input with a period, of which everything behind is then exactly periodic, in all
    derivatives; and `frequencies` rows that each seed draws from N(0, bandwidth^2), in cycles per unit of an input.
    In inputs with a period these are rounded to whole cycles per period.

    Source: Tancik et al. 2020, https://arxiv.org/abs/2006.10739; periods by Dong and Ni 2021,
    https://doi.org/10.1016/j.jcp.2021.110242
    """

    inputs: int
    periods: Mapping[int, float]  # of inputs by their numbers
    frequencies: int = 0
    bandwidth: float = 1.0

    @property
    def passing(self) -> list[int]:
        """The inputs that pass as they are."""
        return [k for k in range(self.inputs) if k not in self.periods]

    @property
    def width(self) -> int:
        """Numbers that enter the first layer."""
        return len(self.passing) + 2 * (len(self.periods) + self.frequencies)

    def draw(self, generator: Generator) -> Tensor:
        """One seed's own rows of F, (frequencies, inputs)."""
        found = normal((self.frequencies, self.inputs), self.bandwidth, generator)
        for k, period in self.periods.items():
            found[:, k] = (found[:, k] * period).round() / period
        return found

    def angles(self, x: Tensor, drawn: Tensor | None) -> tuple[Tensor, Tensor]:
        """2 pi F x (seeds or 1, rows, batch), and 2 pi F (seeds or 1, rows, inputs), for drawn rows if there are."""
        fixed = x.new_zeros(1, len(self.periods), self.inputs)
        for row, (k, period) in enumerate(self.periods.items()):
            fixed[0, row, k] = 1 / period
        rows = fixed if drawn is None else torch.cat([fixed.expand(len(drawn), -1, -1), drawn], dim=1)
        rows = 2 * math.pi * rows
        return rows @ x, rows

    def of(self, x: Tensor, drawn: Tensor | None) -> Tensor:
        """What enters the first layer, (seeds or 1, width, batch), at inputs x (seeds or 1, inputs, batch)."""
        angles, _ = self.angles(x, drawn)
        passed = x[:, self.passing].expand(max(len(x), len(angles)), -1, -1)
        return torch.cat([passed, angles.cos(), angles.sin()], dim=1)

    def derivatives(self, x: Tensor, drawn: Tensor | None, partials: Iterable[Partial]) -> dict[Partial, Tensor]:
        """Its values () and derivatives, (seeds or 1, width, batch) each.

        Each derivative turns a cosine or sine by a quarter, and multiplies it by what x is multiplied by.
        """
        angles, rows = self.angles(x, drawn)
        cos, sin = angles.cos(), angles.sin()
        turns = ((cos, sin), (-sin, cos), (-cos, -sin), (sin, -cos))
        found: dict[Partial, Tensor] = {(): self.of(x, drawn)}
        for p in partials:
            if p:
                factor = rows[:, :, list(p)].prod(-1, keepdim=True)
                passed = x.new_zeros(len(angles), len(self.passing), x.shape[-1])
                if len(p) == 1 and p[0] in self.passing:
                    passed[:, self.passing.index(p[0])] = 1
                found[p] = torch.cat([passed, *(factor * turned for turned in turns[len(p) % 4])], dim=1)
        return found


class Embedded(Wiring):
    """Another wiring, which gets what an embedding makes of the inputs."""

    def __init__(self, inner: Wiring, embedding: Embedding):
        self.inner, self.embedding, self.direct = inner, embedding, inner.direct

    @property
    def row(self) -> bool:
        return self.inner.row

    def enter(self, x: Tensor, own: Mapping[str, Tensor]) -> Tensor:
        # With four axes they are features of the first layer already.
        return x if x.dim() > 3 else self.embedding.of(x, self._drawn(own))

    def derivatives(self, x: Tensor, own: Mapping[str, Tensor], partials: Iterable[Partial]) -> dict[Partial, Tensor]:
        return self.embedding.derivatives(x, self._drawn(own), partials)

    def run(self, x: Tensor, layers: Sequence[Apply], own: Mapping[str, Tensor]) -> Tensor:
        return self.inner.run(self.enter(x, own), layers, own)

    @property
    def kept(self) -> frozenset[str]:
        return self.inner.kept | ({RANDOM} if self.embedding.frequencies else set())

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        e = self.embedding
        return self.inner.shapes | ({RANDOM: (e.frequencies, e.inputs)} if e.frequencies else {})

    def start(self, generator: Generator) -> dict[str, Tensor]:
        found = self.inner.start(generator)
        return found | ({RANDOM: self.embedding.draw(generator)} if self.embedding.frequencies else {})

    def names(self, layers: int) -> list[str]:
        return self.inner.names(layers)

    def flops(self, layers: Sequence[int]) -> int:
        e = self.embedding
        return self.inner.flops(layers) + 2 * (len(e.periods) + e.frequencies) * e.inputs

    def _drawn(self, own: Mapping[str, Tensor]) -> Tensor | None:
        return own[RANDOM].detach() if self.embedding.frequencies else None
