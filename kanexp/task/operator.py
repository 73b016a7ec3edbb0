"""Learning of operators: from a function, by its values at sensors, to another function of coordinates."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Generator, Tensor

from kanexp.data.encoding import Encoding
from kanexp.error import require
from kanexp.score.functions import distances, errors
from kanexp.score.score import ERRORS, MAX_ERROR, RELATIVE_L2, Score
from kanexp.task.base import Data, Scene, Split, Task

# Values of the functions have standard deviation 1; those within these ends go in as numbers from -1 to 1.
USUAL = (-3.0, 3.0)


class Kind(NamedTuple):
    """An operator on sums of waves a cos(k w x) + b sin(k w x) over [0, 1], which it takes to what is known exactly."""

    coordinates: tuple[str, ...]
    frequency: float  # w: pi where functions have no period in [0, 1]
    solution: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]  # of k w, a, b (waves,) and coordinates (n, points)


def waves(k: Tensor, a: Tensor, b: Tensor, x: Tensor) -> Tensor:
    """sum a cos(k x) + b sin(k x) for functions (functions, waves) at x (functions or 1, points)."""
    angle = x.unsqueeze(-1) * k
    return (angle.cos() @ a.unsqueeze(-1) + angle.sin() @ b.unsqueeze(-1)).squeeze(-1)


def _antiderivative(k: Tensor, a: Tensor, b: Tensor, y: Tensor) -> Tensor:
    """The integral from 0 to y: of the constant a line, of others waves that start at 0."""
    k, cosines, sines = k[1:], a[:, 1:] / k[1:], b[:, 1:] / k[1:]
    return a[:, :1] * y[0] + waves(k, -sines, cosines, y[0]) + sines.sum(1, keepdim=True)


def _advection(k: Tensor, a: Tensor, b: Tensor, y: Tensor) -> Tensor:
    """u(t, x) = u(0, x - t) solves u_t + u_x = 0, with u as periodic as its start."""
    return waves(k, a, b, y[1] - y[0])


KINDS = {
    "antiderivative": Kind(("y",), math.pi, _antiderivative),
    "advection": Kind(("t", "x"), 2 * math.pi, _advection),
}


@dataclass(frozen=True)
class Operator(Task):
    """Pairs of a function u, drawn at random, and what an operator makes of it at random coordinates in [0, 1].

    antiderivative is the integral of u from 0 to y; advection takes a periodic start to u(t, x), which moves with speed
    1. Functions are random waves of variance 1 whose power falls as exp(-(frequency length)^2 / 2): Gaussian processes
    of that length with a period, of 1 for advection and else of 2, for which both are known in closed form. A sample is
    u at `sensors` places and the coordinates of one of its `points`; functions that select and that are scored are
    others than those that train.

    Source: the antiderivative of Lu et al. 2021, https://arxiv.org/abs/1910.03193, where functions are drawn from a
    Gaussian process of length 0.2; advection as in Lu et al. 2022, https://arxiv.org/abs/2111.05512
    """

    operator: Literal["antiderivative", "advection"] = "antiderivative"
    sensors: int = 20
    length: float = 0.2
    train: int = 500
    val: int = 100
    test: int = 200
    points: int = 5

    def __post_init__(self):
        sizes = {name: getattr(self, name) for name in ("train", "val", "test", "points")}
        require(
            *((size >= 1, f"{name} must be at least 1, got {size}") for name, size in sizes.items()),
            (self.sensors >= 2, f"sensors must be at least 2, got {self.sensors}"),
            (0.01 <= self.length <= 1, f"length must be between 0.01 and 1, got {self.length}"),
        )

    @property
    def kind(self) -> Kind:
        return KINDS[self.operator]

    @property
    def periodic(self) -> bool:
        """Whether functions are the same at 0 and 1."""
        return self.kind.frequency == 2 * math.pi

    @property
    def coordinate_inputs(self) -> int:  # type: ignore[override]
        return len(self.kind.coordinates)

    @property
    def inputs(self) -> int:
        return self.sensors + self.coordinate_inputs

    @property
    def outputs(self) -> int:
        return 1

    @property
    def made(self) -> int:
        return (self.train + self.val + self.test) * self.points

    @property
    def places(self) -> Tensor:
        """Where the sensors are (sensors,); of periodic functions without the end, which is the start."""
        ends = self.sensors if self.periodic else self.sensors - 1
        return torch.arange(self.sensors, dtype=torch.float64) / ends

    def draw(self, functions: int, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Frequencies (waves,) of functions drawn at random, and their cosines and sines (functions, waves)."""
        # Beyond, their power is less than rounding.
        count = 2 + math.ceil(9 / (self.kind.frequency * self.length))
        k = self.kind.frequency * torch.arange(count, dtype=torch.float64)
        power = torch.exp(-0.5 * (k * self.length).square()) * torch.where(k > 0, 2.0, 1.0)
        drawn = torch.randn((2, functions, count), generator=generator, dtype=torch.float64)
        a, b = drawn * (power / power.sum()).sqrt()
        return k, a, b

    def split(self, functions: int, generator: Generator) -> Split:
        """Samples in own units, function by function."""
        k, a, b = self.draw(functions, generator)
        coordinates = torch.rand(
            (len(self.kind.coordinates), functions, self.points), generator=generator, dtype=torch.float64
        )
        values = waves(k, a, b, self.places[None])
        seen = values.T.unsqueeze(-1).expand(-1, -1, self.points)
        x = torch.cat([seen, coordinates]).flatten(1)
        return Split(x, self.kind.solution(k, a, b, coordinates).reshape(1, -1))

    def load(self, generator: Generator) -> Data:
        names = [*(f"u{i + 1}" for i in range(self.sensors)), *self.kind.coordinates]
        ranges = [USUAL] * self.sensors + [(0.0, 1.0)] * len(self.kind.coordinates)
        encoding = Encoding.of_ranges(names, ranges, to_unit=True)
        drawn = [self.split(functions, generator) for functions in (self.train, self.val, self.test)]
        # Only divided: where 0 is stays, so that errors are relative to what is looked for.
        scale = float(drawn[0].y.std(correction=0)) or 1.0
        train, val, test = (Split(encoding.inputs(split.x), split.y / scale) for split in drawn)
        return Data(train, val, test, scale=scale, encoding=encoding)

    def scene(self, data: Data) -> Scene:
        """The predictions of the test data over their targets."""
        return Scene("scatter", data.test.x, data.own_units(data.test.y), (data.test.x.shape[1],))

    @property
    def scores(self) -> tuple[Score, ...]:
        return (RELATIVE_L2, MAX_ERROR, *ERRORS)

    def metrics(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        return distances(prediction, target) | errors(prediction, target)
