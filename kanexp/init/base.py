"""The contract of an initialization: measure a layer's functions, then draw its weights."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Generator, Tensor

from kanexp.calculus import gauss_legendre
from kanexp.error import require


class Moments(NamedTuple):
    """Means over the inputs of a function's value, its square and its slope's square, one entry per term."""

    mean: Tensor
    value: Tensor
    slope: Tensor


@dataclass(frozen=True)
class Edges:
    """What an initialization may know of a layer: its size, its functions as values, its paper's own draws.

    `phi` and `slope` map float64 points (points,) to (terms, edges, points), with one edge where all have the same
    functions, and n_in where each input has its own; those of the residual to (points,).
    """

    index: int  # of the layer in its network, from 0
    n_in: int
    n_out: int
    fan_out: int  # how many sums an input is part of: all outputs, unless several are the rows of one function
    terms: int
    intervals: int  # how many pieces the basis cuts its domain into; the number of terms where it has no grid
    orders: tuple[int, ...] | None
    domain: tuple[float, float]
    phi: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    residual: Callable[[Tensor], Tensor] | None
    residual_slope: Callable[[Tensor], Tensor] | None
    has_scale: bool
    paper_coef: Callable[[Generator], Tensor]
    paper_bias: Callable[[Generator], Tensor]

    @property
    def weights_per_output(self) -> int:
        """N_t: how many weights feed one output."""
        return self.n_in * (self.terms + (self.residual is not None))

    def moments(self, distribution: str) -> Moments:
        """Moments of the basis functions under x ~ U(-1, 1) or N(0, 1), by quadrature; (terms,) each."""
        points, weights = QUADRATURES[distribution]()
        values, slopes = self.phi(points), self.slope(points)
        moments = Moments(*((v @ weights).mean(dim=1) for v in (values, values.square(), slopes.square())))
        if not moments.value.any():
            low, high = self.domain
            raise ValueError(
                f"measures the functions where inputs are expected (x ~ {distribution}), but all are zero there; "
                f"their domain is [{low:g}, {high:g}]: move it, or use init=default"
            )
        return moments

    def residual_moments(self, distribution: str) -> Moments:
        """Moments of the residual function under the same inputs; () each."""
        assert self.residual is not None
        assert self.residual_slope is not None
        points, weights = QUADRATURES[distribution]()
        values = self.residual(points)
        return Moments(values @ weights, values.square() @ weights, self.residual_slope(points).square() @ weights)

    def normal(self, generator: Generator) -> Tensor:
        """Standard normal draws in the shape of the coefficients (n_out, terms, n_in), float64."""
        return torch.randn((self.n_out, self.terms, self.n_in), generator=generator, dtype=torch.float64)

    def normal_residual(self, generator: Generator) -> Tensor:
        """Standard normal draws in the shape of the residual weights (n_out, n_in), float64."""
        return torch.randn((self.n_out, self.n_in), generator=generator, dtype=torch.float64)

    def uniform_residual(self, bound: float, generator: Generator) -> Tensor:
        """Draws uniform in (-bound, bound) in the shape of the residual weights (n_out, n_in), float64."""
        draws = torch.rand((self.n_out, self.n_in), generator=generator, dtype=torch.float64)
        return (2 * draws - 1) * bound

    def fit(self, points: Tensor, values: Tensor) -> Tensor:
        """Coefficients whose functions come closest to the values (n_out, points, n_in) at the points (points,).

        Least squares by singular values, the smallest coefficients where several fit equally well.
        """
        # Directions in which nearly dependent functions (the hidden units of a small MLP) differ by less than a
        # thousandth are left alone: following the values there takes weights that explode beyond the points.
        inverse = torch.linalg.pinv(self.phi(points).transpose(0, 1), rtol=1e-3)  # (edges, n_in or 1, points, terms)
        if len(inverse) == self.n_in:  # functions of each input, which all outputs share
            inverse = inverse.repeat(self.n_out, 1, 1)
        edges = values.permute(0, 2, 1).reshape(-1, 1, len(points))  # (n_out n_in, 1, points)
        return (edges @ inverse).view(self.n_out, self.n_in, self.terms).transpose(1, 2)


@dataclass(frozen=True)
class Start:
    """Start weights of one layer in float64; None where the layer has no such weight."""

    coef: Tensor  # (n_out, terms, n_in)
    residual: Tensor | None  # (n_out, n_in)
    scale: Tensor | None  # (n_out, n_in)
    bias: Tensor  # (n_out,)


@dataclass(frozen=True)
class Init(ABC):
    """Draws the start weights of one layer of one seed. Knows no basis: everything it uses, it measures."""

    @abstractmethod
    def coef(self, edges: Edges, generator: Generator) -> Tensor:
        """Basis coefficients (n_out, terms, n_in), float64."""

    def residual(self, edges: Edges, generator: Generator) -> Tensor:
        """Residual weights (n_out, n_in), float64: Glorot uniform unless the scheme says otherwise."""
        return edges.uniform_residual(math.sqrt(6 / (edges.n_in + edges.fan_out)), generator)

    def scale(self, edges: Edges, generator: Generator) -> Tensor:
        """Standalone scales (n_out, n_in), float64: one unless the scheme says otherwise."""
        return torch.ones(edges.n_out, edges.n_in, dtype=torch.float64)

    def bias(self, edges: Edges, coef: Tensor, generator: Generator) -> Tensor:
        """Bias (n_out,), float64, for the coefficients drawn: zero unless the scheme says otherwise."""
        return torch.zeros(edges.n_out, dtype=torch.float64)

    def conflict(self, orders: tuple[int, ...] | None, terms: int) -> str:
        """Why this scheme has no meaning on a basis with these terms; empty where it has one."""
        return ""

    def start(self, edges: Edges, generator: Generator) -> Start:
        """All weights of one layer, drawn in a fixed order.

        Where the scheme has no meaning, as on the linear parts of a transformer, functions start as in their own paper.
        """
        fits = not self.conflict(edges.orders, edges.terms)
        coef = self.coef(edges, generator) if fits else edges.paper_coef(generator)
        return Start(
            coef=coef,
            residual=self.residual(edges, generator) if edges.residual else None,
            scale=self.scale(edges, generator) if edges.has_scale else None,
            bias=self.bias(edges, coef, generator) if fits else edges.paper_bias(generator),
        )


@dataclass(frozen=True)
class Measured(Init):
    """A scheme whose weights are normal with standard deviations from measured moments.

    gain null is the standard deviation of the distribution that the moments are taken over: 1/sqrt(3) or 1.
    """

    gain: float | None = None
    distribution: Literal["uniform", "normal"] = "uniform"

    def __post_init__(self):
        require((self.gain is None or 0 < self.gain < math.inf, f"gain must be positive, got {self.gain}"))

    @abstractmethod
    def std(self, edges: Edges, moments: Moments) -> Tensor:
        """Standard deviation for each function whose moments are given, or one for all."""

    def coef(self, edges: Edges, generator: Generator) -> Tensor:
        return edges.normal(generator) * self.std(edges, edges.moments(self.distribution)).reshape(-1, 1)

    def residual(self, edges: Edges, generator: Generator) -> Tensor:
        return edges.normal_residual(generator) * self.std(edges, edges.residual_moments(self.distribution))

    @property
    def actual_gain(self) -> float:
        return {"uniform": 1 / math.sqrt(3), "normal": 1.0}[self.distribution] if self.gain is None else self.gain


@dataclass(frozen=True)
class Fitted(Init):
    """A scheme whose edges start as small random functions: values at the grid points, fitted by least squares."""

    noise_scale: float = 0.1

    def __post_init__(self):
        require((0 <= self.noise_scale < math.inf, f"noise_scale must be zero or more, got {self.noise_scale}"))

    def conflict(self, orders: tuple[int, ...] | None, terms: int) -> str:
        if terms < 2:
            return "one function per edge cannot follow random values; use init=default or init=glorot"
        return ""

    def coef(self, edges: Edges, generator: Generator) -> Tensor:
        """Coefficients of functions with values U(+-noise_scale / 2) / intervals at the intervals + 1 grid points."""
        points = torch.linspace(*edges.domain, edges.intervals + 1, dtype=torch.float64)
        shape = (edges.n_out, edges.intervals + 1, edges.n_in)
        values = (torch.rand(shape, generator=generator, dtype=torch.float64) - 0.5) * (
            self.noise_scale / edges.intervals
        )
        return edges.fit(points, values)


def typical_where_tiny(square: Tensor) -> Tensor:
    """Mean squares, those next to nothing replaced by their mean.

    A local term that is flat wherever the inputs are would otherwise start with an enormous weight.
    """
    mean = square.mean()
    return torch.where(square < 1e-6 * mean, mean, square)


def uniform_quadrature(low: float = -1.0, high: float = 1.0) -> tuple[Tensor, Tensor]:
    """Points and weights (points,) with sum w f(p) = E f(x) for x ~ U(low, high).

    Four Gauss-Legendre points on each of 512 equal panels: exact for splines whose knots fall on the panels'
    ends, to rounding for smooth functions, and to 1e-6 for kinks anywhere.
    """
    points, weights = gauss_legendre(panels=512, nodes=4)
    return low + (high - low) * points, weights


def normal_quadrature() -> tuple[Tensor, Tensor]:
    """Points and weights (points,) with sum w f(p) = E f(x) for x ~ N(0, 1).

    The density on equal panels of [-9, 9], for Gauss-Hermite's few points far apart do not see local functions.
    """
    points, weights = uniform_quadrature(-9.0, 9.0)
    density = 18 / math.sqrt(2 * math.pi) * torch.exp(-0.5 * points.square())
    return points, weights * density


QUADRATURES: dict[str, Callable[[], tuple[Tensor, Tensor]]] = {
    "uniform": uniform_quadrature,
    "normal": normal_quadrature,
}
