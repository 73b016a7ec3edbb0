"""Quotients of polynomials, their denominator trained."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from kanexp.error import require
from kanexp.layer.base import Basis

FARTHEST = 100.0  # inputs beyond it are as it: the square of their eighth power would overflow in float32


@dataclass(frozen=True)
class Rational(Basis):
    """x^m / (1 + Q(x)^2)^(1/2) for m = 0 .. degree, with Q(x) = q_1 x + .. + q_n x^n trained and shared by all edges.

    Every edge is a rational function with a numerator of its own. The denominator is never below 1 and has slopes
    everywhere, where 1 + |Q| has kinks. It starts from q_n = 1, n = `denominator`, and the others zero.

    Source: rational activations as in Molina, Schramowski and Kersting 2020, https://arxiv.org/abs/1907.06732, and in
    the Kolmogorov-Arnold transformer, Yang and Wang 2024, https://arxiv.org/abs/2409.10594, which share numerators, too
    """

    degree: int = 4
    denominator: int = 4

    def __post_init__(self):
        require(
            (1 <= self.degree <= 8, f"degree must be between 1 and 8, got {self.degree}"),
            (1 <= self.denominator <= 8, f"denominator must be between 1 and 8, got {self.denominator}"),
        )

    @property
    def terms(self) -> int:
        return self.degree + 1

    def draw_weights(self, n_out: int, n_in: int, generator: Generator) -> dict[str, Tensor]:
        q = torch.zeros(self.denominator, dtype=torch.float64)
        q[-1] = 1
        return {"denominator": q}

    def features(self, x: Tensor, denominator: Tensor) -> Tensor:
        x = x.clamp(-FARTHEST, FARTHEST)
        q = torch.zeros_like(x)
        for weight in reversed(denominator.unbind(-1)):
            q = (q + weight[..., None, None]) * x
        over = (1 + q.square()).rsqrt()
        powers = [over]
        for _ in range(self.degree):
            powers.append(powers[-1] * x)
        return torch.stack(powers, dim=-3)
