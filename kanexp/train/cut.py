"""Cuts: which edges a network does without, and the network without them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kanexp.data.subset import some
from kanexp.measure.importance import importance
from kanexp.measure.tables import MAX_SAMPLES
from kanexp.model.network import Network

Kept = list[Tensor]  # of each layer which edges are there, bool (seeds, n_out, n_in)


def all_edges(network: Network, seeds: int, device: torch.device | None = None) -> Kept:
    """Every edge of the network."""
    shapes = [(seeds, layer.n_out, layer.n_in) for layer in network.layers]
    return [torch.ones(shape, dtype=torch.bool, device=device) for shape in shapes]


def count(kept: Kept) -> Tensor:
    """How many edges there are (seeds,)."""
    return torch.stack([edges.sum((1, 2)) for edges in kept]).sum(0)


def connected(kept: Kept) -> Kept:
    """The edges that lie on a way from an input to an output: what is a dead end or a constant goes as well."""
    reached = [torch.ones_like(kept[0][:, 0])]
    for edges in kept:
        reached.append((edges & reached[-1].unsqueeze(1)).any(2))
    leads = [torch.ones_like(kept[-1][:, :, 0])]
    for edges in reversed(kept):
        leads.insert(0, (edges & leads[0].unsqueeze(2)).any(1))
    pairs = zip(kept, reached[:-1], leads[1:], strict=True)
    return [edges & before.unsqueeze(1) & after.unsqueeze(2) for edges, before, after in pairs]


def least(network: Network, theta: Tensor, kept: Kept, x: Tensor, sizes: Sequence[int]) -> Kept:
    """The edges left after those of the lowest importance on data x (n_in, samples) went, so many of each seed."""
    scores = importance(network, theta, x).edges
    flat = torch.cat([torch.where(e, s, torch.inf).flatten(1) for e, s in zip(kept, scores, strict=True)], 1)
    left = torch.cat([edges.flatten(1) for edges in kept], 1)
    for row, size in enumerate(sizes):
        left[row, flat[row].argsort(stable=True)[:size]] = False
    parts = left.split([edges[0].numel() for edges in kept], dim=1)
    return connected([part.view_as(edges) for part, edges in zip(parts, kept, strict=True)])


def without_faint(network: Network, theta: Tensor, kept: Kept, x: Tensor, threshold: float) -> Kept:
    """The edges left after those went whose importance on data x is below a share of the largest in their layer.

    Of a network of which nothing would be left all stay; one whose numbers are not finite loses none.
    """
    scores = importance(network, theta, x).edges
    pairs = zip(kept, scores, strict=True)
    left = connected([edges & ~(own < threshold * own.amax((1, 2), keepdim=True)) for edges, own in pairs])
    some_left = (count(left) > 0)[:, None, None]
    return [torch.where(some_left, new, old) for new, old in zip(left, kept, strict=True)]


def without_least_node(network: Network, theta: Tensor, kept: Kept, x: Tensor) -> Kept:
    """The edges left after those of one node, or of one input, went: of each seed the one of the lowest importance.

    Nodes that are alone in their layer stay.
    """
    left = [edges.clone() for edges in kept]
    scores = importance(network, theta, x).nodes[:-1]
    used = [edges.any(1) for edges in kept]
    free = [own & (own.sum(1, keepdim=True) > 1) for own in used]
    flat = torch.cat([torch.where(ok, s, torch.inf) for ok, s in zip(free, scores, strict=True)], 1)
    for row, place in enumerate(flat.argmin(1).tolist()):
        if not flat[row, place].isfinite():
            continue
        layer = 0
        while place >= scores[layer].shape[1]:
            place, layer = place - scores[layer].shape[1], layer + 1
        left[layer][row, :, place] = False
        if layer:
            left[layer - 1][row, place] = False
    return connected(left)


def without(network: Network, theta: Tensor, kept: Kept, x: Tensor) -> Tensor:
    """Weights (seeds, length) of the network with these edges alone: the others have weights of zero.

    What an edge passed on in the mean over data x (n_in, samples) its node keeps as bias, so that the network moves as
    little as it can.
    """
    entering = network.entering(theta, some(x[None], MAX_SAMPLES))
    named = {name: w.clone() for name, w in network.unflatten(theta).items()}
    for i, (layer, w, edges) in enumerate(zip(network.layers, network.weights(theta), kept, strict=True)):
        means = layer.at(w, entering[i]).mean(-1)  # of the features
        each = "stoi" if layer.basis.per_edge else "sti"
        passed = torch.einsum(f"{each},soti->soi", means.expand(len(theta), *means.shape[1:]), layer.edge_weights(w))
        if layer.bias:
            named[f"layers.{i}.bias"] += torch.where(edges, 0.0, passed).sum(2)
        named[f"layers.{i}.coef"] *= edges.unsqueeze(2)
        for name in ("residual", "scale"):
            if f"layers.{i}.{name}" in named:
                named[f"layers.{i}.{name}"] *= edges
    return network.flatten(named)


def trained_weights(network: Network, kept: Kept) -> Tensor:
    """How many numbers each seed has left that are trained (seeds,)."""
    mask, trained = network.mask(kept), network.trained(kept[0].device)
    return (mask if trained is None else mask & trained).sum(1)
