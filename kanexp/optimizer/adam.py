"""Adam."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from kanexp.error import require
from kanexp.optimizer.base import FirstOrder, FirstOrderStepper, Moments


@dataclass(frozen=True, kw_only=True)
class Adam(FirstOrder):
    """Steps of the gradient's running mean over the root of its running square, both corrected for their start.

    Source: Kingma and Ba 2015, https://arxiv.org/abs/1412.6980; equal to torch.optim.Adam
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self):
        super().__post_init__()
        require(
            (0 <= self.beta1 < 1, f"beta1 must be at least 0 and below 1, got {self.beta1}"),
            (0 <= self.beta2 < 1, f"beta2 must be at least 0 and below 1, got {self.beta2}"),
            (0 < self.epsilon < math.inf, f"epsilon must be positive, got {self.epsilon}"),
        )

    def stepper(self, theta: Tensor) -> "AdamStepper":
        return AdamStepper(self, theta)


class AdamStepper(FirstOrderStepper):
    """Adam's two moments."""

    def __init__(self, settings: Adam, theta: Tensor):
        super().__init__(settings, theta)
        self.moments, self.epsilon = Moments(settings.beta1, settings.beta2, theta), settings.epsilon

    def carry(self, resize: Callable[[Tensor], Tensor]) -> bool:
        self.moments.resize(resize)
        return True

    def forget(self, rows: Tensor) -> None:
        self.moments.forget(rows)

    def move(self, theta: Tensor, grad: Tensor, rate: float) -> Tensor:
        return self.moments.move(theta, grad, rate, self.epsilon)
