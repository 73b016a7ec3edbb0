"""SOAP: Adam in the directions in which gradients of a matrix vary."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.optimizer.base import Matrix
from kanexp.optimizer.matrices import EPSILON, OfMatrices, OfMatricesStepper, anew

SPREAD = 1e-3  # of the mean eigenvalue, by which equal ones are set apart


@dataclass(frozen=True, kw_only=True)
class SOAP(OfMatrices):
    """Adam of u' g v, with u and v the eigenvectors of running means of g g' and g' g, for a matrix with gradient g.

    Eigenvectors are found at the first step, and by one power iteration and QR every `frequency` steps from there on.
    As published the first step only looks; other than published, equal eigenvalues are set apart by a thousandth of
    their mean, so that rounding does not choose directions. Weights that are no matrix move as in AdamW.

    Source: Vyas et al. 2024, https://arxiv.org/abs/2409.11321; of equations as in Wang et al. 2025,
    https://arxiv.org/abs/2502.00604
    """

    learning_rate: float = 3e-3
    beta1: float = 0.95
    beta2: float = 0.95
    frequency: int = 10

    def __post_init__(self):
        super().__post_init__()
        require((self.frequency >= 1, f"frequency must be at least 1, got {self.frequency}"))

    def stepper_for(self, theta: Tensor, matrices: Sequence[Matrix]) -> "SOAPStepper":
        return SOAPStepper(self, theta, matrices)


class SOAPStepper(OfMatricesStepper):
    """Of each matrix: means of gradients, of squares of turned ones, of outer products, directions, gradients seen.

    Directions are orthogonal matrices (seeds, n, n), zero before there are any; `seen` is (seeds, 1, 1).
    """

    def __init__(self, settings: SOAP, theta: Tensor, matrices: Sequence[Matrix]):
        super().__init__(settings, theta, matrices)
        self.settings = settings

        def zeros(rows: int, columns: int) -> Tensor:
            return theta.new_zeros(len(theta), rows, columns)

        self.means, self.squares = ([zeros(n, m) for _, n, m in self.matrices] for _ in range(2))
        self.left, self.u = ([zeros(n, n) for _, n, _ in self.matrices] for _ in range(2))
        self.right, self.v = ([zeros(m, m) for *_, m in self.matrices] for _ in range(2))
        self.seen = [zeros(1, 1) for _ in self.matrices]

    def direction(self, i: int, grad: Tensor) -> Tensor:
        s, u, v, first = self.settings, self.u[i], self.v[i], self.seen[i] == 0
        self.means[i] = torch.where(first, 0, torch.lerp(self.means[i], grad, 1 - s.beta1))
        self.squares[i] = torch.lerp(self.squares[i], (u.mT @ grad @ v).square(), 1 - s.beta2)
        steps = self.seen[i].clamp(min=1)
        corrected = (1 - s.beta2**steps).sqrt() / (1 - s.beta1**steps)
        turned = corrected * (u.mT @ self.means[i] @ v) / (self.squares[i].sqrt() + EPSILON)
        self._look(i, grad, first)
        return u @ turned @ v.mT

    def _look(self, i: int, grad: Tensor, first: Tensor) -> None:
        """Learn from a gradient how gradients vary, for the steps to come."""
        self.left[i] = torch.lerp(self.left[i], grad @ grad.mT, 1 - self.settings.beta2)
        self.right[i] = torch.lerp(self.right[i], grad.mT @ grad, 1 - self.settings.beta2)
        again = ~first & (self.seen[i] % self.settings.frequency == 0)
        if first.any():
            self.u[i] = torch.where(first, _eigenvectors(_apart(self.left[i])), self.u[i])
            self.v[i] = torch.where(first, _eigenvectors(_apart(self.right[i])), self.v[i])
        if again.any():
            u, rows = _improved(_apart(self.left[i]), self.u[i])
            v, columns = _improved(_apart(self.right[i]), self.v[i])
            moved = self.squares[i].gather(1, rows.unsqueeze(2).expand_as(grad))
            moved = moved.gather(2, columns.unsqueeze(1).expand_as(grad))
            kept = ((u, self.u[i]), (v, self.v[i]), (moved, self.squares[i]))
            self.u[i], self.v[i], self.squares[i] = (torch.where(again, new, old) for new, old in kept)
        self.seen[i] = self.seen[i] + 1

    def forget_matrices(self, rows: Tensor) -> None:
        for name in ("means", "squares", "left", "right", "u", "v", "seen"):
            setattr(self, name, anew(getattr(self, name), rows))


def _apart(matrix: Tensor) -> Tensor:
    """Symmetric matrices (seeds, n, n) whose eigenvalues differ by a little, SPREAD of their mean over all of them.

    Of a few gradients most are zero, and eigenvectors to equal ones are any: rounding would say which.
    """
    n = matrix.shape[1]
    spread = torch.linspace(SPREAD, 0, n, dtype=matrix.dtype, device=matrix.device)
    return matrix + (matrix.diagonal(dim1=1, dim2=2).mean(1, keepdim=True) * spread).diag_embed()


def _eigenvectors(matrix: Tensor) -> Tensor:
    """As columns, of symmetric matrices (seeds, n, n), that of the largest eigenvalue first."""
    # What is not finite would end the search for all seeds.
    finite = matrix.isfinite().all(2, keepdim=True).all(1, keepdim=True)
    return torch.linalg.eigh(torch.where(finite, matrix, 0)).eigenvectors.flip(2)


def _improved(matrix: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvectors by one more round, and where each was (seeds, n) before they were put in their order again."""
    order = (vectors * (matrix @ vectors)).sum(1).argsort(1, descending=True)
    vectors = vectors.gather(2, order.unsqueeze(1).expand_as(vectors))
    return torch.linalg.qr(matrix @ vectors).Q, order
