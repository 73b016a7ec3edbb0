"""A stack of edge layers as a pure function of one flat weight vector per seed."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Generator, Tensor

from kanexp.init.base import Init
from kanexp.model.edge_layer import EdgeLayer, LayerWeights

KEPT = 2**26  # features of inputs that stay the same, above which they are computed anew each time
PART = 2**22  # features of one layer and seed that exist at once when a network answers without learning


class Network:
    """Edge layers in a row. It holds no weights: they are one matrix theta (seeds, parameters) that it is given.

    A flat row per seed makes all that optimizers, penalties and best states do per seed a plain matrix operation.
    """

    def __init__(self, layers: Sequence[EdgeLayer]):
        self.layers = tuple(layers)
        self.shapes = {
            f"layers.{i}.{name}": shape for i, layer in enumerate(self.layers) for name, shape in layer.shapes.items()
        }
        self._sizes = [math.prod(shape) for shape in self.shapes.values()]
        kept = {f"layers.{i}.{name}" for i, layer in enumerate(self.layers) for name in layer.kept}
        self._trained = [name not in kept for name in self.shapes]

    def compile(self) -> "Network":
        """The same network with its elementwise functions compiled when first used, which takes seconds per layer."""
        # Layers of different shapes share their code; torch gives up on code that it compiled eight times.
        torch._dynamo.config.recompile_limit = max(64, torch._dynamo.config.recompile_limit)
        return Network([replace(layer, compiled=True) for layer in self.layers])

    @property
    def widths(self) -> list[int]:
        return [self.layers[0].n_in, *(layer.n_out for layer in self.layers)]

    @property
    def parameters(self) -> int:
        """Trained numbers of one seed."""
        return sum(size for size, trained in zip(self._sizes, self._trained, strict=True) if trained)

    @property
    def length(self) -> int:
        """Numbers in a row of theta: the parameters, and what was measured on data and is kept."""
        return sum(self._sizes)

    @property
    def trained(self) -> Tensor | None:
        """Which entries of a row of theta are trained, bool; None where all are."""
        if all(self._trained):
            return None
        return torch.tensor(self._trained).repeat_interleave(torch.tensor(self._sizes))

    def start(self, init: Init, generators: Sequence[Generator], dtype: torch.dtype, x: Tensor | None = None) -> Tensor:
        """Start weights theta (seeds, length): seed by seed, layer by layer, from that seed's own generator.

        Layers that measure their inputs do so on what the data x (n_in, samples) becomes on its way through the
        network as it starts.
        """
        rows = []
        for generator in generators:
            row, entering = [], x
            for i, layer in enumerate(self.layers):
                start = layer.start(init, i, generator, entering)
                row += [weight.flatten() for weight in start.values()]
                # What measures nothing needs no data: their starts take no time to be passed on.
                if entering is not None and any(later.kept for later in self.layers[i + 1 :]):
                    alone = Network([layer])
                    theta = torch.cat(row[-len(start) :])[None].to(entering.dtype)
                    entering = alone.plain(theta, entering[None])[0]
            rows.append(torch.cat(row))
        return torch.stack(rows).to(dtype)

    def unflatten(self, theta: Tensor) -> dict[str, Tensor]:
        """Named views of theta, (seeds, *shape) each."""
        # One split, not one slice per weight: its backward is a single concatenation.
        parts = theta.split(self._sizes, dim=1)
        pairs = zip(self.shapes.items(), parts, strict=True)
        return {name: part.unflatten(1, shape) for (name, shape), part in pairs}

    def flatten(self, named: dict[str, Tensor]) -> Tensor:
        """The inverse of `unflatten`: theta (seeds, parameters)."""
        return torch.cat([named[name].flatten(1) for name in self.shapes], dim=1)

    def weights(self, theta: Tensor) -> list[LayerWeights]:
        """The weights of each layer, as views of theta."""
        named, found = self.unflatten(theta), []
        for i, layer in enumerate(self.layers):
            own = {name: named[f"layers.{i}.{name}"] for name in layer.shapes}
            inner = tuple(own[name].detach() if name in layer.kept else own[name] for name in layer.inner_shapes)
            residual, scale, norm, span = (own.get(name) for name in ("residual", "scale", "norm", "span"))
            span = None if span is None else span.detach()
            found.append(LayerWeights(layer, own["coef"], residual, scale, own["bias"], inner, norm, span))
        return found

    def prepare(self, x: Tensor) -> Tensor:
        """What does not change in training at inputs x (seeds or 1, n_in, batch): a fixed first layer's features.

        The inputs themselves, with their three axes, where features change or are too many to keep.
        """
        first = self.layers[0]
        if first.changes or x.numel() * first.terms > KEPT:
            return x
        return first.features(x, seen=first.seen(x))

    def forward(self, theta: Tensor, prepared: Tensor) -> Tensor:
        """Outputs (seeds, n_out, batch) for inputs that went through `prepare`; those it left go part by part."""
        if prepared.dim() > 3:
            return self.trace(theta, prepared, prepared)[0]
        wide = max(layer.n_in * layer.terms * (layer.n_out if layer.basis.per_edge else 1) for layer in self.layers)
        parts = prepared.split(max(1, PART // wide), dim=-1)
        return torch.cat([self.trace(theta, part, self.prepare(part))[0] for part in parts], dim=-1)

    def trace(self, theta: Tensor, x: Tensor, prepared: Tensor) -> tuple[Tensor, list[LayerWeights]]:
        """The same outputs at inputs x, prepared or not, and the weights of each layer with what entered it."""
        first, *others = self.layers
        weights = self.weights(theta)
        traced = [weights[0]._replace(x=x)]
        y = first.forward(weights[0], x) if prepared.dim() == 3 else first.combine(weights[0], prepared)
        for layer, w in zip(others, weights[1:], strict=True):
            traced.append(w._replace(x=y))
            y = layer.forward(w, y)
        return y, traced

    def __call__(self, theta: Tensor, x: Tensor) -> Tensor:
        """Outputs (seeds, n_out, batch) at inputs x (seeds or 1, n_in, batch)."""
        return self.forward(theta, x)

    def plain(self, theta: Tensor, x: Tensor) -> Tensor:
        """The same outputs by operations that can be differentiated any number of times."""
        for layer, w in zip(self.layers, self.weights(theta), strict=True):
            x = layer.plain(w, x)
        return x

    def inputs(self, theta: Tensor, x: Tensor) -> list[Tensor]:
        """What enters each layer, and last what leaves the network: (seeds or 1, width, batch) each."""
        values = [x]
        for layer, w in zip(self.layers, self.weights(theta), strict=True):
            values.append(layer.plain(w, values[-1]))
        return values
