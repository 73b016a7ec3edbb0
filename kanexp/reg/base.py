"""The contract of a penalty: one number per seed from all layers, their weights and what passes through them."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.layer.base import Basis
from kanexp.model.edge_layer import LayerWeights


@dataclass(frozen=True, kw_only=True)
class Regularizer(ABC):
    """A penalty that is added to the training loss, and only to it.

    `schedule` changes its weight over the first `schedule_steps` steps: warmup raises it linearly from zero, decay
    lowers it linearly to zero; afterwards it stays.

    With a `threshold` edges of low importance go for good while the network trains: every `threshold_every` steps those
    below that share of the most important edge in their layer. Their functions become zero, and are no longer trained.
    """

    weight: float = 1e-3
    schedule: Literal["constant", "warmup", "decay"] = "constant"
    schedule_steps: int = 1000
    threshold: float = 0.0
    threshold_every: int = 100

    def __post_init__(self):
        require(
            (0 <= self.weight < math.inf, f"weight must be zero or more, got {self.weight}"),
            (self.schedule_steps >= 1, f"schedule_steps must be at least 1, got {self.schedule_steps}"),
            (0 <= self.threshold < 1, f"threshold must be at least 0 and below 1, got {self.threshold}"),
            (self.threshold_every >= 1, f"threshold_every must be at least 1, got {self.threshold_every}"),
        )

    def weight_at(self, step: int) -> float:
        """The factor on the penalty after that many steps."""
        return self.weight * SCHEDULES[self.schedule](min(step / self.schedule_steps, 1.0))

    @abstractmethod
    def penalty(self, layers: Sequence[LayerWeights]) -> Tensor:
        """The penalty without its weight, (seeds,), of layers that come from `Network.trace`."""

    def penalties(self, layers: Sequence[LayerWeights]) -> dict[str, Tensor]:
        """The penalties that add up to `penalty`, by name and each without its weight; empty where it is one."""
        return {}

    def conflict(self, basis: Basis) -> str:
        """Why this penalty has no meaning on this basis; empty where it has one."""
        return ""


class Layerwise(Regularizer):
    """A penalty that is the sum of what each layer costs."""

    @abstractmethod
    def layer(self, w: LayerWeights) -> Tensor:
        """The cost of one layer, (seeds,)."""

    def penalty(self, layers: Sequence[LayerWeights]) -> Tensor:
        return torch.stack([self.layer(w) for w in layers]).sum(0)


# Share of the weight when a share of the steps is done.
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "warmup": lambda done: done,
    "decay": lambda done: 1 - done,
}
