"""Importance: how much of what leaves a network each of its edges, nodes and inputs carries there."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.data.subset import some
from kanexp.error import require
from kanexp.measure.tables import MAX_SAMPLES
from kanexp.model.network import Network


@dataclass(frozen=True)
class Importance:
    """Scores of all seeds; an edge, a node or an input of score 0 changes nothing on the data."""

    edges: list[Tensor]  # of each layer, (seeds, n_out, n_in)
    nodes: list[Tensor]  # the inputs first, the outputs last, (seeds, width) each

    @property
    def inputs(self) -> Tensor:
        """Of every input (seeds, n_in)."""
        return self.nodes[0]


def importance(network: Network, theta: Tensor, x: Tensor) -> Importance:
    """The scores of networks theta (seeds, length) on data x (n_in, samples).

    An output has the score 1 / outputs. Each edge gets of its node's score the standard deviation of what it passes
    on over that of the node, and a node the sum of what its outgoing edges got:

        B_ji = A_j sd(phi_ji) / sd(node_j),   A_i = sum_j B_ji

    Of a sum of functions of independent inputs the squares are the shares of variance, which add up to 1; edges that
    work against each other have scores above 1. Raises ValueError where the network is no row of layers.

    Source: Liu et al. 2024, https://arxiv.org/abs/2408.10205, section 4.1
    """
    require((network.is_row, "its layers are no row, and what goes around an edge is not seen at the edge"))
    entering = network.entering(theta, some(x[None], MAX_SAMPLES))
    shares = []
    for layer, w, at in zip(network.layers, network.weights(theta), entering, strict=False):
        leaving, edges = layer.plain(w, at), layer.variances(w, at).sqrt()
        carries = (layer.edge_weights(w).abs().amax(2) > 0) & _varies(at).unsqueeze(1) & _varies(leaving).unsqueeze(-1)
        spread = torch.where(_varies(leaving), leaving.std(-1, correction=0), 1.0)
        shares.append(torch.where(carries, edges / spread.unsqueeze(-1), 0.0))
    nodes = [torch.full_like(shares[-1][:, :, 0], 1 / network.widths[-1])]
    edges_found: list[Tensor] = []
    for share in reversed(shares):
        edges_found.insert(0, nodes[0].unsqueeze(-1) * share)
        nodes.insert(0, edges_found[0].sum(1))
    return Importance(edges_found, nodes)


def _varies(values: Tensor) -> Tensor:
    """Which of values (..., samples) are not all the same, beside rounding."""
    return values.std(-1, correction=0) > values.abs().amax(-1) * 64 * torch.finfo(values.dtype).eps
