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
        u, k, nearest, offset = self._place(x)
        small, large = self._parts(offset)
        series = torch.ones_like(small)
        for j in (5, 4, 3, 2, 1):
            series = 1 - series * small.square() / (2 * j * (2 * j + 1))
        own = torch.where(offset.abs() < NEAR, series, large.sin() / large)
        here = nearest == k
        return torch.where(here, own, self._alternate(nearest, k, offset.sin()) * self._inverse(u, k, here))

    def slopes(self, x: Tensor, features: Tensor) -> Tensor:
        """(cos v - sin(v) / v) / v times pi / h, near zero its series; v is pi (x - x_k) / h."""
        u, k, nearest, offset = self._place(x)
        small, large = self._parts(offset)
        square, series = small.square(), torch.ones_like(small)
        for j in (5, 4, 3, 2):  # of -v / 3 times 1 - v^2 / 10 (1 - v^2 / 28 (...)), to v^9
            series = 1 - series * square * (j / ((j - 1) * 2 * j * (2 * j + 1)))
        own = torch.where(offset.abs() < NEAR, series * small * (-1 / 3), (large.cos() - large.sin() / large) / large)
        here = nearest == k
        others = (self._alternate(nearest, k, offset.cos()) - features) * self._inverse(u, k, here)
        return torch.where(here, own, others) * (math.pi * (self.centers - 1) / (self.high - self.low))

    def _place(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """u = (x - low) / h, the numbers k of all functions, the one nearest to u, and v of that one.

        As sin(pi (u - k)) is that of the nearest one but for a sign, one sine serves all functions of an input.
        """
        u = ((x - self.low) * ((self.centers - 1) / (self.high - self.low))).unsqueeze(-3)
        nearest = u.detach().round()
        k = torch.arange(self.centers, dtype=x.dtype, device=x.device)[:, None, None]
        return u, k, nearest, math.pi * (u - nearest)

    @staticmethod
    def _parts(offset: Tensor) -> tuple[Tensor, Tensor]:
        """What the series and what the quotient is of: both are differentiated, so what is not used must be finite."""
        near = offset.abs() < NEAR
        return torch.where(near, offset, 0.0), torch.where(near, 1.0, offset)

    @staticmethod
    def _alternate(nearest: Tensor, k: Tensor, wave: Tensor) -> Tensor:
        """(-1)^(nearest - k) times a sine or cosine of the offset from the nearest place, (..., terms, n_in, batch)."""
        return wave * (1 - 2 * torch.remainder(nearest, 2)) * (1 - 2 * torch.remainder(k, 2))

    @staticmethod
    def _inverse(u: Tensor, k: Tensor, here: Tensor) -> Tensor:
        """1 / v of every function, and any number at the nearest one, where it is not used."""
        return torch.where(here, 1.0, u - k).reciprocal() * (1 / math.pi)
