"""Derivatives of a network's outputs: in its inputs (jet), and in its weights, sample by sample (jacobian)."""

from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor

from kanexp.model.edge_layer import EdgeLayer, LayerWeights
from kanexp.model.network import Network
from kanexp.task.equation import Jet, Partial


def jet(network: Network, theta: Tensor, x: Tensor, partials: Iterable[Partial]) -> Jet:
    """Values and these derivatives of networks at x (seeds or 1, n_in, points).

    Can be differentiated again. Backward through backward, for every network, however it is wired: on [2, 8, 8, 1] it
    takes 0.2 to 0.8 times what derivatives take that are carried forward through the layers, and with fourier 1.3 times
    (scripts/bench_derivatives.py).
    """
    return Jet.of(partial(network.plain, theta), x.expand(len(theta), -1, -1), partials, network.unknown(theta))


def jacobian(network: Network, theta: Tensor, x: Tensor, prepared: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs (seeds, n_out, batch) at x, and their derivatives (seeds, length, n_out, batch); kept numbers have none.

    Samples share no activations, so one backward pass per output gives the gradient at every layer's outputs for all
    samples at once; in the weights it is the product of that and the features. Layers whose functions are trained
    themselves, and networks that are no plain row of layers, are differentiated by torch, sample by sample in parallel.
    """
    trained_inside = any(set(layer.inner_shapes) - layer.kept or layer.normalizes for layer in network.layers)
    if trained_inside or not network.wiring.direct:
        return _by_torch(network, theta.detach(), x)
    weights = network.weights(theta.detach())
    features, outputs, z = [], [], x
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
            start = _fill(layer, w, at.detach(), grad, derivatives[:, :, k], start)
    return z.detach(), derivatives


def _fill(layer: EdgeLayer, w: LayerWeights, features: Tensor, grad: Tensor, out: Tensor, start: int) -> int:
    """Write a layer's derivatives into out (seeds, length, batch) from `start`; returns where the next layer starts."""
    views, batch = {}, out.shape[-1]
    for name, shape in layer.shapes.items():
        size = torch.Size(shape).numel()
        views[name] = out[:, start : start + size].view(len(out), *shape, batch)
        start += size
    terms, of_outputs = layer.basis.terms, grad[:, :, None, None]  # (seeds, n_out, 1, 1, batch)
    of_terms = features[:, :terms] if layer.basis.per_edge else features[:, None, :terms]
    torch.mul(of_outputs, of_terms, out=views["coef"])
    if layer.bias:
        views["bias"].copy_(grad)
    if w.residual is not None:
        torch.mul(grad[:, :, None], features[:, None, -1], out=views["residual"])
    if w.scale is not None:
        views["scale"].copy_(torch.einsum("sotib,soti->soib", views["coef"], w.coef))
        views["coef"].mul_(w.scale[:, :, None, :, None])
    return start


def _by_torch(network: Network, theta: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    def outputs(row: Tensor, sample: Tensor) -> tuple[Tensor, Tensor]:
        y = network.plain(row[None], sample[None, :, None])[0, :, 0]
        return y, y

    x = x.expand(len(theta), -1, -1)
    each = torch.func.vmap(torch.func.jacrev(outputs, has_aux=True), in_dims=(None, 1), out_dims=(2, 1))
    derivatives, y = torch.func.vmap(each)(theta, x)  # (seeds, n_out, length, batch), (seeds, n_out, batch)
    return y, derivatives.transpose(1, 2)
