"""Glorot's balance for each term by itself."""

from dataclasses import dataclass

from torch import Generator, Tensor

from kanexp.init.base import Edges, Measured, Moments, typical_where_tiny


@dataclass(frozen=True)
class GlorotFine(Measured):
    """Term m normal with std gain sqrt(1 / (N_t E[B_m^2] + N_t' E[B_m'^2])), N_t' = N_t fan_out / n_in.

    Steep terms start small. The residual is drawn as by glorot.

    Source: Training Deep Physics-Informed Kolmogorov-Arnold Networks, https://arxiv.org/abs/2510.23501; jaxKAN
    """

    def std(self, edges: Edges, moments: Moments) -> Tensor:
        forward = edges.weights_per_output
        backward = forward * edges.fan_out / edges.n_in
        return self.actual_gain / typical_where_tiny(forward * moments.value + backward * moments.slope).sqrt()

    def residual(self, edges: Edges, generator: Generator) -> Tensor:
        return 2**0.5 * super().residual(edges, generator)
