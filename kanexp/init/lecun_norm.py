"""LeCun's start for standardized functions."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from kanexp.init.base import Edges, Measured, Moments, typical_where_tiny


@dataclass(frozen=True)
class LeCunNorm(Measured):
    """Weights of std gain / sqrt(N_t) on terms that have mean 0 and variance 1.

    The published scheme standardizes every term over the batch, in every step. Here the start is that of standardized
    terms and the layer stays as it is: a weight on (B - mean) / std is the weight / std on B and a part of the bias.

    Source: Initialization Schemes for Kolmogorov-Arnold Networks, https://arxiv.org/abs/2509.03417; jaxKAN
    """

    def std(self, edges: Edges, moments: Moments) -> Tensor:
        deviation = typical_where_tiny(moments.value - moments.mean.square()).sqrt()
        return self.actual_gain / edges.weights_per_output**0.5 / deviation

    def residual(self, edges: Edges, generator: Generator) -> Tensor:
        value = edges.residual_moments(self.distribution).value
        return edges.normal_residual(generator) * self.actual_gain / (edges.weights_per_output * value).sqrt()

    def bias(self, edges: Edges, coef: Tensor, generator: Generator) -> Tensor:
        return -torch.einsum("oti,t->o", coef, edges.moments(self.distribution).mean)
