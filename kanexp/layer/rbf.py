"""Gaussian radial basis functions."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor
from torch.nn import functional

from kanexp.error import require
from kanexp.layer.base import Bounded, truncated_normal, weighted_sums

# A bump below exp(-50) is zero: far from its center it would become a number so small that processors take a hundred
# times longer over it, in the exponential and again in the matmul.
NEGLIGIBLE = -50.0
SMALLEST = 1.001 * math.exp(NEGLIGIBLE)


@dataclass(frozen=True)
class RBF(Bounded):
    """exp(-((x - center) / (width spacing))^2 / 2) on centers uniform in [low, high], both ends included.

    The width counts center spacings, so that refining keeps the overlap. 5 centers on [-2, 2] with width 1 are
    jaxKAN's; 8 centers on [-2, 2] with width 1/sqrt(2), layer_norm and a silu residual are FastKAN's.

    With layer_norm the functions see inputs normalized over the layer's features, with a trained gain and offset for
    each; a single feature, which would be normalized to zero, is left alone. The residual sees the raw input.

    Source: jaxKAN; FastKAN, https://github.com/ZiyaoLi/fast-kan
    """

    size: ClassVar[str] = "centers"
    centers: int = 5
    width: float = 1.0
    low: float = -2.0
    high: float = 2.0
    layer_norm: bool = False  # type: ignore[misc]

    def __post_init__(self):
        require(
            (self.centers >= 2, f"centers must be at least 2, got {self.centers}"),
            (0 < self.width < math.inf, f"width must be positive, got {self.width}"),
            self._range_is_right,
        )

    @property
    def terms(self) -> int:
        return self.centers

    @property
    def pieces(self) -> int:
        return self.centers - 1

    def features(self, x: Tensor) -> Tensor:
        exponent = (-0.5 * self._distance(x).square()).clamp(min=NEGLIGIBLE)
        return functional.threshold(torch.exp(exponent), SMALLEST, 0.0)

    def slopes(self, x: Tensor, features: Tensor) -> Tensor:
        """-(x - center) / std^2 times the feature."""
        return self._distance(x) * features * (-1 / self._std)

    def closed_slopes(self, x: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
        # Counted from the middle of all centers, so that little cancels.
        middle, centers = (
            (self.low + self.high) / 2,
            torch.linspace(self.low, self.high, self.centers, dtype=torch.float64),
        )
        return tuple(
            (a, functional.pad(D.diag() / self._std**2, (0, 1)))
            for a, D in ((middle - x, torch.ones_like(centers)), (x.new_ones(()), centers - middle))
        )

    def fill(self, x: Tensor, out: Tensor) -> None:
        centers = torch.linspace(self.low, self.high, self.centers, dtype=x.dtype, device=x.device)
        for center, bump in zip(centers.unbind(), out.unbind(-3), strict=True):
            torch.sub(x, center, out=bump).square_().mul_(-0.5 / self._std**2).clamp_(min=NEGLIGIBLE).exp_()
            functional.threshold(bump, SMALLEST, 0.0, inplace=True)

    def pull(self, x: Tensor, features: Tensor, grad: Tensor) -> Tensor:
        # Centers counted from the middle of all, so that little cancels.
        middle = (self.low + self.high) / 2
        spacing = (self.high - self.low) / (self.centers - 1)
        centers = [(m - (self.centers - 1) / 2) * spacing for m in range(self.centers)]
        mass, moment = weighted_sums(([1.0] * self.centers, centers), grad.mul_(features))
        return torch.addcmul(moment, x - middle, mass, value=-1).mul_(1 / self._std**2)

    def draw_coef(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """Normal with variance 1 / (n_in centers), cut at two standard deviations (as in jaxKAN)."""
        return truncated_normal((n_out, self.terms, n_in), 1 / math.sqrt(n_in * self.terms), generator)

    @property
    def _std(self) -> float:
        return self.width * (self.high - self.low) / (self.centers - 1)

    def _distance(self, x: Tensor) -> Tensor:
        """Distances from each center, in standard deviations: (..., terms, n_in, batch)."""
        centers = torch.linspace(self.low, self.high, self.centers, dtype=x.dtype, device=x.device)
        return (x.unsqueeze(-3) - centers[:, None, None]) / self._std
