"""Several penalties added."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.layer.base import Basis
from kanexp.model.edge_layer import LayerWeights
from kanexp.reg.base import Regularizer


@dataclass(frozen=True, kw_only=True)
class Sum(Regularizer):
    """sum of part.weight part.penalty over `parts`, each named as on the command line.

    A part is a weight, {l1: 1e-3}, or options, {smooth: {weight: 1e-3, order: 1}}; `weight`, `schedule` and `threshold`
    are those of the whole.
    """

    weight: float = 1.0
    parts: dict[str, Regularizer] | None = None

    def __post_init__(self):
        super().__post_init__()
        parts = (self.parts or {}).values()
        require(
            (bool(parts), "parts must name at least one penalty, for example 'reg.parts={l1: 1e-3, smooth: 1e-2}'"),
            (
                all(part.schedule == "constant" for part in parts),
                "a part has no schedule of its own; set reg.schedule for the whole",
            ),
            (
                all(part.threshold == 0 for part in parts),
                "a part has no threshold of its own; set reg.threshold for the whole",
            ),
        )

    def conflict(self, basis: Basis) -> str:
        found = {name: part.conflict(basis) for name, part in (self.parts or {}).items()}
        return "; ".join(f"{name}: {why}" for name, why in found.items() if why)

    def penalty(self, layers: Sequence[LayerWeights]) -> Tensor:
        parts = self.parts or {}
        return torch.stack([parts[name].weight * value for name, value in self.penalties(layers).items()]).sum(0)

    def penalties(self, layers: Sequence[LayerWeights]) -> dict[str, Tensor]:
        return {name: part.penalty(layers) for name, part in (self.parts or {}).items()}
