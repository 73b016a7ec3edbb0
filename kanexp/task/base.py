"""The contract of a task: data in three parts, a loss, metrics, and what to show of a solution."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Generator, Tensor

from kanexp.data.encoding import Encoding
from kanexp.error import require
from kanexp.score.functions import distances, errors, power_of_two, relative_l2
from kanexp.score.score import ERRORS, GRID_RELATIVE_L2, MAX_ERROR, RELATIVE_L2, Score


@dataclass(frozen=True)
class Split:
    """Inputs (n_in, samples) and targets (n_out, samples), float64; float32 where eight bits are what was measured.

    Classes are targets too: one row for each, 1 at the right one and 0 elsewhere. Where samples do not all count alike
    in the loss, `weight` (samples,) says how much each does; it has mean 1.
    """

    x: Tensor
    y: Tensor
    weight: Tensor | None = None

    def to(self, device: torch.device, dtype: torch.dtype) -> "Split":
        weight = None if self.weight is None else self.weight.to(device, dtype)
        return Split(self.x.to(device, dtype), self.y.to(device, dtype), weight)


@dataclass(frozen=True)
class Data:
    """Training data, data that select the best state, and data that are scored once, at the end.

    What the network learns times `scale` plus `offset` is in the target's own units, in which metrics are given; both
    are numbers, or lists with one for each output. `encoding` says how inputs came to be; where it is None, they are
    what they were. `notes` are sentences about what was done to the data.
    """

    train: Split
    val: Split
    test: Split
    offset: float | tuple[float, ...] = 0.0
    scale: float | tuple[float, ...] = 1.0
    notes: tuple[str, ...] = ()
    encoding: Encoding | None = None

    def own_units(self, y: Tensor) -> Tensor:
        """Predictions or targets (..., n_out, samples) as the data gave them; float64 where they were scaled."""
        if (self.offset, self.scale) == (0.0, 1.0):
            return y
        return self.own_sizes(y) + _column(self.offset, y)

    def own_sizes(self, y: Tensor) -> Tensor:
        """The same counted from `offset`, float64: differences are those of own units, without their rounding."""
        return y.double() if self.scale == 1.0 else y.double() * _column(self.scale, y)

    def inputs_as(self) -> Encoding:
        """The encoding of the inputs, also where they are what they were."""
        return self.encoding or Encoding.unchanged(self.train.x.shape[0])

    def to(self, device: torch.device, dtype: torch.dtype) -> "Data":
        train, val, test = (split.to(device, dtype) for split in (self.train, self.val, self.test))
        return replace(self, train=train, val=val, test=test)


@dataclass(frozen=True)
class Scene:
    """Points at which a prediction is drawn beside its target.

    x (n_in, points) as it goes in, target (n_out, points) in own units. `shape` is (rows, columns) for pictures and
    surfaces, whose points are in reading order; (points,) for curves, for scatter plots of prediction over target, and
    for classes, which are named. `held` (points,) says which points are test data, where that is asked of a picture.
    """

    kind: Literal["picture", "surface", "curve", "scatter", "classes"]
    x: Tensor
    target: Tensor
    shape: tuple[int, ...]
    classes: tuple[str, ...] = ()
    held: Tensor | None = None

    def to(self, device: torch.device, dtype: torch.dtype) -> "Scene":
        held = None if self.held is None else self.held.to(device)
        return replace(self, x=self.x.to(device, dtype), target=self.target.to(device), held=held)


def _column(number: float | tuple[float, ...], like: Tensor) -> Tensor:
    """One number, or one for each output, beside (n_out, samples): float64."""
    return torch.tensor(number, dtype=torch.float64, device=like.device).reshape(-1, 1)


def scaled(unit: Tensor, ranges: Sequence[tuple[float, float]]) -> Tensor:
    """Points (inputs, points) in the ranges, from those in the unit cube."""
    low, high = torch.tensor(ranges, dtype=torch.float64).T[..., None]
    return low + (high - low) * unit


def location(y: Tensor) -> tuple[float, float]:
    """Mean and standard deviation of targets (samples,); 1 for what does not vary. Of numbers of any size."""
    unit = power_of_two(y.abs().max())
    shares = y / unit
    return float(shares.mean() * unit), float(shares.std(correction=0) * unit) or 1.0


def uniform_points(ranges: Sequence[tuple[float, float]], points: int, generator: Generator) -> Tensor:
    """Points (inputs, points), uniform in the ranges."""
    return scaled(torch.rand((len(ranges), points), generator=generator, dtype=torch.float64), ranges)


def dense_scene(ranges: Sequence[tuple[float, float]], solution: Callable[[Tensor], Tensor]) -> Scene:
    """A curve over one input or a surface over two, from an exact solution."""
    side = 400 if len(ranges) == 1 else 61
    axes = [torch.linspace(low, high, side, dtype=torch.float64) for low, high in ranges]
    if len(axes) == 1:
        return Scene("curve", axes[0][None], solution(axes[0][None]), (side,))
    second, first = torch.meshgrid(axes[1], axes[0], indexing="ij")
    x = torch.stack([first.flatten(), second.flatten()])
    return Scene("surface", x, solution(x), (side, side))


@dataclass(frozen=True)
class Task(ABC):
    """A problem with a known answer on held-out data."""

    differential: ClassVar[bool] = (
        False  # True: the loss is of the network's derivatives in its inputs (differential.py)
    )
    partials: ClassVar[tuple[tuple[int, ...], ...]] = ()  # its derivatives, each as the inputs in which it is taken
    windows: ClassVar[Mapping[int, float]] = {}  # step -> share of the time in which data lie from there on
    before: ClassVar[Mapping[str, Any]] = {}  # options whose words lack them: as it was when there were none
    coordinate_inputs = 0  # of the inputs so many, the last, are coordinates of a function that depends on the others
    unknowns: ClassVar[Mapping[str, float]] = {}  # numbers that are trained with the network: where they start
    truths: ClassVar[Mapping[str, float]] = {}  # what they are, where that is known

    @property
    def redrawn(self) -> int | None:
        """Steps after which `sample` draws other training data; None where they stay."""
        return None

    @property
    def moving(self) -> dict[str, object]:
        """Options, with their values, by which training data or what they count change from step to step."""
        return {} if self.redrawn is None else {"resample": self.redrawn}

    def sample(self, generator: Generator) -> Split:
        """Training data drawn anew. Raises ValueError where they cannot be."""
        raise ValueError(f"{type(self).__name__} has no training data to draw anew")

    @property
    def periods(self) -> Mapping[int, float]:
        """Inputs by their numbers, as they go in, in which every network is to be periodic, with their periods."""
        return {}

    @property
    def finish(self) -> Callable[[Tensor, Tensor], Tensor] | None:
        """What a network's outputs (seeds, n_out, samples) become at inputs (seeds or 1, n_in, samples), if others."""
        return None

    @property
    def solved(self) -> bool:
        """Whether there are answers to compare with; else it is scored by how well `sides` meet the test targets."""
        return True

    def sides(self, function: Callable[[Tensor], Tensor], x: Tensor, unknowns: Mapping[str, Tensor]) -> Tensor:
        """What an equation says of a function at x. Raises ValueError where there is none."""
        raise ValueError(f"{type(self).__name__} is no equation")

    @property
    def least_squares(self) -> bool:
        """Whether `loss` is the mean of squared errors."""
        return True

    @property
    @abstractmethod
    def inputs(self) -> int:
        """Numbers per sample that go in."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Numbers per sample that come out."""

    @property
    def made(self) -> int:
        """Samples that `load` makes, as far as options say; 0 where a file says how many there are."""
        return 0

    @abstractmethod
    def load(self, generator: Generator) -> Data:
        """Draw or read the data; everything random comes from the generator.

        Raises ValueError with the field's name first where a field is wrong ("path: cannot read ...").
        """

    @abstractmethod
    def scene(self, data: Data) -> Scene:
        """What to draw before and after training."""

    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Per seed: (seeds, n_out, samples) against (seeds or 1, n_out, samples) -> (seeds,). Mean squared error."""
        return (prediction - target).square().mean(dim=(1, 2))

    def weighted_loss(self, prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """The loss (seeds,) where samples count by weight (seeds or 1, samples), for data that have some."""
        return (weight * (prediction - target).square().mean(dim=1)).mean(dim=1)

    def residual_scale(self, target: Tensor) -> Tensor | float:
        """What errors are multiplied by so that their squares add up to the loss, for targets (1, n_out, samples)."""
        return float(1 / target[0].numel() ** 0.5)

    @property
    @abstractmethod
    def scores(self) -> tuple[Score, ...]:
        """All that `metrics` and `scene_metrics` give, and which way each is better; the first is the one to report."""

    @abstractmethod
    def metrics(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Numbers (seeds,) of predictions (seeds, n_out, samples), by the names of `scores`.

        Both are float64 and in own units, counted from the data's `offset`, so that no digit of an error is lost.
        """

    def validation_metrics(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Metrics (seeds,) of the data that select; empty where training must not see what they are of."""
        return self.metrics(prediction, target)

    def scene_metrics(self, prediction: Tensor, scene: Scene) -> dict[str, Tensor]:
        """Named scores (seeds,) of all that is drawn (seeds, n_out, points), taken once, at the end."""
        return {}

    def finer_scene(self, data: Data) -> Scene | None:
        """The scene with more points than there were data, whose answers are known; it goes to `scene_metrics`, too."""
        return None


@dataclass(frozen=True, kw_only=True)
class Regression(Task):
    """Samples of a known function of several numbers, each uniform in its range; noise on training targets alone.

    With `scale`, inputs are brought from their ranges to [-1, 1], and targets to mean 0 and standard deviation 1 by the
    training samples; with auto, where a range is another than [-1, 1]. Metrics are in own units all the same.
    """

    train: int = 800
    val: int = 200
    test: int = 200
    noise: float = 0.0
    scale: Literal["auto"] | bool = "auto"

    before: ClassVar[Mapping[str, Any]] = {"scale": False}

    def __post_init__(self):
        require(
            (self.train >= 1, f"train must be at least 1, got {self.train}"),
            (self.val >= 1, f"val must be at least 1, got {self.val}"),
            (self.test >= 1, f"test must be at least 1, got {self.test}"),
            (0 <= self.noise < math.inf, f"noise must be zero or more, got {self.noise}"),
        )

    @property
    def source(self) -> str:
        """The option that says which function it is."""
        return "function"

    @property
    @abstractmethod
    def ranges(self) -> list[tuple[float, float]]:
        """Lowest and highest value of every input."""

    @abstractmethod
    def solution(self, x: Tensor) -> Tensor:
        """The exact answer (1, samples) at x (n_in, samples), float64."""

    @property
    def inputs(self) -> int:
        return len(self.ranges)

    @property
    def outputs(self) -> int:
        return 1

    @property
    def made(self) -> int:
        return self.train + self.val + self.test

    def load(self, generator: Generator) -> Data:
        train, val, test = (self._sample(n, generator) for n in (self.train, self.val, self.test))
        disturbed = train.y + self.noise * torch.randn(train.y.shape, generator=generator, dtype=torch.float64)
        if not self.scaled:
            unchanged = Encoding.of_ranges(self.names, self.ranges, to_unit=False)
            return Data(Split(train.x, disturbed), val, test, encoding=unchanged)
        encoding = Encoding.of_ranges(self.names, self.ranges, to_unit=True)
        offset, scale = location(disturbed[0])
        train, val, test = (
            Split(encoding.inputs(x), (y - offset) / scale)
            for x, y in ((train.x, disturbed), (val.x, val.y), (test.x, test.y))
        )
        ranges = (f"{name} in [{low:g}, {high:g}]" for name, (low, high) in zip(self.names, self.ranges, strict=True))
        note = f"inputs brought to [-1, 1] from {', '.join(ranges)}"
        more = f"targets to mean 0 and standard deviation 1 from {offset:.4g} and {scale:.4g}"
        return Data(train, val, test, offset, scale, (note, more, "task.scale=false leaves both"), encoding)

    @property
    def scaled(self) -> bool:
        """Whether inputs and targets are brought to a common size."""
        return any(ends != (-1, 1) for ends in self.ranges) if self.scale == "auto" else self.scale

    @property
    def names(self) -> list[str]:
        """What the inputs are called."""
        return [f"x{i + 1}" for i in range(self.inputs)]

    def scene(self, data: Data) -> Scene:
        """A curve, a surface, or for more inputs the predictions of the test data over their targets."""
        if self.inputs <= 2:
            dense = dense_scene(self.ranges, self.solution)
            return replace(dense, x=data.inputs_as().inputs(dense.x))
        return Scene("scatter", data.test.x, data.own_units(data.test.y), (data.test.x.shape[1],))

    @property
    def scores(self) -> tuple[Score, ...]:
        return (*ERRORS, RELATIVE_L2, MAX_ERROR, GRID_RELATIVE_L2)

    def metrics(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        return errors(prediction, target) | distances(prediction, target)

    def scene_metrics(self, prediction: Tensor, scene: Scene) -> dict[str, Tensor]:
        """On the dense grid of a curve or surface; beyond two inputs a grid is sparse and the test data do as well."""
        return {} if scene.kind == "scatter" else {"grid_relative_l2": relative_l2(prediction, scene.target[None])}

    def _sample(self, samples: int, generator: Generator) -> Split:
        """Raises ValueError where the function is infinite or not a number."""
        x = uniform_points(self.ranges, samples, generator)
        y = self.solution(x)
        if bad := (~y[0].isfinite()).nonzero().flatten().tolist():
            where = ", ".join(f"{value:.4g}" for value in x[:, bad[0]].tolist())
            raise ValueError(
                f"{self.source}: is {y[0, bad[0]]:.4g} at ({where}), and not finite at {len(bad)} of {samples} "
                "samples; choose low and high inside its domain"
            )
        return Split(x, y)
