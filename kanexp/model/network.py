"""A stack of edge layers as a pure function of one flat weight vector per seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
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


class _Features(torch.autograd.Function):
    """A layer's features with their slopes as derivative: one function serves every basis.

    The plain path, differentiating through `features`, keeps every intermediate of the recurrence; this one keeps
    the features alone, which the matmul needs anyway.
    """

    @staticmethod
    def forward(ctx, x: Tensor, layer: "EdgeLayer") -> Tensor:
        features = layer.features(x)
        ctx.save_for_backward(x, features)
        ctx.layer = layer
        return features

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        x, features = ctx.saved_tensors
        return (ctx.layer.slopes(x, features) * grad).sum(dim=-3), None


@dataclass(frozen=True)
class EdgeLayer:
    """n_in inputs to n_out outputs with a learned function on every edge: y_j = bias_j + sum_i phi_ji(x_i)."""

    basis: Basis
    n_in: int
    n_out: int

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the layer's weights for one seed, in their order within the flat vector."""
        shapes: dict[str, tuple[int, ...]] = {"coef": (self.n_out, self.basis.terms, self.n_in)}
        if self.basis.residual != "none":
            shapes["residual"] = (self.n_out, self.n_in)
        if self.basis.scale:
            shapes["scale"] = (self.n_out, self.n_in)
        return shapes | {"bias": (self.n_out,)}

    def features(self, x: Tensor) -> Tensor:
        """(seeds, n_in, batch) -> (seeds, terms, n_in, batch); the residual is one more term, the last."""
        features = self.basis.features(x)
        if self.basis.residual == "none":
            return features
        value, _ = RESIDUALS[self.basis.residual]
        return torch.cat([features, value(x).unsqueeze(-3)], dim=-3)

    def slopes(self, x: Tensor, features: Tensor) -> Tensor:
        """Derivatives of `features` at the same x, in their shape."""
        if self.basis.residual == "none":
            return self.basis.slopes(x, features)
        _, slope = RESIDUALS[self.basis.residual]
        return torch.cat([self.basis.slopes(x, features[..., :-1, :, :]), slope(x).unsqueeze(-3)], dim=-3)

    def edge_weights(self, w: LayerWeights) -> Tensor:
        """What multiplies the features: (seeds, n_out, terms, n_in), scale and residual included."""
        weight = w.coef if w.scale is None else w.coef * w.scale.unsqueeze(-2)
        return weight if w.residual is None else torch.cat([weight, w.residual.unsqueeze(-2)], dim=-2)

    def combine(self, w: LayerWeights, features: Tensor) -> Tensor:
        """One matmul: features (seeds or 1, terms, n_in, batch) -> outputs (seeds, n_out, batch)."""
        weight = self.edge_weights(w).flatten(2)  # (seeds, n_out, terms * n_in)
        seeds, batch = len(weight), features.shape[-1]
        if len(features) == 1 < seeds:  # all seeds see the same inputs: one tall matmul instead of many
            y = weight.flatten(0, 1) @ features[0].flatten(0, 1)
            return y.view(seeds, self.n_out, batch) + w.bias.unsqueeze(-1)
        return torch.baddbmm(w.bias.unsqueeze(-1), weight, features.flatten(1, 2))

    def edges(self) -> Edges:
        """The layer as initializations see it."""
        basis = self.basis
        residual, residual_slope = RESIDUALS.get(basis.residual, (None, None))

        def phi(points: Tensor) -> Tensor:
            return basis.features(points[None])[:, 0]

        def slope(points: Tensor) -> Tensor:
            return basis.slopes(points[None], basis.features(points[None]))[:, 0]

        return Edges(
            n_in=self.n_in,
            n_out=self.n_out,
            terms=basis.terms,
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


class Network:
    """Edge layers in a row. It holds no weights: they are one matrix theta (seeds, parameters) that it is given.

    A flat row per seed makes all that optimizers, penalties and best states do per seed a plain matrix operation.
    """

    def __init__(self, layers: Sequence[EdgeLayer]):
        self.layers = tuple(layers)
        self.shapes = {
            f"layers.{i}.{name}": shape for i, layer in enumerate(self.layers) for name, shape in layer.shapes.items()
        }
        self._sizes = [prod(shape) for shape in self.shapes.values()]

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
            parts: list[Tensor] = []
            for layer in self.layers:
                start = init.start(layer.edges(), generator)
                parts += [getattr(start, name).flatten() for name in layer.shapes]
            rows.append(torch.cat(parts))
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
        named = self.unflatten(theta)
        return [
            LayerWeights(layer.basis, *(named.get(f"layers.{i}.{n}") for n in ("coef", "residual", "scale", "bias")))  # type: ignore[arg-type]
            for i, layer in enumerate(self.layers)
        ]

    def prepare(self, x: Tensor) -> Tensor:
        """The first layer's features of inputs x (seeds or 1, n_in, batch): they do not change in training."""
        return self.layers[0].features(x)

    def forward(self, theta: Tensor, prepared: Tensor) -> Tensor:
        """Outputs (seeds, n_out, batch) for inputs that went through `prepare`."""
        weights = self.weights(theta)
        y = self.layers[0].combine(weights[0], prepared)
        for layer, w in zip(self.layers[1:], weights[1:], strict=True):
            y = layer.combine(w, _Features.apply(y, layer))
        return y

    def __call__(self, theta: Tensor, x: Tensor) -> Tensor:
        """Outputs (seeds, n_out, batch) at inputs x (seeds or 1, n_in, batch)."""
        return self.forward(theta, self.prepare(x))

    def plain(self, theta: Tensor, x: Tensor) -> Tensor:
        """The same outputs by operations that can be differentiated any number of times."""
        for layer, w in zip(self.layers, self.weights(theta), strict=True):
            x = layer.combine(w, layer.features(x))
        return x

    def inputs(self, theta: Tensor, x: Tensor) -> list[Tensor]:
        """What enters each layer, and last what leaves the network: (seeds or 1, width, batch) each."""
        values = [x]
        for layer, w in zip(self.layers, self.weights(theta), strict=True):
            values.append(layer.combine(w, layer.features(values[-1])))
        return values
