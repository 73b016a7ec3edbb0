"""The contract of a penalty: one number per seed from the weights of all layers."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from kanexp.error import require
from kanexp.model.network import LayerWeights


@dataclass(frozen=True, kw_only=True)
class Regularizer(ABC):
    """A penalty that is added to the training loss, and only to it."""

    weight: float = 1e-3

    def __post_init__(self):
        require((0 <= self.weight < math.inf, f"weight must be zero or more, got {self.weight}"))

    @abstractmethod
    def penalty(self, layers: Sequence[LayerWeights]) -> Tensor:
        """The penalty without its weight, (seeds,)."""

    def conflict(self, orders: tuple[int, ...] | None) -> str:
        """Why this penalty has no meaning on a basis with these orders; empty where it has one."""
        return ""
