"""Blocks between two gates, whose share in what leaves them is trained: what PirateNets and RGA-KANs have in common."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from kanexp.error import require
from kanexp.model.base import Model
from kanexp.model.wiring import Apply, Wiring

MOST_BLOCKS = 1000  # far more than anyone trained; each is an object


@dataclass(frozen=True)
class Gated(Wiring):
    """x = entry(inputs); for each block x = a block(x) + (1 - a) x, with a share `a` of its own; last(x) at the end.

    Its edge layers, in order: entry, first and second gate, those of each block, last. Blocks get the gates' u and v.
    """

    parts: ClassVar[int]  # edge layers of a block
    shares: ClassVar[tuple[str, ...]]  # names of a block's trained shares, of which the first is `a`
    blocks: int
    starts: tuple[float, ...]  # where the shares start

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {f"blocks.{i}.{name}": (1,) for i in range(self.blocks) for name in self.shares}

    def start(self, generator: Generator) -> dict[str, Tensor]:
        values = self.starts * self.blocks
        return {
            name: torch.tensor([value], dtype=torch.float64) for name, value in zip(self.shapes, values, strict=True)
        }

    def run(self, x: Tensor, layers: Sequence[Apply], own: Mapping[str, Tensor]) -> Tensor:
        entry, first, second, *parts, last = layers
        x = entry(x)
        u, v = self.gates(first(x), second(x))
        for i in range(self.blocks):
            shares = [own[f"blocks.{i}.{name}"].unsqueeze(-1) for name in self.shares]
            left = self.block(x, u, v, parts[self.parts * i : self.parts * (i + 1)], shares)
            x = shares[0] * left + (1 - shares[0]) * x
        return last(x)

    def gates(self, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """u and v, from what leaves the gates' layers."""
        return u, v

    @abstractmethod
    def block(self, x: Tensor, u: Tensor, v: Tensor, layers: Sequence[Apply], shares: Sequence[Tensor]) -> Tensor:
        """What leaves a block at x (seeds, width, batch), with the block's layers and shares (seeds, 1, 1)."""

    def names(self, layers: int) -> list[str]:
        blocks = [f"block {i + 1} part {k + 1}" for i in range(self.blocks) for k in range(self.parts)]
        return ["entry", "first gate", "second gate", *blocks, "last"]


def between(opening: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """opening u + (1 - opening) v."""
    return v + opening * (u - v)


@dataclass(frozen=True)
class GatedModel(Model):
    """So many blocks of one width; what a block starts with in what leaves it is `alpha`, trained for each."""

    size: ClassVar[str] = "width"
    uses_widths: ClassVar[bool] = False
    width: int = 16
    blocks: int = 3
    alpha: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        require(
            (self.width >= 1, f"width must be at least 1, got {self.width}"),
            (1 <= self.blocks <= MOST_BLOCKS, f"blocks must be between 1 and {MOST_BLOCKS}, got {self.blocks}"),
            (0 <= self.alpha <= 1, f"alpha must be between 0 and 1, got {self.alpha}"),
        )

    def levels(self, widths: Sequence[int], parts: int) -> list[tuple[int, int]]:
        """Inputs and outputs of every edge layer, with so many in a block."""
        n = self.width
        return [(widths[0], n), *[(n, n)] * (2 + parts * self.blocks), (n, widths[-1])]
