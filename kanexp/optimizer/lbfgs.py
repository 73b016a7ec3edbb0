"""Limited-memory BFGS, batched over seeds."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.optimizer.base import Evaluate, Optimizer, Stepper

SUFFICIENT_DECREASE = 1e-4  # c1 and c2 of the strong Wolfe conditions, as Nocedal and Wright recommend
CURVATURE = 0.9


@dataclass(frozen=True, kw_only=True)
class LBFGS(Optimizer):
    """Quasi-Newton steps from the last `history` gradient differences, with a strong Wolfe line search.

    One step is one direction and its line search of at most `max_evaluations`; every seed has its own history,
    search and end.

    Source: Nocedal and Wright 2006, Numerical Optimization, algorithms 7.4, 3.5 and 3.6
    """

    minibatches: ClassVar[bool] = False
    renews: ClassVar[bool] = True
    history: int = 10
    max_evaluations: int = 25

    def __post_init__(self):
        require(
            (self.history >= 1, f"history must be at least 1, got {self.history}"),
            (self.max_evaluations >= 1, f"max_evaluations must be at least 1, got {self.max_evaluations}"),
        )

    def stepper(self, theta: Tensor) -> "LBFGSStepper":
        return LBFGSStepper(self, theta)


class LBFGSStepper(Stepper):
    """Histories of all seeds, newest last, and what is known of the current points."""

    def __init__(self, settings: LBFGS, theta: Tensor):
        self.settings = settings
        self.moves: list[Tensor] = []  # (seeds, parameters) each
        self.changes: list[Tensor] = []  # of the gradient
        self.curvatures: list[Tensor] = []  # 1 / (move . change), (seeds,); 0 where a seed's pair does not count
        self.scale = torch.zeros_like(theta[:, 0])  # of the first Hessian guess; 0 where there is no history
        self.stopped = torch.zeros(len(theta), dtype=torch.bool, device=theta.device)
        self.at: Tensor | None = None
        self.loss, self.grad = torch.zeros_like(theta[:, 0]), torch.zeros_like(theta)

    def forget(self, rows: Tensor) -> None:
        self.curvatures = [torch.where(rows, 0, c) for c in self.curvatures]
        self.moves = [torch.where(rows[:, None], 0, m) for m in self.moves]
        self.changes = [torch.where(rows[:, None], 0, c) for c in self.changes]
        self.scale = torch.where(rows, 0, self.scale)

    def renew(self) -> None:
        self.forget(torch.ones_like(self.stopped))
        self.stopped, self.at = torch.zeros_like(self.stopped), None

    def finished(self) -> Tensor:
        return self.stopped

    def step(self, theta: Tensor, evaluate: Evaluate) -> tuple[Tensor, Tensor, Tensor]:
        evaluations = torch.zeros(len(theta), dtype=torch.int64)
        # Seeds that were put elsewhere since the last step are evaluated there; what is known of the others stays.
        elsewhere = torch.ones_like(self.stopped) if self.at is None else (theta != self.at).any(1)
        if elsewhere.any():
            loss, grad = evaluate(theta)
            self.loss = torch.where(elsewhere, loss, self.loss)
            self.grad = torch.where(elsewhere[:, None], grad, self.grad)
            evaluations += elsewhere.cpu()
        direction, first = self._direction()
        search = _LineSearch(self.loss, self.grad, direction, first, self.stopped)
        for _ in range(self.settings.max_evaluations):
            if search.done.all():
                break
            evaluations += (~search.done).cpu()
            search.tell(*evaluate(theta + search.trial[:, None] * direction))

        move = search.length[:, None] * direction
        new = torch.where(search.moved[:, None], theta + move, theta)
        # No step length helps along the plain gradient either: this seed is at its floor.
        self.stopped = self.stopped | (~search.moved & (self.scale == 0))
        self._remember(move, search.grad - self.grad, search.moved)
        loss, self.loss, self.grad, self.at = self.loss, search.loss, search.grad, new
        return new, loss, evaluations

    def _direction(self) -> tuple[Tensor, Tensor]:
        """Directions (seeds, parameters) and first trial lengths (seeds,)."""
        q = -self.grad
        steepest = self.scale == 0
        weights = []
        for move, change, curvature in reversed(list(zip(self.moves, self.changes, self.curvatures, strict=True))):
            weights.append(curvature * (move * q).sum(1))
            q = q - weights[-1][:, None] * change
        q = q * torch.where(steepest, 1.0, self.scale)[:, None]
        for move, change, curvature in zip(self.moves, self.changes, self.curvatures, strict=True):
            q = q + (weights.pop() - curvature * (change * q).sum(1))[:, None] * move
        first = torch.where(steepest, (1 / self.grad.abs().sum(1)).clamp(max=1), 1.0)
        return q, first

    def _remember(self, move: Tensor, change: Tensor, moved: Tensor) -> None:
        product = (move * change).sum(1)
        square = (change * change).sum(1)
        counts = moved & (product > 1e-10 * square.clamp(min=1e-30)) & product.isfinite()
        self.moves.append(torch.where(counts[:, None], move, 0))
        self.changes.append(torch.where(counts[:, None], change, 0))
        self.curvatures.append(torch.where(counts, 1 / product, 0))
        self.scale = torch.where(counts, product / square, self.scale)
        if len(self.moves) > self.settings.history:
            del self.moves[0], self.changes[0], self.curvatures[0]
        # A seed that could not move forgets: its next direction is the plain gradient.
        self.scale = torch.where(moved, self.scale, 0)
        self.curvatures = [torch.where(moved, c, 0) for c in self.curvatures]


class _LineSearch:
    """Strong Wolfe searches of all seeds side by side, each with its own bracket; all attributes are (seeds,).

    `low` is the best length so far that satisfies the decrease condition, `high` the other end of the bracket. Lengths
    without a finite loss count as too long.
    """

    def __init__(self, loss: Tensor, grad: Tensor, direction: Tensor, first: Tensor, skip: Tensor):
        self.direction = direction
        self.loss0 = self.loss = loss
        self.slope0 = (grad * direction).sum(1)
        self.grad = grad
        self.low, self.low_slope = torch.zeros_like(loss), self.slope0
        self.high, self.high_loss, self.high_slope = torch.zeros_like(loss), loss, self.slope0
        self.bracketed = torch.zeros_like(skip)
        self.trial = first
        self.size = direction.abs().amax(1)
        # NaN compares false, so a seed that is not finite is done at once.
        self.done = skip | ~(self.slope0 < 0)

    @property
    def length(self) -> Tensor:
        return self.low

    @property
    def moved(self) -> Tensor:
        return self.low > 0

    def tell(self, loss: Tensor, grad: Tensor) -> None:
        """Take the losses (seeds,) and gradients (seeds, parameters) at the trial lengths; set the next ones."""
        slope = (grad * self.direction).sum(1)
        decrease = loss <= self.loss0 + SUFFICIENT_DECREASE * self.trial * self.slope0
        good = ~self.done & decrease & ((loss < self.loss) | ~self.moved) & slope.isfinite()
        bad = ~self.done & ~good
        self.done = self.done | (good & (slope.abs() <= -CURVATURE * self.slope0))

        # The slope at a good point says on which side of it the minimum lies: if it leads back, towards the old low.
        back = good & torch.where(self.bracketed, slope * (self.high - self.low) >= 0, slope >= 0)
        self._set_high(back, self.low, self.loss, self.low_slope)
        self._set_high(bad, self.trial, loss, slope)
        step = self.trial - self.low
        self.low = torch.where(good, self.trial, self.low)
        self.loss = torch.where(good, loss, self.loss)
        self.low_slope = torch.where(good, slope, self.low_slope)
        self.grad = torch.where(good[:, None], grad, self.grad)
        self.bracketed = self.bracketed | bad | back
        # In an empty bracket no length is left to try; what was found by then counts.
        self.done = self.done | (self.bracketed & ((self.high - self.low).abs() * self.size <= 1e-14))
        self.trial = torch.where(
            self.done, self.trial, torch.where(self.bracketed, self._inside(), self.low + 4 * step)
        )

    def _set_high(self, where: Tensor, length: Tensor, loss: Tensor, slope: Tensor) -> None:
        self.high = torch.where(where, length, self.high)
        self.high_loss = torch.where(where, loss, self.high_loss)
        self.high_slope = torch.where(where, slope, self.high_slope)

    def _inside(self) -> Tensor:
        """The minimum of the cubic through both ends, kept a tenth of the bracket away from them."""
        width = self.high - self.low
        d1 = self.low_slope + self.high_slope - 3 * (self.high_loss - self.loss) / width
        d2 = (d1.square() - self.low_slope * self.high_slope).clamp(min=0).sqrt() * width.sign()
        share = 1 - (self.high_slope + d2 - d1) / (self.high_slope - self.low_slope + 2 * d2)
        return self.low + width * torch.nan_to_num(share, nan=0.5, posinf=0.5, neginf=0.5).clamp(0.1, 0.9)
