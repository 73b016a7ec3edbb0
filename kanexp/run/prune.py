"""A finished run with as few edges as its validation loss allows, as a run of its own."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from kanexp import console
from kanexp.config.experiment import Experiment
from kanexp.config.run_config import default_name
from kanexp.error import ConfigError
from kanexp.figure.attribution_figures import pruning
from kanexp.figure.style import save
from kanexp.folder.file import UnreadableRun
from kanexp.folder.logs import Ledger, Logs
from kanexp.folder.restore import Restored, restore
from kanexp.folder.run_folder import RunFolder
from kanexp.folder.sheet import write_sheet
from kanexp.folder.version import new_version
from kanexp.machine import find_device, tune
from kanexp.measure.held_out import score
from kanexp.model.network import Network
from kanexp.optimizer.base import Optimizer
from kanexp.optimizer.lbfgs import LBFGS
from kanexp.optimizer.levenberg_marquardt import LevenbergMarquardt
from kanexp.run.prepare import Prepared
from kanexp.run.pruning import Pruned, Rule, cut_once, cut_rows
from kanexp.run.run import Underway, left
from kanexp.task.base import Data
from kanexp.train.batches import Batch
from kanexp.train.cut import Kept, all_edges, count
from kanexp.train.ensemble import Ensemble
from kanexp.train.objective import loss_of, view
from kanexp.train.result import Result

OPTIMIZERS = ("own", "lbfgs", "levenberg_marquardt")
SHARE = 4  # of a run's own steps, which it trains after each cut unless told otherwise: one in so many


def prune(path: Path, tolerance: float, cut: float, steps: int | None, optimizer: str) -> int:
    """Prune the run in a folder into a new version of outputs/<name>-pruned.

    Returns the exit code: 0 done, 1 a seed was lost before, 128 + n ended by signal n. Raises ConfigError where the
    folder is no run that has ended, or one whose model has no edges to take away.
    """
    tune()
    run = RunFolder(path)
    try:
        restored = restore(run)
        run.check_files(restored.record)
        settings = restored.experiment.settings
        rule = Rule(tolerance, cut, steps or max(1, settings.steps // SHARE), optimizer)
    except UnreadableRun as error:
        raise ConfigError(f"prune: {error}") from error
    network, record = restored.network, restored.record
    if not network.is_row:
        raise ConfigError(
            f"prune: model={record.choices.get('model')}: its layers are no row, and what goes around an edge stays "
            "where the edge goes; this takes model=kan or model=mlp"
        )
    own = retraining(restored.experiment, rule, network)
    device, dtype = find_device(settings.device), getattr(torch, own.settings.dtype)
    data, scene = restored.experiment.load_data()
    data, scene = data.to(device, dtype), scene.to(device, dtype)
    theta = restored.theta.to(device, dtype)
    e = marked(restored.experiment, rule)
    folder = RunFolder(new_version(settings.output_dir, f"{default_name(e.config)}-pruned"))
    with folder.hold():
        prepared = Prepared(Ensemble((e,)), network, theta, data, scene)
        underway = Underway(e, prepared, folder, slice(0, len(theta)), brief=True)
        underway.record.command = command_line(path, rule)
        underway.begin()
        try:
            with folder.logs() as logs, console.TrainingProgress("pruning", rule.steps) as progress:
                result, table = _prune(own, restored, theta, data, rule, logs, progress)
                underway.record.files = {f"{name}.csv": mark for name, mark in logs.seal().items()}
        except BaseException as error:
            underway.break_off(error)
            raise
        folder.figures.mkdir(exist_ok=True)
        write_sheet(table, folder.figures / "pruning.csv", 9)
        save(pruning(table), folder.figures / "pruning")
        underway.record.pruned = {"of": str(path), **left(record.seeds, network, result.kept or [])}
        code = underway.finish(result)
    _say(table, rule, folder)
    return code


def retraining(e: Experiment, rule: Rule, network: Network) -> Experiment:
    """The experiment that trains after each cut."""
    chosen: dict[str, Optimizer] = {"lbfgs": LBFGS(), "levenberg_marquardt": LevenbergMarquardt()}
    optimizer = chosen.get(rule.optimizer, e.optimizer)
    squares = e.task.least_squares and e.reg.weight == 0
    if optimizer.least_squares and not squares:
        raise ConfigError(
            "prune: --optimizer levenberg_marquardt needs a loss that is a sum of squares, without a penalty; use lbfgs"
        )
    if why := optimizer.conflict(network.parameters):
        raise ConfigError(f"prune: --optimizer {rule.optimizer}: {why}")
    # Which edges go is pruning's to say; `threshold` would take others.
    reg = replace(e.reg, threshold=0.0)
    settings = replace(e.settings, steps=rule.steps, refine=None, budget=None, diagnostics=False, frames=False)
    if rule.optimizer != "own":
        settings = replace(settings, dtype="float64", batch_size=None)
    return replace(e, optimizer=optimizer, reg=reg, settings=settings)


def marked(e: Experiment, rule: Rule) -> Experiment:
    """The run's experiment as that of the pruned run, whose config.yaml says so: it is another arm."""
    config = replace(e.config, values=e.config.values | {"pruned": str(rule)})
    return replace(e, config=config, settings=replace(e.settings, diagnostics=False, frames=False, pruned=str(rule)))


