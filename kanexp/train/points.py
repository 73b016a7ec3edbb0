"""Points of an equation that follow its training: more where residuals are large, in windows of time that grow."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from kanexp.seeding import generator
from kanexp.task.base import Split
from kanexp.task.differential import Equation
from kanexp.train.batches import Batch, Batches
from kanexp.train.standing import Standing


class FollowingPoints(Batches):
    """The points given, and others after every so many steps and where a window of time begins.

    Where they are adapted, from a pool that all seeds share, for each its own: which ones depends on the networks, so
    that the position holds the points themselves.
    """

    def __init__(self, equation: Equation, split: Split, seeds: Sequence[int], data_seed: int):
        self._equation, self._generator = equation, generator(data_seed, "batch")
        self._generators = [generator(seed, "adapt") for seed in seeds]
        self._batch, self._step, self._drawn = Batch.of(split), 0, 0  # the next step, and that of the last draw

    def next(self, standing: Standing) -> Batch:
        e = self._equation
        begins = self._step in e.windows and (self._step > 0 or e.reach(0) < 1)
        if begins or (e.resample is not None and self._step == self._drawn + e.resample):
            drawn = self._adapted(standing) if e.adapt and self._step else Batch.of(self._sample(e.points))
            self._batch = Batch(drawn.x.to(self._batch.x), drawn.y.to(self._batch.y))
            self._drawn = self._step
        self._step += 1
        return self._batch

    @property
    def renewed(self) -> bool:
        return 0 < self._drawn == self._step - 1

    @property
    def changes(self) -> bool:
        return self._equation.resample is not None or self._step <= max(self._equation.windows)

    @property
    def looks(self) -> int:
        return self._equation.adapt_pool if self.renewed and self._equation.adapt else 0

    def _sample(self, points: int) -> Split:
        return self._equation.sample(self._generator, points, self._equation.reach(self._step))

    def _adapted(self, standing: Standing) -> Batch:
        e, x = self._equation, self._batch.x
        pool = self._sample(e.pool)
        inside = pool.x.shape[1] - e.known_points
        left = standing.sides(pool.x[:, :inside].to(x)).cpu().double()
        right = pool.y[0, : e.equations * inside].unflatten(0, (e.equations, inside))
        numbers = choose(e, (left - right).norm(dim=1), self._generators)
        return Batch(*e.choose(pool, numbers))

    def position(self) -> dict[str, Any]:
        states = {"shared": self._generator.get_state(), "own": torch.stack([g.get_state() for g in self._generators])}
        return {"x": self._batch.x, "y": self._batch.y, "step": self._step, "drawn": self._drawn, **states}

    def go_to(self, position: dict[str, Any]) -> None:
        states = [position["shared"], *position["own"]]
        for own, state in zip([self._generator, *self._generators], states, strict=True):
            own.set_state(state.clone())  # a view of a tensor that was loaded brings torch down
        x, y = (position[name].to(old) for name, old in (("x", self._batch.x), ("y", self._batch.y)))
        self._batch, self._step, self._drawn = Batch(x, y), position["step"], position["drawn"]


def choose(equation: Equation, residuals: Tensor, generators: Sequence[Generator]) -> Tensor:
    """Numbers (seeds, points), rising, of the points of a pool: its first, and of the others some by their residuals.

    Each seed chooses with its own generator, one point after the other, each with a chance that is proportional to its
    density among those left, by |residuals| (seeds, pool). The smallest of times until a point is hit, which is
    exponential with its density for a rate, are such a choice; and no seed's depends on another's.
    Source: Efraimidis and Spirakis 2006, https://doi.org/10.1016/j.ipl.2005.11.003
    """
    fresh = equation.points - equation.adapted
    density = equation.density(residuals[:, fresh:])
    unit = torch.stack([torch.rand(density.shape[1], generator=g, dtype=torch.float64) for g in generators])
    chosen = (-torch.log1p(-unit) / density).topk(equation.adapted, largest=False).indices.sort().values
    return torch.cat([torch.arange(fresh).expand(len(chosen), -1), chosen + fresh], dim=1)
