"""Adam."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.optimizer.base import Evaluate, Optimizer, Stepper


@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """Steps of the gradient's running mean over the root of its running square, both corrected for their start.

    Source: Kingma and Ba 2015, https://arxiv.org/abs/1412.6980; equal to torch.optim.Adam
    """

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self):
        require(
            (0 < self.learning_rate < math.inf, f"learning_rate must be positive, got {self.learning_rate}"),
            (0 <= self.beta1 < 1, f"beta1 must be at least 0 and below 1, got {self.beta1}"),
            (0 <= self.beta2 < 1, f"beta2 must be at least 0 and below 1, got {self.beta2}"),
            (0 < self.epsilon < math.inf, f"epsilon must be positive, got {self.epsilon}"),
        )

    def stepper(self, theta: Tensor) -> "AdamStepper":
        return AdamStepper(self, theta)


class AdamStepper(Stepper):
    """Adam's two moments, (seeds, parameters) each."""

    def __init__(self, settings: Adam, theta: Tensor):
        self.settings = settings
        self.mean = torch.zeros_like(theta)
        self.square = torch.zeros_like(theta)
        self.ones = torch.ones(len(theta), dtype=torch.int64)
        self.steps = 0

    def carry(self, resize: Callable[[Tensor], Tensor]) -> bool:
        self.mean, self.square = resize(self.mean), resize(self.square)
        return True

    def step(self, theta: Tensor, evaluate: Evaluate) -> tuple[Tensor, Tensor, Tensor]:
        s = self.settings
        loss, grad = evaluate(theta)
        self.steps += 1
        self.mean.lerp_(grad, 1 - s.beta1)
        self.square.mul_(s.beta2).addcmul_(grad, grad, value=1 - s.beta2)
        root = (self.square.sqrt() / math.sqrt(1 - s.beta2**self.steps)).add_(s.epsilon)
        step = s.learning_rate / (1 - s.beta1**self.steps)
        return torch.addcdiv(theta, self.mean, root, value=-step), loss, self.ones
