"""Sines with trained frequencies and phases."""

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from kanexp.calculus import pulled_back
from kanexp.error import require
from kanexp.layer.base import Basis, normal


@dataclass(frozen=True)
class Sine(Basis):
    """(sin(w_m x + p_m) - mean_m) / (std_m + 1e-8), mean and std those of the sine under x ~ N(0, 1).

    Frequencies w ~ N(0, 1) and phases p = 0 are trained and shared by all edges of the layer.

    Source: jaxKAN; ActNet, https://arxiv.org/abs/2410.01990
    """

    degree: int = 5

    def __post_init__(self):
        require((self.degree >= 1, f"degree must be at least 1, got {self.degree}"))

    @property
    def terms(self) -> int:
        return self.degree

    def draw_weights(self, n_out: int, n_in: int, generator: Generator) -> dict[str, Tensor]:
        return {
            "frequency": normal((self.degree,), 1.0, generator),
            "phase": torch.zeros(self.degree, dtype=torch.float64),
        }

    def features(self, x: Tensor, frequency: Tensor, phase: Tensor) -> Tensor:
        gain, offset = _standard(frequency, phase)
        angle = frequency[..., None, None] * x.unsqueeze(-3) + phase[..., None, None]
        return torch.sin(angle) * gain[..., None, None] + offset[..., None, None]

    def fill(self, x: Tensor, out: Tensor, frequency: Tensor, phase: Tensor) -> None:
        gain, offset = _standard(frequency, phase)
        torch.mul(x.unsqueeze(-3), frequency[..., None, None], out=out)
        out.add_(phase[..., None, None]).sin_().mul_(gain[..., None, None]).add_(offset[..., None, None])

    def pull_all(
        self, x: Tensor, features: Tensor, grad: Tensor, frequency: Tensor, phase: Tensor
    ) -> tuple[Tensor, ...]:
        """By gain cos(w x + p) for the sine itself; what standardizes it depends on no input, and takes two sums."""
        gain, offset = _standard(frequency, phase)
        of_offset = grad.sum((-2, -1))
        of_gain = ((features * grad).sum((-2, -1)) - offset * of_offset) / gain
        of_standard = torch.stack([of_gain, of_offset])
        through = pulled_back(lambda *own: torch.stack(_standard(*own)), of_standard, frequency, phase)
        rise = torch.mul(x.unsqueeze(-3), frequency[..., None, None]).add_(phase[..., None, None]).cos_().mul_(grad)
        of_x = ((gain * frequency).unsqueeze(-2) @ rise.flatten(-2)).view_as(x)
        of_phase = gain * rise.sum((-2, -1))
        of_frequency = gain * torch.mul(rise, x.unsqueeze(-3), out=grad).sum((-2, -1))
        return of_x, through[0] + of_frequency, through[1] + of_phase

    def draw_coef(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """Normal with variance 1 / (n_in degree) (as in jaxKAN)."""
        return normal((n_out, self.terms, n_in), 1 / math.sqrt(n_in * self.degree), generator)


def _standard(w: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
    """The factor and the addend that standardize sin(w x + p), (..., terms) each."""
    decay = torch.exp(-0.5 * w.square())
    mean = decay * torch.sin(p)
    variance = 0.5 * (1 - decay**4 * torch.cos(2 * p)) - mean.square()
    # Zero variance at w = 0: the guard keeps the square root's slope finite, 1e-8 as published keeps the quotient.
    gain = 1 / (variance.clamp(min=1e-20).sqrt() + 1e-8)
    return gain, -mean * gain
