"""Slopes of many functions at once, and integrals by Gaussian quadrature."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def derivative(function: Callable[[Tensor], Tensor], x: Tensor, order: int = 1, again: bool = False) -> Tensor:
    """The derivative in h, at h = 0, of every number that function(x + h) returns, in the shape of function(x).

    Where each of them depends on a single number of x, that is its slope there. With `order` 2 or more it is the
    second derivative or a higher one; with `again` the result can be differentiated itself.
    """
    if order > 1:
        return derivative(lambda x: derivative(function, x, order - 1, again=True), x, again=again)
    with torch.enable_grad():
        x = x if again and x.requires_grad else x.detach().requires_grad_()
        values = function(x)
        # The gradient in x is sum_m v_m phi_m'(x), linear in v: its own gradient in v holds every slope at once.
        v = torch.zeros_like(values, requires_grad=True)
        mixed = torch.zeros_like(x)
        if values.requires_grad:
            # Of a sum and not with v as its third argument, for which torch imports sympy: .3 s.
            (mixed,) = torch.autograd.grad((values * v).sum(), x, create_graph=True, materialize_grads=True)
        if not mixed.requires_grad:  # constants
            return torch.zeros_like(values)
        return torch.autograd.grad(mixed.sum(), v, create_graph=again, materialize_grads=True)[0]


def pulled_back(function: Callable[..., Tensor], grad: Tensor, *arguments: Tensor) -> tuple[Tensor, ...]:
    """The gradient in each argument, in its shape, given that of what the function returns."""
    with torch.enable_grad():
        own = [argument.detach().requires_grad_() for argument in arguments]
        return torch.autograd.grad(function(*own), own, grad, materialize_grads=True)


def gauss_legendre(panels: int, nodes: int) -> tuple[Tensor, Tensor]:
    """Points in [0, 1] and weights, (panels * nodes,) each and float64, with sum w f(p) = the integral of f.

    So many nodes on each of equal panels: exact for what is a polynomial of degree 2 nodes - 1 on each of them.
    """
    inside, weights = np.polynomial.legendre.leggauss(nodes)
    points = (np.arange(panels)[:, None] + (inside + 1) / 2).ravel() / panels
    return torch.from_numpy(points), torch.from_numpy(np.tile(weights / 2, panels) / panels)


def gauss_hermite(nodes: int) -> tuple[Tensor, Tensor]:
    """Points and weights, (nodes,) each and float64, with sum w f(p) = the integral of f(z) exp(-z^2) over the line."""
    points, weights = np.polynomial.hermite.hermgauss(nodes)
    return torch.from_numpy(points), torch.from_numpy(weights)
