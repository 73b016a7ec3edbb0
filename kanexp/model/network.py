"""A stack of edge layers as a pure function of one flat weight vector per seed."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from kanexp.init.base import Edges, Init
from kanexp.layer.base import RESIDUALS, Basis


class LayerWeights(NamedTuple):
    """One layer's weights for all seeds, as views of the flat vector, with the basis they belong to."""

    basis: Basis
    coef: Tensor  # (seeds, n_out, terms, n_in)
    residual: Tensor | None  # (seeds, n_out, n_in)
    scale: Tensor | None  # (seeds, n_out, n_in)
    bias: Tensor  # (seeds, n_out)
    inner: tuple[Tensor, ...] = ()  # of the functions themselves, (seeds, ...) each


class Kernels(NamedTuple):
    """A layer's two elementwise functions, in memory that is given to them or compiled."""

    features: Callable[[Tensor, Tensor], Tensor]  # x, memory for the features that may be used -> features
    pull: Callable[[Tensor, Tensor, Tensor], Tensor]  # x, features, their gradient -> gradient of x


# Numbers in one chunk of features. The sum over a large batch goes chunk by chunk: features and their gradient are
# written and read again before they leave the processor's cache, and more than one chunk never exists.
CHUNK = 2**21

# A recurrence is compiled as one long expression: minutes at 120 terms, and nothing gained over the fast path.
MOST_UNROLLED = 32


class _Product(torch.autograd.Function):
    """Features, then matmul, for all layers with fixed functions: only the inputs are kept for the backward.

    Features are computed again there, unless all of them fit into one chunk. The plain path, differentiating through
    `features`, keeps every intermediate of a recurrence.
    """

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, layer: "EdgeLayer") -> Tensor:
        y = x.new_empty(len(x), layer.n_out, x.shape[-1])
        chunks = layer.chunks(x)
        memory = layer.memory(x[..., chunks[0]])
        for chunk in chunks:
            features = layer.kernels.features(x[..., chunk], memory)
            torch.baddbmm(bias.unsqueeze(-1), weight.flatten(2), features.flatten(1, 2), out=y[..., chunk])
        ctx.save_for_backward(x, weight, *([features] if len(chunks) == 1 else []))
        ctx.layer = layer
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, *kept = ctx.saved_tensors
        layer, wanted = ctx.layer, ctx.needs_input_grad
        grad_x = torch.empty_like(x) if wanted[0] else None
        grad_weight = torch.zeros_like(weight) if wanted[1] else None
        chunks = layer.chunks(x)
        memory = None if kept else layer.memory(x[..., chunks[0]])
        for chunk in chunks:
            at, pulled = x[..., chunk], grad[..., chunk]
            features = kept[0] if kept else layer.kernels.features(at, memory)
            if grad_weight is not None:
                grad_weight.flatten(2).baddbmm_(pulled, features.flatten(1, 2).mT)
            if grad_x is not None:
                of_features = (weight.flatten(2).mT @ pulled).view_as(features)
                grad_x[..., chunk] = layer.kernels.pull(at, features, of_features)
        return grad_x, grad_weight, grad.sum(-1) if wanted[2] else None, None


