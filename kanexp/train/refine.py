"""Another size for the bases of a network in training: the functions stay, what they are made of gets finer."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from kanexp.data.subset import some
from kanexp.layer.base import Basis
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.network import Network

# Relative to the largest singular value: directions below are left alone, and the smallest coefficients are taken.
RANK_TOLERANCE = 1e-10
EXACT = 1e-6  # how far, relative to their size, functions may move that the larger basis contains
SAMPLES = 1024  # of each input, where functions are fitted to data


def refine(network: Network, size: int) -> Network:
    """A network of the same layers with `size` intervals, nodes, degrees, ...: what each basis counts, if anything."""
    return network.with_layers(
        [replace(layer, basis=layer.basis.resized(size)) if layer.basis.size else layer for layer in network.layers]
    )


def refit(old: Network, theta: Tensor, new: Network, x: Tensor) -> Tensor:
    """Weights (seeds, length) with which the new network comes closest to what theta is to the old one.

    Coefficients are fitted by least squares, solved by singular values in float64: over the domain of the basis, and
    where knots follow the data, over the samples of x (seeds or 1, n_in, samples) that enter the layer.
    All other weights stay; a standalone scale multiplies the new coefficients as it did the old.
    Raises AssertionError where functions moved that the new basis contains.
    """
    theta, dtype = theta.double(), theta.dtype
    named = old.unflatten(theta)
    found = dict(named)
    for i, (before, after) in _resized(old, new):
        own = {name: named[f"layers.{i}.{name}"] for name in before.shapes}
        if before.kept & set(before.inner_shapes):
            entering = old.inputs(theta, x.double())[i].expand(len(theta), -1, -1)
            measured = _measure(after, entering)
            points = _around(entering, before.basis.terms)
            in_old = before.basis.features(points, *(own[name] for name in before.inner_shapes))
            in_new = after.basis.features(points, *measured.values())
            own |= measured
        else:
            points = _domain(before.basis, theta.device)
            in_old, in_new = before.basis.features(points), after.basis.features(points)
        matrix = _change_of_basis(in_old, in_new, before.basis, after.basis)
        seeds, n_in = own["coef"].shape[0], own["coef"].shape[3]
        matrix = matrix.expand(seeds, n_in, *matrix.shape[2:])
        own |= {"coef": torch.einsum("siut,soti->soui", matrix, own["coef"])}
        found |= {f"layers.{i}.{name}": weight for name, weight in own.items()}
    return new.flatten(found).to(dtype)


def carry(old: Network, new: Network, state: Tensor) -> Tensor:
    """An optimizer's running means (seeds, length) for the new weights.

    Terms with orders keep theirs and new ones begin at zero; those of local functions are joined by straight lines.
    """
    named = old.unflatten(state)
    for i, (before, after) in _resized(old, new):
        named[f"layers.{i}.coef"] = _carry_terms(before.basis, after.basis, named[f"layers.{i}.coef"])
        for name, shape in after.inner_shapes.items():
            named[f"layers.{i}.{name}"] = state.new_zeros(len(state), *shape)
    return new.flatten(named)


def _resized(old: Network, new: Network) -> list[tuple[int, tuple[EdgeLayer, EdgeLayer]]]:
    """Number, old and new form of the layers whose basis counts something."""
    pairs = enumerate(zip(old.layers, new.layers, strict=True))
    return [(i, (before, after)) for i, (before, after) in pairs if before.basis.size]


def _measure(layer: EdgeLayer, entering: Tensor) -> dict[str, Tensor]:
    """Numbers (seeds, n_in, ...) by name that a layer measures on the data of each seed (seeds, n_in, samples)."""
    each = [layer.measured(data) for data in entering]
    return {name: torch.stack([one[name] for one in each]) for name in each[0]}


def _domain(basis: Basis, device: torch.device) -> Tensor:
    """Points (1, 1, points) over all that a basis distinguishes."""
    low, high = (0.0, basis.period) if basis.period is not None else basis.domain or (-4.0, 4.0)
    return torch.linspace(low, high, _density(basis.terms), dtype=torch.float64, device=device)[None, None]


def _around(data: Tensor, terms: int) -> Tensor:
    """Some of the data (seeds, n_in, samples), and points evenly from its lowest to its highest."""
    low, high = data.amin(-1, keepdim=True), data.amax(-1, keepdim=True)
    share = torch.linspace(0, 1, _density(terms), dtype=data.dtype, device=data.device)
    return torch.cat([some(data, SAMPLES), low + (high - low) * share], dim=-1)


def _density(terms: int) -> int:
    return max(512, 8 * terms)


def _change_of_basis(in_old: Tensor, in_new: Tensor, before: Basis, after: Basis) -> Tensor:
    """The matrices (seeds or 1, n_in or 1, new terms, old terms) that turn old coefficients into new ones.

    From both bases' features (seeds or 1, terms, n_in or 1, points) at the same points.
    """
    a, b = in_new.permute(0, 2, 3, 1), in_old.permute(0, 2, 3, 1)  # (..., points, terms)
    places = _places(before, after)
    if places is None:
        matrix = torch.linalg.pinv(a, rtol=RANK_TOLERANCE) @ b
    else:
        # Some polynomials are nearly dependent: least squares would find others of nearly the same sum.
        matrix = torch.eye(after.terms, dtype=a.dtype, device=a.device)[:, places].expand(1, 1, -1, -1)
    moved = ((a @ matrix - b).square().mean() / b.square().mean()).sqrt()
    exact = before.nests(after)
    assert not exact or moved < EXACT, f"refinement moved functions that the larger basis contains, by {moved:.2g}"
    return matrix


def _places(before: Basis, after: Basis) -> list[int] | None:
    """Where each term is among those of the larger basis; None where terms have no orders."""
    if before.orders is None or after.orders is None:
        return None
    places = {term: place for place, term in enumerate(_terms(after.orders))}
    return [places[term] for term in _terms(before.orders)]


def _carry_terms(before: Basis, after: Basis, state: Tensor) -> Tensor:
    """Running means of the coefficients, (seeds, n_out, old terms, n_in) -> (seeds, n_out, new terms, n_in)."""
    places = _places(before, after)
    if places is None:
        rows = state.transpose(2, 3).flatten(0, 1)  # (seeds n_out, n_in, terms)
        joined = functional.interpolate(rows, size=after.terms, mode="linear", align_corners=True)
        return joined.unflatten(0, state.shape[:2]).transpose(2, 3)
    grown = state.new_zeros(*state.shape[:2], after.terms, state.shape[3])
    grown[:, :, places] = state
    return grown


def _terms(orders: Sequence[int]) -> list[tuple[int, int]]:
    """Each term's order, and how many terms of the same order come before it, as the cosine before the sine."""
    return [(order, orders[:i].count(order)) for i, order in enumerate(orders)]
