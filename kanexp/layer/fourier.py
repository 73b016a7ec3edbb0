"""Fourier series with period 2 pi."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor
from torch.nn import functional

from kanexp.error import require
from kanexp.layer.base import Basis, normal, weighted_sums

# Frequencies that compiled code finds one by one from lower ones.
LONG = 16


@dataclass(frozen=True)
class Fourier(Basis):
    """cos(kx) for k = 1 .. frequencies, then sin(kx); any real input, period 2 pi.

    Source: FourierKAN, https://github.com/GistNoesis/FourierKAN
    """

    size: ClassVar[str] = "frequencies"
    frequencies: int = 5

    def __post_init__(self):
        require((self.frequencies >= 1, f"frequencies must be at least 1, got {self.frequencies}"))

    @property
    def terms(self) -> int:
        return 2 * self.frequencies

    @property
    def orders(self) -> tuple[int, ...]:
        return tuple(range(1, self.frequencies + 1)) * 2

    @property
    def period(self) -> float:
        return 2 * math.pi

    def features(self, x: Tensor) -> Tensor:
        if torch.compiler.is_compiling():
            return self._apart(x)
        # Angle addition by doubling: block m+1 .. 2m is block 1 .. m turned by m x. A sine costs twenty
        # multiplications, and a three-term recurrence would lose four digits by k = 300.
        cos, sin = torch.cos(x).unsqueeze(-3), torch.sin(x).unsqueeze(-3)
        while (m := cos.shape[-3]) < self.frequencies:
            n = min(m, self.frequencies - m)
            c, s = cos[..., m - 1 : m, :, :], sin[..., m - 1 : m, :, :]
            c_low, s_low = cos[..., :n, :, :], sin[..., :n, :, :]
            cos = torch.cat([cos, c * c_low - s * s_low], dim=-3)
            sin = torch.cat([sin, s * c_low + c * s_low], dim=-3)
        return torch.cat([cos, sin], dim=-3)

    def _apart(self, x: Tensor) -> Tensor:
        """`features`, each found on its own: compiled, what is joined of blocks takes three times as long."""
        if self.frequencies > LONG:  # one long expression would take minutes to compile
            k = torch.arange(1, self.frequencies + 1, dtype=x.dtype, device=x.device)[:, None, None]
            angle = k * x.unsqueeze(-3)
            return torch.cat([torch.cos(angle), torch.sin(angle)], dim=-3)
        cos, sin = [torch.cos(x)], [torch.sin(x)]
        for both in range(2, self.frequencies + 1):
            (c, s), (c_low, s_low) = ((cos[m - 1], sin[m - 1]) for m in (both // 2, both - both // 2))
            cos.append(c * c_low - s * s_low)
            sin.append(s * c_low + c * s_low)
        return torch.stack([*cos, *sin], dim=-3)

    def slopes(self, x: Tensor, features: Tensor) -> Tensor:
        """-k sin(kx) for the cosines, k cos(kx) for the sines: no further trigonometry."""
        cos, sin = features.split(self.frequencies, dim=-3)
        k = torch.arange(1, self.frequencies + 1, dtype=x.dtype, device=x.device)[:, None, None]
        return torch.cat([-k * sin, k * cos], dim=-3)

    def derivatives(self, x: Tensor, order: int) -> tuple[Tensor, ...]:
        found = [self.features(x)]
        for _ in range(order):  # a derivative's own is found as that of the cosines and sines it is made of
            found.append(self.slopes(x, found[-1]))
        return tuple(found)

    def closed_slopes(self, x: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
        k = torch.arange(1, self.frequencies + 1, dtype=torch.float64).diag()
        zero = torch.zeros_like(k)
        D = torch.cat([torch.cat([zero, -k], 1), torch.cat([k, zero], 1)])
        return ((x.new_ones(()), functional.pad(D, (0, 1))),)

    def fill(self, x: Tensor, out: Tensor) -> None:
        cos, sin = out.split(self.frequencies, dim=-3)
        torch.cos(x, out=cos.select(-3, 0))
        torch.sin(x, out=sin.select(-3, 0))
        m = 1
        while m < self.frequencies:
            n = min(m, self.frequencies - m)
            c, s = cos.narrow(-3, m - 1, 1), sin.narrow(-3, m - 1, 1)
            c_low, s_low = cos.narrow(-3, 0, n), sin.narrow(-3, 0, n)
            torch.mul(c, c_low, out=cos.narrow(-3, m, n)).addcmul_(s, s_low, value=-1)
            torch.mul(s, c_low, out=sin.narrow(-3, m, n)).addcmul_(c, s_low)
            m += n

    def pull(self, x: Tensor, features: Tensor, grad: Tensor) -> Tensor:
        cos, sin = features.split(self.frequencies, dim=-3)
        of_cos, of_sin = grad.split(self.frequencies, dim=-3)
        of_cos.mul_(sin)
        of_sin.mul_(cos)
        k = range(1, self.frequencies + 1)
        return weighted_sums(([*(-f for f in k), *k],), grad)[0]

    def draw_coef(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """Normal with variance 1 / (n_in frequencies): each output starts with variance 1."""
        return normal((n_out, self.terms, n_in), 1 / math.sqrt(n_in * self.frequencies), generator)
