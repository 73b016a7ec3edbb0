"""Adam."""

import math
from dataclasses import dataclass

from torch import Tensor

from kanexp.error import require
from kanexp.optimizer.base import Adaptive, AdaptiveStepper


@dataclass(frozen=True, kw_only=True)
class Adam(Adaptive):
    """Steps of the gradient's running mean over the root of its running square, both corrected for their start.

    Source: Kingma and Ba 2015, https://arxiv.org/abs/1412.6980; equal to torch.optim.Adam
    """

    epsilon: float = 1e-8

    def __post_init__(self):
        super().__post_init__()
        require((0 < self.epsilon < math.inf, f"epsilon must be positive, got {self.epsilon}"))

    def stepper(self, theta: Tensor) -> AdaptiveStepper:
        return AdaptiveStepper(self, theta, self.epsilon, decay=0.0)
