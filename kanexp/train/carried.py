"""Derivatives of networks in their inputs, carried forward through the layers and pulled back to the weights."""

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, reduce
from itertools import accumulate, combinations
from typing import Any

import torch
from torch import Tensor
from torch.func import jvp, vjp, vmap

from kanexp.layer.base import Basis
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.network import Network
from kanexp.task.differential import Equation
from kanexp.task.jet import Jet, Partial
from kanexp.train.derivatives import fill, is_fixed_row, jet, weights_gradient

Channels = Mapping[Partial, Tensor]  # sorted partial -> (seeds or 1, width, points); what is missing is zero
Blocks = Mapping[tuple[Partial, int], Tensor]  # partial and number of blocks -> (seeds or 1, n_in, points), likewise


def sides(network: Network, equation: Equation, theta: Tensor, x: Tensor) -> Tensor:
    """What the equation compares with its targets, (seeds, 1, values) at x (seeds or 1, n_in, points)."""
    way = carried(network, theta.detach(), x, equation.partials)
    return equation.prediction(_jet(equation, way.finished(way.channels), network.unknown(theta.detach())), x)


def sides_traced(network: Network, equation: Equation, theta: Tensor, x: Tensor) -> Tensor:
    """`sides`, which can be differentiated once, in theta: for the gradient of a loss of them.

    Carried forward where layers have formulas for their derivatives, in a half to a fifth of the time; else backward
    through backward, for then derivatives are found by torch in both ways (scripts/bench_derivatives.py).
    """
    if not (is_fixed_row(network) and all(_has_formula(layer) for layer in network.layers)):
        return equation.prediction(jet(network, theta, x, equation.partials), x)
    partials = _needed(equation.partials)
    leaving = dict(zip(partials, _Traced.apply(theta, network, x, partials), strict=True))
    channels = network.wiring.finished(x, leaving)
    return equation.prediction(_jet(equation, channels, network.unknown(theta)), x)


def _has_formula(layer: EdgeLayer) -> bool:
    """Whether derivatives of any order of its features are written down, and not those of a bound before them."""
    return type(layer.basis).derivatives is not Basis.derivatives and layer.basis.bound == "none"


class _Traced(torch.autograd.Function):
    """Channels of networks as functions of theta, carried forward through the layers and pulled back once."""

    @staticmethod
    def forward(ctx: Any, theta: Tensor, network: Network, x: Tensor, partials: list[Partial]) -> tuple[Tensor, ...]:
        ctx.way, ctx.shape = ByLayers(network, theta, x, partials), theta.shape
        # Results hold their way back: were they held by it, too, nothing would ever be freed.
        channels, ctx.way.channels = ctx.way.channels, {}
        return tuple(channels[p] for p in partials)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return ctx.way.gradient(dict(zip(ctx.way.partials, grads, strict=True)), ctx.shape), None, None, None


