"""A network's derivatives in its inputs."""

from collections.abc import Iterable

import torch
from torch import Tensor

from kanexp.model.network import Network
from kanexp.task.equation import Jet


def jet(network: Network, theta: Tensor, x: Tensor, second: Iterable[int]) -> Jet:
    """Value, first derivatives and those second ones, at x (seeds or 1, n_in, points), of networks with one output.

    Can be differentiated again. Backward through backward, for every network, however it is wired: on [2, 8, 8, 1] it
    takes 0.2 to 0.8 times what derivatives take that are carried forward through the layers, and with fourier 1.3 times
    (scripts/bench_derivatives.py).
    """
    with torch.enable_grad():
        x = x.expand(len(theta), -1, -1).detach().requires_grad_()
        value = network.plain(theta, x)
        (first,) = torch.autograd.grad(value.sum(), x, create_graph=True)
        twice = {}
        for k in second:
            (row,) = torch.autograd.grad(first[:, k].sum(), x, create_graph=True)
            twice[k] = row[:, k : k + 1]
        return Jet(value, first, twice, network.unknown(theta))
