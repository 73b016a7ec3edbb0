"""Levenberg-Marquardt."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.optimizer.base import Optimizer, Problem, Stepper

MAX_PARAMETERS = 3000  # a factorization takes the cube of it, 72 MB hold its matrix
BLOCKS, LARGE = 6, 256  # block rows in which J J^T is made, and parameters from which on
MAX_TRIALS = 12  # each rejection raises the damping more than the last: by 2^78 in all, after which no step is left


@dataclass(frozen=True, kw_only=True)
class LevenbergMarquardt(Optimizer):
    """Steps d of (J J^T + damping D) d = -J r, with J (parameters, residuals) and D the diagonal of J J^T.

    D is at least `floor` times its largest entry: weights that nothing depends on yet would be thrown anywhere. The
    damping falls by up to 3 with the ratio of the loss' fall to the linear model's, and rises until the loss falls.

    `form` says how d is found: normal by a factor of the matrix above, of parameters; samples by one of residuals, as
    d = -E^-1 J (I + J^T E^-1 J)^-1 r with E = damping D; qr from the rows J^T and E^(1/2), one below the other, which
    never squares J's condition, for losses that are nearly nothing but rounding, and takes several times as long. auto
    is samples where residuals are fewer than parameters, else normal.

    Source: Marquardt 1963, https://doi.org/10.1137/0111030; damping by Nielsen 1999, IMM-REP-1999-05; the forms in
    Bjoerck 1996, https://doi.org/10.1137/1.9781611971484
    """

    before: ClassVar[dict[str, str]] = {"form": "normal"}  # of runs from before there was a choice
    minibatches: ClassVar[bool] = False
    least_squares: ClassVar[bool] = True
    double: ClassVar[str] = "squares the rounding errors"
    jacobian: ClassVar[bool] = True
    programs: ClassVar[int] = 2
    renews: ClassVar[bool] = True
    damping: float = 1e-2
    floor: float = 1e-2
    form: Literal["auto", "normal", "samples", "qr"] = "auto"

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

    def renew(self) -> None:
        # What the damping had risen to on old samples would allow no step on others.
        self._begin(self.stopped)

    def restrict(self, rows: Tensor, mask: Tensor) -> None:
        self._begin(rows)

    def _begin(self, rows: Tensor) -> None:
        self.damping = torch.where(rows, self.settings.damping, self.damping)
        self.rise = torch.where(rows, 2.0, self.rise)
        self.stopped = self.stopped & ~rows

    def step(self, theta: Tensor, problem: Problem) -> tuple[Tensor, Tensor, Tensor]:
        residuals, jacobian = problem.jacobian(theta)
        loss = residuals.square().sum(1)
        system = self._form(jacobian)(residuals, jacobian)
        slope, diagonal = system.slope, system.diagonal
        scale = torch.maximum(diagonal, self.settings.floor * diagonal.amax(1, keepdim=True))

        new, evaluations = theta, torch.ones(len(theta), dtype=torch.int64)
        searching = loss.isfinite() & (slope != 0).any(1) & ~self.stopped
        evaluations[self.stopped.cpu()] = 0
        stuck = ~searching & loss.isfinite()
        for _ in range(MAX_TRIALS):
            if not searching.any():
                break
            damped = self.damping[:, None] * scale
            move, solved = system.solve(damped)
            found = problem.trial(theta + move).square().sum(1)
            evaluations += searching.cpu()
            better = searching & solved & (found < loss)  # NaN compares false
            new = torch.where(better[:, None], theta + move, new)
            # What the linear model promised: |r|^2 - |r + J^T move|^2, by the equation that the move solves.
            promised = (move * (damped * move - slope)).sum(1)
            fall = (1 - (2 * (loss - found) / promised - 1) ** 3).clamp(1 / 3, 2.0)
            change = torch.where(better, fall, self.rise)
            self.damping = torch.where(searching, (self.damping * change).clamp(1e-20, 1e20), self.damping)
            self.rise = torch.where(searching, torch.where(better, 2.0, 2 * self.rise), self.rise)
            searching = searching & ~better
        # No step is short enough to help, or there is no slope: these seeds are at their floor.
        self.stopped = self.stopped | searching | stuck
        return new, loss, evaluations

    def _form(self, jacobian: Tensor) -> "type[System]":
        fewer = jacobian.shape[2] < jacobian.shape[1]
        return {"auto": Samples if fewer else Normal, "normal": Normal, "samples": Samples, "qr": Stacked}[
            self.settings.form
        ]


class System(ABC):
    """The damped least squares of one step: min |J^T d + r|^2 + sum_i damped_i d_i^2 for each seed."""

    def __init__(self, residuals: Tensor, jacobian: Tensor):
        self.residuals, self.jacobian = residuals, jacobian
        self.slope = (jacobian @ residuals.unsqueeze(-1)).squeeze(-1)

    @property
    @abstractmethod
    def diagonal(self) -> Tensor:
        """That of J J^T, (seeds, parameters)."""

    @abstractmethod
    def solve(self, damped: Tensor) -> tuple[Tensor, Tensor]:
        """d (seeds, parameters) for this damping of each parameter, and for which seeds it was found, bool."""


class Normal(System):
    """By a Cholesky factor of (parameters, parameters)."""

    def __init__(self, residuals: Tensor, jacobian: Tensor):
        super().__init__(residuals, jacobian)
        self.matrix = _squared(jacobian)

    @property
    def diagonal(self) -> Tensor:
        return self.matrix.diagonal(dim1=1, dim2=2)

    def solve(self, damped: Tensor) -> tuple[Tensor, Tensor]:
        factor, failed = torch.linalg.cholesky_ex(self.matrix + torch.diag_embed(damped))
        return -torch.cholesky_solve(self.slope.unsqueeze(-1), factor).squeeze(-1), failed == 0


def _squared(jacobian: Tensor) -> Tensor:
    """J J^T (seeds, parameters, parameters): a block row up to the diagonal at a time, and the rest mirrored.

    With many parameters 21 of 36 products are made.
    """
    count = jacobian.shape[1]
    found = jacobian.new_empty(len(jacobian), count, count)
    blocks = BLOCKS if count >= LARGE else 1
    for i in range(blocks):
        rows, until = slice(count * i // blocks, count * (i + 1) // blocks), count * (i + 1) // blocks
        found[:, rows, :until] = jacobian[:, rows] @ jacobian[:, :until].mT
        found[:, : rows.start, rows] = found[:, rows, : rows.start].mT
    return found


class Samples(System):
    """By a Cholesky factor of (residuals, residuals)."""

    @property
    def diagonal(self) -> Tensor:
        return self.jacobian.square().sum(2)

    def solve(self, damped: Tensor) -> tuple[Tensor, Tensor]:
        divided = self.jacobian / damped.unsqueeze(-1)
        matrix = self.jacobian.mT @ divided
        matrix.diagonal(dim1=1, dim2=2).add_(1)
        factor, failed = torch.linalg.cholesky_ex(matrix)
        return -(divided @ torch.cholesky_solve(self.residuals.unsqueeze(-1), factor)).squeeze(-1), failed == 0


class Stacked(System):
    """By two triangular factors: of J^T with the residuals beside it, once, and of that with the damping below it."""

    def __init__(self, residuals: Tensor, jacobian: Tensor):
        super().__init__(residuals, jacobian)
        self.factor = torch.linalg.qr(torch.cat([jacobian.mT, residuals.unsqueeze(-1)], 2), mode="r").R

    @property
    def diagonal(self) -> Tensor:
        return self.jacobian.square().sum(2)

    def solve(self, damped: Tensor) -> tuple[Tensor, Tensor]:
        rows = torch.nn.functional.pad(torch.diag_embed(damped.sqrt()), (0, 1))
        factor = torch.linalg.qr(torch.cat([self.factor, rows], 1), mode="r").R
        count = damped.shape[1]
        square, right = factor[:, :count, :count], factor[:, :count, count:]
        move = -torch.linalg.solve_triangular(square, right, upper=True).squeeze(-1)
        return move, move.isfinite().all(1)