@dataclass(frozen=True)
class EdgeLayer:
    """n_in inputs to n_out outputs with a learned function on every edge: y_j = bias_j + sum_i phi_ji(x_i)."""

    basis: Basis
    n_in: int
    n_out: int
    compiled: bool = False

    @property
    def terms(self) -> int:
        """What each input turns into: the basis' terms and the residual."""
        return self.basis.terms + (self.basis.residual != "none")

    @cached_property
    def kernels(self) -> Kernels:
        if not self.compiled or (self.basis.unrolled and self.terms > MOST_UNROLLED):
            return Kernels(self.fill, self.pull)
        features = torch.compile(self.features, dynamic=False)

        def pull(x: Tensor, features: Tensor, grad: Tensor) -> Tensor:
            return (self.slopes(x, features) * grad).sum(dim=-3)

        return Kernels(lambda x, memory: features(x), torch.compile(pull, dynamic=False))

    @cached_property
    def inner_shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the trained numbers inside the functions, for one seed; empty for fixed functions."""
        drawn = self.basis.draw_weights(self.n_out, self.n_in, Generator())
        return {name: tuple(weight.shape) for name, weight in drawn.items()}

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the layer's weights for one seed, in their order within the flat vector."""
        shapes: dict[str, tuple[int, ...]] = {"coef": (self.n_out, self.basis.terms, self.n_in)}
        if self.basis.residual != "none":
            shapes["residual"] = (self.n_out, self.n_in)
        if self.basis.scale:
            shapes["scale"] = (self.n_out, self.n_in)
        return shapes | {"bias": (self.n_out,)} | self.inner_shapes

    def features(self, x: Tensor, *inner: Tensor) -> Tensor:
        """(seeds, n_in, batch) -> (seeds, terms, n_in, batch); the residual is one more term, the last.

        Per edge, (seeds, terms, n_out, n_in, batch), where the basis is.
        """
        features = self.basis.features(x, *inner)
        if self.basis.residual == "none":
            return features
        value = RESIDUALS[self.basis.residual][0](x)
        if self.basis.per_edge:
            return torch.cat([features, value[:, None, None].expand_as(features[:, :1])], dim=1)
        return torch.cat([features, value.unsqueeze(-3).expand_as(features[:, :1])], dim=1)

    def slopes(self, x: Tensor, features: Tensor) -> Tensor:
        """Derivatives of `features` at the same x, in their shape; for fixed functions."""
        if self.basis.residual == "none":
            return self.basis.slopes(x, features)
        _, slope = RESIDUALS[self.basis.residual]
        return torch.cat([self.basis.slopes(x, features[..., :-1, :, :]), slope(x).unsqueeze(-3)], dim=-3)

    def memory(self, x: Tensor) -> Tensor:
        """Memory for the features at x."""
        return x.new_empty(*x.shape[:-2], self.terms, *x.shape[-2:])

    def fill(self, x: Tensor, memory: Tensor) -> Tensor:
        """`features` without gradients, written into `memory`, of which it returns the part used."""
        out = memory[..., : x.shape[-1]]
        if self.basis.residual == "none":
            self.basis.fill(x, out)
        else:
            self.basis.fill(x, out[..., :-1, :, :])
            out[..., -1, :, :] = RESIDUALS[self.basis.residual][0](x)
        return out

    def pull(self, x: Tensor, features: Tensor, grad: Tensor) -> Tensor:
        """Sum over the terms of slopes times grad: the gradient in x. Uses `grad` as scratch memory."""
        if self.basis.residual == "none":
            return self.basis.pull(x, features, grad)
        _, slope = RESIDUALS[self.basis.residual]
        total = self.basis.pull(x, features[..., :-1, :, :], grad[..., :-1, :, :])
        return total.addcmul_(slope(x), grad[..., -1, :, :])

    def chunks(self, x: Tensor) -> list[slice]:
        """The batch in parts of about equal size, with at most CHUNK features each."""
        batch = x.shape[-1]
        parts = math.ceil(x.numel() * self.terms / CHUNK) or 1
        size = math.ceil(batch / parts) or 1
        return [slice(start, start + size) for start in range(0, batch, size)] or [slice(0, 0)]

    def edge_weights(self, w: LayerWeights) -> Tensor:
        """What multiplies the features: (seeds, n_out, terms, n_in), scale and residual included."""
        weight = w.coef if w.scale is None else w.coef * w.scale.unsqueeze(-2)
        return weight if w.residual is None else torch.cat([weight, w.residual.unsqueeze(-2)], dim=-2)

    def combine(self, w: LayerWeights, features: Tensor) -> Tensor:
        """One matmul: features (seeds or 1, terms, n_in, batch) -> outputs (seeds, n_out, batch)."""
        weight = self.edge_weights(w)
        if self.basis.per_edge:
            return torch.einsum("stoib,soti->sob", features, weight) + w.bias.unsqueeze(-1)
        weight = weight.flatten(2)  # (seeds, n_out, terms * n_in)
        seeds, batch = len(weight), features.shape[-1]
        if len(features) == 1 < seeds:  # all seeds see the same inputs: one tall matmul instead of many
            y = weight.flatten(0, 1) @ features[0].flatten(0, 1)
            return y.view(seeds, self.n_out, batch) + w.bias.unsqueeze(-1)
        return torch.baddbmm(w.bias.unsqueeze(-1), weight, features.flatten(1, 2))

    def forward(self, w: LayerWeights, x: Tensor) -> Tensor:
        """Outputs (seeds, n_out, batch) at inputs x (seeds or 1, n_in, batch)."""
        if self.inner_shapes:
            return self.plain(w, x)
        x = x.expand(len(w.bias), -1, -1)
        return _Product.apply(x, self.edge_weights(w), w.bias, self)

    def plain(self, w: LayerWeights, x: Tensor) -> Tensor:
        """The same by operations that can be differentiated any number of times."""
        return self.combine(w, self.features(x, *w.inner))

    def functions(self, w: LayerWeights, points: Tensor) -> Tensor:
        """Every edge function at points (points,): (seeds, n_out, n_in, points), without the bias."""
        at = self.features(points.expand(1, self.n_in, -1), *w.inner)
        each = "stoip" if self.basis.per_edge else "stip"
        # Fixed functions are the same for all seeds: their one row goes with every row of weights.
        return torch.einsum(f"{each},soti->soip", at.expand(len(w.coef), *at.shape[1:]), self.edge_weights(w))

    def edges(self, index: int = 0, inner: Sequence[Tensor] = ()) -> Edges:
        """The layer as initializations see it; `index` is its place in the network, `inner` what was drawn for it."""
        basis = self.basis
        residual, residual_slope = RESIDUALS.get(basis.residual, (None, None))

        def per_edge(values: Tensor) -> Tensor:  # (terms, [n_out, n_in or] 1, points) -> (terms, edges or 1, points)
            return values.flatten(1, -2)

        def at(points: Tensor) -> Tensor:
            return points.expand(self.n_in if basis.per_edge else 1, -1)

        def phi(points: Tensor) -> Tensor:
            return per_edge(basis.features(at(points), *inner))

        def slope(points: Tensor) -> Tensor:
            return per_edge(basis.slopes(at(points), basis.features(at(points), *inner), *inner))

        return Edges(
            index=index,
            n_in=self.n_in,
            n_out=self.n_out,
            terms=basis.terms,
            intervals=basis.pieces,
            orders=basis.orders,
            domain=basis.domain or (-1.0, 1.0),
            phi=phi,
            slope=slope,
            residual=residual,
            residual_slope=residual_slope,
            has_scale=basis.scale,
            paper_coef=lambda generator: basis.draw_coef(self.n_out, self.n_in, generator),
            paper_bias=lambda generator: basis.draw_bias(self.n_out, self.n_in, generator),
        )

    def start(self, init: Init, index: int, generator: Generator) -> dict[str, Tensor]:
        """Start weights by name, float64: the functions' own first, for the scheme measures these."""
        inner = self.basis.draw_weights(self.n_out, self.n_in, generator)
        start = init.start(self.edges(index, tuple(inner.values())), generator)
        named = {"coef": start.coef, "residual": start.residual, "scale": start.scale, "bias": start.bias, **inner}
        return {name: weight for name in self.shapes if (weight := named[name]) is not None}


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
        return sum(self._sizes)

    def start(self, init: Init, generators: Sequence[Generator], dtype: torch.dtype) -> Tensor:
        """Start weights theta (seeds, parameters): seed by seed, layer by layer, from that seed's own generator."""
        rows = []
        for generator in generators:
            starts = [layer.start(init, i, generator) for i, layer in enumerate(self.layers)]
            rows.append(torch.cat([weight.flatten() for start in starts for weight in start.values()]))
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
            inner = tuple(own[name] for name in layer.inner_shapes)
            found.append(
                LayerWeights(layer.basis, own["coef"], own.get("residual"), own.get("scale"), own["bias"], inner)
            )
        return found

    def prepare(self, x: Tensor) -> Tensor:
        """What does not change in training at inputs x (seeds or 1, n_in, batch): a fixed first layer's features."""
        first = self.layers[0]
        return x if first.inner_shapes else first.features(x)

    def forward(self, theta: Tensor, prepared: Tensor) -> Tensor:
        """Outputs (seeds, n_out, batch) for inputs that went through `prepare`."""
        first, *others = self.layers
        w, *weights = self.weights(theta)
        y = first.plain(w, prepared) if first.inner_shapes else first.combine(w, prepared)
        for layer, w in zip(others, weights, strict=True):
            y = layer.forward(w, y)
        return y

    def __call__(self, theta: Tensor, x: Tensor) -> Tensor:
        """Outputs (seeds, n_out, batch) at inputs x (seeds or 1, n_in, batch)."""
        return self.forward(theta, self.prepare(x))

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
