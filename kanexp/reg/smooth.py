"""Mean square of a derivative of every edge function."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kanexp.error import require
from kanexp.layer.base import Basis
from kanexp.model.edge_layer import LayerWeights
from kanexp.reg.base import Regularizer

POINTS = 10  # of the Gauss-Legendre rule in each piece: exact for squares of polynomials of degree 9


@dataclass(frozen=True, kw_only=True)
class Smooth(Regularizer):
    """Mean of phi'^2 (order 1) or phi''^2 (order 2) over a range of inputs, summed over all edges and layers.

    The range is the basis' domain (its period; [-1, 1] where it has neither), or with `live` the one that the layer's
    inputs span in this batch. With `norm` a layer counts the root of its sum times its pieces: on piecewise_linear with
    order 1 the 2-norm of all differences of neighbouring values over their spacing.

    Source: smoothing splines, Reinsch 1967, https://doi.org/10.1007/BF02162161; `norm` as in MLP-KAN
    """

    order: int = 2
    live: bool = True
    norm: bool = False

    def __post_init__(self):
        super().__post_init__()
        require((self.order in (1, 2), f"order must be 1 or 2, got {self.order}"))

    def conflict(self, basis: Basis) -> str:
        if self.order == 2 and basis.kinks:
            return "its functions have kinks, which second derivatives do not see; use reg.order=1"
        return ""

    def penalty(self, layers: Sequence[LayerWeights]) -> Tensor:
        return torch.stack([self._layer(w) for w in layers]).sum(0)

    def _layer(self, w: LayerWeights) -> Tensor:
        low, high = _span(w) if self.live else _domain(w)
        # One rule per piece of the basis: over the domain, the kinks of uniform splines lie between the rules.
        points, weights = _rule(w.basis.pieces, w.coef)
        x = low[:, None, None] + (high - low)[:, None, None] * points  # (seeds or 1, 1, points)
        if w.inner or w.span is not None:  # functions that differ from seed to seed, input to input, or edge to edge
            x = x.repeat(len(w.coef) // len(x), w.layer.n_in, 1)

        def features(x: Tensor) -> Tensor:
            return w.layer.features(x, *w.inner, seen=w.layer.seen(x, span=w.span))

        derivative: Callable[[Tensor], Tensor] = features
        for _ in range(self.order):
            derivative = _differentiate(derivative)
        energy = _energy(w, derivative(x) * weights.sqrt())
        if not self.norm:
            return energy
        # The slope of the root is infinite at zero, where nothing is to be gained.
        positive = energy > 0
        return torch.where(positive, (torch.where(positive, energy, 1.0) * w.basis.pieces).sqrt(), 0.0)


def _energy(w: LayerWeights, values: Tensor) -> Tensor:
    """Sum over edges of weight . moments weight, (seeds,); values (seeds or 1, terms, [n_out,] n_in or 1, points)."""
    weight = w.layer.edge_weights(w)
    if w.basis.per_edge:
        return torch.einsum("stoip,soti->soip", values, weight).square().sum(dim=(1, 2, 3))
    by_input = values.transpose(1, 2)
    moments = by_input @ by_input.mT  # (seeds or 1, n_in or 1, terms, terms)
    per_input = weight.permute(0, 3, 1, 2)  # (seeds, n_in, n_out, terms)
    return (per_input @ moments * per_input).sum(dim=(1, 2, 3))


def _differentiate(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Of several functions of single numbers: all their slopes at once, which can be differentiated again."""

    def derivative(x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x if x.requires_grad else x.detach().requires_grad_()
            values = function(x)
            # The gradient in x is sum_m v_m phi_m'(x), linear in v: its own gradient in v holds every slope.
            v = torch.zeros_like(values, requires_grad=True)
            mixed = torch.zeros_like(x)
            if values.requires_grad:
                (mixed,) = torch.autograd.grad(values, x, v, create_graph=True, materialize_grads=True)
            if not mixed.requires_grad:  # constants
                return torch.zeros_like(values)
            return torch.autograd.grad(mixed, v, torch.ones_like(mixed), create_graph=True)[0]

    return derivative


def _domain(w: LayerWeights) -> tuple[Tensor, Tensor]:
    low, high = w.basis.domain or ((0.0, w.basis.period) if w.basis.period else (-1.0, 1.0))
    return w.coef.new_full((1,), low), w.coef.new_full((1,), high)


def _span(w: LayerWeights) -> tuple[Tensor, Tensor]:
    """The smallest and largest input, (seeds or 1,) each. The range is given, not pulled at: it has no gradient."""
    assert w.x is not None  # layers come from a forward pass
    x = w.layer.normalized(w.x, w.norm).detach().flatten(1)
    return x.amin(1), x.amax(1)


def _rule(pieces: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Points in [0, 1] and weights of sum 1, (pieces * POINTS,) each."""
    nodes, weights = np.polynomial.legendre.leggauss(POINTS)
    points = (np.arange(pieces)[:, None] + (nodes + 1) / 2).ravel() / pieces
    repeated = np.tile(weights / 2, pieces) / pieces
    return torch.as_tensor(points).to(like), torch.as_tensor(repeated).to(like)
