"""Samples of each training step: all of them, some of them, or points drawn anew. Each knows where it is."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from kanexp.seeding import generator
from kanexp.task.base import Split, Task
from kanexp.train.standing import Standing


class Batch(NamedTuple):
    """Samples of a step: inputs and targets (seeds or 1, n, samples), and weights (seeds or 1, samples) if any."""

    x: Tensor
    y: Tensor
    weight: Tensor | None = None

    @classmethod
    def of(cls, split: Split) -> "Batch":
        """All samples, shared by the seeds."""
        return cls(split.x[None], split.y[None], None if split.weight is None else split.weight[None])


class Batches(ABC):
    """Batches without end."""

    known: ClassVar[bool] = False  # True: the next ones are the same however networks stand, and none is renewed

    @property
    def renewed(self) -> bool:
        """Whether the last batch is the first of other samples, drawn after some steps on those before."""
        return False

    @property
    def changes(self) -> bool:
        """Whether other samples or weights are still to come, after some steps on those before."""
        return False

    @property
    def looks(self) -> int:
        """Evaluations that it took to make the last batch, each of as many samples as it has."""
        return 0

    @abstractmethod
    def next(self, standing: Standing) -> Batch:
        """The batch of the next step, of networks as they stand; the very same tensors where nothing changed."""

    @abstractmethod
    def position(self) -> dict[str, Any]:
        """Plain values from which `go_to` continues, in other batches made alike."""

    @abstractmethod
    def go_to(self, position: dict[str, Any]) -> None: ...


class AllSamples(Batches):
    """All samples as one batch: the same tensors every time, shared by the seeds."""

    known = True

    def __init__(self, split: Split):
        self._batch = Batch.of(split)

    def next(self, standing: Standing) -> Batch:
        return self._batch

    def position(self) -> dict[str, Any]:
        return {}

    def go_to(self, position: dict[str, Any]) -> None:
        return


class Minibatches(Batches):
    """Every seed goes through the samples in its own order, drawn anew each time around.

    What does not fill a batch waits for the next round.
    """

    known = True

    def __init__(self, split: Split, size: int, seeds: Sequence[int]):
        # Samples in rows: a batch is read from a few places in memory instead of from one per number.
        self._x, self._y, self._size = split.x.T.contiguous(), split.y.T.contiguous(), size
        self._weight = split.weight
        self._generators = [generator(seed, "batch") for seed in seeds]
        self._draw()

    def _draw(self) -> None:
        self._before = torch.stack([g.get_state() for g in self._generators])
        orders = [torch.randperm(len(self._x), generator=g) for g in self._generators]
        self._order, self._taken = torch.stack(orders).to(self._x.device), 0

    def next(self, standing: Standing) -> Batch:
        if self._taken + self._size > len(self._x):
            self._draw()
        index = self._order[:, self._taken : self._taken + self._size]
        self._taken += self._size
        weight = None if self._weight is None else self._weight[index]
        return Batch(self._x[index].mT.contiguous(), self._y[index].mT, weight)

    def position(self) -> dict[str, Any]:
        return {"before": self._before, "taken": self._taken}

    def go_to(self, position: dict[str, Any]) -> None:
        for own, state in zip(self._generators, position["before"], strict=True):
            own.set_state(state.clone())  # a view of a tensor that was loaded brings torch down
        self._draw()
        self._taken = position["taken"]


class RedrawnSamples(Batches):
    """Samples that the task draws, the same for all seeds: those given, and others after every so many steps."""

    def __init__(self, task: Task, split: Split, data_seed: int):
        self._task, self._generator = task, generator(data_seed, "batch")
        self._batch, self._given, self._draws = Batch.of(split), 0, 0

    def next(self, standing: Standing) -> Batch:
        if self._given == self._task.redrawn:
            self._draw()
        self._given += 1
        return self._batch

    @property
    def renewed(self) -> bool:
        return self._draws > 0 and self._given == 1

    @property
    def changes(self) -> bool:
        return True

    def _draw(self) -> None:
        drawn = self._task.sample(self._generator)
        self._batch = Batch(drawn.x.to(self._batch.x)[None], drawn.y.to(self._batch.y)[None])
        self._given, self._draws = 0, self._draws + 1

    def position(self) -> dict[str, Any]:
        return {"draws": self._draws, "given": self._given}

    def go_to(self, position: dict[str, Any]) -> None:
        for _ in range(position["draws"]):
            self._draw()
        self._given = position["given"]
