"""Smooth edge functions at the start: high frequencies begin small."""

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from kanexp.error import require
from kanexp.init.base import Edges, Init


@dataclass(frozen=True)
class Smooth(Init):
    """Term m starts N(0, 1/n_in) / order_m^decay, with its frequency or degree as the order.

    At the usual decay of 2 the slope of a Fourier layer has standard deviation sqrt(sum k^-2) < 1.29 for any number of
    frequencies, against sqrt(sum k^2 / frequencies) of the default start: 69.7 at 120.
    A local basis has no orders: there the function sum_k (a_k cos + b_k sin)(k pi x / half width) / k^decay is drawn
    and fitted by least squares, so that the start means the same on every layer.

    Source: FourierKAN pull request 4, https://github.com/GistNoesis/FourierKAN/pull/4
    """

    decay: float = 2.0

    def __post_init__(self):
        require((0 <= self.decay < math.inf, f"decay must be zero or more, got {self.decay}"))

    def conflict(self, orders: tuple[int, ...] | None, terms: int) -> str:
        if orders is None and terms < 2:
            return "one function per edge has no frequencies to smooth; use init=default or init=glorot"
        return ""

    def coef(self, edges: Edges, generator: Generator) -> Tensor:
        if edges.orders is None:
            return self._fitted(edges, generator)
        orders = torch.tensor(edges.orders, dtype=torch.float64)
        return edges.normal(generator) / math.sqrt(edges.n_in) / orders[:, None] ** self.decay

    def _fitted(self, edges: Edges, generator: Generator) -> Tensor:
        # Half a period over the domain, so the drawn function need not be equal at both ends; and no more
        # frequencies than the basis can follow.
        low, high = edges.domain
        points = torch.linspace(low, high, 16 * edges.terms, dtype=torch.float64)
        k = torch.arange(1, max(1, edges.terms // 2) + 1, dtype=torch.float64)
        angle = k[:, None] * math.pi * (points - (low + high) / 2) / (high - low)
        waves = torch.cat([angle.cos(), angle.sin()])  # (2 frequencies, points)
        draws = torch.randn((edges.n_out, len(waves), edges.n_in), generator=generator, dtype=torch.float64)
        spectrum = draws / math.sqrt(edges.n_in) / torch.cat([k, k])[:, None] ** self.decay
        return edges.fit(points, torch.einsum("wp,owi->opi", waves, spectrum))
