"""Weights of an equation's values that follow its training: earlier times first, large residuals more, or balanced."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from kanexp.task.base import Split
from kanexp.task.differential import Equation
from kanexp.train.batches import Batch, Batches
from kanexp.train.standing import Standing


class Weighing(ABC):
    """What each squared error counts besides its share, for every seed by its own network."""

    def __init__(self, equation: Equation):
        self.equation = equation

    @abstractmethod
    def weigh(self, before: Tensor, batch: Batch, standing: Standing, fresh: bool) -> Tensor:
        """Weights (seeds, values) after those before; `fresh` where points are other ones than these were of."""

    def looks(self, values: int) -> int:
        """Evaluations that it takes."""
        return 1

    def inside(self, values: Tensor) -> Tensor:
        """What of (seeds, values) belongs to the points inside, as a view (seeds, equations, points)."""
        points = (values.shape[1] - self.equation.known_values) // self.equation.equations
        return values[:, : self.equation.equations * points].unflatten(1, (self.equation.equations, points))


class Causal(Weighing):
    """w = exp(-causality sum of the mean squared residuals of all earlier slices of time); conditions count 1.

    A time is learned when what leads to it is.

    Source: Wang, Sankaran and Perdikaris 2022, https://arxiv.org/abs/2203.07404
    """

    def weigh(self, before: Tensor, batch: Batch, standing: Standing, fresh: bool) -> Tensor:
        squares = self.inside(standing.errors(batch.x, batch.y)).square().mean(1)
        slices = self._slices(batch.x)[..., : squares.shape[1]].expand(len(squares), -1)
        sums, counts = (
            squares.new_zeros(len(squares), self.equation.slices).scatter_add_(1, slices, of)
            for of in (squares, torch.ones_like(squares))
        )
        means = sums / counts.clamp(min=1)
        weights = (-self.equation.causality * (means.cumsum(1) - means)).exp().gather(1, slices)
        found = torch.ones_like(before)
        self.inside(found).copy_(weights.unsqueeze(1).expand(-1, self.equation.equations, -1))
        return found

    def _slices(self, x: Tensor) -> Tensor:
        """The slice of time of points (seeds or 1, n_in, points), (seeds or 1, points)."""
        axis = self.equation.time
        assert axis is not None
        ends = torch.tensor(self.equation.ranges, dtype=torch.float64).T
        low, high = self.equation.encoding.inputs(ends.T)[axis].tolist()
        share = (x[:, axis] - low) / (high - low)
        return (share * self.equation.slices).long().clamp(0, self.equation.slices - 1)


class Attention(Weighing):
    """a <- memory a + gain |r| / max |r| at the points inside, from 0, and w = a^2; conditions count 1.

    At other points it begins anew, for a residual there was not seen before.

    Source: Anagnostopoulos, Toscano, Stergiopulos and Karniadakis 2024, https://arxiv.org/abs/2307.00379
    """

    def weigh(self, before: Tensor, batch: Batch, standing: Standing, fresh: bool) -> Tensor:
        e, found = self.equation, torch.ones_like(before)
        sizes = self.inside(standing.errors(batch.x, batch.y)).abs()
        kept = 0.0 if fresh else (0.999 if e.memory is None else e.memory) * self.inside(before).sqrt()
        largest = sizes.amax(2, keepdim=True)
        self.inside(found).copy_((kept + e.gain * torch.where(largest > 0, sizes / largest, 1)).square())
        return found


class Balance(Weighing):
    """w <- memory w + (1 - memory) max |gradient of the equation's loss| / mean |gradient of the conditions' loss|.

    For the conditions of each name, from 1; the equation counts 1. Both losses are without these weights.

    Source: Wang, Teng and Perdikaris 2021, https://arxiv.org/abs/2001.04536
    """

    def weigh(self, before: Tensor, batch: Batch, standing: Standing, fresh: bool) -> Tensor:
        memory = 0.1 if self.equation.memory is None else self.equation.memory
        named = self.equation.named(before.shape[1])
        rest = ~torch.stack(list(named.values())).any(0)
        largest = self._gradient(rest, batch, standing).amax(1)
        found = before.clone()
        for of in named.values():
            places = of.to(before.device)
            asked = largest / self._gradient(of, batch, standing).mean(1)
            asked = torch.where(asked.isfinite() & (asked > 0), asked, before[:, places][:, 0])
            found[:, places] = memory * before[:, places] + (1 - memory) * asked[:, None]
        return found

    def _gradient(self, of: Tensor, batch: Batch, standing: Standing) -> Tensor:
        return standing.gradient(batch.x, batch.y, of[None].to(batch.x)).abs()

    def looks(self, values: int) -> int:
        return 1 + len(self.equation.named(values))


WEIGHINGS: dict[str, type[Weighing]] = {"causal": Causal, "attention": Attention, "balance": Balance}


class WeighedValues(Batches):
    """Other batches, whose values count by weights that change every so many steps, and where points are others.

    The weights are all that a weighing remembers.
    """

    def __init__(self, inner: Batches, equation: Equation, split: Split, seeds: int):
        assert equation.weighing is not None
        self._inner, self._weighing, self._reweigh = inner, WEIGHINGS[equation.weighing](equation), equation.reweigh
        self._weight, self._given, self._weighed = split.y.new_ones(seeds, split.y.shape[1]), 0, False

    def next(self, standing: Standing) -> Batch:
        batch = self._inner.next(standing)
        self._weighed = self._given % self._reweigh == 0 or self._inner.renewed
        if self._weighed:
            weight = self._weighing.weigh(self._weight, batch, standing, self._given == 0 or self._inner.renewed)
            # A network that is lost has no weights, and needs none: its loss says that it is lost.
            self._weight = torch.where(weight.isfinite().all(1, keepdim=True), weight, 1)
        self._given += 1
        return batch._replace(weight=self._weight)

    @property
    def renewed(self) -> bool:
        return self._weighed and self._given > 1

    @property
    def changes(self) -> bool:
        return True

    @property
    def looks(self) -> int:
        return self._inner.looks + (self._weighing.looks(self._weight.shape[1]) if self._weighed else 0)

    def position(self) -> dict[str, Any]:
        return self._inner.position() | {"weight": self._weight, "weighed_steps": self._given}

    def go_to(self, position: dict[str, Any]) -> None:
        self._inner.go_to(position)
        self._weight, self._given = position["weight"].to(self._weight), position["weighed_steps"]
