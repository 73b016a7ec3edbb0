"""Energy of the coefficients, weighted by a power of their frequency."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.layer.base import Basis
from kanexp.model.edge_layer import LayerWeights
from kanexp.reg.base import Layerwise


@dataclass(frozen=True, kw_only=True)
class Frequency(Layerwise):
    """sum_m order_m^alpha coef_m^2 over all layers and edges; on Fourier sum_k k^alpha (a_k^2 + b_k^2).

    alpha = 2 is twice the mean of phi'^2 over a period, alpha = 4 twice that of phi''^2. On polynomials the
    degree plays the frequency.

    Source: FourierKAN pull request 4, https://github.com/GistNoesis/FourierKAN/pull/4
    """

    alpha: float = 1.5

    def __post_init__(self):
        super().__post_init__()
        require((0 <= self.alpha < math.inf, f"alpha must be zero or more, got {self.alpha}"))

    def conflict(self, basis: Basis) -> str:
        if basis.orders is None:
            return "its terms have no frequency or degree; use reg=l1, or layer=fourier or layer=chebyshev"
        return ""

    def layer(self, w: LayerWeights) -> Tensor:
        orders = torch.tensor(w.basis.orders, dtype=w.coef.dtype, device=w.coef.device)
        energy = w.coef.square().sum(dim=(1, 3))  # (seeds, terms)
        return energy @ orders**self.alpha
