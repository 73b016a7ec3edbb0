"""SIREN: sines in the place of learned functions, the baseline of pictures, sounds and shapes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from kanexp.error import require
from kanexp.layer.base import Basis
from kanexp.model.activation import Activation
from kanexp.model.base import Model
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.network import Network


@dataclass(frozen=True)
class Siren(Model):
    """Linear layers with sin(first x) behind the first of them and sin(omega x) behind the others.

    Under init=default the first layer's weights are U(+-1/n_in), the others' U(+-sqrt(6/n_in)/omega), by which all
    sines see inputs of one size; biases are torch.nn.Linear's.

    Source: Sitzmann et al. 2020, https://arxiv.org/abs/2006.09661
    """

    first: float = 30.0
    omega: float = 30.0

    def __post_init__(self):
        super().__post_init__()
        require(
            (0 < self.first < math.inf, f"first must be positive, got {self.first}"),
            (0 < self.omega < math.inf, f"omega must be positive, got {self.omega}"),
        )

    @property
    def uses_layer(self) -> bool:
        return False

    def bases(self, layers: Sequence[Basis], depth: int) -> list[Basis]:
        gain = math.sqrt(6) / self.omega
        rates = [self.first, *[self.omega] * (depth - 2)][: depth - 1]
        return [Activation(power=1.0), *(Activation(name="sin", rate=rate, gain=gain) for rate in rates)]

    def network(self, widths: Sequence[int], *layers: Basis) -> Network:
        bases = self.bases(layers, len(widths) - 1)
        return Network([EdgeLayer(b, n_in, n_out) for b, (n_in, n_out) in zip(bases, pairwise(widths), strict=True)])
