"""Levenberg-Marquardt."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.optimizer.base import Optimizer, Problem, Stepper

MAX_PARAMETERS = 3000  # a factorization takes the cube of it, 72 MB hold its matrix
MAX_TRIALS = 12  # each rejection raises the damping more than the last: by 2^78 in all, after which no step is left


@dataclass(frozen=True, kw_only=True)
class LevenbergMarquardt(Optimizer):
    """Steps d of (J J^T + damping D) d = -J r, with J (parameters, residuals) and D the diagonal of J J^T.

    D is at least `floor` times its largest entry: weights that nothing depends on yet would be thrown anywhere. The
    damping falls by up to 3 with the ratio of the loss' fall to the linear model's, and rises until the loss falls.

    Source: Marquardt 1963, https://doi.org/10.1137/0111030; damping by Nielsen 1999, IMM-REP-1999-05
    """

    minibatches: ClassVar[bool] = False
    least_squares: ClassVar[bool] = True
    jacobian: ClassVar[bool] = True
    damping: float = 1e-2
    floor: float = 1e-2

    def __post_init__(self):
        require(
            (0 < self.damping < math.inf, f"damping must be positive, got {self.damping}"),
            (0 < self.floor <= 1, f"floor must be above 0 and at most 1, got {self.floor}"),
        )

    def conflict(self, parameters: int) -> str:
        if parameters <= MAX_PARAMETERS:
            return ""
        return (
            f"it factorizes a matrix of all parameters, got {parameters} where {MAX_PARAMETERS} are the most; "
            "use optimizer=hessian_free or optimizer=lbfgs"
        )

    def stepper(self, theta: Tensor) -> "LevenbergMarquardtStepper":
        return LevenbergMarquardtStepper(self, theta)


class LevenbergMarquardtStepper(Stepper):
    """The damping of each seed, and the factor by which it rises next, (seeds,) both."""

    def __init__(self, settings: LevenbergMarquardt, theta: Tensor):
        self.settings = settings
        self.damping = torch.full_like(theta[:, 0], settings.damping)
        self.rise = torch.full_like(self.damping, 2.0)
        self.stopped = torch.zeros(len(theta), dtype=torch.bool, device=theta.device)

    def finished(self) -> Tensor:
        return self.stopped

    def step(self, theta: Tensor, problem: Problem) -> tuple[Tensor, Tensor, Tensor]:
        residuals, jacobian = problem.jacobian(theta)
        loss = residuals.square().sum(1)
        normal = jacobian @ jacobian.mT  # (seeds, parameters, parameters)
        slope = (jacobian @ residuals.unsqueeze(-1)).squeeze(-1)
        diagonal = normal.diagonal(dim1=1, dim2=2)
        scale = torch.maximum(diagonal, self.settings.floor * diagonal.amax(1, keepdim=True))

        new, evaluations = theta, torch.ones(len(theta), dtype=torch.int64)
        searching = loss.isfinite() & (slope != 0).any(1) & ~self.stopped
        evaluations[self.stopped.cpu()] = 0
        stuck = ~searching & loss.isfinite()
        for _ in range(MAX_TRIALS):
            if not searching.any():
                break
            factor, failed = torch.linalg.cholesky_ex(normal + torch.diag_embed(self.damping[:, None] * scale))
            move = -torch.cholesky_solve(slope.unsqueeze(-1), factor).squeeze(-1)
            found = problem.trial(theta + move).square().sum(1)
            evaluations += searching.cpu()
            better = searching & (failed == 0) & (found < loss)  # NaN compares false
            new = torch.where(better[:, None], theta + move, new)
            # What the linear model promised: |r|^2 - |r + J^T move|^2, by the equation that the move solves.
            promised = (move * (self.damping[:, None] * scale * move - slope)).sum(1)
            fall = (1 - (2 * (loss - found) / promised - 1) ** 3).clamp(1 / 3, 2.0)
            change = torch.where(better, fall, self.rise)
            self.damping = torch.where(searching, (self.damping * change).clamp(1e-20, 1e20), self.damping)
            self.rise = torch.where(searching, torch.where(better, 2.0, 2 * self.rise), self.rise)
            searching = searching & ~better
        # No step is short enough to help, or there is no slope: these seeds are at their floor.
        self.stopped = self.stopped | searching | stuck
        return new, loss, evaluations
