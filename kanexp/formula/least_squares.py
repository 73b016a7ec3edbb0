"""Least squares of many rows at once by the optimizer that networks have, in float64."""

from collections.abc import Callable

import torch
from torch import Tensor

from kanexp.optimizer.base import Problem
from kanexp.optimizer.levenberg_marquardt import LevenbergMarquardt

Residuals = Callable[[Tensor], Tensor]  # numbers (rows, size, samples or 1) -> residuals (rows, samples)
ENOUGH = 1e-5  # relative fall of the loss in LOOK steps, below which more steps are not worth their time
LOOK = 8


class EachSample(Problem):
    """Residuals that each depend on one sample alone, so that a single backward pass gives all derivatives."""

    def __init__(self, function: Residuals, samples: int):
        self.function, self.samples = function, samples

    def __call__(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        found, jacobian = self.jacobian(theta)
        return found.square().sum(1), 2 * (jacobian @ found.unsqueeze(-1)).squeeze(-1)

    def residuals(self, theta: Tensor) -> Tensor:
        return self.function(theta.unsqueeze(-1))

    def jacobian(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        wide = theta.detach().unsqueeze(-1).repeat(1, 1, self.samples).requires_grad_()
        with torch.enable_grad():
            found = self.function(wide)
            (slopes,) = torch.autograd.grad(found.sum(), wide, materialize_grads=True)
        return found.detach(), slopes


def minimized(
    residuals: Residuals, theta: Tensor, samples: int, steps: int, floor: float = 0.0, loose: float = ENOUGH
) -> tuple[Tensor, Tensor]:
    """Numbers (rows, size) that make sums of squares small, and these sums (rows,), after at most so many steps.

    Ends early where all rows are below `floor`, or the best has stopped falling. Never NaN where the start is none:
    steps to what is not finite are refused, and a start that is not finite stays with an infinite sum.
    """
    problem = EachSample(residuals, samples)
    stepper = LevenbergMarquardt(damping=1e-2, floor=1e-8, form="normal").stepper(theta)
    before = torch.inf
    for step in range(steps):
        theta, loss, _ = stepper.step(theta, problem)
        best = float(loss.nan_to_num(torch.inf).min())
        if bool(stepper.finished().all()) or best < floor:
            break
        if step % LOOK == LOOK - 1:
            if best > (1 - loose) * before:
                break
            before = best
    return theta, problem.trial(theta).square().sum(1).nan_to_num(torch.inf, torch.inf)
