"""Wavelets, one on every edge."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Generator, Tensor

from kanexp.layer.base import Basis, uniform

HEIGHT = 2 / (math.sqrt(3) * math.pi**0.25)
# The fast path of hats counts in v = u / HALF, for which exp(-u^2 / 2) = 2^(-v^2): of two, powers are three times as
# fast.
HALF = math.sqrt(2 * math.log(2))
# u^2 beyond 1e4 is nothing but zero; without the bound its product with exp(-u^2 / 2) is inf times 0.
FAR = 100.0
WAVES = 5.0  # of the Morlet wavelet, radians per unit


class Shape(NamedTuple):
    """A wavelet psi(u) and its slope, elementwise."""

    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]


def _bell(u: Tensor, width: float = 1.0) -> Tensor:
    return torch.exp(-0.5 * (u / width).square())


SHAPES = {
    "hat": Shape(
        lambda u: HEIGHT * (1 - u.square()) * _bell(u),
        lambda u: HEIGHT * u * (u.square() - 3) * _bell(u),
    ),
    "morlet": Shape(
        lambda u: torch.cos(WAVES * u) * _bell(u),
        lambda u: -(WAVES * torch.sin(WAVES * u) + u * torch.cos(WAVES * u)) * _bell(u),
    ),
    "derivative": Shape(lambda u: -u * _bell(u), lambda u: (u.square() - 1) * _bell(u)),
    "difference": Shape(
        lambda u: _bell(u) - 0.5 * _bell(u, 2.0),
        lambda u: 0.125 * u * _bell(u, 2.0) - u * _bell(u),
    ),
}


@dataclass(frozen=True)
class Wavelet(Basis):
    """psi((x - t) / s), with t and s trained on every edge, from t = 0 and s = 1 on.

    psi(u) is, with g(u) = exp(-u^2 / 2): of a hat 2 / (sqrt(3) pi^(1/4)) (1 - u^2) g(u), of morlet cos(5 u) g(u), of a
    derivative of Gaussians g'(u) = -u g(u), of a difference of Gaussians g(u) - g(u / 2) / 2, whose integral is zero.

    Source: Wav-KAN, https://arxiv.org/abs/2405.12832, which calls the derivative DoG; the difference is that of Marr
    and Hildreth 1980, https://doi.org/10.1098/rspb.1980.0020, at twice the width
    """

    per_edge: ClassVar[bool] = True
    fuses: ClassVar[bool] = True
    kind: Literal["hat", "morlet", "derivative", "difference"] = "hat"

    @property
    def terms(self) -> int:
        return 1

    def draw_weights(self, n_out: int, n_in: int, generator: Generator) -> dict[str, Tensor]:
        shape = (n_out, n_in)
        return {"shift": torch.zeros(shape, dtype=torch.float64), "width": torch.ones(shape, dtype=torch.float64)}

    def features(self, x: Tensor, shift: Tensor, width: Tensor) -> Tensor:
        u = ((x.unsqueeze(-3) - shift[..., None]) / width[..., None]).clamp(-FAR, FAR)
        return SHAPES[self.kind].value(u).unsqueeze(-4)

    def sums(self, x: Tensor, weight: Tensor, shift: Tensor, width: Tensor) -> Tensor:
        if self.kind == "hat":
            return _sums_of_hats(x, weight, shift, width)
        return SHAPES[self.kind].value(_scaled(x, shift, width, 1.0)).mul_(weight.mT).sum(-2)

    def pull_sums(self, x: Tensor, weight: Tensor, grad: Tensor, shift: Tensor, width: Tensor) -> tuple[Tensor, ...]:
        if self.kind == "hat":
            return _pull_sums_of_hats(x, weight, grad, shift, width)
        u, of_outputs = _scaled(x, shift, width, 1.0), grad.unsqueeze(-2)
        of_weight = SHAPES[self.kind].value(u).mul_(of_outputs).sum(-1)
        rise, rate = SHAPES[self.kind].slope(u).mul_(of_outputs), weight.squeeze(-2) / width
        of_shift, of_width = -rate * rise.sum(-1), -rate * u.mul_(rise).sum(-1)
        return rise.mul_(rate.unsqueeze(-1)).sum(-3), of_weight.unsqueeze(-2), of_shift, of_width

    def draw_coef(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """U(+-1/sqrt(n_in)), torch's Kaiming start of the weights (as in Wav-KAN)."""
        return uniform((n_out, 1, n_in), 1 / math.sqrt(n_in), generator)


def _sums_of_hats(x: Tensor, weight: Tensor, shift: Tensor, width: Tensor) -> Tensor:
    power = _scaled(x, shift, width, HALF).square_().neg_()  # log2 of exp(-u^2 / 2)
    hat = torch.exp2(power)
    hat.addcmul_(power, hat, value=HALF**2)  # (1 - u^2) exp(-u^2 / 2)
    return hat.mul_(HEIGHT * weight.mT).sum(-2)


def _pull_sums_of_hats(x: Tensor, weight: Tensor, grad: Tensor, shift: Tensor, width: Tensor) -> tuple[Tensor, ...]:
    """With psi'(u) = -u (2 exp(-u^2 / 2) + (1 - u^2) exp(-u^2 / 2)), HEIGHT apart."""
    v = _scaled(x, shift, width, HALF)
    power = v.square().neg_()
    bell = torch.exp2(power).mul_(grad.unsqueeze(-2))
    hat = power.mul_(bell).mul_(HALF**2).add_(bell)
    of_weight = HEIGHT * hat.sum(-1)
    fall = hat.add_(bell, alpha=2).mul_(v)  # -psi'(u) / HALF times grad
    rate = HALF * HEIGHT * weight.squeeze(-2) / width
    of_shift = rate * fall.sum(-1)
    of_width = rate * HALF * torch.mul(fall, v, out=v).sum(-1)
    of_x = fall.mul_(-rate.unsqueeze(-1)).sum(-3)
    return of_x, of_weight.unsqueeze(-2), of_shift, of_width


def _scaled(x: Tensor, shift: Tensor, width: Tensor, unit: float) -> Tensor:
    """u / unit for every edge, (..., n_out, n_in, batch)."""
    far = FAR / unit
    return (x.unsqueeze(-3) - shift[..., None]).mul_(1 / (unit * width[..., None])).clamp_(-far, far)
