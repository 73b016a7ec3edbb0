"""Given: the tensors of an objective, as inputs of a program; and the blocks of members that go through one."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from kanexp.model.network import Network
from kanexp.train.objective import Objective

# Features of all layers that one program makes of its members: what it goes through stays in a processor's cache.
BLOCK = 2**19


class Given(NamedTuple):
    """The tensors of an objective, with one row for all members or with one for each; what has none is None."""

    x: Tensor
    y: Tensor
    prepared: Tensor | None  # None where x is
    sample_weight: Tensor | None
    weight: Tensor | None  # of the penalty
    mask: Tensor | None
    trained: Tensor | None

    @classmethod
    def of(cls, o: Objective, trained: Tensor | None = None) -> "Given":
        weight = None if o.weight is None else torch.as_tensor(o.weight).to(o.y).reshape(-1)
        prepared = None if o.prepared is o.x else o.prepared
        return cls(o.x, o.y, prepared, o.sample_weight, weight, o.mask, None if trained is None else trained[None])

    @classmethod
    def each(cls, objectives: Sequence[Objective], trained: Tensor | None) -> "list[Given]":
        """The tensors of each objective, the very same where nothing changes."""
        found = [cls.of(objectives[0], trained)]
        for before, o in pairwise(objectives):
            same = o.x is before.x and o.sample_weight is before.sample_weight and o.weight is None
            found.append(found[-1] if same else cls.of(o, trained))
        return found

    def rows(self, rows: slice | Tensor, members: int) -> "Given":
        """The part of some members, of so many."""
        return Given(*(one if one is None or len(one) < members else one[rows] for one in self))  # type: ignore[arg-type]

    @property
    def tensors(self) -> list[Tensor]:
        """Those that there are, in their order."""
        return [one for one in self if one is not None]

    @property
    def there(self) -> tuple[bool, ...]:
        """Which there are."""
        return tuple(one is not None for one in self)

    @classmethod
    def again(cls, there: Sequence[bool], tensors: Sequence[Tensor]) -> "Given":
        """From `there` and `tensors`."""
        left = iter(tensors)
        return cls(*(next(left) if one else None for one in there))  # type: ignore[arg-type]

    def put_into(self, objective: Objective) -> Objective:
        """An objective with these tensors instead of its own."""
        prepared = self.x if self.prepared is None else self.prepared
        own = replace(objective, x=self.x, prepared=prepared, y=self.y, mask=self.mask)
        return replace(own, sample_weight=self.sample_weight, weight=self.weight)


def block_size(members: int, each: int) -> int:
    """Members of a block with about BLOCK features, of which each member has so many; blocks of all are about equal."""
    return math.ceil(members / math.ceil(members * each / BLOCK))


def blocks(rows: slice, size: int) -> list[slice]:
    """Rows in blocks of this size; the last one reaches back into the one before it, a single one is all rows."""
    ends = [min(start + size, rows.stop) for start in range(rows.start, rows.stop, size)]
    return [slice(max(end - size, rows.start), end) for end in ends]


def features(network: Network) -> int:
    """Features of all layers for one member and sample; of functions on edges, of every edge."""
    return sum(layer.features_each for layer in network.layers)
