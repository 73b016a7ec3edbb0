"""Limited-memory BFGS, batched over seeds."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.optimizer.quasi_newton import QuasiNewton, QuasiNewtonStepper


@dataclass(frozen=True, kw_only=True)
class LBFGS(QuasiNewton):
    """Quasi-Newton steps from the last `history` gradient differences, with a strong Wolfe line search.

    Source: Nocedal and Wright 2006, Numerical Optimization, algorithm 7.4
    """

    history: int = 10

    def __post_init__(self):
        super().__post_init__()
        require((self.history >= 1, f"history must be at least 1, got {self.history}"))

    def stepper(self, theta: Tensor) -> "LBFGSStepper":
        return LBFGSStepper(self, theta)


class LBFGSStepper(QuasiNewtonStepper):
    """Histories of all seeds, newest last."""

    def __init__(self, settings: LBFGS, theta: Tensor):
        super().__init__(settings, theta)
        self.history = settings.history
        self.moves: list[Tensor] = []  # (seeds, parameters) each
        self.changes: list[Tensor] = []  # of the gradient
        self.curvatures: list[Tensor] = []  # 1 / (move . change), (seeds,); 0 where a seed's pair does not count
        self.scale = torch.zeros_like(theta[:, 0])  # of the first Hessian guess; 0 where there is no history

    @property
    def steepest(self) -> Tensor:
        return self.scale == 0

    def forget(self, rows: Tensor) -> None:
        self.curvatures = [torch.where(rows, 0, c) for c in self.curvatures]
        self.moves = [torch.where(rows[:, None], 0, m) for m in self.moves]
        self.changes = [torch.where(rows[:, None], 0, c) for c in self.changes]
        self.scale = torch.where(rows, 0, self.scale)

    def renew(self) -> None:
        super().renew()
        self.forget(torch.ones_like(self.stopped))

    def direction(self) -> Tensor:
        q = -self.grad
        weights = []
        for move, change, curvature in reversed(list(zip(self.moves, self.changes, self.curvatures, strict=True))):
            weights.append(curvature * (move * q).sum(1))
            q = q - weights[-1][:, None] * change
        q = q * torch.where(self.steepest, 1.0, self.scale)[:, None]
        for move, change, curvature in zip(self.moves, self.changes, self.curvatures, strict=True):
            q = q + (weights.pop() - curvature * (change * q).sum(1))[:, None] * move
        return q

    def remember(self, move: Tensor, grad: Tensor, counts: Tensor) -> None:
        change = grad - self.grad
        product = (move * change).sum(1)
        self.moves.append(torch.where(counts[:, None], move, 0))
        self.changes.append(torch.where(counts[:, None], change, 0))
        self.curvatures.append(torch.where(counts, 1 / product, 0))
        self.scale = torch.where(counts, product / (change * change).sum(1), self.scale)
        if len(self.moves) > self.history:
            del self.moves[0], self.changes[0], self.curvatures[0]
