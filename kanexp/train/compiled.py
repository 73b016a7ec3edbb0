"""Compiled steps: loss, gradient, and the update of a first-order step as one program; else the evaluations alone."""

import shutil
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from kanexp.config.experiment import Experiment
from kanexp.model.network import Network
from kanexp.optimizer.base import FirstOrderStepper, SideBySide, Stepper
from kanexp.task.differential import Equation
from kanexp.train.batches import Batches
from kanexp.train.carried import channels
from kanexp.train.evaluated import CompiledProblem
from kanexp.train.given import Given, block_size, blocks, features
from kanexp.train.objective import Objective
from kanexp.train.program import Program, Programs
from kanexp.train.stage import Stage
from kanexp.train.state import TrainingState

# Features of one member, above which those that a compiled gradient keeps are memory that the way without saves.
LARGE = 2**23

# What `auto` reckons with, in seconds (scripts/bench_steps): what compiling takes, and what it saves in each step for
# every layer and for every feature.
COMPILING, OVERHEAD, SAVED = 10.0, 3e-4, 2e-9


class Moved(NamedTuple):
    """What steps made of some members."""

    losses: Tensor  # before each step, (members, steps)
    before: Tensor  # theta before the last step
    theta: Tensor
    memory: list[Tensor]

    def since(self, first: int) -> "Moved":
        """Without the members before that one."""
        return Moved(self.losses[first:], self.before[first:], self.theta[first:], [one[first:] for one in self.memory])

    @classmethod
    def joined(cls, parts: Sequence["Moved"], memory: bool = True) -> "Moved":
        """Of all members; `memory` only where it is of one stepper."""
        if len(parts) == 1:
            return parts[0]
        pieces = zip(*(part.memory for part in parts), strict=True) if memory else ()
        losses, before, theta = (torch.cat(own) for own in list(zip(*parts, strict=True))[:3])
        return cls(losses, before, theta, [torch.cat(own) for own in pieces])


