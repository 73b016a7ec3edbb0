"""Sinc functions on a grid."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.layer.base import Bounded

NEAR = 0.3  # below, sin(v) / v is its series to v^10, which is exact to 1e-16, and so are its derivatives nearly


@dataclass(frozen=True)
class Sinc(Bounded):
    """sin(v) / v with v = pi (x - x_k) / h at `centers` places x_k from low to high, h apart.

    At x_k all but one of them are zero, so that coefficients are values there, and between them they interpolate what
    holds no frequency above 1 / (2 h). They fade slowly outside, so that a finer grid does not hold what a coarser one
    does near its ends: there is no refinement.

    Source: SincKAN, https://arxiv.org/abs/2410.04096, with one spacing h
    """

    low: float = -2.0
    high: float = 2.0
    centers: int = 9

    def __post_init__(self):
        require(
            (self.centers >= 2, f"centers must be at least 2, got {self.centers}"),
            self._range_is_right,
        )

    @property
    def terms(self) -> int:
        return self.centers

    def features(self, x: Tensor, *weights: Tensor) -> Tensor:
        v = self._angle(x)
        near = v.abs() < NEAR
        # Both branches are differentiated: what is not used must be finite, too.
        small, large = torch.where(near, v, 0.0).square(), torch.where(near, 1.0, v)
        series = torch.ones_like(v)
        for k in (5, 4, 3, 2, 1):
            series = 1 - series * small / (2 * k * (2 * k + 1))
        return torch.where(near, series, large.sin() / large)

    def slopes(self, x: Tensor, features: Tensor) -> Tensor:
        """(cos v - sin(v) / v) / v times pi / h, near zero its series; v is pi (x - x_k) / h."""
        v = self._angle(x)
        near = v.abs() < NEAR
        small, large = torch.where(near, v, 0.0), torch.where(near, 1.0, v)
        square, series = small.square(), torch.ones_like(v)
        for k in (5, 4, 3, 2):  # of -v / 3 times 1 - v^2 / 10 (1 - v^2 / 28 (...)), to v^9
            series = 1 - series * square * (k / ((k - 1) * 2 * k * (2 * k + 1)))
        slope = torch.where(near, series * small * (-1 / 3), (large.cos() - features) / large)
        return slope * (math.pi * (self.centers - 1) / (self.high - self.low))

    def _angle(self, x: Tensor) -> Tensor:
        """v of every function, (..., terms, n_in, batch)."""
        k = torch.arange(self.centers, dtype=x.dtype, device=x.device)[:, None, None]
        return math.pi * (((x - self.low) * ((self.centers - 1) / (self.high - self.low))).unsqueeze(-3) - k)
