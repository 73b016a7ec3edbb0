"""Layers as a user writes them, with nothing but what must be said."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from kanexp.layer.base import Basis


@dataclass(frozen=True)
class Gaussians(Basis):
    """A user's local basis, with nothing said but what must be: bumps beside each other."""

    size: ClassVar[str] = "centers"
    centers: int = 7

    @property
    def terms(self):
        return self.centers

    def features(self, x):
        centers = torch.linspace(-1, 1, self.centers, dtype=x.dtype)[:, None, None]
        return torch.exp(-0.5 * ((x.unsqueeze(-3) - centers) * self.centers / 2).clamp(-9, 9).square())


@dataclass(frozen=True)
class HermiteWaves(Basis):
    """H_m(x) exp(-x^2 / 2) for m = 1 .. degree, normalized: m zeros each, and nothing far away."""

    degree: int = 6

    @property
    def terms(self):
        return self.degree

    @property
    def orders(self):
        return tuple(range(1, self.degree + 1))

    def features(self, x):
        x = x.clamp(-30, 30)
        H = [torch.zeros_like(x), torch.exp(-0.5 * x.square())]
        for m in range(self.degree):
            H.append((2 / (m + 1)) ** 0.5 * x * H[-1] - (m / (m + 1)) ** 0.5 * H[-2])
        return torch.stack(H[2:], dim=-3)


@dataclass(frozen=True)
class Waves(Basis):
    """cos(x), sin(x), cos(2x), sin(2x), ..: the terms of each frequency side by side."""

    size: ClassVar[str] = "frequencies"
    frequencies: int = 4

    @property
    def terms(self):
        return 2 * self.frequencies

    @property
    def orders(self):
        return tuple(k for k in range(1, self.frequencies + 1) for _ in range(2))

    @property
    def period(self):
        return 2 * math.pi

    def features(self, x):
        k = torch.arange(1, self.frequencies + 1, dtype=x.dtype)[:, None, None]
        angle = k * x.unsqueeze(-3)
        return torch.stack([angle.cos(), angle.sin()], dim=-3).flatten(-4, -3)


@dataclass(frozen=True)
class Powers(Basis):
    """tanh(x)^m for m = 1 .. degree, which changes sign once or never."""

    size: ClassVar[str] = "degree"
    degree: int = 5

    @property
    def terms(self):
        return self.degree

    @property
    def orders(self):
        return tuple(range(1, self.degree + 1))

    def features(self, x):
        t = torch.tanh(x)
        return torch.stack([t**m for m in range(1, self.degree + 1)], dim=-3)
