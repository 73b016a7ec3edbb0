"""Optimizers that treat the weights of a layer as a matrix, and all others as AdamW does."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.optimizer.base import Adaptive, FirstOrderStepper, Matrix, Moments

EPSILON = 1e-8  # added to the root of the square, as in AdamW


@dataclass(frozen=True, kw_only=True)
class OfMatrices(Adaptive):
    """Settings of one; weights shrink by rate weight_decay before each step, as in AdamW.

    Matrices are the coefficients of each layer, outputs by terms and inputs, and the weights of its residual; not those
    of one row or column, which are vectors.
    """

    weight_decay: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        require((0 <= self.weight_decay < math.inf, f"weight_decay must be zero or more, got {self.weight_decay}"))

    def stepper(self, theta: Tensor) -> "OfMatricesStepper":
        return self.stepper_for(theta, ())

    @abstractmethod
    def stepper_for(self, theta: Tensor, matrices: Sequence[Matrix]) -> "OfMatricesStepper":
        """A fresh stepper for an ensemble like theta, whose rows have these matrices."""


class OfMatricesStepper(FirstOrderStepper):
    """AdamW's moments of all weights; what is kept of matrices lies in classes derived from this one.

    After a refinement matrices are of another size, and a fresh stepper begins.
    """

    def __init__(self, settings: OfMatrices, theta: Tensor, matrices: Sequence[Matrix]):
        super().__init__(settings, theta)
        self.matrices = [one for one in matrices if min(one[1:]) > 1]
        self.moments = Moments(settings.beta1, settings.beta2, theta)
        self.decay = settings.weight_decay

    def forget(self, rows: Tensor) -> None:
        self.moments.forget(rows)
        self.forget_matrices(rows)

    def move(self, theta: Tensor, grad: Tensor, rate: float) -> Tensor:
        new = self.moments.move(theta, grad, rate, EPSILON, self.decay)
        for i, (start, rows, columns) in enumerate(self.matrices):
            place = slice(start, start + rows * columns)
            direction = self.direction(i, grad[:, place].unflatten(1, (rows, columns)))
            new[:, place] = theta[:, place] * (1 - rate * self.decay) - rate * direction.flatten(1)
        return new

    @abstractmethod
    def direction(self, i: int, grad: Tensor) -> Tensor:
        """Where matrix i goes against, (seeds, rows, columns), by its gradient at this step; keeps what it needs."""

    @abstractmethod
    def forget_matrices(self, rows: Tensor) -> None:
        """Start these seeds (seeds,), bool, anew."""


def anew(kept: list[Tensor], rows: Tensor) -> list[Tensor]:
    """What is kept of each seed, zero where it starts anew."""
    return [torch.where(rows.reshape(-1, *[1] * (one.dim() - 1)), 0, one) for one in kept]
