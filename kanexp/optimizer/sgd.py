"""Gradient descent with momentum."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.optimizer.base import FirstOrder, FirstOrderStepper


@dataclass(frozen=True, kw_only=True)
class SGD(FirstOrder):
    """theta - rate v with v = momentum v + g; Nesterov's form moves by g + momentum v, one step ahead.

    Source: Sutskever et al. 2013, https://proceedings.mlr.press/v28/sutskever13.html; equal to torch.optim.SGD
    """

    learning_rate: float = 1e-2
    momentum: float = 0.9
    nesterov: bool = False

    def __post_init__(self):
        super().__post_init__()
        require(
            (0 <= self.momentum < 1, f"momentum must be at least 0 and below 1, got {self.momentum}"),
            (self.momentum > 0 or not self.nesterov, "nesterov looks ahead along the momentum, got momentum 0"),
        )

    def stepper(self, theta: Tensor) -> "SGDStepper":
        return SGDStepper(self, theta)


class SGDStepper(FirstOrderStepper):
    """The velocity (seeds, parameters)."""

    def __init__(self, settings: SGD, theta: Tensor):
        super().__init__(settings, theta)
        self.settings = settings
        self.velocity = torch.zeros_like(theta)

    def carry(self, resize: Callable[[Tensor], Tensor]) -> bool:
        self.velocity = resize(self.velocity)
        return True

    def forget(self, rows: Tensor) -> None:
        self.velocity = torch.where(rows[:, None], 0, self.velocity)

    def move(self, theta: Tensor, grad: Tensor, rate: float | Tensor) -> Tensor:
        new, self.velocity = self.moved(theta, grad, rate, self.velocity)
        return new

    @property
    def memory(self) -> tuple[Tensor, ...]:
        return (self.velocity,)

    def moved(self, theta: Tensor, grad: Tensor, rate: float | Tensor, *memory: Tensor) -> tuple[Tensor, ...]:
        momentum = self.settings.momentum
        velocity = momentum * memory[0] + grad
        ahead = grad + momentum * velocity if self.settings.nesterov else velocity
        return theta - rate * ahead, velocity

    def remember(self, memory: Sequence[Tensor]) -> None:
        (self.velocity,) = memory