def sides_jacobian(network: Network, equation: Equation, theta: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """`sides`, and their derivatives (seeds, length, 1, values) in the weights and in the unknown numbers.

    Of values that have a point each, one backward pass gives the gradient at every derivative of the network for all
    points at once.
    """
    way = carried(network, theta.detach(), x, equation.partials)
    channels = {p: channel.detach().requires_grad_() for p, channel in way.channels.items()}
    # At every point an unknown number of its own, so that its gradient is each point's.
    every = {name: value.expand(-1, -1, x.shape[-1]) for name, value in network.unknown(theta.detach()).items()}
    unknown = {name: value.clone().requires_grad_() for name, value in every.items()}
    leaves = [*channels.values(), *unknown.values()]
    with torch.enable_grad():
        prediction = equation.prediction(_jet(equation, way.finished(channels), unknown), x)
    rows = equation.rows(x.shape[-1])
    out = theta.new_zeros(len(theta), network.length, *prediction.shape[1:])
    alike = len(rows) == 1 and len(rows[0][0]) == prediction.shape[-1]  # every value has the point of its number
    of_points = out[:, :, 0] if alike else theta.new_zeros(len(theta), network.length, x.shape[-1])
    for values, points in rows:
        grads = torch.autograd.grad(
            prediction[..., values.unique()].sum(), leaves, retain_graph=True, materialize_grads=True
        )
        way.pull(dict(zip(channels, grads, strict=False)), of_points)
        for place, grad in enumerate(grads[len(channels) :], network.length - len(unknown)):
            of_points[:, place] = grad[:, 0]
        if not alike:
            out[:, :, 0].index_add_(2, values.to(out.device), of_points[:, :, points.to(out.device)])
    return prediction.detach(), out


def _jet(equation: Equation, channels: Channels, unknown: Mapping[str, Tensor]) -> Jet:
    return Jet(channels[()], {p: channels[tuple(sorted(p))] for p in equation.partials}, unknown)


class Way(ABC):
    """How derivatives are found: `channels` are the value () and the partials asked for of what leaves the layers."""

    channels: Channels

    def finished(self, channels: Channels) -> Channels:
        """Those of the networks' outputs, from what leaves the layers."""
        return channels

    @abstractmethod
    def pull(self, grads: Channels, out: Tensor) -> None:
        """Write derivatives in the weights to out (seeds, length, points), from the gradients of all channels."""


def carried(network: Network, theta: Tensor, x: Tensor, partials: Iterable[Partial]) -> Way:
    """Channels at x (seeds or 1, n_in, points): layer by layer, or by torch where networks are no plain row of them."""
    return (ByLayers if is_fixed_row(network) else ByTorch)(network, theta, x, _needed(partials))


def channels(partials: Iterable[Partial]) -> int:
    """How many derivatives, the value included, are carried through the layers for these."""
    return len(_needed(partials))


def _needed(partials: Iterable[Partial]) -> list[Partial]:
    """What these partials are made from, and they themselves, by order: (1, 1) from (1,) and the value ()."""
    parts = {part for p in partials for size in range(len(p) + 1) for part in combinations(sorted(p), size)}
    return sorted(parts | {()}, key=lambda part: (len(part), part))


class ByLayers(Way):
    """Layer by layer, by Faa di Bruno's formula: d_p f(v(x)) = sum_j f^(j)(v) B_{p,j}.

    B_{p,j} sums over all ways to split the partial p into j blocks; a way counts as the product of the derivatives of
    v in its blocks. Edge functions are linear in their weights: the derivatives in these are features' f^(j) times
    what they are multiplied by on their way to the prediction.

    Source: Hardy 2006, Combinatorics of Partial Derivatives, https://arxiv.org/abs/math/0601149
    """

    def __init__(self, network: Network, theta: Tensor, x: Tensor, partials: list[Partial]):
        self.layers, self.weights, self.partials = network.layers, network.weights(theta), partials
        self.wiring, self.x = network.wiring, x
        self.channels = network.derivatives(theta, x, partials)
        self.features: list[tuple[Tensor, ...]] = []  # of each layer by order, (seeds or 1, terms, n_in, points)
        self.edges: list[list[Tensor]] = []  # what its edges make of them, (seeds, n_out, n_in, points)
        self.blocks: list[Blocks] = []
        order = max(map(len, partials))
        for i, (layer, w) in enumerate(zip(self.layers, self.weights, strict=True)):
            # One order more, for the way back; from the first layer it leads nowhere.
            self.features.append(layer.derivatives(w, self.channels[()], order + (i > 0)))
            weight = layer.edge_weights(w)
            self.edges.append([_each_edge(weight, features) for features in self.features[-1]])
            self.blocks.append(_blocks(self.channels, partials))
            self.channels = {p: reduce(torch.add, self._terms(i, p)) for p in partials}
            self.channels[()] = self.channels[()] + w.bias.unsqueeze(-1)

    def finished(self, channels: Channels) -> Channels:
        return self.wiring.finished(self.x, channels)

    def _terms(self, i: int, p: Partial) -> Iterator[Tensor]:
        """What layer i makes of a partial, (seeds, n_out, points) for each number of blocks."""
        for j, edges in enumerate(self.edges[i]):
            if (p, j) in self.blocks[i]:
                yield (edges * self.blocks[i][p, j].unsqueeze(1)).sum(2)

    def pull(self, grads: Channels, out: Tensor) -> None:
        starts = [0, *accumulate(sum(map(math.prod, layer.shapes.values())) for layer in self.layers)]
        for i, of_outputs, times in self._back(grads):
            factors = [(times[j].unsqueeze(2), self.features[i][j].unsqueeze(1)) for j in times]
            fill(self.layers[i], self.weights[i], factors, of_outputs, out, starts[i])

    def gradient(self, grads: Channels, shape: torch.Size) -> Tensor:
        """Derivatives in the weights of that shape (seeds, length), of all points together."""
        parts = []
        for i, of_outputs, times in self._back(grads):
            # (seeds, n_in, n_out, points) times (seeds or 1, n_in, points, terms), a product for every order.
            products = (time.transpose(1, 2) @ self.features[i][j].permute(0, 2, 3, 1) for j, time in times.items())
            of_edges = reduce(torch.add, products).permute(0, 2, 3, 1)
            parts.append(weights_gradient(self.layers[i], self.weights[i], of_edges, of_outputs.sum(-1)))
        found = torch.cat(parts[::-1], 1)
        return torch.nn.functional.pad(found, (0, shape[1] - found.shape[1]))  # unknown numbers have a way of their own

    def _back(self, grads: Channels) -> Iterator[tuple[int, Tensor, dict[int, Tensor]]]:
        """From the last layer to the first: its number, the gradient at its outputs, and at its edges for each order.

        What the features of an order are multiplied by is (seeds, n_out, n_in, points).
        """
        for i in reversed(range(len(self.layers))):
            times: dict[int, Tensor] = {}
            for (p, j), block in self.blocks[i].items():
                of_edges = grads[p].unsqueeze(2) * block.unsqueeze(1)
                times[j] = times[j] + of_edges if j in times else of_edges
            yield i, grads[()], times
            if i > 0:
                grads = self._entering(i, grads, times)

    def _entering(self, i: int, grads: Channels, times: Mapping[int, Tensor]) -> Channels:
        """Gradients of what entered layer i, from those of what left it."""
        edges, blocks = self.edges[i], self.blocks[i]
        found = {p: torch.zeros_like(edges[0][:, 0]) for p in self.partials}
        for j, time in times.items():
            found[()] += (time * edges[j + 1]).sum(1)
        for p, j in (key for key in blocks if key != ((), 0)):
            of_block = (grads[p].unsqueeze(2) * edges[j]).sum(1)
            for (block, rest), count in _splits(p).items():
                if (rest, j - 1) in blocks:
                    found[block] += count * of_block * blocks[rest, j - 1]
        return found


def _each_edge(weight: Tensor, features: Tensor) -> Tensor:
    """(seeds, n_out, terms, n_in) and (seeds or 1, terms, n_in, points) to (seeds, n_out, n_in, points)."""
    return (weight.permute(0, 3, 1, 2) @ features.transpose(1, 2)).transpose(1, 2)


def _blocks(channels: Channels, partials: Iterable[Partial]) -> Blocks:
    """B_{p,j} of these derivatives."""
    found: dict[tuple[Partial, int], Tensor] = {((), 0): torch.ones_like(channels[()][:1, :1])}
    for p in partials:
        for j in range(1, len(p) + 1):
            for (block, rest), count in _splits(p, first=True).items():
                if block in channels and (rest, j - 1) in found:
                    term = count * channels[block] * found[rest, j - 1]
                    found[p, j] = found[p, j] + term if (p, j) in found else term
    return found


@cache
def _splits(p: Partial, first: bool = False) -> Counter[tuple[Partial, Partial]]:
    """The ways to take a block out of a partial, and what is left; where `first`, only blocks that hold its first."""
    places = range(len(p))
    chosen = (set(c) for size in range(1, len(p) + 1) for c in combinations(places, size))
    return Counter(
        (tuple(p[k] for k in places if k in block), tuple(p[k] for k in places if k not in block))
        for block in chosen
        if not first or 0 in block
    )


class ByTorch(Way):
    """Point by point in parallel, for any network."""

    def __init__(self, network: Network, theta: Tensor, x: Tensor, partials: list[Partial]):
        self.network, self.theta, self.partials = network, theta, partials
        self.x = x.expand(len(theta), -1, -1)
        found = vmap(vmap(self._channels, in_dims=(None, 1), out_dims=1))(theta, self.x)
        self.channels = dict(zip(partials, found, strict=True))

    def _channels(self, row: Tensor, point: Tensor) -> tuple[Tensor, ...]:
        """All of one seed's weights (length,) at one point (n_in,), (n_out,) each."""

        def derivative(p: Partial, point: Tensor) -> Tensor:
            if not p:
                return self.network.plain(row[None], point[None, :, None])[0, :, 0]
            along = torch.zeros_like(point)
            along[p[-1]] = 1
            return jvp(lambda point: derivative(p[:-1], point), (point,), (along,))[1]

        return tuple(derivative(p, point) for p in self.partials)

    def pull(self, grads: Channels, out: Tensor) -> None:
        def pulled(row: Tensor, point: Tensor, *grads: Tensor) -> Tensor:
            return vjp(lambda row: self._channels(row, point), row)[1](grads)[0]

        each = vmap(vmap(pulled, in_dims=(None, 1, *[1] * len(grads)), out_dims=1))
        out.copy_(each(self.theta, self.x, *(grads[p] for p in self.partials)))
