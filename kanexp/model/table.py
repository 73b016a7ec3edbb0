"""Edge layers whose functions are the rows of functions of two inputs."""

from dataclasses import dataclass, field

from kanexp.layer.base import Basis
from kanexp.model.edge_layer import EdgeLayer


@dataclass(frozen=True)
class TableLayer(EdgeLayer):
    """A function of one input for each row of each output: 1 input to n_out = outputs times rows."""

    rows: Basis = field(kw_only=True)
