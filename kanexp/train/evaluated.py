"""CompiledProblem: the evaluations that an optimizer asks for, each as a program."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from kanexp.optimizer.base import Linear, Problem
from kanexp.task.differential import Equation
from kanexp.train.given import Given, block_size, blocks, features
from kanexp.train.objective import Objective
from kanexp.train.program import Programs


class CompiledProblem(Problem):
    """An objective whose evaluations are programs: for optimizers whose steps are more than one function of tensors.

    Members are evaluated in blocks that stay in the processor's cache. Where a program cannot be made all goes on
    with the objective itself.
    """

    def __init__(self, objective: Objective, programs: Programs, members: int, rows: Tensor | None = None):
        self._objective, self._programs, self._given = objective, programs, Given.of(objective)
        self._members, self._rows = members, rows  # the numbers of those that are asked for; None: all
        self._size = block_size(members, features(objective.view.network) * objective.x.shape[-1])

    def __call__(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        loss, grad = self._taken("loss", lambda o, theta: o(theta), theta)
        return loss, grad

    def residuals(self, theta: Tensor) -> Tensor:
        return self._plain().residuals(theta)  # to be differentiated, which a program cannot be

    def among(self, rows: Tensor) -> "CompiledProblem":
        return CompiledProblem(self._objective, self._programs, self._members, rows)

    def trial(self, theta: Tensor) -> Tensor:
        return self._taken("trial", lambda o, theta: (o.trial(theta),), theta)[0]

    def jacobian(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        if isinstance(self._objective.task, Equation):  # mostly written to memory: nothing is gained
            return self._plain().jacobian(theta)
        residuals, derivatives = self._taken("jacobian", lambda o, theta: o.jacobian(theta), theta)
        return residuals, derivatives

    def linear(self, theta: Tensor) -> Linear:
        if not self._programs.wanted:
            return self._plain().linear(theta)
        residuals, slope = self._taken("slope", _slope, theta)
        return Linear(residuals, slope, lambda v: self._taken("product", _product, theta, v)[0])

    def _taken(self, name: str, evaluate: Callable[..., tuple[Tensor, ...]], *rows: Tensor) -> list[Tensor]:
        """What a function of an objective and of tensors with a row for each member makes of these, by programs."""
        rows, parts, done = (rows[0].detach(), *rows[1:]), [], 0
        try:
            for block in blocks(slice(0, len(rows[0])), self._size) if self._programs.wanted else ():
                given, own = self._cut(block, rows)
                inputs = [*own, *given.tensors]
                key = (name, self._objective.view, given.there)
                program = self._programs.get(key, _evaluation(evaluate, self._objective, given, len(rows)), inputs)
                parts.append([one[done - block.start : block.stop - block.start] for one in program(inputs)])
                done = block.stop
        except Exception as error:  # torch has no class for what it cannot compile
            self._programs.give_up(error)
        if not self._programs.wanted:
            return list(evaluate(self._plain(), *rows))
        return parts[0] if len(parts) == 1 else [torch.cat(own) for own in zip(*parts, strict=True)]

    def _cut(self, block: slice, rows: Sequence[Tensor]) -> tuple[Given, list[Tensor]]:
        """What goes into a program of a block of members, whose own rows are some of these.

        Fewer than a block go round: programs are made for so many.
        """
        if self._rows is None:
            return self._given.rows(block, self._members), [row[block] for row in rows]
        at = torch.arange(block.start, max(block.stop, self._size)) % len(self._rows)
        return self._given.rows(self._rows[at], self._members), [row[at] for row in rows]

    def _plain(self) -> Objective:
        """The objective of those members."""
        some = None if self._rows is None else self._given.rows(self._rows, self._members)
        return self._objective if some is None else some.put_into(self._objective)


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
