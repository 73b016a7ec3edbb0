"""A power law in the layer's size, found by search."""

from dataclasses import dataclass

from torch import Generator, Tensor

from kanexp.error import require
from kanexp.init.base import Edges, Init


@dataclass(frozen=True)
class Power(Init):
    """Normal with std const / (n_in^width_power terms^terms_power), the residual with a constant and powers of its own.

    `terms` counts the residual as one more where there is one.

    Source: Initialization Schemes for Kolmogorov-Arnold Networks, https://arxiv.org/abs/2509.03417; jaxKAN
    """

    const: float = 1.0
    terms_power: float = 1.75
    width_power: float = 1.75
    residual_const: float = 1.0
    residual_terms_power: float = 0.25
    residual_width_power: float = 0.25

    def __post_init__(self):
        require(
            (self.const > 0, f"const must be positive, got {self.const}"),
            (self.residual_const > 0, f"residual_const must be positive, got {self.residual_const}"),
        )

    def coef(self, edges: Edges, generator: Generator) -> Tensor:
        terms = edges.weights_per_output / edges.n_in
        return edges.normal(generator) * self.const / (edges.n_in**self.width_power * terms**self.terms_power)

    def residual(self, edges: Edges, generator: Generator) -> Tensor:
        terms = edges.weights_per_output / edges.n_in
        size = edges.n_in**self.residual_width_power * terms**self.residual_terms_power
        return edges.normal_residual(generator) * self.residual_const / size
