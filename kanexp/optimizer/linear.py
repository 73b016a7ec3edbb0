"""Linear: residuals as a linear function of the weights, around theta."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Linear(NamedTuple):
    """What residuals (seeds, residuals) are at theta and beside it, by J, their derivatives in the weights."""

    residuals: Tensor
    slope: Tensor  # J r (seeds, parameters): half of the gradient of their squares' sum
    product: Callable[[Tensor], Tensor]  # v -> J J^T v, (seeds, parameters) both

    @classmethod
    def of(cls, residuals: Callable[[Tensor], Tensor], theta: Tensor) -> "Linear":
        """Of a function of theta (seeds, parameters) that can be differentiated twice.

        J is never formed: a backward pass of a backward pass gives J^T v, a backward pass J u.
        """
        with torch.enable_grad():
            theta = theta.detach().requires_grad_()
            r = residuals(theta)
            u = torch.zeros_like(r, requires_grad=True)
            # J u is linear in u: its own gradient in u, weighted by v, is J^T v.
            (pulled,) = torch.autograd.grad(r, theta, u, create_graph=True)

        def pull(u: Tensor) -> Tensor:
            return torch.autograd.grad(r, theta, u, retain_graph=True)[0]

        def product(v: Tensor) -> Tensor:
            return pull(torch.autograd.grad(pulled, u, v, retain_graph=True)[0])

        return cls(r.detach(), pull(r.detach()), product)
