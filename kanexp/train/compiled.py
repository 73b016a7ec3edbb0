"""Compiled steps: loss, gradient, and the optimizer's update of a first-order step as one program."""

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from kanexp import console
from kanexp.config.experiment import Experiment
from kanexp.model.network import Network
from kanexp.optimizer.base import FirstOrder, FirstOrderStepper, SideBySide, Stepper
from kanexp.task.differential import Equation
from kanexp.train.batches import Batches
from kanexp.train.objective import Objective
from kanexp.train.program import Program
from kanexp.train.stage import Stage
from kanexp.train.state import TrainingState

# Features of all layers that one program makes of its members: what it goes through stays in a processor's cache.
BLOCK = 2**19
# Features of one member, above which those that a compiled gradient keeps are memory that the way without saves.
LARGE = 2**23

# What `auto` reckons with, in seconds (scripts/bench_steps): what compiling takes, and what it saves in each step for
# every layer and for every feature.
COMPILING, OVERHEAD, SAVED = 20.0, 3e-4, 2e-9


class Given(NamedTuple):
    """The tensors of an objective, with one row for all members or with one for each; what has none is None."""

    x: Tensor
    y: Tensor
    prepared: Tensor | None  # None where x is
    sample_weight: Tensor | None
    weight: Tensor | None  # of the penalty
    mask: Tensor | None
    trained: Tensor | None

    @classmethod
    def of(cls, o: Objective, trained: Tensor | None) -> "Given":
        weight = None if o.weight is None else torch.as_tensor(o.weight).to(o.y).reshape(-1)
        prepared = None if o.prepared is o.x else o.prepared
        return cls(o.x, o.y, prepared, o.sample_weight, weight, o.mask, None if trained is None else trained[None])

    def rows(self, rows: slice, members: int) -> "Given":
        """The part of some members, of so many."""
        return Given(*(one if one is None or len(one) < members else one[rows] for one in self))  # type: ignore[arg-type]

    @property
    def tensors(self) -> list[Tensor]:
        """Those that there are, in their order."""
        return [one for one in self if one is not None]


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
    """Takes the steps of a stepper: by a program where one is wanted and can be made, as they are where not.

    Members move in blocks of equal size, each by the same program; the last block reaches back into the one before it.
    Whatever keeps a program from being made is said once, and all goes on without.
    """

    def __init__(self, wanted: bool):
        self._wanted = wanted
        self._programs: dict[tuple[object, ...], Program] = {}
        self._careful = 0  # the step before which none are taken at once

    @property
    def used(self) -> bool:
        """Whether programs take the steps."""
        return self._wanted and bool(self._programs)

    def step(
        self, stepper: Stepper, theta: Tensor, stage: Stage, objective: Objective
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What `Stepper.step` returns, and leaves in the stepper."""
        found = self._moved(stepper, theta, stage, [objective])
        if not found:
            return stepper.step(theta, objective)
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
        pairs = _pairs(stepper, len(theta)) if self._wanted else []
        try:
            return [self._rows(own, rows, theta, stage, objectives) for rows, own in pairs]
        except Exception as error:  # torch has no class for what it cannot compile
            self._wanted = False
            why = next(iter(str(error).strip().splitlines()), "")
            console.say(f"warning: steps are not compiled, which takes them longer: {type(error).__name__}: {why}")
            return []

    def _rows(
        self, stepper: FirstOrderStepper, rows: slice, theta: Tensor, stage: Stage, objectives: Sequence[Objective]
    ) -> Moved:
        """What steps make of the rows of one stepper."""
        rates = torch.tensor(
            [stepper.first_order.rate(stepper.steps + k) for k in range(len(objectives))], dtype=torch.float64
        ).unbind()
        given = _given(objectives, stage.trained)
        whole, found, done = stepper.memory or (), [], rows.start
        for block in _blocks(rows, features(stage.network) * objectives[0].x.shape[-1]):
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
        there = tuple(one is not None for one in given)
        key = (objective.view, type(stepper), repr(stepper.first_order), there, *(one.shape for one in inputs))
        if key not in self._programs:
            self._programs[key] = Program(_step(stepper, objective, there), inputs)
        return self._programs[key]


def _step(stepper: FirstOrderStepper, objective: Objective, there: Sequence[bool]) -> Callable[..., tuple[Tensor, ...]]:
    """A step as a function of its rate, theta, the stepper's memory and those tensors of `Given` that are there."""
    remembered = len(stepper.memory or ())

    def step(rate: Tensor, theta: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        left = iter(others[remembered:])
        given = Given(*(next(left) if one else None for one in there))  # type: ignore[arg-type]
        x, prepared = given.x, given.x if given.prepared is None else given.prepared
        own = replace(objective, x=x, prepared=prepared, y=given.y, mask=given.mask)
        own = replace(own, sample_weight=given.sample_weight, weight=given.weight)
        loss, grad = own(theta)
        new, *memory = stepper.moved(theta, stepper.clipped(grad), rate, *others[:remembered])
        for kept in (given.trained, given.mask):
            new = new if kept is None else torch.where(kept, new, theta)
        return loss, new, *memory

    return step


def _given(objectives: Sequence[Objective], trained: Tensor | None) -> list[Given]:
    """The tensors of each, the very same where nothing changes."""
    found = [Given.of(objectives[0], trained)]
    for before, o in pairwise(objectives):
        same = o.x is before.x and o.sample_weight is before.sample_weight and o.weight is None
        found.append(found[-1] if same else Given.of(o, trained))
    return found


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


def _blocks(rows: slice, each: int) -> list[slice]:
    """Rows in blocks of equal size with about BLOCK features, of which each member has so many."""
    members = rows.stop - rows.start
    size = math.ceil(members / math.ceil(members * each / BLOCK))
    ends = [min(start + size, rows.stop) for start in range(rows.start, rows.stop, size)]
    return [slice(end - size, end) for end in ends]


def _finite(moved: Moved) -> Tensor:
    """Whether all numbers of each member are finite (members,)."""
    return moved.losses.sum(1).isfinite() & moved.theta.isfinite().all(1)


def worth_compiling(e: Experiment, network: Network, members: int, samples: int, device: str) -> bool:
    """Whether steps are to be compiled: where they can be, and the words say so or the run is long enough to gain.

    By an estimate from shapes and words, for the same command must give the same bytes.
    """
    batch = min(samples, e.settings.batch_size or samples)
    each = features(network) * batch
    if device != "cpu" or not isinstance(e.optimizer, FirstOrder) or isinstance(e.task, Equation) or each > LARGE:
        return False
    if e.settings.compile != "auto":
        return bool(e.settings.compile)
    programs = 1 + len(e.settings.refine or {})
    saved = e.settings.steps * (OVERHEAD * len(network.layers) + SAVED * members * each)
    return saved >= programs * COMPILING and shutil.which("c++") is not None


def features(network: Network) -> int:
    """Features of all layers for one member and sample; of functions on edges, of every edge."""
    return sum(layer.n_in * layer.terms * (layer.n_out if layer.basis.per_edge else 1) for layer in network.layers)
