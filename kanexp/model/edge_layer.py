"""One layer of learned functions: its weights, its features, and the one matmul that combines them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from kanexp.calculus import derivative
from kanexp.init.base import Edges, Init
from kanexp.layer.base import BOUNDS, RESIDUALS, Basis, span
from kanexp.model.layer_norm import layer_norm, layer_norm_start
from kanexp.model.product import EdgeKernels, EdgeProduct, Kernels, Product
from kanexp.model.sparse_product import sparse_product, suits


class LayerWeights(NamedTuple):
    """One layer's weights for all seeds, as views of the flat vector, and after `Network.trace` what entered it."""

    layer: "EdgeLayer"
    coef: Tensor  # (seeds, n_out, terms, n_in)
    residual: Tensor | None  # (seeds, n_out, n_in)
    scale: Tensor | None  # (seeds, n_out, n_in)
    bias: Tensor  # (seeds, n_out)
    inner: tuple[Tensor, ...] = ()  # of the functions themselves, (seeds, ...) each
    norm: Tensor | None = None  # gain and offset of the normalized inputs, (seeds, 2, n_in)
    span: Tensor | None = None  # where the data of each input started and ended, (seeds, 2, n_in)
    x: Tensor | None = None  # what entered the layer, (seeds or 1, n_in, batch)

    @property
    def basis(self) -> Basis:
        return self.layer.basis


# Numbers in a layer that is quickly drawn; torch takes a second before it can do without memory.
SMALL = 2**22

# Terms from which on sums over them are worth a matmul of their own.
MANY = 16

# A recurrence is compiled as one long expression: minutes at 120 terms, and nothing gained over the fast path.
MOST_UNROLLED = 32


