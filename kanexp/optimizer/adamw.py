"""Adam with decoupled weight decay."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from kanexp.error import require
from kanexp.optimizer.base import FirstOrder, FirstOrderStepper, Moments

EPSILON = 1e-8  # added to the root of the square, as in Adam


@dataclass(frozen=True, kw_only=True)
class AdamW(FirstOrder):
    """Adam, after all weights were shortened by learning_rate weight_decay: a decay that no gradient's size divides.

    Source: Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101; equal to torch.optim.AdamW
    """

    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 1e-2

    def __post_init__(self):
        super().__post_init__()
        require(
            (0 <= self.beta1 < 1, f"beta1 must be at least 0 and below 1, got {self.beta1}"),
            (0 <= self.beta2 < 1, f"beta2 must be at least 0 and below 1, got {self.beta2}"),
            (0 <= self.weight_decay < math.inf, f"weight_decay must be zero or more, got {self.weight_decay}"),
        )

    def stepper(self, theta: Tensor) -> "AdamWStepper":
        return AdamWStepper(self, theta)


class AdamWStepper(FirstOrderStepper):
    """Adam's two moments."""

    def __init__(self, settings: AdamW, theta: Tensor):
        super().__init__(settings, theta)
        self.moments, self.weight_decay = Moments(settings.beta1, settings.beta2, theta), settings.weight_decay

    def carry(self, resize: Callable[[Tensor], Tensor]) -> bool:
        self.moments.resize(resize)
        return True

    def forget(self, rows: Tensor) -> None:
        self.moments.forget(rows)

    def move(self, theta: Tensor, grad: Tensor, rate: float) -> Tensor:
        return self.moments.move(theta, grad, rate, EPSILON, self.weight_decay)
