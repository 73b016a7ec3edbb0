"""Norms of the edges' weights: whole edges go to zero."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.model.edge_layer import LayerWeights
from kanexp.reg.base import Layerwise


@dataclass(frozen=True, kw_only=True)
class Group(Layerwise):
    """Sum over edges of sqrt(weights of the edge) times their 2-norm.

    An edge's weights are those of its features: its coefficients with their scale, and its residual weight. Near zero
    the pull on an edge does not fade, as that of l2 does, and it is one on all of its weights together, where that of
    l1 is one on each.

    Source: the group lasso, Yuan and Lin 2006, https://doi.org/10.1111/j.1467-9868.2005.00532.x
    """

    def layer(self, w: LayerWeights) -> Tensor:
        squares = w.layer.edge_weights(w).square().sum(dim=2)  # (seeds, n_out, n_in)
        # The slope of the root is infinite at zero, where nothing is to be gained.
        positive = squares > 0
        norms = torch.where(positive, torch.where(positive, squares, 1.0).sqrt(), 0.0)
        return math.sqrt(w.layer.terms) * norms.sum(dim=(1, 2))
