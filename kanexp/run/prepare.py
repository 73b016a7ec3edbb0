"""What a run, or runs that train together, need before anything is written; and all for which one is refused."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.config.experiment import Experiment, build_experiment
from kanexp.config.memory import too_large
from kanexp.config.run_config import RunConfig
from kanexp.error import ConfigError
from kanexp.layer.base import Bumps
from kanexp.machine import find_device, out_of_memory
from kanexp.model.network import Network
from kanexp.task.base import Data, Scene, Task
from kanexp.train.compiled import worth_compiling
from kanexp.train.ensemble import Ensemble

AT_ONCE = 4096  # samples that are looked at before the next are


@dataclass(frozen=True)
class Prepared:
    """Runs that train together, before anything is written."""

    ensemble: Ensemble
    network: Network
    start: Tensor  # theta (rows, length)
    data: Data
    scene: Scene
    compiled: bool = False  # whether steps are to be compiled; where they cannot be, functions of the network are


def prepare(jobs: Sequence[RunConfig]) -> Prepared:
    """What jobs that go together need. Raises ConfigError with what is wrong with them."""
    ensemble = Ensemble(tuple(build_experiment(config) for config in jobs))
    e = ensemble.first
    data, scene = load(e)
    network = check(e, data.train.x.shape[1], sum(one.settings.seed_count for one in ensemble.experiments))
    device, dtype = find_device(e.settings.device), getattr(torch, e.settings.dtype)
    rows, samples = len(ensemble.seeds), data.train.x.shape[1]
    whole = worth_compiling(e, network, rows, samples, device.type)
    if not whole and _worth_compiling_functions(e, network, rows, samples):
        network = network.compile()
    try:
        start = ensemble.start(network, data.train.x)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    except (MemoryError, RuntimeError) as error:
        if why := out_of_memory(error):
            raise ConfigError(f"memory: {why}") from error
        raise
    return Prepared(ensemble, network, start.to(device), data.to(device, dtype), scene.to(device, dtype), whole)


def load(e: Experiment) -> tuple[Data, Scene]:
    """The data of a run. Raises ConfigError where they cannot be had, or its task says too little of its scores."""
    data, scene = e.load_data()
    if e.settings.frames and scene.kind not in ("curve", "surface", "picture"):
        raise ConfigError(
            f"frames: are of curves, surfaces and pictures, and {type(e.task).__name__} is drawn as none here; leave "
            "frames out"
        )
    _check_numbers(data.to(torch.device("cpu"), getattr(torch, e.settings.dtype)))
    _check_scores(e.task, data)
    return data, scene


def check(e: Experiment, samples: int, rows: int, here: bool = True) -> Network:
    """The network of a run of so many rows, on so many training samples.

    Raises ConfigError where this machine, or with `here` unset another, cannot train it.
    """
    if why := e.logger.missing():
        raise ConfigError(f"logger: {why}")
    device = find_device(e.settings.device)
    network = e.network()
    if why := e.optimizer.conflict(network.parameters):
        raise ConfigError(f"optimizer: {type(e.optimizer).__name__}: {why}")
    layers = network.layers
    if any(layer.basis.layer_norm for layer in layers) and not any(layer.normalizes for layer in layers):
        raise ConfigError(
            f"layer.layer_norm: no layer of {type(e.model).__name__} has two inputs or more, and one alone would be "
            "normalized to zero; leave layer_norm out"
        )
    if here and (why := too_large(e, network, rows, samples, device.type)):
        raise ConfigError(why)
    return network


def _check_numbers(data: Data) -> None:
    """Raises ConfigError where data hold what is no number, which no score would be of."""
    for name in ("train", "val", "test"):
        for what, values in (("inputs", getattr(data, name).x), ("targets", getattr(data, name).y)):
            if count := sum(int((~part.isfinite()).sum()) for part in values.split(AT_ONCE, dim=-1)):
                raise ConfigError(
                    f"task: {count} of {values.numel()} {what} of the {name} data are infinite or no numbers, as "
                    f"{str(values.dtype).removeprefix('torch.')} has them"
                )


def _check_scores(task: Task, data: Data) -> None:
    """Raises ConfigError where the task gives a metric of which it does not say whether higher or lower is better."""
    target = data.test.y.unsqueeze(0)
    declared = [score.name for score in task.scores]
    if unknown := [name for name in task.metrics(target, target) if name not in declared]:
        raise ConfigError(
            f"task: {type(task).__name__} gives the metric '{unknown[0]}', and its scores do not say if higher or "
            f"lower is better; add Score('{unknown[0]}', 'higher') or 'lower' to them"
        )


# Numbers that a run's local functions make, from which on compiling pays: each takes about 3 ns plain and 1 ns compiled
# (scripts/bench), and compiling about 20 s the first time. Recurrences written in place gain nothing.
# An estimate and not a measurement, for the same command must give the same bytes.
WORTH_COMPILING = 3e10


def _worth_compiling_functions(experiment: Experiment, network: Network, rows: int, samples: int) -> bool:
    settings = experiment.settings
    if settings.compile != "auto":
        return bool(settings.compile)
    batch = min(samples, settings.batch_size or samples)
    terms = sum(layer.n_in * layer.basis.terms for layer in network.layers[1:] if isinstance(layer.basis, Bumps))
    terms += sum(layer.n_in * layer.n_out * layer.basis.terms for layer in network.layers if layer.basis.fuses)
    return rows * batch * terms * settings.steps >= WORTH_COMPILING and shutil.which("c++") is not None
