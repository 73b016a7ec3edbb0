"""The start that each layer's own paper uses."""

from dataclasses import dataclass

from torch import Generator, Tensor

from kanexp.init.base import Edges, Init


@dataclass(frozen=True)
class Default(Init):
    """Each layer as its own paper draws it; residual weights Glorot uniform.

    Fourier N(0, 1/(n_in frequencies)), so every output has variance 1; Chebyshev a normal cut at two sigma with
    sigma = 1/sqrt(n_in degree); B-splines N(0, 0.1^2).

    Source: FourierKAN, jaxKAN
    """

    def coef(self, edges: Edges, generator: Generator) -> Tensor:
        return edges.paper_coef(generator)

    def bias(self, edges: Edges, coef: Tensor, generator: Generator) -> Tensor:
        return edges.paper_bias(generator)
