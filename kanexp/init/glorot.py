"""Glorot's balance of forward and backward variance, measured on the layer's own functions."""

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from kanexp.error import require
from kanexp.init.base import Edges, Init, uniform_quadrature


@dataclass(frozen=True)
class Glorot(Init):
    """Normal with std gain sqrt(2 / (N_t E[B^2] + N_t' E[B'^2])), N_t' = N_t n_out / n_in.

    E is over x ~ U(-1, 1) and over the terms B; N_t counts the weights that feed one output. The residual is drawn
    alike from its own moments. gain null is the standard deviation of that x, 1/sqrt(3).

    Source: Initialization Schemes for Kolmogorov-Arnold Networks, https://arxiv.org/abs/2509.03417; jaxKAN
    """

    gain: float | None = None

    def __post_init__(self):
        require((self.gain is None or 0 < self.gain < math.inf, f"gain must be positive, got {self.gain}"))

    def coef(self, edges: Edges, generator: Generator) -> Tensor:
        points, weights = uniform_quadrature()
        value = (edges.phi(points).square() @ weights).mean().item()
        slope = (edges.slope(points).square() @ weights).mean().item()
        draws = torch.randn((edges.n_out, edges.terms, edges.n_in), generator=generator, dtype=torch.float64)
        return draws * self._std(edges, value, slope)

    def residual(self, edges: Edges, generator: Generator) -> Tensor:
        points, weights = uniform_quadrature()
        assert edges.residual is not None
        assert edges.residual_slope is not None
        value = (edges.residual(points).square() @ weights).item()
        slope = (edges.residual_slope(points).square() @ weights).item()
        draws = torch.randn((edges.n_out, edges.n_in), generator=generator, dtype=torch.float64)
        return draws * self._std(edges, value, slope)

    def _std(self, edges: Edges, value: float, slope: float) -> float:
        forward = edges.weights_per_output
        backward = forward * edges.n_out / edges.n_in
        gain = 1 / math.sqrt(3) if self.gain is None else self.gain
        return gain * math.sqrt(2 / (forward * value + backward * slope))
