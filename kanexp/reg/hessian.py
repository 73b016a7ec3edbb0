"""Mean square of the second derivatives of every learned function, of one input or of two."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from kanexp.calculus import derivative
from kanexp.layer.base import Basis, Bumps
from kanexp.model.edge_layer import EdgeLayer, LayerWeights
from kanexp.model.table import TableLayer
from kanexp.reg.base import Layerwise
from kanexp.reg.quadrature import domain, points


@dataclass(frozen=True, kw_only=True)
class Hessian(Layerwise):
    """Mean of f_aa^2 + 2 f_ab^2 + f_bb^2 over the domain, summed over all functions f(a, b); of one input, of phi''^2.

    Of functions that are joined by straight lines a second derivative is the second difference of the values at their
    nodes. Inputs count as the functions see them: after any bound, and the first of a pair by its tanh.

    Source: lookup multivariate Kolmogorov-Arnold networks, Pozdnyakov and Schwaller 2025,
    https://arxiv.org/abs/2509.07103
    """

    def conflict(self, basis: Basis) -> str:
        layer = EdgeLayer(basis, 1, 1)
        if layer.inner_shapes or layer.kept:
            return "its functions are not alike for all edges and seeds; use reg=smooth"
        if basis.kinks and not _hats(basis):
            return "its functions have kinks, which second derivatives do not see; use reg=smooth reg.order=1"
        return ""

    def layer(self, w: LayerWeights) -> Tensor:
        weight = w.layer.edge_weights(w).permute(0, 3, 1, 2)  # (seeds, n_in, n_out, terms)
        basis, like = w.basis, (w.coef.dtype, w.coef.device)
        if not isinstance(w.layer, TableLayer):
            return ((weight @ _products(basis, 2, *like)[:-1, :-1]) * weight).sum((1, 2, 3))
        rows = w.layer.rows
        # A bias is a coefficient, too: of the function that is one everywhere, along the second input.
        whole = torch.cat([weight, w.bias[:, None, :, None]], -1).unflatten(2, (-1, rows.terms)).squeeze(1)
        parts = [
            factor * (_products(rows, k, *like)[:-1, :-1] @ whole @ _products(basis, 2 - k, *like))
            for k, factor in ((2, 1.0), (1, 2.0), (0, 1.0))
        ]
        return (sum(parts, start=torch.zeros_like(whole)) * whole).sum((1, 2, 3))


def _hats(basis: Basis) -> bool:
    """Whether functions are straight between nodes, where one of them is one and all others are zero."""
    return isinstance(basis, Bumps) and basis.kinks and basis.live == 2


@lru_cache(maxsize=64)
def _products(basis: Basis, order: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Means over the domain of products of every two terms' derivatives, (terms + 1, terms + 1); the last term is 1."""
    layer = EdgeLayer(basis, 1, 1)
    low, high = domain(basis, torch.zeros(1, dtype=dtype, device=device))

    def features(x: Tensor) -> Tensor:
        own = layer.features(x)[0, :, 0]
        return torch.cat([own, torch.ones_like(own[:1])])

    if order == 2 and _hats(basis):
        nodes = torch.linspace(float(low), float(high), basis.pieces + 1, dtype=dtype, device=device)
        differences = features(nodes[None, None]).diff(n=2, dim=1) * (basis.pieces / (high - low)) ** 2
        return differences @ differences.mT / max(differences.shape[1], 1)
    x, weights = points(basis, low, high)
    values = (derivative(features, x, order) if order else features(x)) * weights.sqrt()
    return values @ values.mT
