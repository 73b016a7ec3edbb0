"""L1 norm of the coefficients."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.model.edge_layer import LayerWeights
from kanexp.reg.base import Regularizer


@dataclass(frozen=True, kw_only=True)
class L1(Regularizer):
    """sum |coef| over all layers, edges and terms, and over residual weights where `residual` is true.

    Source: efficient-kan, https://github.com/Blealtan/efficient-kan
    """

    residual: bool = False

    def penalty(self, layers: Sequence[LayerWeights]) -> Tensor:
        parts = [w.coef.abs().flatten(1).sum(1) for w in layers]
        if self.residual:
            parts += [w.residual.abs().flatten(1).sum(1) for w in layers if w.residual is not None]
        return torch.stack(parts).sum(0)
