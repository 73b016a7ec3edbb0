"""LeCun's constant variance of the signal, measured on the layer's own functions."""

from dataclasses import dataclass

from torch import Tensor

from kanexp.init.base import Edges, Measured, Moments


@dataclass(frozen=True)
class LeCun(Measured):
    """Normal with std gain / sqrt(N_t E[B^2]), over all terms B alike; the residual gain / sqrt(N_t E[R^2]).

    N_t counts the weights that feed one output, so that an output's mean square is about gain^2.

    Source: Initialization Schemes for Kolmogorov-Arnold Networks, https://arxiv.org/abs/2509.03417; jaxKAN
    """

    def std(self, edges: Edges, moments: Moments) -> Tensor:
        return self.actual_gain / (edges.weights_per_output * moments.value.mean()).sqrt()
