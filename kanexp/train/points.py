"""Points of an equation that depend on the networks: every seed has its own, more where its residual is large."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from kanexp.seeding import generator
from kanexp.task.base import Split
from kanexp.task.differential import Equation
from kanexp.train.batches import Batch, Batches
from kanexp.train.standing import Standing


class AdaptedPoints(Batches):
    """The points given, and others after every so many steps: from a pool that all seeds share, for each its own.

    Which ones depends on the networks, so that the position holds the points themselves.
    """

    def __init__(self, equation: Equation, split: Split, seeds: Sequence[int], data_seed: int):
        self._equation, self._generator = equation, generator(data_seed, "batch")
        self._generators = [generator(seed, "adapt") for seed in seeds]
        self._batch, self._given, self._draws = Batch.of(split), 0, 0

    def next(self, standing: Standing) -> Batch:
        if self._given == self._equation.resample:
            self._draw(standing)
        self._given += 1
        return self._batch

    @property
    def renewed(self) -> bool:
        return self._draws > 0 and self._given == 1

    @property
    def changes(self) -> bool:
        return True

    @property
    def looks(self) -> int:
        return self._equation.adapt_pool if self.renewed else 0

    def _draw(self, standing: Standing) -> None:
        e, x, y = self._equation, self._batch.x, self._batch.y
        pool = e.sample(self._generator, e.pool)
        inside = pool.x.shape[1] - e.known_points
        left = standing.sides(pool.x[:, :inside].to(x)).cpu().double()
        right = pool.y[0, : e.equations * inside].unflatten(0, (e.equations, inside))
        numbers = choose(e, (left - right).norm(dim=1), self._generators)
        own_x, own_y = e.choose(pool, numbers)
        self._batch = Batch(own_x.to(x), own_y.to(y))
        self._given, self._draws = 0, self._draws + 1

    def position(self) -> dict[str, Any]:
        states = {"shared": self._generator.get_state(), "own": torch.stack([g.get_state() for g in self._generators])}
        return {"x": self._batch.x, "y": self._batch.y, "given": self._given, "draws": self._draws, **states}

    def go_to(self, position: dict[str, Any]) -> None:
        states = [position["shared"], *position["own"]]
        for own, state in zip([self._generator, *self._generators], states, strict=True):
            own.set_state(state.clone())  # a view of a tensor that was loaded brings torch down
        x, y = (position[name].to(old) for name, old in (("x", self._batch.x), ("y", self._batch.y)))
        self._batch, self._given, self._draws = Batch(x, y), position["given"], position["draws"]


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
