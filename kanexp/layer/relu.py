"""Squared products of two ReLUs: bumps of finite support."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from kanexp.error import require
from kanexp.layer.base import Bumps


@dataclass(frozen=True)
class ReLU(Bumps):
    """[relu(u - s) relu(s + order + 1 - u) 4 / (order + 1)^2]^2 with u in grid spacings and s = m - order.

    intervals + order bumps of height 1, laid out as B-splines of the same order.

    Source: Qiu et al. 2024, https://arxiv.org/abs/2406.02075
    """

    size: ClassVar[str] = "intervals"
    intervals: int = 5
    order: int = 3

    def __post_init__(self):
        require(
            (self.intervals >= 1, f"intervals must be at least 1, got {self.intervals}"),
            (self.order >= 0, f"order must be zero or more, got {self.order}"),
            self._range_is_right,
        )

    @property
    def terms(self) -> int:
        return self.intervals + self.order

    @property
    def pieces(self) -> int:
        return self.intervals

    @property
    def live(self) -> int:
        return self.order + 1

    def bump(self, w: Tensor) -> Tensor:
        left, right = self._sides(w)
        return (left * right * (4 / (self.order + 1) ** 2)).square()

    def bump_slope(self, w: Tensor) -> Tensor:
        left, right = self._sides(w)
        return left * right * (right - left) * (2 * (4 / (self.order + 1) ** 2) ** 2)

    def _sides(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """Distances from both ends of the bump's support [-order, 1] in grid spacings, zero outside of it."""
        # Clamped at both sides: far outside, one factor is zero and the other must not be infinite.
        width = self.order + 1
        return (w + self.order).clamp(0, width), (1 - w).clamp(0, width)
