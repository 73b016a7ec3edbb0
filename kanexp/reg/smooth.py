"""Mean square of a derivative of every edge function."""

from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from kanexp.calculus import derivative
from kanexp.error import require
from kanexp.layer.base import Basis
from kanexp.model.edge_layer import EdgeLayer, LayerWeights
from kanexp.reg.base import Layerwise
from kanexp.reg.quadrature import domain, points


@dataclass(frozen=True, kw_only=True)
class Smooth(Layerwise):
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

    def layer(self, w: LayerWeights) -> Tensor:
        energy = _energy(w, self._moments(w))
        if not self.norm:
            return energy
        # The slope of the root is infinite at zero, where nothing is to be gained.
        positive = energy > 0
        return torch.where(positive, (torch.where(positive, energy, 1.0) * w.basis.pieces).sqrt(), 0.0)

    def _moments(self, w: LayerWeights) -> Tensor:
        """Products of the terms' derivatives, or per edge these derivatives at the points: what `_energy` takes."""
        fixed = not w.inner and w.span is None  # functions alike for all seeds, inputs and edges
        if fixed and not self.live:
            return _moments_over_domain(replace(w.layer, n_in=1, n_out=1), self.order, w.coef.dtype, w.coef.device)
        low, high = _span(w) if self.live else domain(w.basis, w.coef)
        x, weights = points(w.basis, low, high)
        if not fixed:
            x = x.repeat(len(w.coef) // len(x), w.layer.n_in, 1)

        def features(x: Tensor) -> Tensor:
            return w.layer.features(x, *w.inner, seen=w.layer.seen(x, span=w.span))

        values = derivative(features, x, self.order, again=True) * weights.sqrt()
        return values if w.basis.per_edge else _products(values)


@lru_cache(maxsize=64)
def _moments_over_domain(layer: EdgeLayer, order: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Products (1, 1, terms, terms) of every two terms' derivatives over the domain, computed once.

    They are the same at every step: on a grid of 256 they would take ten times as long as all else.
    """
    x, weights = points(layer.basis, *domain(layer.basis, torch.zeros(1, dtype=dtype, device=device)))

    def features(x: Tensor) -> Tensor:
        return layer.features(x, seen=layer.seen(x))

    return _products(derivative(features, x, order) * weights.sqrt())


def _products(values: Tensor) -> Tensor:
    """Products of every two terms, summed over points: (..., terms, n_in or 1, points) -> (..., n_in, terms, terms)."""
    by_input = values.transpose(1, 2)
    return by_input @ by_input.mT


def _energy(w: LayerWeights, moments: Tensor) -> Tensor:
    """Sum over edges of weight . moments weight, (seeds,); moments (seeds or 1, n_in or 1, terms, terms).

    Of functions per edge, their values at the points instead, (seeds, terms, n_out, n_in, points).
    """
    weight = w.layer.edge_weights(w)
    if w.basis.per_edge:
        return torch.einsum("stoip,soti->soip", moments, weight).square().sum(dim=(1, 2, 3))
    per_input = weight.permute(0, 3, 1, 2)  # (seeds, n_in, n_out, terms)
    return (per_input @ moments * per_input).sum(dim=(1, 2, 3))


def _span(w: LayerWeights) -> tuple[Tensor, Tensor]:
    """The smallest and largest input, (seeds or 1,) each. The range is given, not pulled at: it has no gradient."""
    assert w.x is not None  # layers come from a forward pass
    x = w.layer.normalized(w.x, w.norm).detach().flatten(1)
    return x.amin(1), x.amax(1)
