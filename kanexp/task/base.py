"""The contract of a task: data in three parts, a loss, metrics, and what to show of a solution."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

from torch import Generator, Tensor


@dataclass(frozen=True)
class Split:
    """Inputs (n_in, samples) and targets (n_out, samples), float64."""

    x: Tensor
    y: Tensor


@dataclass(frozen=True)
class Data:
    """Training data, data that select the best state, and data that are scored once, at the end."""

    train: Split
    val: Split
    test: Split


@dataclass(frozen=True)
class Scene:
    """Points at which a prediction is drawn beside its target.

    x (n_in, points), target (n_out, points). `shape` is (rows, columns) for pictures and surfaces, whose points are in
    reading order; (points,) for curves and for scatter plots of prediction over target.
    """

    kind: Literal["picture", "surface", "curve", "scatter"]
    x: Tensor
    target: Tensor
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Task(ABC):
    """A problem with a known answer on held-out data."""

    @property
    @abstractmethod
    def inputs(self) -> int:
        """Numbers per sample that go in."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Numbers per sample that come out."""

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

    @abstractmethod
    def metrics(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Named scores (seeds,) of predictions (seeds, n_out, samples); the first is the one to report."""
