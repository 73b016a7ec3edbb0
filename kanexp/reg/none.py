"""No penalty."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from kanexp.model.edge_layer import LayerWeights
from kanexp.reg.base import Regularizer


@dataclass(frozen=True, kw_only=True)
class NoPenalty(Regularizer):
    """Zero."""

    weight: float = 0.0

    def penalty(self, layers: Sequence[LayerWeights]) -> Tensor:
        return layers[0].bias.new_zeros(len(layers[0].bias))
