"""CompiledProblem: the evaluations that an optimizer asks for, each as a program."""

from collections.abc import Callable

import torch
from torch import Tensor

from kanexp.optimizer.base import Linear, Problem
from kanexp.task.differential import Equation
from kanexp.train.given import Given, blocks, features
from kanexp.train.objective import Objective
from kanexp.train.program import Programs


class CompiledProblem(Problem):
    """An objective whose evaluations are programs: for optimizers whose steps are more than one function of tensors.

    Members are evaluated in blocks that stay in the processor's cache. Where a program cannot be made all goes on
    with the objective itself.
    """

    def __init__(self, objective: Objective, programs: Programs):
        self._objective, self._programs, self._given = objective, programs, Given.of(objective)
        self._each = features(objective.view.network) * objective.x.shape[-1]

    def __call__(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        loss, grad = self._taken("loss", lambda o, theta: o(theta), theta)
        return loss, grad

    def residuals(self, theta: Tensor) -> Tensor:
        return self._objective.residuals(theta)  # to be differentiated, which a program cannot be

    def trial(self, theta: Tensor) -> Tensor:
        return self._taken("trial", lambda o, theta: (o.trial(theta),), theta)[0]

    def jacobian(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        if isinstance(self._objective.task, Equation):  # mostly written to memory: nothing is gained
            return self._objective.jacobian(theta)
        residuals, derivatives = self._taken("jacobian", lambda o, theta: o.jacobian(theta), theta)
        return residuals, derivatives

    def linear(self, theta: Tensor) -> Linear:
        if not self._programs.wanted:
            return self._objective.linear(theta)
        residuals, slope = self._taken("slope", _slope, theta)
        return Linear(residuals, slope, lambda v: self._taken("product", _product, theta, v)[0])

    def _taken(self, name: str, evaluate: Callable[..., tuple[Tensor, ...]], *rows: Tensor) -> list[Tensor]:
        """What a function of an objective and of tensors with a row for each member makes of these, by programs."""
        theta = rows[0].detach()
        rows, members, parts = (theta, *rows[1:]), len(theta), []
        try:
            done = 0
            for block in blocks(slice(0, members), self._each) if self._programs.wanted else ():
                given = self._given.rows(block, members)
                inputs = [*(row[block] for row in rows), *given.tensors]
                key = (name, self._objective.view, given.there)
                program = self._programs.get(key, _evaluation(evaluate, self._objective, given, len(rows)), inputs)
                parts.append([one[done - block.start :] for one in program(inputs)])
                done = block.stop
        except Exception as error:  # torch has no class for what it cannot compile
            self._programs.give_up(error)
        if not self._programs.wanted:
            return list(evaluate(self._objective, *rows))
        return parts[0] if len(parts) == 1 else [torch.cat(own) for own in zip(*parts, strict=True)]


def _evaluation(
    evaluate: Callable[..., tuple[Tensor, ...]], objective: Objective, given: Given, rows: int
) -> Callable[..., tuple[Tensor, ...]]:
    """The same as a function of so many tensors and those of `given`."""

    def evaluation(*tensors: Tensor) -> tuple[Tensor, ...]:
        own = Given.again(given.there, tensors[rows:]).put_into(objective)
        return tuple(evaluate(own, *tensors[:rows]))

    return evaluation


def _slope(objective: Objective, theta: Tensor) -> tuple[Tensor, Tensor]:
    found = objective.linear(theta)
    return found.residuals, found.slope


def _product(objective: Objective, theta: Tensor, v: Tensor) -> tuple[Tensor]:
    return (objective.linear(theta).product(v),)
