"""The contract of an initialization: measure a layer's functions, then draw its weights."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor


@dataclass(frozen=True)
class Edges:
    """What an initialization may know of a layer: its size, its functions as values, its paper's own draws.

    `phi` and `slope` map float64 points (points,) to (terms, points); those of the residual to (points,).
    """

    n_in: int
    n_out: int
    terms: int
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
        bound = math.sqrt(6 / (edges.n_in + edges.n_out))
        draws = torch.rand((edges.n_out, edges.n_in), generator=generator, dtype=torch.float64)
        return (2 * draws - 1) * bound

    def bias(self, edges: Edges, generator: Generator) -> Tensor:
        """Bias (n_out,), float64: zero unless the scheme says otherwise."""
        return torch.zeros(edges.n_out, dtype=torch.float64)

    def conflict(self, orders: tuple[int, ...] | None, terms: int) -> str:
        """Why this scheme has no meaning on a basis with these terms; empty where it has one."""
        return ""

    def start(self, edges: Edges, generator: Generator) -> Start:
        """All weights of one layer, drawn in a fixed order."""
        return Start(
            coef=self.coef(edges, generator),
            residual=self.residual(edges, generator) if edges.residual else None,
            scale=torch.ones(edges.n_out, edges.n_in, dtype=torch.float64) if edges.has_scale else None,
            bias=self.bias(edges, generator),
        )


def uniform_quadrature(low: float = -1.0, high: float = 1.0) -> tuple[Tensor, Tensor]:
    """Points and weights (points,) with sum w f(p) = E f(x) for x ~ U(low, high).

    Four Gauss-Legendre points on each of 512 equal panels: exact for splines whose knots fall on the panels'
    ends, to rounding for smooth functions, and to 1e-6 for kinks anywhere.
    """
    nodes, weights = np.polynomial.legendre.leggauss(4)
    panels = 512
    points = low + (high - low) * (np.arange(panels)[:, None] + (nodes + 1) / 2) / panels
    return torch.from_numpy(points.ravel()), torch.from_numpy(np.tile(weights / 2 / panels, panels))
