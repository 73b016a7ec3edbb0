"""B-splines on a uniform grid, or on knots that follow the data or are trained."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

from kanexp.error import require
from kanexp.layer.base import Basis, Bumps, normal, span

# Share of a uniform grid in knots at quantiles: keeps them apart where many samples are equal (as in efficient-kan).
UNIFORM = 0.02


@dataclass(frozen=True)
class BSpline(Bumps):
    """The intervals + order B-splines on a uniform grid over [low, high], zero outside the extended knots.

    `order` knots are appended on each side at the same spacing; the splines sum to one on [low, high]. With
    grid quantiles each input has knots of its own, at quantiles of the data that enters the layer at the start and at
    every refinement, mixed with a uniform grid over the same range in the proportion UNIFORM. With grid trained the
    distances between each input's knots are a softmax of trained numbers, mixed in the same way, so that knots keep
    their order and never meet; they start equal, and the ends stay.

    Source: Liu et al. 2024, https://arxiv.org/abs/2404.19756; efficient-kan; knots that are trained as in Zheng et al.
    2025, https://arxiv.org/abs/2501.09283
    """

    residual: Literal["none", "silu", "identity"] = "silu"
    scale: bool = True
    grid: Literal["uniform", "quantiles", "trained"] = "uniform"
    intervals: int = 5
    order: int = 3

    def __post_init__(self):
        require(
            (self.intervals >= 1, f"intervals must be at least 1, got {self.intervals}"),
            (1 <= self.order <= 5, f"order must be between 1 and 5, got {self.order}"),
            self._range_is_right,
            (
                self.grid != "quantiles" or self.bound == "none",
                f"grid quantiles already follows the data, got bound {self.bound} as well; use bound: none",
            ),
        )

    @property
    def size(self) -> str:  # type: ignore[override]
        return "" if self.grid == "trained" else "intervals"  # knots that were learned are none of a finer grid

    @property
    def terms(self) -> int:
        return self.intervals + self.order

    @property
    def kinks(self) -> bool:
        return self.order == 1

    @property
    def pieces(self) -> int:
        return self.intervals

    def nests(self, larger: Basis) -> bool:
        return self.grid == "uniform" and larger.pieces % self.pieces == 0

    def draw_weights(self, n_out: int, n_in: int, generator: Generator) -> dict[str, Tensor]:
        if self.grid != "trained":
            return {}
        return {"spacing": torch.zeros((n_in, self.intervals), dtype=torch.float64)}

    def fixed_weights(self, x: Tensor) -> dict[str, Tensor]:
        return {"knots": self._quantile_knots(x.double())} if self.grid == "quantiles" else {}

    def features(self, x: Tensor, *weights: Tensor) -> Tensor:
        if not weights:
            return super().features(x)
        return self._on_knots(x, self.trained_knots(*weights) if self.grid == "trained" else weights[0])

    def slopes(self, x: Tensor, features: Tensor, *weights: Tensor) -> Tensor:
        # Between knots anywhere the recursion is differentiated as it stands.
        return Basis.slopes(self, x, features, *weights) if weights else super().slopes(x, features)

    @property
    def live(self) -> int:
        return self.order + 1

    def bump(self, w: Tensor) -> Tensor:
        return self._powers(self._depth(w), self.order) / math.factorial(self.order)

    def bump_(self, w: Tensor) -> Tensor:
        depth = w.sub_(self._middle).abs_().neg_().add_((self.order + 1) / 2).clamp_(min=0)
        inside = [(depth - j).clamp_(min=0).pow_(self.order) for j in range(1, self.order // 2 + 1)]
        total = depth.pow_(self.order)
        for j, power in enumerate(inside, 1):
            total.add_(power, alpha=(-1) ** j * math.comb(self.order + 1, j))
        return total.mul_(1 / math.factorial(self.order))

    def bump_slope(self, w: Tensor) -> Tensor:
        slope = self._powers(self._depth(w), self.order - 1) / math.factorial(self.order - 1)
        return torch.where(w < self._middle, slope, -slope)

    def draw_coef(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """Normal with standard deviation 0.1 (as in jaxKAN)."""
        return normal((n_out, self.terms, n_in), 0.1, generator)

    @property
    def _middle(self) -> float:
        return (1 - self.order) / 2

    def _quantile_knots(self, x: Tensor) -> Tensor:
        """Knots (n_in, intervals + 2 order + 1) for inputs (n_in, samples)."""
        start, end = (s.unsqueeze(1) for s in span(x, self.low, self.high))
        share = torch.linspace(0, 1, self.intervals + 1, dtype=x.dtype, device=x.device)
        uniform = start + (end - start) * share
        quantiles = torch.quantile(x, share, dim=1).T if x.shape[1] else uniform
        inner = UNIFORM * uniform + (1 - UNIFORM) * quantiles.clamp(start, end)
        steps = (end - start) / self.intervals * torch.arange(1, self.order + 1, dtype=x.dtype, device=x.device)
        return torch.cat([start - steps.flip(1), inner, end + steps], dim=1)

    def trained_knots(self, spacing: Tensor) -> Tensor:
        """Knots (..., n_in, intervals + 2 order + 1), rising, of trained numbers (..., n_in, intervals)."""
        even = (self.high - self.low) / self.intervals
        widths = UNIFORM * even + (1 - UNIFORM) * (self.high - self.low) * spacing.softmax(-1)
        steps = even * torch.arange(self.order + 1, dtype=spacing.dtype, device=spacing.device)
        ends = spacing.new_zeros(*spacing.shape[:-1], self.order + 1)
        inner = self.low + widths[..., :-1].cumsum(-1)
        return torch.cat([ends + (self.low - steps.flip(0)), inner, ends + (self.high + steps)], dim=-1)

    def _on_knots(self, x: Tensor, knots: Tensor) -> Tensor:
        """The Cox-de Boor recursion: x (..., n_in, batch) and knots (..., n_in, K) -> (..., terms, n_in, batch)."""
        t, x = knots.transpose(-1, -2).unsqueeze(-1), x.unsqueeze(-3)

        def at(first: int, last: int) -> Tensor:  # knots first .. last, counted from the end where negative
            return t[..., first : t.shape[-3] + last, :, :]

        splines = ((at(0, -1) <= x) & (x < at(1, 0))).to(x.dtype)
        for k in range(1, self.order + 1):
            rise = (x - at(0, -k - 1)) / (at(k, -1) - at(0, -k - 1))
            fall = (at(k + 1, 0) - x) / (at(k + 1, 0) - at(1, -k))
            splines = rise * splines[..., :-1, :, :] + fall * splines[..., 1:, :, :]
        return splines

    def _depth(self, w: Tensor) -> Tensor:
        """How many knot spacings w lies inside the nearer end of the spline's support [-order, 1]."""
        # Not by abs(): differentiated twice it has no curvature in the middle, where a grid of points often lies.
        w = w - self._middle
        return (self.order + 1) / 2 - torch.where(w < 0, -w, w)

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