@dataclass(frozen=True)
class EdgeLayer:
    """n_in inputs to n_out outputs with a learned function on every edge: y_j = bias_j + sum_i phi_ji(x_i)."""

    basis: Basis
    n_in: int
    n_out: int
    compiled: bool = False
    bias: bool = True

    @property
    def terms(self) -> int:
        """How many features each input turns into: the basis' terms and the residual."""
        return self.basis.terms + (self.basis.residual != "none")

    @cached_property
    def kernels(self) -> Kernels:
        """For edges that share their functions."""
        if not self.compiled or self.inner_shapes or (self.basis.unrolled and self.terms > MOST_UNROLLED):
            return Kernels(self.fill, self.pull)
        features = torch.compile(self.features, dynamic=False)
        if type(self.basis).slopes is Basis.slopes:  # differentiates twice, which compiled code cannot do
            return Kernels(lambda x, memory: features(x), self.pull)

        def pull(x: Tensor, features: Tensor, grad: Tensor) -> Tensor:
            return (self.slopes(x, features) * grad).sum(dim=-3)

        compiled = torch.compile(pull, dynamic=False)
        return Kernels(lambda x, memory: features(x), lambda x, features, grad: (compiled(x, features, grad),))

    @cached_property
    def edge_kernels(self) -> EdgeKernels:
        """For functions per edge."""
        sums, pull_sums = self.basis.sums, self.basis.pull_sums
        if not self.compiles:
            return EdgeKernels(sums, pull_sums)
        return EdgeKernels(torch.compile(sums, dynamic=False), torch.compile(pull_sums, dynamic=False))

    @property
    def compiles(self) -> bool:
        """Whether functions per edge run as compiled code, in which nothing per edge and sample is stored."""
        return self.compiled and self.basis.fuses

    @cached_property
    def inner_shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the numbers inside the functions, for one seed; empty where all edges share functions."""
        drawn = self._for_shapes(lambda: self.basis.draw_weights(self.n_out, self.n_in, Generator("cpu")))
        return {name: tuple(w.shape) for name, w in (drawn | self._fixed).items()}

    @cached_property
    def _fixed(self) -> dict[str, Tensor]:
        """Tensors like those that are measured inside the functions, for their names and shapes."""
        return self._for_shapes(lambda: self.basis.fixed_weights(_no_data(self)))

    def _for_shapes(self, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        """Tensors for their shapes alone: of a large layer without memory, of which they might need more than is."""
        if max(self.n_out * self.n_in * self.basis.terms, self.basis.flops(self.n_out, self.n_in)) <= SMALL:
            return make()
        try:
            with torch.device("meta"):
                return make()
        except RuntimeError:  # of a basis that looks at its numbers
            return make()

    def measured(self, x: Tensor) -> dict[str, Tensor]:
        """The numbers that inputs x (n_in, samples) determine and training leaves alone, float64."""
        if self.basis.bound != "affine":
            return self.basis.fixed_weights(x)
        low, high = self.basis.domain or (-1.0, 1.0)
        return {"span": torch.stack(span(x.double(), low, high))}

    @cached_property
    def kept(self) -> frozenset[str]:
        """Names of the numbers that are measured and not trained."""
        return frozenset({"span"} if self.basis.bound == "affine" else self._fixed)

    @property
    def normalizes(self) -> bool:
        """Whether the functions see normalized inputs: one feature alone would be normalized to zero."""
        return self.basis.layer_norm and self.n_in > 1

    @property
    def changes(self) -> bool:
        """Whether the features at given inputs change in training, so that they cannot be computed once."""
        return bool(self.inner_shapes) or self.normalizes or self.basis.bound == "affine"

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the layer's weights for one seed, in their order within the flat vector."""
        shapes: dict[str, tuple[int, ...]] = {"coef": (self.n_out, self.basis.terms, self.n_in)}
        if self.basis.residual != "none":
            shapes["residual"] = (self.n_out, self.n_in)
        if self.basis.scale:
            shapes["scale"] = (self.n_out, self.n_in)
        if self.normalizes:
            shapes["norm"] = (2, self.n_in)
        if self.basis.bound == "affine":
            shapes["span"] = (2, self.n_in)
        return shapes | ({"bias": (self.n_out,)} if self.bias else {}) | self.inner_shapes

    @property
    def flops(self) -> int:
        """Operations in the matmuls for one column of inputs; a multiplication and its addition are two."""
        return 2 * self.n_out * self.n_in * self.terms + self.basis.flops(self.n_out, self.n_in)

    def seen(self, x: Tensor, norm: Tensor | None = None, span: Tensor | None = None) -> Tensor:
        """Inputs x (seeds, n_in, batch) as functions see them: normalized over the features and inside the domain."""
        x = self.normalized(x, norm)
        if self.basis.bound == "none":
            return x
        low, high = self.basis.domain or (-1.0, 1.0)
        return BOUNDS[self.basis.bound](x, low, high, span)

    def normalized(self, x: Tensor, norm: Tensor | None) -> Tensor:
        """x (seeds, n_in, batch) normalized over the layer's features, or as it is where the layer has no norm."""
        return x if norm is None else layer_norm(x, norm)

    def features(self, x: Tensor, *inner: Tensor, seen: Tensor | None = None) -> Tensor:
        """All functions at x: (seeds, n_in, batch) -> (seeds, terms, n_in, batch); the residual is the last term.

        Per edge, (seeds, terms, n_out, n_in, batch), where the basis is. `seen` is what the functions see instead of x.
        """
        features = self.basis.features(x if seen is None else seen, *inner)
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
        """Memory for the features at x, (..., terms, n_in, batch)."""
        return x.new_empty(*x.shape[:-2], self.terms, *x.shape[-2:])

    def fill(self, x: Tensor, memory: Tensor, *inner: Tensor) -> Tensor:
        """`features` without gradients, written into `memory`, of which it returns the part used."""
        out = memory[..., : x.shape[-1]]
        if self.basis.residual == "none":
            self.basis.fill(x, out, *inner)
        else:
            self.basis.fill(x, out[..., :-1, :, :], *inner)
            out[..., -1, :, :] = RESIDUALS[self.basis.residual][0](x)
        return out

    def pull(self, x: Tensor, features: Tensor, grad: Tensor, *inner: Tensor) -> tuple[Tensor, ...]:
        """The gradients in x, (..., n_in, batch), and in the numbers inside the functions, given that of the features.

        Uses `grad` as scratch memory.
        """
        if self.basis.residual == "none":
            return self._pull(x, features, grad, *inner)
        last = grad[..., -1, :, :]
        total, *others = self._pull(x, features[..., :-1, :, :], grad[..., :-1, :, :], *inner)
        return total.addcmul_(RESIDUALS[self.basis.residual][1](x), last), *others

    @cached_property
    def few_outputs(self) -> bool:
        """Whether the gradient in the inputs is found by `pull_sums` instead of by slopes of all terms."""
        if self.terms < max(MANY, 2 * self.n_out) or self.inner_shapes:
            return False
        return bool(self.basis.closed_slopes(torch.zeros(self.n_in, 1)))

    def pull_sums(self, x: Tensor, features: Tensor, weight: Tensor, grad: Tensor) -> Tensor:
        """The gradient in x (seeds, n_in, batch), given that of the outputs (seeds, n_out, batch).

        Slopes are sums of the functions themselves: the sums over terms come first, for a handful of outputs.
        """
        pairs, terms = self.basis.closed_slopes(x), self.basis.terms
        of_inputs = weight[:, :, :terms].permute(0, 3, 1, 2)  # (seeds, n_in, n_out, terms)
        combined = torch.cat([of_inputs @ D.to(weight) for _, D in pairs], dim=2)
        sums = combined[..., :-1] @ features[:, :terms].transpose(1, 2)  # (seeds, n_in, pairs * n_out, batch)
        sums += combined[..., -1:]
        sums *= torch.cat([grad] * len(pairs), 1).unsqueeze(1)
        parts = zip(pairs, sums.split(self.n_out, 2), strict=True)
        total = reduce(torch.add, (a * own.sum(2) for (a, _), own in parts))
        if self.basis.residual == "none":
            return total
        return total.addcmul_(RESIDUALS[self.basis.residual][1](x), weight[:, :, -1].mT @ grad)

    def _pull(self, x: Tensor, features: Tensor, grad: Tensor, *inner: Tensor) -> tuple[Tensor, ...]:
        if inner:
            return self.basis.pull_all(x, features, grad, *inner)
        return (self.basis.pull(x, features, grad),)

    def edge_weights(self, w: LayerWeights) -> Tensor:
        """The weights that multiply the features, (seeds, n_out, terms, n_in), scale and residual included."""
        weight = w.coef if w.scale is None else w.coef * w.scale.unsqueeze(-2)
        return weight if w.residual is None else torch.cat([weight, w.residual.unsqueeze(-2)], dim=-2)

    def combine(self, w: LayerWeights, features: Tensor) -> Tensor:
        """Outputs (seeds, n_out, batch) from features (seeds or 1, terms, n_in, batch): one matmul."""
        weight = self.edge_weights(w)
        if self.basis.per_edge:
            return torch.einsum("stoib,soti->sob", features, weight) + w.bias.unsqueeze(-1)
        weight = weight.flatten(2)  # (seeds, n_out, terms * n_in)
        seeds, batch = len(weight), features.shape[-1]
        if len(features) == 1 < seeds:  # all seeds see the same inputs: one tall matmul instead of many
            y = weight.flatten(0, 1) @ features[0].flatten(0, 1)
            return y.view(seeds, self.n_out, batch) + w.bias.unsqueeze(-1)
        return torch.baddbmm(w.bias.unsqueeze(-1), weight, features.flatten(1, 2))

    @property
    def by_hand(self) -> bool:
        """Whether `forward` has gradients of its own, by which features exist for one chunk of the batch at a time."""
        return not (self.normalizes or self.kept or self.basis.bound != "none")

    def forward(self, w: LayerWeights, x: Tensor) -> Tensor:
        """Outputs (seeds, n_out, batch) at inputs x (seeds or 1, n_in, batch)."""
        if torch.compiler.is_compiling():  # a compiler of whole steps sees formulas alone
            return self._followed(w, x)
        if not self.by_hand:
            return self.plain(w, x)
        sparse, each = suits(self, x), x.expand(len(w.bias), -1, -1)
        if not (sparse or self.basis.per_edge):
            return Product.apply(each, self.edge_weights(w), w.bias, self, *w.inner)
        coef = w.coef if w.scale is None else w.coef * w.scale.unsqueeze(-2)
        y = sparse_product(self, x, coef, w.bias) if sparse else EdgeProduct.apply(each, coef, w.bias, self, *w.inner)
        return y if w.residual is None else torch.baddbmm(y, w.residual, RESIDUALS[self.basis.residual][0](each))

    def _followed(self, w: LayerWeights, x: Tensor) -> Tensor:
        """The outputs of `plain` as compilers like them: the residual apart.

        Joined to the functions it is compiled into one loop that makes both for every term.
        """
        if w.residual is None or self.basis.per_edge:
            return self.plain(w, x)
        alone = replace(self, basis=replace(self.basis, residual="none"))
        y = alone.plain(w._replace(residual=None), x)
        return torch.baddbmm(y, w.residual, RESIDUALS[self.basis.residual][0](x.expand(len(y), -1, -1)))

    def plain(self, w: LayerWeights, x: Tensor) -> Tensor:
        """The outputs of `forward` by operations that can be differentiated any number of times."""
        return self.combine(w, self.at(w, x))

    def at(self, w: LayerWeights, x: Tensor) -> Tensor:
        """The features (seeds or 1, terms, n_in, batch) at inputs x of a layer with these weights."""
        return self.features(x, *w.inner, seen=self.seen(x, w.norm, w.span))

    def derivatives(self, w: LayerWeights, x: Tensor, order: int) -> tuple[Tensor, ...]:
        """`at` and its derivatives in the inputs up to this order, for layers that normalize nothing."""
        if self.basis.bound != "none":
            return (self.at(w, x), *(derivative(lambda x: self.at(w, x), x, k) for k in range(1, order + 1)))
        found = self.basis.derivatives(x, order, *w.inner)
        if self.basis.residual == "none":
            return found
        value = RESIDUALS[self.basis.residual][0]
        last = [value(x), *(derivative(value, x, k) for k in range(1, order + 1))]
        pairs = zip(found, last, strict=True)
        return tuple(torch.cat([one, r.unsqueeze(-3).expand_as(one[:, :1])], dim=-3) for one, r in pairs)

    def functions(self, w: LayerWeights, points: Tensor) -> Tensor:
        """Every edge function at points (points,): (seeds, n_out, n_in, points), without the bias."""
        x = points.expand(1, self.n_in, -1)
        at = self.features(x, *w.inner, seen=self.seen(x, span=w.span))
        each = "stoip" if self.basis.per_edge else "stip"
        # Fixed functions are the same for all seeds: their one row goes with every row of weights.
        return torch.einsum(f"{each},soti->soip", at.expand(len(w.coef), *at.shape[1:]), self.edge_weights(w))

    def variances(self, w: LayerWeights, x: Tensor) -> Tensor:
        """Variance (seeds, n_out, n_in) of every edge function over inputs x (seeds or 1, n_in, batch), never quite 0.

        Edges that share their input share the covariance of its features, so that var phi = weight . cov weight, and
        no edge is evaluated on the batch.
        """
        features, weight = self.at(w, x), self.edge_weights(w)
        if self.basis.per_edge:
            return variance(torch.einsum("stoib,soti->soib", features, weight))
        by_input = (features - features.mean(dim=-1, keepdim=True)).transpose(1, 2)  # (seeds or 1, n_in, terms, batch)
        covariance = by_input @ by_input.mT / max(1, x.shape[-1] - 1)
        per_input = weight.permute(0, 3, 1, 2)  # (seeds, n_in, n_out, terms)
        return _positive((per_input @ covariance * per_input).sum(-1).mT)

    @property
    def features_each(self) -> int:
        """How many numbers its features are for one sample and seed."""
        return self.n_in * self.terms * (self.n_out if self.basis.per_edge else 1)

    @property
    def fan_out(self) -> int:
        """How many sums an input is part of."""
        return self.n_out

    def edges(self, index: int = 0, inner: Sequence[Tensor] = ()) -> Edges:
        """The layer as initializations see it; `index` is its place in the network, `inner` what was drawn for it."""
        basis = self.basis
        domain = basis.domain or (-1.0, 1.0)
        # Where each input has knots of its own, a start sees the functions as they are on evenly spread data.
        even = torch.linspace(*domain, 1025, dtype=torch.float64)
        inner = (*inner, *basis.fixed_weights(even[None]).values())
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
            fan_out=self.fan_out,
            terms=basis.terms,
            intervals=basis.pieces,
            orders=basis.orders,
            domain=domain,
            phi=phi,
            slope=slope,
            residual=residual,
            residual_slope=residual_slope,
            has_scale=basis.scale,
            paper_coef=lambda generator: basis.draw_coef(self.n_out, self.n_in, generator),
            paper_bias=lambda generator: basis.draw_bias(self.n_out, self.n_in, generator),
        )

    def start(self, init: Init, index: int, generator: Generator, x: Tensor | None = None) -> dict[str, Tensor]:
        """Start weights by name, float64, for inputs like x (n_in, samples).

        The functions' own are drawn first, for the scheme measures these.
        """
        inner = self.basis.draw_weights(self.n_out, self.n_in, generator)
        start = init.start(self.edges(index, tuple(inner.values())), generator)
        named = {"coef": start.coef, "residual": start.residual, "scale": start.scale, "bias": start.bias}
        named |= inner | self.measured(_no_data(self) if x is None else x)
        if self.normalizes:
            named["norm"] = layer_norm_start(self.n_in)
        return {name: weight for name in self.shapes if (weight := named[name]) is not None}


def _no_data(layer: EdgeLayer) -> Tensor:
    return torch.empty(layer.n_in, 0, dtype=torch.float64)


def variance(values: Tensor) -> Tensor:
    """Variance over the last axis; never quite zero, where the slope of its root is infinite."""
    return _positive(values.var(dim=-1, correction=min(1, values.shape[-1] - 1)))


def _positive(values: Tensor) -> Tensor:
    return values.clamp(min=torch.finfo(values.dtype).tiny)
