"""AdaBelief."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.optimizer.base import Adaptive, FirstOrderStepper


@dataclass(frozen=True, kw_only=True)
class AdaBelief(Adaptive):
    """Adam, its square that of how far gradients lie from their running mean: long steps where they are as expected.

    m = beta1 m + (1 - beta1) g and s = beta2 s + (1 - beta2) (g - m)^2 + epsilon, both corrected for their start, and
    steps of rate m / (s^(1/2) + epsilon).

    Source: Zhuang et al. 2020, https://arxiv.org/abs/2010.07468
    """

    epsilon: float = 1e-16

    def __post_init__(self):
        super().__post_init__()
        require((0 < self.epsilon < math.inf, f"epsilon must be positive, got {self.epsilon}"))

    def stepper(self, theta: Tensor) -> "AdaBeliefStepper":
        return AdaBeliefStepper(self, theta)


class AdaBeliefStepper(FirstOrderStepper):
    """Both running means (seeds, parameters), and of how many steps each seed's are (seeds, 1)."""

    def __init__(self, settings: AdaBelief, theta: Tensor):
        super().__init__(settings, theta)
        self.settings = settings
        self.mean, self.spread = torch.zeros_like(theta), torch.zeros_like(theta)
        self.count = torch.zeros_like(theta[:, :1])

    def carry(self, resize: Callable[[Tensor], Tensor]) -> bool:
        self.mean, self.spread = resize(self.mean), resize(self.spread)
        return True

    def forget(self, rows: Tensor) -> None:
        self.remember([torch.where(rows[:, None], 0, kept) for kept in self.memory])

    def move(self, theta: Tensor, grad: Tensor, rate: float | Tensor) -> Tensor:
        new, *memory = self.moved(theta, grad, rate, *self.memory)
        self.remember(memory)
        return new

    @property
    def memory(self) -> tuple[Tensor, ...]:
        return self.mean, self.spread, self.count

    def moved(self, theta: Tensor, grad: Tensor, rate: float | Tensor, *memory: Tensor) -> tuple[Tensor, ...]:
        (mean, spread, count), s = memory, self.settings
        mean, count = s.beta1 * mean + (1 - s.beta1) * grad, count + 1
        spread = s.beta2 * spread + (1 - s.beta2) * (grad - mean).square() + s.epsilon
        first, second = ((1 - beta ** count.double()).to(theta) for beta in (s.beta1, s.beta2))
        return theta - rate * (mean / first) / ((spread / second).sqrt() + s.epsilon), mean, spread, count

    def remember(self, memory: Sequence[Tensor]) -> None:
        self.mean, self.spread, self.count = memory
