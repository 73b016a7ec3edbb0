"""How long a sweep will take, measured on its first steps in a process of its own."""

import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

import torch

from kanexp.config.experiment import build_experiment
from kanexp.config.run_config import RunConfig
from kanexp.train.ensemble import Ensemble
from kanexp.train.objective import Objective, view

MEASURING = 1.0  # seconds it may take; packs that are not reached by then are taken to be like the others
PATIENCE = 20.0  # seconds until it is given up
STEPS = 3
BESIDE, WITHOUT = 3.0, 0.5  # seconds of each job that go into its start and its figures, and without these


def estimate(packs: Sequence[Sequence[RunConfig]], side_by_side: int, threads: int | None) -> float | None:
    """Seconds for all packs with so many of them running at once: about, for networks and budgets differ.

    None where it cannot be said: a network that fails is to fail in its own run, and not here.
    """
    server = "forkserver" in multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if server else "spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(packs, threads, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        found = ours.recv() if ours.poll(PATIENCE) else []
    except EOFError:
        found = []
    process.kill()
    process.join()
    if not found:
        return None
    beside = [BESIDE if config.values.get("figures", True) else WITHOUT for ensemble in packs for config in ensemble]
    training = sum(found) / len(found) * len(packs) + sum(beside)
    return max(training / min(side_by_side, len(packs)), max(found) + max(beside))


def _measure(packs: Sequence[Sequence[RunConfig]], threads: int | None, line: Connection) -> None:
    torch.set_num_threads(threads or torch.get_num_threads())
    began, found = time.perf_counter(), []
    try:
        for ensemble in packs:
            found.append(_seconds(Ensemble(tuple(build_experiment(config) for config in ensemble))))
            if time.perf_counter() - began > MEASURING:
                break
    finally:
        line.send(found)


def _seconds(ensemble: Ensemble) -> float:
    """A few steps of the first of its jobs, for as many networks as all have."""
    e = ensemble.first
    data, _ = e.load_data()
    network = e.network()
    one = replace(e, settings=replace(e.settings, seeds=e.settings.seed_list[:1]))
    start = Ensemble((one,)).start(network, data.train.x).repeat(len(ensemble.seeds), 1)
    size = e.settings.batch_size or data.train.x.shape[1]
    x, y = (part[:, :size].to(start)[None] for part in (data.train.x, data.train.y))
    weight = torch.ones(()).to(start) if e.reg.weight > 0 else None
    seen = view(e.task, network)
    objective = Objective(seen, e.task, e.reg, weight, x, seen.prepare(x), y)
    stepper = e.optimizer.stepper_for(start, network.matrices)
    theta = stepper.step(start, objective)[0]
    began = time.perf_counter()
    for _ in range(STEPS):
        theta = stepper.step(theta, objective)[0]
    step = (time.perf_counter() - began) / STEPS
    return min(step * e.settings.steps, (e.settings.budget or {}).get("seconds", float("inf")))
