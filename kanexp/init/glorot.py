"""Glorot's balance of forward and backward variance, measured on the layer's own functions."""

from dataclasses import dataclass

from torch import Tensor

from kanexp.init.base import Edges, Measured, Moments


@dataclass(frozen=True)
class Glorot(Measured):
    """Normal with std gain sqrt(2 / (N_t E[B^2] + N_t' E[B'^2])), N_t' = N_t fan_out / n_in, over all terms B alike.

    N_t counts the weights that feed one output. The residual is drawn alike from its own moments.

    Source: Initialization Schemes for Kolmogorov-Arnold Networks, https://arxiv.org/abs/2509.03417; jaxKAN
    """

    def std(self, edges: Edges, moments: Moments) -> Tensor:
        forward = edges.weights_per_output
        backward = forward * edges.fan_out / edges.n_in
        return self.actual_gain * (2 / (forward * moments.value.mean() + backward * moments.slope.mean())).sqrt()
