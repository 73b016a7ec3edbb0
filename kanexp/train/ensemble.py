"""Experiments that train as one ensemble: alike in all but what has a row of its own."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import torch
from torch import Tensor

from kanexp.config.experiment import Experiment
from kanexp.config.settings import role_of
from kanexp.model.network import Network
from kanexp.optimizer.base import FirstOrder, FirstOrderStepper, SideBySide, Stepper
from kanexp.seeding import generator

# Numbers that one step of a pack makes, features of all layers, networks and samples, above which a bigger pack gains
# nothing: its matmuls are large already.
LARGE = 2**26


@dataclass(frozen=True)
class Ensemble:
    """Experiments in the order of their rows: one for each seed of the first, then of the second, and so on.

    They differ in seeds, start, weight of the penalty and settings of a first-order optimizer, and in nothing else.
    """

    experiments: tuple[Experiment, ...]

    @property
    def first(self) -> Experiment:
        """What all of them share."""
        return self.experiments[0]

    @cached_property
    def seeds(self) -> list[int]:
        """The seed of every member, in the order of their rows."""
        return [seed for e in self.experiments for seed in e.settings.seed_list]

    @cached_property
    def rows(self) -> list[slice]:
        """The rows of theta that belong to each experiment."""
        ends = torch.tensor([len(e.settings.seed_list) for e in self.experiments]).cumsum(0).tolist()
        return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]

    def start(self, network: Network, x: Tensor) -> Tensor:
        """Start weights theta (rows, length) for data x (n_in, samples). Raises ValueError where a start cannot be."""
        dtype = getattr(torch, self.first.settings.dtype)
        parts = []
        for e in self.experiments:
            generators = [generator(seed, "init") for seed in e.settings.seed_list]
            try:
                parts.append(network.start(e.init, generators, dtype, x.double()))
            except ValueError as error:
                raise ValueError(f"init: {type(e.init).__name__}: {error}") from error
        return torch.cat(parts)

    def stepper(self, theta: Tensor, network: Network) -> Stepper:
        """A fresh stepper for theta of this network; where settings differ, one beside the other."""
        matrices = network.matrices
        if all(e.optimizer == self.first.optimizer for e in self.experiments):
            return self.first.optimizer.stepper_for(theta, matrices)
        pairs = zip(self.rows, self.experiments, strict=True)
        steppers = [e.optimizer.stepper_for(theta[own], matrices) for own, e in pairs]
        assert all(isinstance(stepper, FirstOrderStepper) for stepper in steppers)
        return SideBySide(self.rows, cast(list[FirstOrderStepper], steppers))

    def penalty_weight(self, step: int) -> Tensor | None:
        """The factor on each row's penalty after that many steps (rows,), float64; None where there is no penalty."""
        if self.first.reg.weight == 0:
            return None
        weights = [e.reg.weight_at(step) for e in self.experiments for _ in e.settings.seed_list]
        return torch.tensor(weights, dtype=torch.float64)


def packs(experiments: Sequence[Experiment], samples: Sequence[int], at_least: int = 1) -> list[list[int]]:
    """Which experiments train together, as lists of their numbers, for so many training samples each.

    No pack is larger than is of use, and where there are too few of them to keep `at_least` processes at work, the
    largest are divided.
    """
    alike: dict[str, list[int]] = {}
    for i, e in enumerate(experiments):
        alike.setdefault(_key(e) or f"alone {i}", []).append(i)
    found = []
    for numbers in alike.values():
        costs = {i: len(experiments[i].settings.seed_list) * _cost(experiments[i], samples[i]) for i in numbers}
        found += _fill(costs)
    while len(found) < at_least and max(map(len, found), default=1) > 1:
        largest = max(found, key=len)
        found.remove(largest)
        found += [largest[: (len(largest) + 1) // 2], largest[(len(largest) + 1) // 2 :]]
    return sorted(found)


def _fill(costs: dict[int, int]) -> list[list[int]]:
    found: list[list[int]] = []
    room = 0
    for i, cost in costs.items():
        if cost > room:
            found.append([])
            room = max(LARGE, cost)
        found[-1].append(i)
        room -= cost
    return found


def _key(experiment: Experiment) -> str:
    """Equal for experiments that can be in one pack; empty for one that must be alone."""
    if "seconds" in (experiment.settings.budget or {}):
        return ""  # networks that share a processor share its seconds
    own = ("init", "seeds", "optimizer", "tune")  # each row has its own
    values = {k: v for k, v in experiment.config.values.items() if k not in own and role_of(k) != "where"}
    first_order = isinstance(experiment.optimizer, FirstOrder)
    values["optimizer"] = "first order" if first_order else experiment.config.values["optimizer"]
    values["reg"] = dict(values["reg"], weight=experiment.reg.weight > 0)
    return json.dumps(values, sort_keys=True)


def _cost(experiment: Experiment, samples: int) -> int:
    """Features of all layers of one network in one step."""
    batch = min(samples, experiment.settings.batch_size or samples)
    layers = experiment.network().layers
    per_edge = [layer.features_each for layer in layers]
    return batch * sum(per_edge)
