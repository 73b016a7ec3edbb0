"""Jet: a function of several inputs and its derivatives at points, of which an equation speaks."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor

Partial = tuple[int, ...]  # a derivative, as the inputs in which it is taken, in their order: (1, 1) is twice in one


@dataclass(frozen=True)
class Jet:
    """A function of several inputs and its derivatives at points, (seeds or 1, outputs, points) each."""

    value: Tensor
    partials: Mapping[Partial, Tensor]
    unknowns: Mapping[str, Tensor]  # numbers of the equation that are trained with the network, (seeds, 1, 1) each

    @classmethod
    def of(
        cls,
        function: Callable[[Tensor], Tensor],
        x: Tensor,
        partials: Iterable[Partial],
        unknowns: Mapping[str, Tensor],
    ) -> "Jet":
        """Of a function from x (seeds, inputs, points) to (seeds, outputs, points), by backward through backward."""
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            value = function(x)
            slopes = cache(lambda partial: _slopes(found(partial), x))  # in all inputs at once

            def found(partial: Partial) -> Tensor:
                return slopes(partial[:-1])[:, :, partial[-1]] if partial else value

            return cls(value, {partial: found(partial) for partial in partials}, unknowns)

    def d(self, *inputs: int) -> Tensor:
        """The derivative in these inputs, one of those that the equation declares: d(1, 1) of d(0), d(1), d(1, 1)."""
        return self.partials[inputs]

    def in_units(self, scales: tuple[float, ...]) -> "Jet":
        """The same where each input is divided by its scale before it goes in: derivatives are, too."""
        found = {partial: d / math.prod(scales[k] for k in partial) for partial, d in self.partials.items()}
        return replace(self, partials=found)


def _slopes(values: Tensor, x: Tensor) -> Tensor:
    """Derivatives (seeds, n_out, n_in, points) of values (seeds, n_out, points) in the inputs at the same points."""
    outputs = range(values.shape[1])
    return torch.stack([torch.autograd.grad(values[:, k].sum(), x, create_graph=True)[0] for k in outputs], dim=1)
