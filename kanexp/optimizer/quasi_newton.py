"""The contract of a quasi-Newton optimizer: a direction from past gradients, then a line search along it."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.optimizer.base import Evaluate, Optimizer, Problem, Stepper
from kanexp.optimizer.line_search import LineSearch


@dataclass(frozen=True, kw_only=True)
class QuasiNewton(Optimizer):
    """Settings of an optimizer one step of which is one direction and its line search of at most `max_evaluations`."""

    minibatches: ClassVar[bool] = False
    renews: ClassVar[bool] = True
    max_evaluations: int = 25

    def __post_init__(self):
        require((self.max_evaluations >= 1, f"max_evaluations must be at least 1, got {self.max_evaluations}"))


class QuasiNewtonStepper(Stepper):
    """What is known of the current points; every seed has its own memory, search and end."""

    def __init__(self, settings: QuasiNewton, theta: Tensor):
        self.max_evaluations = settings.max_evaluations
        self.stopped = torch.zeros(len(theta), dtype=torch.bool, device=theta.device)
        self.retired = torch.zeros_like(self.stopped)
        self.at: Tensor | None = None
        self.loss, self.grad = torch.zeros_like(theta[:, 0]), torch.zeros_like(theta)

    def __setstate__(self, state: dict[str, Any]) -> None:
        # One from before seeds could be retired has none.
        self.__dict__ = {"retired": torch.zeros_like(state["stopped"])} | state

    @property
    @abstractmethod
    def steepest(self) -> Tensor:
        """Which seeds remember nothing (seeds,), bool: their direction is the plain gradient, downwards."""

    @abstractmethod
    def direction(self) -> Tensor:
        """Where to search from the current points, (seeds, parameters)."""

    @abstractmethod
    def remember(self, move: Tensor, grad: Tensor, counts: Tensor) -> None:
        """Take a move and the gradient after it (seeds, parameters), of those seeds (seeds,) that count."""

    def restrict(self, rows: Tensor, mask: Tensor) -> None:
        self.forget(rows)
        self.stopped = self.stopped & ~rows
        if self.at is not None:
            # The gradient is another one, also where theta is the same.
            self.at = torch.where(rows[:, None], torch.nan, self.at)

    def retire(self, rows: Tensor) -> None:
        self.retired = self.retired | rows

    def renew(self) -> None:
        self.stopped, self.at = torch.zeros_like(self.stopped), None

    def finished(self) -> Tensor:
        return self.stopped

    def step(self, theta: Tensor, evaluate: Evaluate) -> tuple[Tensor, Tensor, Tensor]:
        evaluations = torch.zeros(len(theta), dtype=torch.int64)
        # Seeds that were put elsewhere since the last step are evaluated there; what is known of the others stays.
        elsewhere = torch.ones_like(self.stopped) if self.at is None else (theta != self.at).any(1)
        elsewhere = elsewhere & ~self.retired
        if elsewhere.any():
            loss, grad = _evaluated(evaluate, theta, elsewhere)
            self.loss = torch.where(elsewhere, loss, self.loss)
            self.grad = torch.where(elsewhere[:, None], grad, self.grad)
            evaluations += elsewhere.cpu()
        steepest, direction = self.steepest, self.direction()
        first = torch.where(steepest, (1 / self.grad.abs().sum(1)).clamp(max=1), 1.0)
        search = LineSearch(self.loss, self.grad, direction, first, self.stopped | self.retired)
        for _ in range(self.max_evaluations):
            if search.done.all():
                break
            evaluations += (~search.done).cpu()
            search.tell(*_evaluated(evaluate, theta + search.trial[:, None] * direction, ~search.done))

        move = search.length[:, None] * direction
        new = torch.where(search.moved[:, None], theta + move, theta)
        # No step length helps along the plain gradient either: this seed is at its floor.
        self.stopped = self.stopped | (~search.moved & steepest)
        change = search.grad - self.grad
        product, square = (move * change).sum(1), (change * change).sum(1)
        self.remember(
            move, search.grad, search.moved & (product > 1e-10 * square.clamp(min=1e-30)) & product.isfinite()
        )
        # A seed that could not move forgets: its next direction is the plain gradient.
        self.forget(~search.moved & ~self.retired)
        loss, self.loss, self.grad, self.at = self.loss, search.loss, search.grad, new
        return new, loss, evaluations


def _evaluated(evaluate: Evaluate, theta: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Loss and gradient of the seeds wanted (seeds,), bool; of the others zeros, or what they are.

    A search is as long as that of the seed which takes longest: most evaluations are of few seeds.
    """
    rows = wanted.nonzero().flatten()
    some = evaluate.among(rows) if isinstance(evaluate, Problem) and len(rows) < len(theta) else None
    if some is None:
        return evaluate(theta)
    loss, grad = some(theta[rows])
    return theta.new_zeros(len(theta)).index_copy(0, rows, loss), torch.zeros_like(theta).index_copy(0, rows, grad)
