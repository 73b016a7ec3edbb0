"""Derivatives of a network's outputs: in its inputs (jet), and in its weights, sample by sample (jacobian)."""

from collections.abc import Iterable, Sequence
from functools import partial

import torch
from torch import Tensor

from kanexp.model.edge_layer import EdgeLayer, LayerWeights
from kanexp.model.network import Network
from kanexp.task.jet import Jet, Partial


def jet(network: Network, theta: Tensor, x: Tensor, partials: Iterable[Partial]) -> Jet:
    """Values and these derivatives of networks at x (seeds or 1, n_in, points).

    Can be differentiated again, any number of times. Backward through backward, for every network, however it is wired.
    """
    return Jet.of(partial(network.plain, theta), x.expand(len(theta), -1, -1), partials, network.unknown(theta))


def jacobian(network: Network, theta: Tensor, x: Tensor, prepared: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs (seeds, n_out, batch) at x, and their derivatives (seeds, length, n_out, batch); kept numbers have none.

    Samples share no activations, so one backward pass per output gives the gradient at every layer's outputs for all
    samples at once; in the weights it is the product of that and the features. Layers whose functions are trained
    themselves, and networks that are no plain row of layers, are differentiated by torch, sample by sample in parallel.
    """
    if not (is_fixed_row(network) and network.wiring.direct):
        return _by_torch(network, theta.detach(), x)
    weights = network.weights(theta.detach())
    features, outputs, z = [], [], network.enter(theta.detach(), x)
    with torch.enable_grad():
        for i, (layer, w) in enumerate(zip(network.layers, weights, strict=True)):
            features.append(prepared if i == 0 and prepared.dim() > 3 else layer.at(w, z))
            z = layer.combine(w, features[-1])
            z = z if z.requires_grad else z.requires_grad_()
            outputs.append(z)
    derivatives = theta.new_zeros(len(theta), network.length, *z.shape[1:])
    for k in range(z.shape[1]):
        grads = torch.autograd.grad(z[:, k].sum(), outputs, retain_graph=True)
        start = 0
        for layer, w, at, grad in zip(network.layers, weights, features, grads, strict=True):
            factors = [(grad[:, :, None, None], at.detach().unsqueeze(1))]
            start = fill(layer, w, factors, grad, derivatives[:, :, k], start)
    return z.detach(), derivatives


def is_fixed_row(network: Network) -> bool:
    """Whether a network is a row of layers whose functions are fixed and shared by all edges."""
    trained_inside = any(set(layer.inner_shapes) - layer.kept or layer.normalizes for layer in network.layers)
    return network.wiring.row and not trained_inside and not any(layer.basis.per_edge for layer in network.layers)


Factors = Sequence[tuple[Tensor, Tensor]]  # (seeds, n_out, 1, n_in or 1, batch), (seeds or 1, 1, terms, n_in, batch)


def fill(layer: EdgeLayer, w: LayerWeights, factors: Factors, grad: Tensor, out: Tensor, start: int) -> int:
    """Write a layer's derivatives into out (seeds, length, batch) from `start`; returns where the next layer starts.

    Those of the weights are sums of products: of what the features lead to, and the features. Those of the bias are
    the gradient (seeds, n_out, batch) at the outputs.
    """
    views = {}
    for name, shape in layer.shapes.items():
        size = torch.Size(shape).numel()
        views[name] = out[:, start : start + size].unflatten(1, shape)
        start += size
    terms = layer.basis.terms
    _sum_products([(of_outputs, features[:, :, :terms]) for of_outputs, features in factors], views["coef"])
    if layer.bias:
        views["bias"].copy_(grad)
    if w.residual is not None:
        _sum_products(
            [(of_outputs[:, :, 0], features[:, :, -1]) for of_outputs, features in factors], views["residual"]
        )
    if w.scale is not None:
        views["scale"].copy_(torch.einsum("sotib,soti->soib", views["coef"], w.coef))
        views["coef"].mul_(w.scale[:, :, None, :, None])
    return start


def weights_gradient(layer: EdgeLayer, w: LayerWeights, of_edges: Tensor, of_outputs: Tensor) -> Tensor:
    """A layer's part of a gradient (seeds, its length) of all samples together; kept numbers have none.

    From the gradient of what multiplies its features (seeds, n_out, terms, n_in), and that of its bias (seeds, n_out).
    """
    of_coef = of_edges[:, :, : layer.basis.terms]
    found = {"coef": of_coef, "residual": of_edges[:, :, -1], "bias": of_outputs}
    if w.scale is not None:
        found |= {"coef": of_coef * w.scale.unsqueeze(2), "scale": (of_coef * w.coef).sum(2)}
    parts = (
        found[name].flatten(1) if name in found else of_outputs.new_zeros(len(of_outputs), torch.Size(shape).numel())
        for name, shape in layer.shapes.items()
    )
    return torch.cat(list(parts), 1)


def _sum_products(factors: Factors, out: Tensor) -> None:
    first, *others = factors
    torch.mul(*first, out=out)
    for one, other in others:
        out.addcmul_(one, other)


def _by_torch(network: Network, theta: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    def outputs(row: Tensor, sample: Tensor) -> tuple[Tensor, Tensor]:
        y = network.plain(row[None], sample[None, :, None])[0, :, 0]
        return y, y

    x = x.expand(len(theta), -1, -1)
    each = torch.func.vmap(torch.func.jacrev(outputs, has_aux=True), in_dims=(None, 1), out_dims=(2, 1))
    derivatives, y = torch.func.vmap(each)(theta, x)  # (seeds, n_out, length, batch), (seeds, n_out, batch)
    return y, derivatives.transpose(1, 2)
