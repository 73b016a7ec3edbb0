"""Hessian-free optimization: Gauss-Newton steps by conjugate gradients."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.optimizer.base import Optimizer, Problem, Stepper

MAX_REJECTIONS = 12  # in a row: by then the damping has grown so much that no step is left


@dataclass(frozen=True, kw_only=True)
class HessianFree(Optimizer):
    """Steps d of (G + damping I) d = -g / 2 with G = J J^T, solved by at most `iterations` conjugate gradients.

    G is never formed ([linear.py](linear.py)). Each solution starts from the last one and ends when the quadratic model
    has stopped falling; the damping follows the ratio of the loss' fall to the model's.

    Source: Martens 2010, https://www.cs.toronto.edu/~jmartens/docs/Deep_HessianFree.pdf
    """

    minibatches: ClassVar[bool] = False
    renews: ClassVar[bool] = True
    least_squares: ClassVar[bool] = True
    double: ClassVar[str] = "squares the rounding errors"
    programs: ClassVar[int] = 3
    damping: float = 1e-2
    iterations: int = 30
    tolerance: float = 5e-4

    def __post_init__(self):
        require(
            (0 < self.damping < math.inf, f"damping must be positive, got {self.damping}"),
            (self.iterations >= 1, f"iterations must be at least 1, got {self.iterations}"),
            (0 < self.tolerance < 1, f"tolerance must be between 0 and 1, got {self.tolerance}"),
        )

    def stepper(self, theta: Tensor) -> "HessianFreeStepper":
        return HessianFreeStepper(self, theta)


class HessianFreeStepper(Stepper):
    """Damping and the factor by which it rises next, (seeds,) both, and the last solution (seeds, parameters)."""

    def __init__(self, settings: HessianFree, theta: Tensor):
        self.settings = settings
        self.damping = torch.full_like(theta[:, 0], settings.damping)
        self.rise = torch.full_like(self.damping, 2.0)
        self.last = torch.zeros_like(theta)
        self.stopped = torch.zeros(len(theta), dtype=torch.bool, device=theta.device)

    def finished(self) -> Tensor:
        return self.stopped

    def renew(self) -> None:
        # What the damping had risen to on old samples would allow no step on others.
        self._begin(self.stopped)

    def restrict(self, rows: Tensor, mask: Tensor) -> None:
        self._begin(rows)
        self.last = torch.where(mask, self.last, 0.0)

    def _begin(self, rows: Tensor) -> None:
        self.damping = torch.where(rows, self.settings.damping, self.damping)
        self.rise = torch.where(rows, 2.0, self.rise)
        self.stopped = self.stopped & ~rows

    def step(self, theta: Tensor, problem: Problem) -> tuple[Tensor, Tensor, Tensor]:
        residuals, slope, product = problem.linear(theta)
        loss = residuals.square().sum(1)
        active = ~self.stopped & loss.isfinite() & (slope != 0).any(1)
        self.stopped = self.stopped | (~active & loss.isfinite())

        def damped(v: Tensor) -> Tensor:
            return product(v) + self.damping[:, None] * v

        move, left, products = _conjugate_gradients(damped, -slope, self.last, active, self.settings)
        found = problem.trial(theta + move).square().sum(1)
        better = active & (found < loss)  # NaN compares false
        # |r|^2 - |r + J^T move|^2, by the equation that the move solves but for what is left.
        promised = (move * (self.damping[:, None] * move + left - slope)).sum(1)
        fall = (1 - (2 * (loss - found) / promised - 1) ** 3).clamp(1 / 3, 2.0)
        change = torch.where(better, fall, self.rise)
        self.damping = torch.where(active, (self.damping * change).clamp(1e-20, 1e20), self.damping)
        self.rise = torch.where(better, 2.0, torch.where(active, 2 * self.rise, self.rise))
        self.stopped = self.stopped | (self.rise > 2.0**MAX_REJECTIONS)
        # After a step that did not help the next solution starts from nothing, for it must be another one.
        self.last = torch.where(better[:, None], move, 0.0)
        # One evaluation gave the residuals and their slope, each product costs as much, and one judged the step.
        return torch.where(better[:, None], theta + move, theta), loss, products + 1 + active.cpu()


def _conjugate_gradients(
    product: Callable[[Tensor], Tensor], target: Tensor, start: Tensor, active: Tensor, settings: HessianFree
) -> tuple[Tensor, Tensor, Tensor]:
    """Solutions x of product(x) = target and what is left, target - product(x), (seeds, parameters); products (seeds,).

    A seed ends when the last tenth of its steps, and at least ten, lowered the quadratic model by less than
    `tolerance` of it per step. What is left is kept orthogonal to all that was left before, as it would be without
    rounding, which twenty steps otherwise magnify from 1e-16 to 1e-3.
    """
    x, left = start, target - product(start)
    p, square = left, left.square().sum(1)
    before: list[Tensor] = []  # of length one (seeds, parameters)
    going, products = active, active.to("cpu", torch.int64)
    models: list[Tensor] = []
    for i in range(settings.iterations):
        going = going & (square > 0)
        if not going.any():
            break
        before.append(left / square.sqrt().clamp(min=torch.finfo(left.dtype).tiny)[:, None])
        curved = product(p)
        products += going.cpu()
        length = square / (p * curved).sum(1)
        x = torch.where(going[:, None], x + length[:, None] * p, x)
        left = torch.where(going[:, None], _apart(left - length[:, None] * curved, before), left)
        new_square = left.square().sum(1)
        p = left + (new_square / square)[:, None] * p
        square = new_square
        models.append(-0.5 * (x * (target + left)).sum(1))
        back = max(10, (i + 1) // 10)
        if i >= back:
            falling = models[-1] - models[-1 - back] < settings.tolerance * back * models[-1]
            going = going & (falling | (models[-1] >= 0))
    return x, left, products


def _apart(v: Tensor, directions: Sequence[Tensor]) -> Tensor:
    """v (seeds, parameters) without its parts along those directions, which are orthogonal and of length one."""
    q = torch.stack(list(directions), dim=1)
    for _ in range(2):  # the second time takes away what rounding left by the first
        v = v - (q.mT @ (q @ v.unsqueeze(-1))).squeeze(-1)
    return v
