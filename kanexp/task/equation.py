"""Differential equations as tasks: what the network's derivatives must satisfy inside, and what is known of it."""

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor
from torch.quasirandom import SobolEngine

from kanexp.data.encoding import Encoding
from kanexp.error import require
from kanexp.score.functions import distances, errors
from kanexp.score.score import ERRORS, MAX_ERROR, RELATIVE_L2, Score
from kanexp.task.base import Data, Scene, Split, Task, dense_scene, scaled, uniform_points

TEST_SIDE = 101  # points along each side of the grid on which the solution is compared


Partial = tuple[int, ...]  # a derivative, as the inputs in which it is taken, in their order: (1, 1) is twice in one


@dataclass(frozen=True)
class Jet:
    """A function of several inputs and its derivatives at points, (seeds or 1, outputs, points) each."""

    value: Tensor
    partials: Mapping[Partial, Tensor]
    unknowns: Mapping[str, Tensor]  # numbers of the equation that are trained with the network, (seeds, 1, 1) each

    def d(self, *inputs: int) -> Tensor:
        """The derivative in these inputs, one of those that the equation declares: d(1, 1) of d(0), d(1), d(1, 1)."""
        return self.partials[inputs]


@dataclass(frozen=True, kw_only=True)
class Equation(Task):
    """An equation at collocation points, and the values of its solution where they are known, as one least squares.

    The loss is weight mean (left side - right side)^2 + mean (u - known)^2. Collocation points are a grid, Sobol's
    sequence or uniform; the last two are drawn anew every `resample` steps. `points` are in the domain, `edge_points`
    on each edge where the solution is known. The best state is selected on points of its own, and scored against the
    solution on a dense grid.
    """

    points: int = 4096
    edge_points: int = 64
    sampling: Literal["grid", "sobol", "uniform"] = "sobol"
    resample: int | None = None
    weight: float = 1.0

    differential: ClassVar[bool] = True
    edges: ClassVar[
        tuple[tuple[int, int], ...]
    ]  # where the solution is known: input, and 0 or 1 for its low or high end

    def __post_init__(self):
        require(
            (self.points >= 4, f"points must be at least 4, got {self.points}"),
            (self.edge_points >= 2, f"edge_points must be at least 2, got {self.edge_points}"),
            (self.resample is None or self.resample >= 1, f"resample must be at least 1, or null, got {self.resample}"),
            (
                self.resample is None or self.sampling != "grid",
                "resample needs points that can be drawn anew, got sampling grid; use sobol or uniform",
            ),
            (0 < self.weight < math.inf, f"weight must be positive, got {self.weight}"),
        )

    @property
    @abstractmethod
    def ranges(self) -> list[tuple[float, float]]:
        """Lowest and highest value of every input."""

    @abstractmethod
    def left_side(self, jet: Jet, x: Tensor) -> Tensor:
        """What the equation says of u, (seeds, 1, points), from its derivatives at x (seeds or 1, inputs, points)."""

    @abstractmethod
    def solution(self, x: Tensor) -> Tensor:
        """The exact or a much more precise answer (1, points) at x (inputs, points), float64."""

    def right_side(self, x: Tensor) -> Tensor:
        """What the left side must be, (1, points), at x (inputs, points)."""
        return torch.zeros_like(x[:1])

    @property
    def inputs(self) -> int:
        return len(self.ranges)

    @property
    def outputs(self) -> int:
        return 1

    @property
    def known_points(self) -> int:
        return len(self.edges) * self.edge_points

    @property
    def made(self) -> int:
        return self.points + self.known_points

    def load(self, generator: Generator) -> Data:
        train = self.sample(generator)
        within = self._draw(max(4, self.points // 4), "uniform", generator)
        known = self.known(generator)
        val = Split(torch.cat([within, known.x], 1), torch.cat([self.right_side(within), known.y], 1))
        x = _grid(self.ranges, TEST_SIDE)
        names = [f"x{i + 1}" for i in range(self.inputs)]
        return Data(train, val, Split(x, self.solution(x)), encoding=Encoding.unchanged(names, ("u",)))

    def sample(self, generator: Generator) -> Split:
        """Collocation points with their right sides, then the points where the solution is known."""
        within, known = self._draw(self.points, self.sampling, generator), self.known(generator)
        return Split(torch.cat([within, known.x], 1), torch.cat([self.right_side(within), known.y], 1))

    def known(self, generator: Generator) -> Split:
        """Points on the edges and the solution there."""
        sides = []
        for axis, end in self.edges:
            others = [ends for i, ends in enumerate(self.ranges) if i != axis]
            x = (
                _grid(others, self.edge_points)
                if self.sampling == "grid"
                else uniform_points(others, self.edge_points, generator)
            )
            at = torch.full_like(x[:1], self.ranges[axis][end])
            sides.append(torch.cat([x[:axis], at, x[axis:]]))
        x = torch.cat(sides, 1)
        return Split(x, self.solution(x))

    def prediction(self, jet: Jet, x: Tensor) -> Tensor:
        """What is to equal the targets of `sample`: the left side, and u itself where it is known."""
        k = self.known_points
        return torch.cat([self.left_side(jet, x)[..., :-k], jet.value[..., -k:]], dim=-1)

    @property
    def redrawn(self) -> int | None:
        return self.resample

    def residual_scale(self, target: Tensor) -> Tensor:
        return self.shares(target.shape[-1]).sqrt().to(target)

    def validation_metrics(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        """None: metrics are those of the solution, which training must not see."""
        return {}

    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        return (self.shares(prediction.shape[-1]).to(prediction) * (prediction - target).square()).sum(dim=(1, 2))

    def shares(self, samples: int) -> Tensor:
        """What each squared error counts in the loss, (samples,)."""
        k = self.known_points
        within = torch.full((samples - k,), self.weight / (samples - k), dtype=torch.float64)
        return torch.cat([within, torch.full((k,), 1 / k, dtype=torch.float64)])

    def scene(self, data: Data) -> Scene:
        return dense_scene(self.ranges, self.solution)

    @property
    def scores(self) -> tuple[Score, ...]:
        unknown = (Score(f"{name}_error", "lower") for name in self.unknowns)
        return (RELATIVE_L2, MAX_ERROR, *ERRORS, *unknown)

    def metrics(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Errors (seeds,) of u against the solution, relative, largest and mean."""
        return distances(prediction, target) | errors(prediction, target)

    def _draw(self, points: int, sampling: str, generator: Generator) -> Tensor:
        if sampling == "grid":
            return _grid(self.ranges, round(points ** (1 / self.inputs)))
        if sampling == "uniform":
            return uniform_points(self.ranges, points, generator)
        seed = int(torch.randint(2**31, (), generator=generator))
        unit = SobolEngine(self.inputs, scramble=True, seed=seed).draw(points, dtype=torch.float64).T
        return scaled(unit, self.ranges)


def _grid(ranges: list[tuple[float, float]], side: int) -> Tensor:
    """(inputs, side^inputs), with the ends."""
    axes = [torch.linspace(low, high, side, dtype=torch.float64) for low, high in ranges]
    return torch.stack([axis.flatten() for axis in torch.meshgrid(*axes, indexing="ij")])
