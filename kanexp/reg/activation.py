"""Size and spread of what the edges pass on."""

import math
from dataclasses import dataclass

from torch import Tensor

from kanexp.error import require
from kanexp.model.edge_layer import LayerWeights, variance
from kanexp.reg.base import Layerwise


@dataclass(frozen=True, kw_only=True)
class Activation(Layerwise):
    """size sum v + entropy (row + column entropy) per layer, with v = std(phi(x)) / (std(x) + 0.1) over the batch.

    An edge's shares of its output's sum plus 1 (rows) and of its input's sum plus 1 (columns) enter as
    -p log2(p + 1e-4); rows and columns are averaged.

    Source: pykan `MultKAN.reg` with edge_forward_spline_n, https://github.com/KindXiaoming/pykan
    """

    size: float = 1.0
    entropy: float = 2.0

    def __post_init__(self):
        super().__post_init__()
        require(
            (0 <= self.size < math.inf, f"size must be zero or more, got {self.size}"),
            (0 <= self.entropy < math.inf, f"entropy must be zero or more, got {self.entropy}"),
        )

    def layer(self, w: LayerWeights) -> Tensor:
        assert w.x is not None  # layers come from a forward pass
        v = w.layer.variances(w, w.x).sqrt() / (variance(w.x).sqrt()[:, None] + 0.1)  # (seeds, n_out, n_in)
        rows, columns = (_entropy(v / (v.sum(dim=dim, keepdim=True) + 1)).sum(dim).mean(1) for dim in (2, 1))
        return self.size * v.sum(dim=(1, 2)) + self.entropy * (rows + columns)


def _entropy(p: Tensor) -> Tensor:
    return -p * (p + 1e-4).log2()
