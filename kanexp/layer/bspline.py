"""B-splines on a uniform grid."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

from kanexp.error import require
from kanexp.layer.base import Bumps, normal


@dataclass(frozen=True)
class BSpline(Bumps):
    """The intervals + order B-splines on a uniform grid over [low, high], zero outside the extended knots.

    `order` knots are appended on each side at the same spacing; the splines sum to one on [low, high].

    Source: Liu et al. 2024, https://arxiv.org/abs/2404.19756; efficient-kan
    """

    residual: Literal["none", "silu", "identity"] = "silu"
    scale: bool = True
    intervals: int = 5
    order: int = 3
    low: float = -1.0
    high: float = 1.0

    def __post_init__(self):
        require(
            (self.intervals >= 1, f"intervals must be at least 1, got {self.intervals}"),
            (1 <= self.order <= 5, f"order must be between 1 and 5, got {self.order}"),
            (
                -math.inf < self.low < self.high < math.inf,
                f"low must be below high, both finite, got low {self.low} and high {self.high}",
            ),
        )

    @property
    def terms(self) -> int:
        return self.intervals + self.order

    @property
    def orders(self) -> None:
        return None  # bumps side by side: none oscillates faster than another

    @property
    def domain(self) -> tuple[float, float]:
        return self.low, self.high

    @property
    def pieces(self) -> int:
        return self.intervals

    @property
    def rate(self) -> float:
        return self.intervals / (self.high - self.low)

    @property
    def live(self) -> int:
        return self.order + 1

    def bump(self, w: Tensor) -> Tensor:
        return self._powers(self._depth(w), self.order) / math.factorial(self.order)

    def bump_slope(self, w: Tensor) -> Tensor:
        slope = self._powers(self._depth(w), self.order - 1) / math.factorial(self.order - 1)
        return slope * torch.sign(self._middle - w)

    def draw_coef(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """Normal with standard deviation 0.1 (as in jaxKAN)."""
        return normal((n_out, self.terms, n_in), 0.1, generator)

    @property
    def _middle(self) -> float:
        return (1 - self.order) / 2

    def _depth(self, w: Tensor) -> Tensor:
        """How many knot spacings w lies inside the nearer end of the spline's support [-order, 1]."""
        return (self.order + 1) / 2 - (w - self._middle).abs()

    def _powers(self, v: Tensor, degree: int) -> Tensor:
        """sum_j (-1)^j C(order + 1, j) max(v - j, 0)^degree: the cardinal spline, for v up to its middle.

        Measured from the nearer end the powers stay small. The textbook form, one sum over all knots, loses
        every digit by 120 intervals.
        """
        total = _truncated_power(v, degree)
        for j in range(1, self.order // 2 + 1):
            total = total.add(_truncated_power(v - j, degree), alpha=(-1) ** j * math.comb(self.order + 1, j))
        return total


def _truncated_power(v: Tensor, degree: int) -> Tensor:
    if degree == 0:
        return (v > 0).to(v.dtype)
    return v.clamp(min=0) ** degree
