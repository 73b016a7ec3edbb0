"""Schedule-free AdamW."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.optimizer.base import Adaptive, FirstOrderStepper


@dataclass(frozen=True, kw_only=True)
class ScheduleFree(Adaptive):
    """AdamW without a schedule: theta is a running mean of where it goes, and gradients are taken between the two.

    With z where AdamW (without a mean of gradients) goes: the gradient at y = (1 - beta1) z + beta1 theta moves z, and
    theta moves to z by c, its share of all rates squared so far. Losses of steps are those at y.

    Source: Defazio et al. 2024, algorithm 1, https://arxiv.org/abs/2405.15682
    """

    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        require(
            (0 < self.epsilon < math.inf, f"epsilon must be positive, got {self.epsilon}"),
            (0 <= self.weight_decay < math.inf, f"weight_decay must be zero or more, got {self.weight_decay}"),
            (self.schedule == "constant", f"schedule must be constant, for it needs none, got {self.schedule}"),
        )

    def stepper(self, theta: Tensor) -> "ScheduleFreeStepper":
        return ScheduleFreeStepper(self, theta)


class ScheduleFreeStepper(FirstOrderStepper):
    """How far z is from theta and the gradients' running square (seeds, parameters); steps and rates of each seed."""

    def __init__(self, settings: ScheduleFree, theta: Tensor):
        super().__init__(settings, theta)
        self.settings = settings
        self.ahead, self.square = torch.zeros_like(theta), torch.zeros_like(theta)
        self.count, self.weight = torch.zeros_like(theta[:, :1]), torch.zeros_like(theta[:, :1])

    def carry(self, resize: Callable[[Tensor], Tensor]) -> bool:
        self.ahead, self.square = resize(self.ahead), resize(self.square)
        return True

    def forget(self, rows: Tensor) -> None:
        kept = (self.ahead, self.square, self.count, self.weight)
        self.ahead, self.square, self.count, self.weight = (torch.where(rows[:, None], 0, one) for one in kept)

    def at(self, theta: Tensor) -> Tensor:
        """y."""
        return theta + (1 - self.settings.beta1) * self.ahead

    def move(self, theta: Tensor, grad: Tensor, rate: float) -> Tensor:
        s, y = self.settings, self.at(theta)
        self.count = self.count + 1
        self.square = s.beta2 * self.square + (1 - s.beta2) * grad.square()
        own = rate * (1 - s.beta2 ** self.count.double()).sqrt().to(theta)  # Adam's correction, as a part of the rate
        self.weight = self.weight + own.square()
        z = theta + self.ahead - own * (grad / (self.square.sqrt() + s.epsilon) + s.weight_decay * y)
        new = theta + own.square() / self.weight * (z - theta)
        self.ahead = z - new
        return new
