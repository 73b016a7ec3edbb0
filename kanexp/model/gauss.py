"""Gaussian activations in the place of learned functions: a baseline of pictures."""

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
class Gauss(Model):
    """Linear layers with exp(-(sharpness x)^2) between them; they start as torch.nn.Linear under init=default.

    Source: Ramasinghe and Lucey 2022, https://arxiv.org/abs/2111.15135, in the form in which WIRE's code compares it
    """

    sharpness: float = 10.0

    def __post_init__(self):
        super().__post_init__()
        require((0 < self.sharpness < math.inf, f"sharpness must be positive, got {self.sharpness}"))

    @property
    def uses_layer(self) -> bool:
        return False

    def bases(self, layers: Sequence[Basis], depth: int) -> list[Basis]:
        return [Activation(), *[Activation(name="bell", rate=self.sharpness)] * (depth - 1)]

    def network(self, widths: Sequence[int], *layers: Basis) -> Network:
        bases = self.bases(layers, len(widths) - 1)
        return Network([EdgeLayer(b, n_in, n_out) for b, (n_in, n_out) in zip(bases, pairwise(widths), strict=True)])
