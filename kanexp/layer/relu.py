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
    def orders(self) -> None:
        return None  # bumps side by side

    @property
    def pieces(self) -> int:
        return self.intervals

    @property
    def live(self) -> int:
        return self.order + 1

    def first(self, x: Tensor) -> Tensor:
        return ((x - self.low) * (self.intervals / (self.high - self.low))).floor()

    def bumps(self, x: Tensor, m: Tensor) -> Tensor:
        left, right = self._sides(x, m)
        return (left * right * (4 / (self.order + 1) ** 2)).square()

    def bump_slopes(self, x: Tensor, m: Tensor) -> Tensor:
        left, right = self._sides(x, m)
        product = left * right * (4 / (self.order + 1) ** 2) ** 2
        return 2 * product * (right - left) * (self.intervals / (self.high - self.low))

    def _sides(self, x: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """Distances from both ends of bump m's support in grid spacings, zero outside of it."""
        u = ((x - self.low) * (self.intervals / (self.high - self.low)) + self.order).unsqueeze(-3) - m
        # Clamped at both sides: far outside, one factor is zero and the other must not be infinite.
        width = self.order + 1
        return u.clamp(0, width), (width - u).clamp(0, width)
