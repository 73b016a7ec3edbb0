"""Squared L2 norm of the coefficients."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.model.edge_layer import LayerWeights
from kanexp.reg.base import Regularizer


@dataclass(frozen=True, kw_only=True)
class L2(Regularizer):
    """sum coef^2 over all layers, edges and terms, and over residual weights where `residual` is true.

    Source: ridge regression, Hoerl and Kennard 1970, https://doi.org/10.1080/00401706.1970.10488634
    """

    residual: bool = False

    def penalty(self, layers: Sequence[LayerWeights]) -> Tensor:
        parts = [w.coef.square().flatten(1).sum(1) for w in layers]
        if self.residual:
            parts += [w.residual.square().flatten(1).sum(1) for w in layers if w.residual is not None]
        return torch.stack(parts).sum(0)
