"""Adam with decoupled weight decay."""

import math
from dataclasses import dataclass

from torch import Tensor

from kanexp.error import require
from kanexp.optimizer.base import Adaptive, AdaptiveStepper

EPSILON = 1e-8  # added to the root of the square, as in Adam


@dataclass(frozen=True, kw_only=True)
class AdamW(Adaptive):
    """Adam, after all weights were shortened by learning_rate weight_decay: a decay that no gradient's size divides.

    Source: Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101; equal to torch.optim.AdamW
    """

    weight_decay: float = 1e-2

    def __post_init__(self):
        super().__post_init__()
        require((0 <= self.weight_decay < math.inf, f"weight_decay must be zero or more, got {self.weight_decay}"))

    def stepper(self, theta: Tensor) -> AdaptiveStepper:
        return AdaptiveStepper(self, theta, EPSILON, self.weight_decay)
