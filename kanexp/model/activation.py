"""Fixed functions in the place of learned ones: what linear layers are made of."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional

from kanexp.layer.base import Basis, uniform

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": torch.clone,
    "silu": functional.silu,
    "relu": functional.relu,
    "gelu": functional.gelu,
    "tanh": torch.tanh,
    "sin": torch.sin,
    "bell": lambda x: (-x.square()).exp(),
}


@dataclass(frozen=True)
class Activation(Basis):
    """One fixed function of rate * x as a basis of one term: a linear layer after it is an edge layer.

    Its weights start U(+-gain / n_in^power): by default as torch.nn.Linear.
    """

    name: str = "identity"
    rate: float = 1.0
    gain: float = 1.0
    power: float = 0.5

    @property
    def terms(self) -> int:
        return 1

    @property
    def kinks(self) -> bool:
        return self.name == "relu"

    def features(self, x: Tensor) -> Tensor:
        return ACTIVATIONS[self.name](x if self.rate == 1 else self.rate * x).unsqueeze(-3)

    def draw_coef(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """U(+-gain / n_in^power)."""
        return uniform((n_out, 1, n_in), self.gain / n_in**self.power, generator)

    def draw_bias(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """U(+-1/sqrt(n_in)), as torch.nn.Linear."""
        return uniform((n_out,), 1 / math.sqrt(n_in), generator)