def command_line(path: Path, rule: Rule) -> str:
    """The command that does it again."""
    options = " ".join(f"--{name} {value}" for name, value in asdict(rule).items())
    return f"kanexp prune {path} {options}"


def _prune(
    e: Experiment, restored: Restored, theta: Tensor, data: Data, rule: Rule, logs: Logs, progress: Any
) -> tuple[Result, pd.DataFrame]:
    """The result of all seeds, lost ones as they were, and a row for each cut of each seed."""
    record, network = restored.record, restored.network
    rows = [row for row, seed in enumerate(record.seeds) if seed not in record.lost]
    if not rows:
        raise ConfigError("prune: all seeds of the run were lost")
    kept = [edges.to(theta.device) for edges in restored.kept or all_edges(network, len(theta))]
    loss = _loss(e, network, theta, data, "val")[rows]
    state = Pruned(
        theta=theta[rows],
        kept=[edges[rows] for edges in kept],
        loss=loss,
        limit=loss * (1 + rule.tolerance),
        most=[float("inf")] * len(rows),
        done=[False] * len(rows),
        evaluations=torch.tensor([(record.evaluations or {}).get(record.seeds[row], 0) for row in rows]),
    )
    seeds = [record.seeds[row] for row in rows]
    table = cut_rows(network, state.kept, seeds, 0, loss, state.limit, [True] * len(rows))
    _log(e, network, state, data, seeds, logs)
    number = 0
    while not all(state.done) and not state.interrupted:
        number += 1
        table += cut_once(e, network, state, data, seeds, rule, number, progress)
        _log(e, network, state, data, seeds, logs)
    result = _result(e, restored, theta, kept, state, rows, data)
    if not result.interrupted:
        ledger = Ledger([logs], [record.seeds])
        ledger.scores({f"test_{name}": values for name, values in result.test.items()}, result.best_step.tolist())
    return result, pd.DataFrame(table)


def _result(
    e: Experiment, restored: Restored, theta: Tensor, kept: Kept, state: Pruned, rows: list[int], data: Data
) -> Result:
    """What pruning leaves, with the seeds that were lost as they were."""
    record = restored.record
    best, losses = theta.clone(), torch.full_like(theta[:, 0], torch.inf)
    evaluations = torch.zeros(len(theta), dtype=torch.int64)
    best[rows], losses[rows], evaluations[rows] = state.theta, state.loss, state.evaluations
    for edges, own in zip(kept, state.kept, strict=True):
        edges[rows] = own
    return Result(
        start=theta,
        network=restored.network,
        best=best,
        last=best,
        best_step=torch.full((len(theta),), state.steps, dtype=torch.int64),
        best_val=losses,
        evaluations=evaluations,
        steps=state.steps,
        seconds=state.seconds,
        interrupted=state.interrupted,
        status=[record.status_of(seed) for seed in record.seeds],
        test={} if state.interrupted else score(e.task, restored.network, best, data, data.test),
        kept=kept,
    )


def _loss(e: Experiment, network: Network, theta: Tensor, data: Data, part: str) -> Tensor:
    """The loss (seeds,) without the penalty on a part of the data."""
    known, seen = Batch.of(getattr(data, part)), view(e.task, network)
    return loss_of(e.task, seen.predict(theta, seen.prepare(known.x)), known.y, known.weight)


def _log(e: Experiment, network: Network, state: Pruned, data: Data, seeds: list[int], logs: Logs) -> None:
    """Rows of metrics.csv after so many steps of training in all."""
    train_loss = _loss(e, network, state.theta, data, "train")
    logs.metrics(state.steps, seeds, "train_loss", train_loss.tolist())
    logs.metrics(state.steps, seeds, "val_loss", state.loss.tolist())
    logs.metrics(state.steps, seeds, "edges", count(state.kept).tolist())
    logs.timing(state.steps, state.seconds, int(state.evaluations.sum()))


def _say(table: pd.DataFrame, rule: Rule, folder: RunFolder) -> None:
    """Before and after of every seed."""
    rows = []
    for seed, own in table.groupby("seed"):
        kept = own[own["kept"]]
        first, last = kept.iloc[0], kept.iloc[-1]
        pairs = [f"{first[name]} to {last[name]}" for name in ("inputs", "hidden", "edges", "weights")]
        rows.append((str(seed), *pairs, f"{first['val_loss']:.3g} to {last['val_loss']:.3g}"))
    columns = ("seed", "inputs", "hidden", "edges", "weights", "validation loss")
    note = f"validation loss at most {1 + rule.tolerance:g} times that of the unpruned seed"
    console.table(f"pruned by {table['cut'].max()} cuts at most", columns, rows, note)
    console.say(str(folder.path))
