"""The contract of an optimizer: move theta (seeds, parameters), every row on its own."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

# theta (seeds, parameters) -> loss (seeds,) and gradient (seeds, parameters) of one batch.
Evaluate = Callable[[Tensor], tuple[Tensor, Tensor]]


class Stepper(ABC):
    """An optimizer at work on one ensemble: it holds the moments or the history."""

    @abstractmethod
    def step(self, theta: Tensor, evaluate: Evaluate) -> tuple[Tensor, Tensor, Tensor]:
        """One step for every seed.

        Returns the new theta (a new tensor; the old one is left as it was), the loss at the old theta (seeds,), and how
        many evaluations of function and gradient each seed needed (seeds,), int64.
        A row that is not finite stays so and touches no other row.
        """

    def carry(self, resize: Callable[[Tensor], Tensor]) -> bool:
        """Go on with weights of another shape, to which `resize` brings a state (seeds, parameters).

        Returns False where what is remembered has no meaning for them, and a fresh stepper is needed.
        """
        return False

    def finished(self) -> Tensor | None:
        """Which seeds can go no further (seeds,), bool; None for optimizers that never know."""
        return None


@dataclass(frozen=True, kw_only=True)
class Optimizer(ABC):
    """Settings of an optimizer."""

    minibatches: ClassVar[bool] = True  # False: its line search needs the same loss at every call

    @abstractmethod
    def stepper(self, theta: Tensor) -> Stepper:
        """A fresh stepper for an ensemble like theta (seeds, parameters)."""
