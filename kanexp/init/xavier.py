"""Xavier's variance over the edges of a layer."""

import math
from dataclasses import dataclass

from torch import Generator, Tensor

from kanexp.init.base import Edges, Init


@dataclass(frozen=True)
class Xavier(Init):
    """Normal with variance 2 / ((n_in + fan_out) terms): Xavier's for the edges, shared by an edge's terms.

    Source: Glorot and Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html
    """

    def coef(self, edges: Edges, generator: Generator) -> Tensor:
        return edges.normal(generator) * math.sqrt(2 / ((edges.n_in + edges.fan_out) * edges.terms))