class CompiledSteps:
    """Takes the steps of a stepper: by programs where they are wanted and can be made, as they are where not.

    Of an optimizer whose step is no function of tensors alone the evaluations are programs.
    Members move in blocks of equal size, each by the same program; the last block reaches back into the one before it.
    Whatever keeps a program from being made is said once, and all goes on without.
    """

    def __init__(self, wanted: bool):
        self._programs = Programs(wanted)
        self._careful = 0  # the step before which none are taken at once

    @property
    def used(self) -> bool:
        """Whether programs take the steps."""
        return self._programs.used

    def step(
        self, stepper: Stepper, theta: Tensor, stage: Stage, objective: Objective
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What `Stepper.step` returns, and leaves in the stepper."""
        found = self._moved(stepper, theta, stage, [objective])
        if not found:
            problem = CompiledProblem(objective, self._programs, len(theta)) if self._programs.wanted else objective
            return stepper.step(theta, problem)
        _remember(stepper, found, 1)
        moved = Moved.joined(found, memory=False)
        return moved.theta, moved.losses[:, 0], torch.ones(len(theta), dtype=torch.int64)

    def ahead(
        self,
        state: TrainingState,
        stage: Stage,
        samples: Batches,
        weights: Callable[[int], Tensor | None],
        until: int,
    ) -> None:
        """Take all steps before that one, at which nobody looks; `weights` gives the penalty's at a step.

        Where a number of a member that still trains would not stay finite nothing is done, here and before that step:
        they are to be taken one by one.
        """
        count = until - state.step
        if count < 1 or not self.used or not samples.known or state.step < self._careful:
            return
        position = samples.position()
        batches = [samples.next(stage.standing(state.theta)) for _ in range(count)]
        objectives = [stage.objective(batch, weights(state.step + k)) for k, batch in enumerate(batches)]
        found = self._moved(state.stepper, state.theta, stage, objectives)
        moved = Moved.joined(found, memory=False) if found else None
        if moved is None or not bool((_finite(moved) | ~state.alive).all()):
            samples.go_to(position)
            self._careful = until
            return
        _remember(state.stepper, found, count)
        state.advance(count, moved.before, moved.theta)

    def _moved(self, stepper: Stepper, theta: Tensor, stage: Stage, objectives: Sequence[Objective]) -> list[Moved]:
        """What steps make of the rows of each stepper, which does not know yet; nothing where none are compiled."""
        pairs = _pairs(stepper, len(theta)) if self._programs.wanted else []
        try:
            return [self._rows(own, rows, theta, stage, objectives) for rows, own in pairs]
        except Exception as error:  # torch has no class for what it cannot compile
            self._programs.give_up(error)
            return []

    def _rows(
        self, stepper: FirstOrderStepper, rows: slice, theta: Tensor, stage: Stage, objectives: Sequence[Objective]
    ) -> Moved:
        """What steps make of the rows of one stepper."""
        rates = torch.tensor(
            [stepper.first_order.rate(stepper.steps + k) for k in range(len(objectives))], dtype=torch.float64
        ).unbind()
        given = Given.each(objectives, stage.trained)
        size = block_size(rows.stop - rows.start, features(stage.network) * objectives[0].x.shape[-1])
        whole, found, done = stepper.memory or (), [], rows.start
        for block in blocks(rows, size):
            own = slice(block.start - rows.start, block.stop - rows.start)
            begin, memory = theta[block], [one[own] for one in whole]
            parts = {id(one): one.rows(block, len(theta)) for one in given}
            inputs = [parts[id(one)] for one in given]
            program = self._program(stepper, objectives[0], inputs[0], [rates[0], begin, *memory, *inputs[0].tensors])
            found.append(_run(program, begin, memory, rates, inputs).since(done - block.start))
            done = block.stop
        return Moved.joined(found)

    def _program(
        self, stepper: FirstOrderStepper, objective: Objective, given: Given, inputs: Sequence[Tensor]
    ) -> Program:
        key = (objective.view, type(stepper), repr(stepper.first_order), given.there)
        return self._programs.get(key, _step(stepper, objective, given.there), inputs)


def _step(stepper: FirstOrderStepper, objective: Objective, there: Sequence[bool]) -> Callable[..., tuple[Tensor, ...]]:
    """A step as a function of its rate, theta, the stepper's memory and those tensors of `Given` that are there."""
    remembered = len(stepper.memory or ())

    def step(rate: Tensor, theta: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        given = Given.again(there, others[remembered:])
        loss, grad = given.put_into(objective)(theta)
        new, *memory = stepper.moved(theta, stepper.clipped(grad), rate, *others[:remembered])
        for kept in (given.trained, given.mask):
            new = new if kept is None else torch.where(kept, new, theta)
        return loss, new, *memory

    return step


def _run(
    program: Program, theta: Tensor, memory: list[Tensor], rates: Sequence[Tensor], given: Sequence[Given]
) -> Moved:
    """One step after the other, of one block."""
    losses, before, tensors = [], theta, {id(own): own.tensors for own in given}
    for rate, own in zip(rates, given, strict=True):
        before = theta
        loss, theta, *memory = program([rate, theta, *memory, *tensors[id(own)]])
        losses.append(loss)
    return Moved(torch.stack(losses, dim=1), before, theta, memory)


def _remember(stepper: Stepper, found: Sequence[Moved], steps: int) -> None:
    for (_, own), moved in zip(_pairs(stepper, len(found[0].theta)), found, strict=False):
        own.steps += steps
        own.remember(moved.memory)


def _pairs(stepper: Stepper, members: int) -> list[tuple[slice, FirstOrderStepper]]:
    """First-order steppers with their rows; none where one of them cannot be compiled."""
    pairs = list(stepper.pairs()) if isinstance(stepper, SideBySide) else [(slice(0, members), stepper)]
    found = [(rows, own) for rows, own in pairs if isinstance(own, FirstOrderStepper) and _of_tensors(own)]
    return found if len(found) == len(pairs) else []


def _of_tensors(stepper: FirstOrderStepper) -> bool:
    """Whether `moved` says all of its step: no class below that one has another `move`, or another way to step."""
    kind = type(stepper)
    home = next(one for one in kind.__mro__ if {"move", "moved"} & vars(one).keys())
    own = (getattr(kind, name) is getattr(FirstOrderStepper, name) for name in ("step", "descend", "clipped", "at"))
    return "moved" in vars(home) and all(own) and stepper.memory is not None


def _finite(moved: Moved) -> Tensor:
    """Whether all numbers of each member are finite (members,)."""
    return moved.losses.sum(1).isfinite() & moved.theta.isfinite().all(1)


def worth_compiling(e: Experiment, network: Network, members: int, samples: int, device: str) -> bool:
    """Whether steps are to be compiled: where they can be, and the words say so or the run is long enough to gain.

    By an estimate from shapes and words, for the same command must give the same bytes.
    """
    batch = min(samples, e.settings.batch_size or samples)
    each = features(network) * batch * (channels(e.task.partials) if isinstance(e.task, Equation) else 1)
    if device != "cpu" or each > LARGE:
        return False
    if e.settings.compile != "auto":
        return bool(e.settings.compile)
    programs = e.optimizer.programs * (1 + len(e.settings.refine or {}))
    saved = e.settings.steps * (OVERHEAD * len(network.layers) + SAVED * members * each)
    return saved >= programs * COMPILING and shutil.which("c++") is not None
