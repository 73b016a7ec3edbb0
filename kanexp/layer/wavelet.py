"""Mexican-hat wavelets, one on every edge."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from kanexp.layer.base import Basis, uniform

HEIGHT = 2 / (math.sqrt(3) * math.pi**0.25)
# The fast path counts in v = u / HALF, for which exp(-u^2 / 2) = 2^(-v^2): of two, powers are three times as fast.
HALF = math.sqrt(2 * math.log(2))
# u^2 beyond 1e4 is nothing but zero; without the bound its product with exp(-u^2 / 2) is inf times 0.
FAR = 100.0


@dataclass(frozen=True)
class Wavelet(Basis):
    """psi((x - t) / s), psi(u) = 2 / (sqrt(3) pi^(1/4)) (1 - u^2) exp(-u^2 / 2), with t and s trained on every edge.

    Starts from t = 0 and s = 1.

    Source: Wav-KAN, https://arxiv.org/abs/2405.12832
    """

    per_edge: ClassVar[bool] = True
    fuses: ClassVar[bool] = True

    @property
    def terms(self) -> int:
        return 1

    def draw_weights(self, n_out: int, n_in: int, generator: Generator) -> dict[str, Tensor]:
        shape = (n_out, n_in)
        return {"shift": torch.zeros(shape, dtype=torch.float64), "width": torch.ones(shape, dtype=torch.float64)}

    def features(self, x: Tensor, shift: Tensor, width: Tensor) -> Tensor:
        u = ((x.unsqueeze(-3) - shift[..., None]) / width[..., None]).clamp(-FAR, FAR)
        hat = HEIGHT * (1 - u.square()) * torch.exp(-0.5 * u.square())
        return hat.unsqueeze(-4)

    def sums(self, x: Tensor, weight: Tensor, shift: Tensor, width: Tensor) -> Tensor:
        power = _scaled(x, shift, width).square_().neg_()  # log2 of exp(-u^2 / 2)
        hat = torch.exp2(power)
        hat.addcmul_(power, hat, value=HALF**2)  # (1 - u^2) exp(-u^2 / 2)
        return hat.mul_(HEIGHT * weight.mT).sum(-2)

    def pull_sums(self, x: Tensor, weight: Tensor, grad: Tensor, shift: Tensor, width: Tensor) -> tuple[Tensor, ...]:
        """With psi'(u) = -u (2 exp(-u^2 / 2) + (1 - u^2) exp(-u^2 / 2)), HEIGHT apart."""
        v = _scaled(x, shift, width)
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

    def draw_coef(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """U(+-1/sqrt(n_in)), torch's Kaiming start of the weights (as in Wav-KAN)."""
        return uniform((n_out, 1, n_in), 1 / math.sqrt(n_in), generator)


def _scaled(x: Tensor, shift: Tensor, width: Tensor) -> Tensor:
    """u / HALF for every edge, (..., n_out, n_in, batch)."""
    far = FAR / HALF
    return (x.unsqueeze(-3) - shift[..., None]).mul_(1 / (HALF * width[..., None])).clamp_(-far, far)
