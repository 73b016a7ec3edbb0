"""Edge layers and their wiring as a pure function of one flat weight vector per seed."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Generator, Tensor

from kanexp.init.base import Init
from kanexp.model.edge_layer import EdgeLayer, LayerWeights
from kanexp.model.embedding import Embedded, Embedding
from kanexp.model.sparse_product import suits
from kanexp.model.wiring import Finished, Row, Wiring

KEPT = 2**26  # features of inputs that stay the same, above which they are computed anew each time
PART = 2**22  # features of one layer and seed that exist at once when a network answers without learning


class Network:
    """Edge layers, in a row unless wired otherwise. It holds no weights: they are one matrix theta (seeds, length).

    A flat row per seed makes all that optimizers, penalties and best states do per seed a plain matrix operation. Its
    entries are the weights of the layers, one after the other, then those of the wiring, then unknown numbers of the
    task with what they start from.
    """

    def __init__(
        self, layers: Sequence[EdgeLayer], wiring: Wiring | None = None, unknowns: Mapping[str, float] | None = None
    ):
        self.layers = tuple(layers)
        self.wiring = wiring or Row()
        self.unknowns = dict(unknowns or {})
        self.shapes = {
            f"layers.{i}.{name}": shape for i, layer in enumerate(self.layers) for name, shape in layer.shapes.items()
        }
        self.shapes |= self.wiring.shapes | {f"unknowns.{name}": (1,) for name in self.unknowns}
        self._sizes = [math.prod(shape) for shape in self.shapes.values()]
        kept = {f"layers.{i}.{name}" for i, layer in enumerate(self.layers) for name in layer.kept}
        self._trained = [name not in kept | self.wiring.kept for name in self.shapes]

    def compile(self) -> "Network":
        """The same network with its elementwise functions compiled when first used, which takes seconds per layer."""
        # Layers of different shapes share their code; torch gives up on code that it compiled eight times.
        torch._dynamo.config.recompile_limit = max(64, torch._dynamo.config.recompile_limit)
        return self.with_layers([replace(layer, compiled=True) for layer in self.layers])

    def with_layers(self, layers: Sequence[EdgeLayer]) -> "Network":
        """A network of other layers, wired as this one."""
        return Network(layers, self.wiring, self.unknowns)

    def with_unknowns(self, unknowns: Mapping[str, float]) -> "Network":
        """This network with unknown numbers of a task, which are trained with it."""
        return Network(self.layers, self.wiring, unknowns)

    def finished(self, finish: Callable[[Tensor, Tensor], Tensor]) -> "Network":
        """This network, whose outputs (seeds, n_out, batch) become finish(x, outputs) at inputs x."""
        return Network(self.layers, Finished(self.wiring, finish), self.unknowns)

    def embedded(self, embedding: Embedding) -> "Network":
        """This network, into which goes what an embedding makes of its inputs."""
        return Network(self.layers, Embedded(self.wiring, embedding), self.unknowns)

    @property
    def widths(self) -> list[int]:
        return [self.layers[0].n_in, *(layer.n_out for layer in self.layers)]

    @property
    def is_row(self) -> bool:
        """Whether every signal goes through one layer after the other."""
        wiring = self.wiring.inner if isinstance(self.wiring, Finished) else self.wiring
        return isinstance(wiring, Row)

    @property
    def parameters(self) -> int:
        """Trained numbers of one seed."""
        return sum(size for size, trained in zip(self._sizes, self._trained, strict=True) if trained)

    @property
    def flops(self) -> int:
        """Operations of all matmuls in a forward pass of one sample, two for a multiplication and its addition."""
        return self.wiring.flops([layer.flops for layer in self.layers])

    @property
    def length(self) -> int:
        """Numbers in a row of theta: the parameters, and what was measured on data and is kept."""
        return sum(self._sizes)

    def trained(self, device: torch.device | None = None) -> Tensor | None:
        """Which entries of a row of theta are trained, bool; None where all are."""
        if all(self._trained):
            return None
        return torch.tensor(self._trained).repeat_interleave(torch.tensor(self._sizes)).to(device)

    @property
    def matrices(self) -> list[tuple[int, int, int]]:
        """Where weights of layers that multiply as a matrix start in a row of theta, with its rows and columns."""
        found, start = [], 0
        for (name, shape), size in zip(self.shapes.items(), self._sizes, strict=True):
            if name.startswith("layers.") and name.endswith((".coef", ".residual")):
                found.append((start, shape[0], size // shape[0]))
            start += size
        return found

    def mask(self, kept: Sequence[Tensor]) -> Tensor:
        """Entries of theta (seeds, length) that are left, bool, with the edges (seeds, n_out, n_in) kept of each layer.

        An edge goes with all that is its own, and a node that no edge leaves with its bias.
        """
        named = {name: kept[0].new_ones(len(kept[0]), *shape) for name, shape in self.shapes.items()}
        for i, (layer, edges) in enumerate(zip(self.layers, kept, strict=True)):
            own = {"residual", "scale"} | (set(layer.inner_shapes) if layer.basis.per_edge else set())
            for name, shape in layer.shapes.items():
                if name == "coef":
                    named[f"layers.{i}.coef"] &= edges.unsqueeze(2)
                elif name in own and shape[-2:] == (layer.n_out, layer.n_in):
                    named[f"layers.{i}.{name}"] &= edges.reshape(len(edges), *[1] * (len(shape) - 2), *shape[-2:])
            if layer.bias and i + 1 < len(self.layers):
                named[f"layers.{i}.bias"] &= kept[i + 1].any(1)
        return self.flatten(named)

    def start(self, init: Init, generators: Sequence[Generator], dtype: torch.dtype, x: Tensor | None = None) -> Tensor:
        """Start weights theta (seeds, length): seed by seed, layer by layer, from that seed's own generator.

        Layers that measure their inputs do so on what the data x (n_in, samples) becomes on its way through the
        network as it starts.
        """
        rows = []
        for generator in generators:
            named: dict[str, Tensor] = {}
            for i, layer in enumerate(self.layers):
                named |= {f"layers.{i}.{name}": w for name, w in layer.start(init, i, generator).items()}
            named |= self.wiring.start(generator)
            named |= {f"unknowns.{name}": torch.tensor([value]).double() for name, value in self.unknowns.items()}
            if x is not None and any(layer.kept for layer in self.layers):
                self._measure(named, x)
            rows.append(torch.cat([named[name].flatten() for name in self.shapes]))
        return torch.stack(rows).to(dtype)

    def _measure(self, named: dict[str, Tensor], x: Tensor) -> None:
        """Replace what layers measure on their inputs in one seed's start, for data x (n_in, samples)."""
        last = max(i for i, layer in enumerate(self.layers) if layer.kept)

        def weights(names: Sequence[str]) -> dict[str, Tensor]:
            return {name: named[name][None].to(x.dtype) for name in names}

        def apply(i: int, entering: Tensor) -> Tensor:
            layer = self.layers[i]
            if i <= last:
                named.update({f"layers.{i}.{name}": w for name, w in layer.measured(entering[0]).items()})
            if i >= last:  # what measures nothing needs no data, only their number
                return entering.new_zeros(1, layer.n_out, entering.shape[-1])
            return layer.plain(self._of_layer(i, weights([f"layers.{i}.{name}" for name in layer.shapes])), entering)

        self._run(apply, x[None], weights(list(self.wiring.shapes)))

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
        named = self.unflatten(theta)
        return [self._of_layer(i, named) for i in range(len(self.layers))]

    def unknown(self, theta: Tensor) -> dict[str, Tensor]:
        """The unknown numbers, (seeds, 1, 1) each."""
        named = self.unflatten(theta)
        return {name: named[f"unknowns.{name}"].unsqueeze(-1) for name in self.unknowns}

    def _of_layer(self, i: int, named: Mapping[str, Tensor]) -> LayerWeights:
        layer = self.layers[i]
        own = {name: named[f"layers.{i}.{name}"] for name in layer.shapes}
        inner = tuple(own[name].detach() if name in layer.kept else own[name] for name in layer.inner_shapes)
        residual, scale, norm, span = (own.get(name) for name in ("residual", "scale", "norm", "span"))
        span = None if span is None else span.detach()
        bias = own["bias"] if layer.bias else own["coef"].new_zeros(len(own["coef"]), layer.n_out)
        return LayerWeights(layer, own["coef"], residual, scale, bias, inner, norm, span)

    def prepare(self, x: Tensor) -> Tensor:
        """What does not change in training at inputs x (seeds or 1, n_in, batch): a fixed first layer's features.

        The inputs themselves, with their three axes, where features change, or are too many to keep or mostly zero.
        """
        first = self.layers[0]
        if not self._prepares:
            return x
        entering = self.wiring.enter(x, {})
        if entering.numel() * first.terms > KEPT or suits(first, entering):
            return x
        return first.features(entering, seen=first.seen(entering))

    @property
    def _prepares(self) -> bool:
        return self.wiring.direct and not self.wiring.shapes and not self.layers[0].changes

    def enter(self, theta: Tensor, x: Tensor) -> Tensor:
        """What enters the first layer of networks that are a row, (seeds or 1, width, batch), at inputs x."""
        return self.wiring.enter(x, self.unflatten(theta))

    def derivatives(
        self, theta: Tensor, x: Tensor, partials: Iterable[tuple[int, ...]]
    ) -> dict[tuple[int, ...], Tensor]:
        """That by (), and its derivatives in the inputs by what each partial names; what is missing is zero."""
        return self.wiring.derivatives(x, self.unflatten(theta), partials)

    def forward(self, theta: Tensor, prepared: Tensor) -> Tensor:
        """Outputs (seeds, n_out, batch) for inputs that went through `prepare`; those it left go part by part."""
        if prepared.dim() > 3:
            return self.trace(theta, prepared, prepared)[0]
        return torch.cat([self.trace(theta, part, self.prepare(part))[0] for part in self._parts(prepared)], dim=-1)

    def _parts(self, x: Tensor) -> tuple[Tensor, ...]:
        wide = max(layer.features_each for layer in self.layers)
        return x.split(max(1, PART // wide), dim=-1)

    def trace(self, theta: Tensor, x: Tensor, prepared: Tensor) -> tuple[Tensor, list[LayerWeights]]:
        """Outputs (seeds, n_out, batch) at inputs x, prepared or not, and each layer's weights with what entered it."""
        named = self.unflatten(theta)
        traced: list[LayerWeights] = []

        def apply(i: int, entering: Tensor) -> Tensor:
            layer, w, ready = self.layers[i], self._of_layer(i, named), i == 0 and prepared.dim() > 3
            traced.append(w._replace(x=self.wiring.enter(x, named) if ready else entering))
            if ready:
                return layer.combine(w, prepared)
            # Inputs that all seeds share have the features computed once that are alike for all.
            once = len(entering) < len(theta) and not layer.inner_shapes and not suits(layer, entering)
            return layer.plain(w, entering) if once else layer.forward(w, entering)

        return self._run(apply, prepared, named), traced

    def __call__(self, theta: Tensor, x: Tensor) -> Tensor:
        """Outputs (seeds, n_out, batch) at inputs x (seeds or 1, n_in, batch)."""
        return self.forward(theta, x)

    def plain(self, theta: Tensor, x: Tensor) -> Tensor:
        """Outputs (seeds, n_out, batch) by operations that can be differentiated any number of times."""
        return self.inputs(theta, x)[-1]

    def inputs(self, theta: Tensor, x: Tensor) -> list[Tensor]:
        """What enters each layer, and last what leaves the network: (seeds or 1, width, columns) each."""
        named = self.unflatten(theta)
        values: list[Tensor] = []

        def apply(i: int, entering: Tensor) -> Tensor:
            values.append(entering)
            return self.layers[i].plain(self._of_layer(i, named), entering)

        y = self._run(apply, x, named)
        return [*values, y]

    def entering(self, theta: Tensor, x: Tensor) -> list[Tensor]:
        """What `inputs` gives, found part by part: for many samples, of which nothing is differentiated.

        Where a sample is several columns to a layer, such as places of a picture, they may stand in another order.
        """
        with torch.no_grad():
            found = [self.inputs(theta, part) for part in self._parts(x)]
        return [torch.cat(values, dim=-1) for values in zip(*found, strict=True)]

    def _run(self, apply: Callable[[int, Tensor], Tensor], x: Tensor, named: Mapping[str, Tensor]) -> Tensor:
        return self.wiring.run(x, [partial(apply, i) for i in range(len(self.layers))], named)
