"""Muon: steps of matrices that turn and do not stretch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.optimizer.base import Matrix
from kanexp.optimizer.matrices import OfMatrices, OfMatricesStepper, anew

# Of a quintic that brings singular values from (0, 1] near to one in few rounds, and no nearer than .7 to 1.2.
QUINTIC = (3.4445, -4.7750, 2.0315)


@dataclass(frozen=True, kw_only=True)
class Muon(OfMatrices):
    """The mean of gradients of a matrix, orthogonalized, times .2 sqrt(larger side): a step of about AdamW's size.

    So one learning rate does for all weights; those that are no matrix move as in AdamW, by beta1 and beta2. The output
    layer is a matrix, too, where it has several outputs.

    Source: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/; its size by Liu et al. 2025,
    https://arxiv.org/abs/2502.16982; torch.optim.Muon with adjust_lr_fn match_rms_adamw, but not in bfloat16
    """

    momentum: float = 0.95
    rounds: int = 5

    def __post_init__(self):
        super().__post_init__()
        require(
            (0 <= self.momentum < 1, f"momentum must be at least 0 and below 1, got {self.momentum}"),
            (1 <= self.rounds <= 100, f"rounds must be between 1 and 100, got {self.rounds}"),
        )

    def stepper_for(self, theta: Tensor, matrices: Sequence[Matrix]) -> "MuonStepper":
        return MuonStepper(self, theta, matrices)


class MuonStepper(OfMatricesStepper):
    """The running means of gradients of matrices, (seeds, rows, columns) each."""

    def __init__(self, settings: Muon, theta: Tensor, matrices: Sequence[Matrix]):
        super().__init__(settings, theta, matrices)
        self.settings = settings
        self.means = [theta.new_zeros(len(theta), rows, columns) for _, rows, columns in self.matrices]

    def direction(self, i: int, grad: Tensor) -> Tensor:
        momentum = self.settings.momentum
        self.means[i] = torch.lerp(self.means[i], grad, 1 - momentum)
        ahead = torch.lerp(grad, self.means[i], momentum)  # Nesterov's
        return 0.2 * math.sqrt(max(grad.shape[1:])) * orthogonal(ahead, self.settings.rounds)

    def forget_matrices(self, rows: Tensor) -> None:
        self.means = anew(self.means, rows)


def orthogonal(matrix: Tensor, rounds: int) -> Tensor:
    """About u v for matrices (seeds, rows, columns) = u s v, by so many rounds of QUINTIC; zero where they are."""
    a, b, c = QUINTIC
    x = matrix.mT if matrix.shape[1] > matrix.shape[2] else matrix
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp(min=1e-7)
    for _ in range(rounds):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if matrix.shape[1] > matrix.shape[2] else x
