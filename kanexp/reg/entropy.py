"""Entropy of the edges' shares in a layer's coefficients."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.model.edge_layer import LayerWeights
from kanexp.reg.base import Layerwise


@dataclass(frozen=True, kw_only=True)
class Entropy(Layerwise):
    """magnitude A + entropy H per layer: A sums every edge's mean |coef|, H = -sum p ln p of its shares p in A.

    A small H leaves the work to few edges.

    Source: efficient-kan, https://github.com/Blealtan/efficient-kan
    """

    magnitude: float = 1.0
    entropy: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        require(
            (0 <= self.magnitude < math.inf, f"magnitude must be zero or more, got {self.magnitude}"),
            (0 <= self.entropy < math.inf, f"entropy must be zero or more, got {self.entropy}"),
        )

    def layer(self, w: LayerWeights) -> Tensor:
        edges = w.coef.abs().mean(dim=2).flatten(1)  # (seeds, n_out * n_in)
        total = edges.sum(1)
        p = edges / torch.where(total > 0, total, 1.0)[:, None]
        # p ln p tends to zero with p, its slope does not: the smallest normal number keeps both finite.
        return self.magnitude * total - self.entropy * (p * p.clamp(min=torch.finfo(p.dtype).tiny).log()).sum(1)
