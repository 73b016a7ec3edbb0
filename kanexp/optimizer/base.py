"""The contract of an optimizer: move theta (seeds, parameters), every row on its own."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

# theta (seeds, parameters) -> loss (seeds,) and gradient (seeds, parameters) of one batch.
Evaluate = Callable[[Tensor], tuple[Tensor, Tensor]]


class Problem(ABC):
    """What is minimized on one batch: the loss with its gradient, and as a sum of squares where it is one."""

    @abstractmethod
    def __call__(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Loss (seeds,) and gradient (seeds, parameters) at theta (seeds, parameters)."""

    @abstractmethod
    def residuals(self, theta: Tensor) -> Tensor:
        """What squared and summed gives the loss, (seeds, residuals); can be differentiated any number of times."""

    @abstractmethod
    def jacobian(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """The residuals, and their derivatives (seeds, parameters, residuals)."""


class Stepper(ABC):
    """An optimizer at work on one ensemble: it holds the moments or the history."""

    @abstractmethod
    def step(self, theta: Tensor, problem: Problem) -> tuple[Tensor, Tensor, Tensor]:
        """One step for every seed; optimizers of first order take any function like `Evaluate` for the problem.

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

    minibatches: ClassVar[bool] = True  # False: it compares losses of different steps, which need the same samples
    least_squares: ClassVar[bool] = False  # True: it needs a loss that is a sum of squares, in double precision

    def conflict(self, parameters: int) -> str:
        """Why this optimizer cannot train that many parameters; empty where it can."""
        return ""

    @abstractmethod
    def stepper(self, theta: Tensor) -> Stepper:
        """A fresh stepper for an ensemble like theta (seeds, parameters)."""
