"""What kept a finished run from a lower loss: its optimizer, or what its network can express."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from kanexp import console
from kanexp.config.experiment import Experiment
from kanexp.error import ConfigError
from kanexp.figure.run_figures import diagnosis
from kanexp.figure.style import save
from kanexp.folder.file import UnreadableRun
from kanexp.folder.logs import Ledger
from kanexp.folder.restore import restore
from kanexp.folder.run_folder import RunFolder
from kanexp.folder.sheet import write_sheet
from kanexp.folder.version import new_version
from kanexp.machine import find_device, provenance, tune
from kanexp.measure.held_out import score
from kanexp.model.network import Network
from kanexp.optimizer.base import Optimizer
from kanexp.optimizer.hessian_free import HessianFree
from kanexp.optimizer.lbfgs import LBFGS
from kanexp.optimizer.levenberg_marquardt import LevenbergMarquardt
from kanexp.score.score import metric_label
from kanexp.task.base import Data
from kanexp.train.batches import Batch
from kanexp.train.ensemble import Ensemble
from kanexp.train.loop import train
from kanexp.train.objective import Objective, view
from kanexp.train.result import Result

MAX_JACOBIAN = 2**27  # numbers, a gigabyte, that all seeds' derivatives of all residuals may take
MAX_PRODUCTS = 20_000  # parameters, above which products with the Gauss-Newton matrix find too little per second
STEPS = 10_000  # no optimizer is to end by counting steps, but stationary or out of time
FALLING = 0.01  # of the loss: what fell less in the last tenth of the steps has come to rest
GAP = 2.0  # times lower loss, from which on the optimizer had left something
APART = 100.0  # times the lowest loss of a seed, from which on it is the start that decides


def diagnose(path: Path, seconds: float) -> int:
    """Continue the best state of every seed of a run to a stationary point, in double precision on all samples.

    Writes <run>/diagnosis/vNNN and prints the loss before and after. Returns 0, or 128 + n ended by signal n. Raises
    ConfigError where the folder is no run that has ended.
    """
    tune()
    run = RunFolder(path)
    try:
        restored = restore(run, _changes(seconds))
    except UnreadableRun as error:
        raise ConfigError(f"diagnose: {error}") from error
    experiment, network = restored.experiment, restored.network
    device = find_device(experiment.settings.device)
    data, theta = experiment.load_data()[0].to(device, torch.float64), restored.theta.to(device)
    # Edges that a threshold took are gone, and no more go: it is the same networks that are measured before and after.
    reg = replace(experiment.reg, threshold=0.0)
    experiment = replace(experiment, reg=reg, optimizer=choose(experiment, network, theta, data))
    name = type(experiment.optimizer).__name__
    console.say(
        f"{path}: continuing {len(theta)} seeds of {network.parameters} parameters with {name}, "
        f"float64, for at most {seconds:g} s"
    )

    folder, seeds = RunFolder(new_version(str(path), "diagnosis")), experiment.settings.seed_list
    mask = None if restored.mask is None else restored.mask.to(device)
    before = _measure(experiment, network, theta, data, mask)
    with folder.logs() as logs, console.TrainingProgress("diagnosing", STEPS, seconds) as progress:
        ledger = Ledger([logs], [experiment.settings.seed_list])
        result = train(Ensemble((experiment,)), network, theta, data, ledger, progress, mask=mask)
    after = _measure(experiment, network, result.last, data, mask)
    table = _table(experiment, before, after, result, folder.read_table("metrics"))
    folder.figures.mkdir()
    write_sheet(table, folder.figures / "diagnosis.csv", 9)
    save(diagnosis(table), folder.figures / "diagnosis")
    sentence = verdict(table)
    folder.write_diagnosis(
        {
            "run": str(path),
            "optimizer": name,
            "seconds": round(result.seconds, 3),
            "steps": result.steps,
            "evaluations": dict(zip(map(str, seeds), result.evaluations.tolist(), strict=True)),
            "seed_status": dict(zip(map(str, seeds), map(str, result.status), strict=True)),
            "verdict": sentence,
            **provenance(device),
        }
    )
    _say(table, sentence, result, folder)
    return 128 + result.interrupted if result.interrupted else 0


def choose(experiment: Experiment, network: Network, theta: Tensor, data: Data) -> Optimizer:
    """The optimizer that gets furthest on a problem of this size: lbfgs where the loss is no sum of squares."""
    squares = experiment.task.least_squares and experiment.reg.weight == 0
    second = LevenbergMarquardt()
    slopes = squares and not experiment.task.differential
    if slopes and not second.conflict(network.parameters) and theta.numel() * data.train.y.numel() <= MAX_JACOBIAN:
        return second
    return HessianFree() if squares and network.parameters <= MAX_PRODUCTS else LBFGS()


def verdict(table: pd.DataFrame) -> str:
    """What the table says, as a sentence with the median over seeds and their range."""
    ratio = table["loss_before"] / table["loss_after"].clip(lower=1e-300)
    size = f"{ratio.median():.3g} times lower"
    if len(ratio) > 1:
        size += f" [{ratio.min():.3g}, {ratio.max():.3g}]"
    falling = int((table["state"] != "at rest").sum())
    note = f"; {falling} of {len(table)} seeds were still falling, so the gap may be larger" if falling else ""
    lowest = table["loss_after"].clip(lower=1e-300).min()
    apart = table["loss_after"].max() / lowest
    if ratio.median() >= GAP:
        return f"optimization gap: the same network reaches a training loss {size}{note}{_start_decides(apart)}"
    if falling:
        return f"cannot tell: the training loss ended {size}{note}; give it more time with --seconds"
    rest = f"at the nearest stationary point the training loss is only {size}"
    bound = f"what the network can express is bounded by the lowest, {lowest:.3g}"
    decides = ", and the start decides which is reached" if apart >= APART else ""
    if apart >= GAP:
        return f"local minima: {rest}, and seeds end {apart:.3g} times apart; {bound}{decides}"
    if len(table) == 1:
        return f"floor or local minimum: {rest}; more seeds would tell, for another start may end lower"
    return f"expressiveness floor: {rest}, and all seeds end alike; {bound}"


def _start_decides(apart: float) -> str:
    return f"; seeds end {apart:.3g} times apart, so the start decides where training ends" if apart >= APART else ""


def _changes(seconds: float) -> dict[str, Any]:
    """Settings to continue a run by."""
    changes = {"dtype": "float64", "steps": STEPS, "batch_size": None, "refine": None, "patience": None}
    changes |= {
        "budget": {"seconds": seconds},
        "log_every": 10,
        "diagnostics": False,
        "frames": False,
        "compile": False,
    }
    return changes


def _measure(
    experiment: Experiment, network: Network, theta: Tensor, data: Data, mask: Tensor | None
) -> dict[str, Tensor]:
    """Training loss, norm of its gradient and test scores, (seeds,) each."""
    known = Batch.of(data.train)
    weight = experiment.reg.weight if experiment.reg.weight > 0 else None
    seen = view(experiment.task, network)
    objective = Objective(
        seen, experiment.task, experiment.reg, weight, known.x, seen.prepare(known.x), known.y, known.weight, mask
    )
    loss, grad = objective(theta)
    test = score(experiment.task, network, theta, data, data.test)
    return {"loss": loss, "gradient_norm": grad.norm(dim=1)} | {f"test_{name}": values for name, values in test.items()}


def _table(
    experiment: Experiment, before: dict[str, Tensor], after: dict[str, Tensor], result: Result, metrics: pd.DataFrame
) -> pd.DataFrame:
    """A row per seed: every measure before and after, and whether the loss has come to rest."""
    seeds = experiment.settings.seed_list
    table = pd.DataFrame({"seed": seeds})
    for name in before:
        table[f"{name}_before"], table[f"{name}_after"] = before[name].tolist(), after[name].tolist()
    losses = metrics[metrics["metric"] == "train_loss"].pivot(index="step", columns="seed", values="value")
    late = losses[losses.index <= 0.9 * result.steps].iloc[-1]
    fell = 1 - table["loss_after"] / late.reindex(seeds).to_numpy()
    table["state"] = [
        str(status) if not status.ended_well else "at rest" if status.kind == "stalled" or fall < FALLING else "falling"
        for status, fall in zip(result.status, fell, strict=True)
    ]
    return table


def _say(table: pd.DataFrame, sentence: str, result: Result, folder: RunFolder) -> None:
    test = next(name for name in table if name.startswith("test_"))
    score = test.removesuffix("_before")
    rows = [
        (
            str(row["seed"]),
            f"{row['loss_before']:.4g}",
            f"{row['loss_after']:.4g}",
            f"{row['gradient_norm_after']:.1e}",
            f"{row[test]:.4g}",
            f"{row[score + '_after']:.4g}",
            str(row["state"]),
        )
        for _, row in table.iterrows()
    ]
    columns = ("seed", "loss before", "loss after", "its gradient", f"{metric_label(score)} before", "after", "state")
    console.table(f"{result.steps} steps in {result.seconds:.1f} s", columns, rows)
    console.say(sentence)
    console.say(str(folder.path))
