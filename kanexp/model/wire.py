"""WIRE: complex Gabor wavelets in the place of learned functions, a baseline of pictures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from kanexp.error import require
from kanexp.layer.base import Basis, uniform
from kanexp.model.activation import Activation
from kanexp.model.base import Model
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.network import Network
from kanexp.model.wiring import Apply, Wiring


@dataclass(frozen=True)
class Wavelets(Wiring):
    """z_{i+1} = W_i g(z_i) + b_i of complex numbers with g(z) = exp(i omega z - |sharpness z|^2); z_1 is real.

    A layer of complex weights W = A + iB holds A above B, and sees real and imaginary parts as columns side by side;
    the last, of which the real part is the answer, holds A and -B side by side.
    """

    widths: tuple[int, ...]
    omega: float
    sharpness: float

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The biases: real and imaginary parts, of the last layer real ones alone; the first layer has its own."""
        last = len(self.widths) - 1
        return {f"bias.{i}": (1 if i == last else 2, self.widths[i]) for i in range(2, last + 1)}

    def start(self, generator: Generator) -> dict[str, Tensor]:
        """U(+-1/sqrt(n_in)), as torch.nn.Linear."""
        pairs = enumerate(self.shapes.items(), start=1)
        return {name: uniform(shape, self.widths[i] ** -0.5, generator) for i, (name, shape) in pairs}

    def run(self, x: Tensor, layers: Sequence[Apply], own: Mapping[str, Tensor]) -> Tensor:
        first, *others = layers
        real, imaginary = first(x), None
        for layer, bias in zip(others, (own[name].unsqueeze(-1) for name in self.shapes), strict=True):
            seen = self._gabor(real, imaginary)
            if bias.shape[1] == 1:
                return layer(torch.cat(seen, dim=1)) + bias[:, 0]
            parts = layer(torch.cat(seen, dim=-1))  # (seeds, 2 * n_out, 2 * batch)
            (au, av), (bu, bv) = (part.chunk(2, dim=-1) for part in parts.chunk(2, dim=1))
            real, imaginary = au - bv + bias[:, 0], bu + av + bias[:, 1]
        return real

    def _gabor(self, u: Tensor, v: Tensor | None) -> tuple[Tensor, Tensor]:
        """Real and imaginary part of g(u + iv)."""
        exponent = -(self.sharpness**2) * u.square()
        if v is not None:
            exponent = exponent - self.sharpness**2 * v.square() - self.omega * v
        size = exponent.exp()
        return size * (self.omega * u).cos(), size * (self.omega * u).sin()

    def flops(self, layers: Sequence[int]) -> int:
        """The inner layers go over two columns for each sample."""
        return sum(layers) + sum(layers[1:-1])


@dataclass(frozen=True)
class Wire(Model):
    """Linear layers of complex numbers with Gabor wavelets between them; hidden widths count complex numbers.

    Real and imaginary parts of all weights start as torch.nn.Linear's under init=default; the first layer is real.

    Source: Saragadam et al. 2023, https://arxiv.org/abs/2301.05187
    """

    omega: float = 20.0
    sharpness: float = 10.0

    def __post_init__(self):
        super().__post_init__()
        require(
            (0 < self.omega < math.inf, f"omega must be positive, got {self.omega}"),
            (0 < self.sharpness < math.inf, f"sharpness must be positive, got {self.sharpness}"),
        )

    @property
    def uses_layer(self) -> bool:
        return False

    def bases(self, layers: Sequence[Basis], depth: int) -> list[Basis]:
        # The last layer sees twice as many numbers as complex ones went in.
        return [*[Activation()] * (depth - 1), Activation(gain=math.sqrt(2) if depth > 1 else 1.0)]

    def network(self, widths: Sequence[int], *layers: Basis) -> Network:
        first, *others = self.bases(layers, len(widths) - 1)
        edges = [EdgeLayer(first, widths[0], widths[1])]
        for i, basis in enumerate(others[:-1], start=1):
            edges.append(EdgeLayer(basis, widths[i], 2 * widths[i + 1], bias=False))
        if others:
            edges.append(EdgeLayer(others[-1], 2 * widths[-2], widths[-1], bias=False))
        return Network(edges, Wavelets(tuple(widths), self.omega, self.sharpness))
