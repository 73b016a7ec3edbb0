"""Edge layers whose functions are the rows of functions of two inputs."""

from dataclasses import dataclass, field

from torch import Tensor

from kanexp.layer.base import Basis
from kanexp.model.edge_layer import EdgeLayer, LayerWeights


@dataclass(frozen=True)
class TableLayer(EdgeLayer):
    """A function of one input for each row of each output: 1 input to n_out = outputs times rows."""

    rows: Basis = field(kw_only=True)

    @property
    def fan_out(self) -> int:
        return self.n_out // self.rows.terms

    def surfaces(self, w: LayerWeights, a: Tensor, b: Tensor) -> Tensor:
        """Every output as a function of two inputs, on the grid of a (points,) and b (points,).

        (seeds, outputs, points of a, points of b), with the bias.
        """
        row = EdgeLayer(self.rows, 1, 1)
        along_a = row.features(a[None, None], seen=row.seen(a[None, None]))[0, :, 0]  # (rows, points)
        along_b = (self.functions(w, b).squeeze(2) + w.bias.unsqueeze(-1)).unflatten(1, (-1, self.rows.terms))
        return along_a.mT @ along_b
