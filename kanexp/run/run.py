"""One run, from a checked experiment to a finished folder."""

import math
import shutil
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kanexp import console, paths
from kanexp.config.experiment import Experiment, build_experiment
from kanexp.config.run_config import RunConfig, default_name
from kanexp.error import ConfigError
from kanexp.folder.logs import Ledger
from kanexp.folder.names import FORMAT
from kanexp.folder.run_folder import RunFolder
from kanexp.folder.version import new_version
from kanexp.layer.base import Bumps
from kanexp.machine import peak_memory, provenance, tune
from kanexp.model.network import Network
from kanexp.run.drawing import draw
from kanexp.run.messages import conclude, introduce
from kanexp.seeding import generator
from kanexp.task.base import Data, Scene, Split
from kanexp.train.checkpoint import Checkpoint
from kanexp.train.ensemble import Ensemble
from kanexp.train.loop import Progress, Result, train


@dataclass(frozen=True)
class Prepared:
    """Runs that train together, before anything is written."""

    ensemble: Ensemble
    network: Network
    start: Tensor  # theta (rows, length)
    data: Data
    scene: Scene


def run(config: RunConfig, folder: Path | None = None) -> int:
    """Run one experiment in a new version of its folder; or go on with the one in that folder.

    Returns the exit code: 0 done, 1 failed or a seed diverged, 130 stopped by Ctrl-C. Raises ConfigError before
    anything is written.
    """
    tune()
    prepared = prepare([config])
    settings = prepared.ensemble.first.settings
    if folder is None:
        folder = new_version(settings.output_dir, default_name(config))
    run_folder = RunFolder(folder)
    with console.TrainingProgress("training", settings.steps) as progress:
        (code,) = carry_out(prepared, [run_folder], run_folder.checkpoint, progress)
    if code == 130:
        console.say(f"interrupted; the best state so far is in {folder}; go on: kanexp resume {folder}")
    return code


def prepare(jobs: Sequence[RunConfig]) -> Prepared:
    """What jobs that go together need. Raises ConfigError with what is wrong with them."""
    ensemble = Ensemble(tuple(build_experiment(config) for config in jobs))
    e = ensemble.first
    if why := e.logger.missing():
        raise ConfigError(f"logger: {why}")
    device, dtype = find_device(e.settings.device), getattr(torch, e.settings.dtype)
    data, scene = load_data(e)
    network = e.network()
    if why := e.optimizer.conflict(network.parameters):
        raise ConfigError(f"optimizer: {type(e.optimizer).__name__}: {why}")
    if _worth_compiling(e, network, len(ensemble.seeds), data.train.x.shape[1]):
        network = network.compile()
    try:
        start = ensemble.start(network, data.train.x)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return Prepared(ensemble, network, start.to(device), to_device(data, device, dtype), _move(scene, device, dtype))


def carry_out(
    prepared: Prepared,
    folders: Sequence[RunFolder],
    checkpoint: Path,
    watch: Callable[[Progress], str | None],
    brief: bool = False,
) -> list[int]:
    """Train in these folders, one for each experiment, and fill them. Returns the exit code of each.

    Goes on from the checkpoint if it is there, and then leaves alone those runs that were done; it is deleted when
    all are. Whatever goes wrong in training is raised after it was recorded; in one run afterwards, it costs that run
    alone. Runs are `brief` where they are some of many.
    """
    ensemble = prepared.ensemble
    parts = zip(ensemble.experiments, folders, ensemble.rows, strict=True)
    runs = [_Run(e, prepared, folder, rows, brief) for e, folder, rows in parts]
    left = [run for run in runs if not run.folder.is_done()]
    try:
        for run in left:
            run.begin()
        result = _train(prepared, folders, checkpoint, watch)
        codes = [run.finish(result.of(run.rows)) if run in left else 0 for run in runs]
    except BaseException as error:  # Ctrl-C too: between steps it is noted and kept, but not before the first
        for run in left:
            run.break_off(error)
        raise
    if 130 not in codes:
        checkpoint.unlink(missing_ok=True)
    return codes


def _train(
    prepared: Prepared, folders: Sequence[RunFolder], checkpoint: Path, watch: Callable[[Progress], str | None]
) -> Result:
    ensemble, go_on = prepared.ensemble, checkpoint.is_file()
    with ExitStack() as stack:
        logs = [
            stack.enter_context(
                folder.logs(go_on, stack.enter_context(e.logger.track(folder.path, e.config.overrides)))
            )
            for e, folder in zip(ensemble.experiments, folders, strict=True)
        ]
        ledger = Ledger(logs, [e.settings.seed_list for e in ensemble.experiments])
        kept = Checkpoint(checkpoint, logs, ensemble.first.settings.checkpoint)
        return train(ensemble, prepared.network, prepared.start, prepared.data, ledger, watch, kept)


class _Run:
    """The steps of a run beside its training; the record grows as they are done."""

    def __init__(self, experiment: Experiment, prepared: Prepared, folder: RunFolder, rows: slice, brief: bool):
        self.experiment, self.prepared, self.folder, self.brief = experiment, prepared, folder, brief
        self.network, self.data, self.scene = prepared.network, prepared.data, prepared.scene
        self.rows, self.start = rows, prepared.start[rows]
        self.device = self.start.device
        self.seeds = experiment.settings.seed_list
        config = experiment.config
        self.record: dict[str, Any] = {
            "status": "running",
            "choices": config.choices,
            "config_hash": config.hash,
            "seeds": self.seeds,
            "widths": experiment.widths,
            "started": folder.started() or _now(),
            "command": " ".join(["kanexp", *config.overrides]),
            "overrides": list(config.overrides),
            **paths.record(config.folders),
            **provenance(self.device),
        }

    def begin(self) -> None:
        e, network, data = self.experiment, self.network, self.data
        counts = {name: getattr(data, name).x.shape[1] for name in ("train", "val", "test")}
        self.record |= {
            "compiled": network.layers[-1].compiled,
            "parameters": network.parameters,
            "flops_per_sample": network.flops,
            "match": e.match.record if e.match else None,
            "tune": e.settings.tune,
            "scene": {"kind": self.scene.kind, "shape": list(self.scene.shape)},
            "data": {**counts, "notes": list(data.notes)},
        }
        self.folder.write_config(e.config.yaml)
        self.folder.write_record(self.record)
        if not self.brief:
            introduce(e, data, network, self.start)

    def fail(self, error: Exception) -> None:
        """Record what went wrong."""
        self.record |= {"status": "failed", "cause": f"{type(error).__name__}: {error}"}
        self.record |= {"traceback": traceback.format_exc()}
        self._end()
        console.mistakes(
            [f"{self.folder.path}: the run failed: {type(error).__name__}: {error}; its run.json has more"]
        )

    def break_off(self, error: BaseException) -> None:
        """Record why nobody is at work on it any more, if it has not ended."""
        if self.record["status"] != "running":
            return
        if isinstance(error, Exception):
            self.fail(error)
        else:
            self.record |= {"status": "interrupted"}
            self._end()

    def finish(self, result: Result) -> int:
        """Score, save and draw; returns the exit code."""
        began = time.perf_counter()
        try:
            code = self._finish(result)
        except KeyboardInterrupt:
            self.record |= {"status": "interrupted"}
            code = 130
        except Exception as error:
            self.fail(error)
            return 1
        self.record |= {"seconds": round(result.seconds + time.perf_counter() - began, 3)}
        self._end()
        return code

    def _end(self) -> None:
        self.record |= {"peak_memory_bytes": peak_memory(self.device), "ended": _now()}
        self.folder.write_record(self.record)

    def _finish(self, result: Result) -> int:
        ensemble = self.prepared.ensemble
        self._save_model(result)
        if not result.interrupted:
            answers = result.network(result.best, self.scene.x[None])
            result.test |= self.experiment.task.scene_metrics(self.data.own_units(answers), self.scene)
        self.record |= {
            "status": "interrupted" if result.interrupted else "done",
            "seed_status": dict(zip(map(str, self.seeds), result.status, strict=True)),
            "steps": result.steps,
            "train_seconds": round(result.seconds, 3),
            "milliseconds_per_step": round(1000 * result.seconds / max(1, result.steps), 4),
            "evaluations": by_seed(self.seeds, result.evaluations),
            "refinement_jump": {str(step): by_seed(self.seeds, jumps) for step, jumps in result.jumps.items()},
            "test_before_refinement": {
                str(step): {name: by_seed(self.seeds, values) for name, values in scores.items()}
                for step, scores in result.coarse.items()
            },
            "parameters": result.network.parameters,
            "flops_per_sample": result.network.flops,
            "best_step": by_seed(self.seeds, result.best_step),
            "best_val_loss": by_seed(self.seeds, result.best_val),
            "test": {name: by_seed(self.seeds, values) for name, values in result.test.items()},
        }
        if len(ensemble.experiments) > 1:  # whose seconds are then shares of those of all of them
            self.record |= {"pack": {"jobs": len(ensemble.experiments), "networks": len(ensemble.seeds)}}
        if result.interrupted:
            return 130
        draw(self.folder, self.experiment, self.data, self.scene, self.network, result)
        conclude(self.seeds, result, self.brief)
        if not self.brief:
            console.say(str(self.folder.path))
        return int(any(status.startswith("diverged") for status in result.status))

    def _save_model(self, result: Result) -> None:
        """Plain tensors and plain values: torch.load(weights_only=True) reads them without kanexp."""
        model = {
            "format": FORMAT,
            "config": self.experiment.config.values,
            "widths": self.experiment.widths,
            "sizes": [getattr(layer.basis, layer.basis.size, None) for layer in result.network.layers],
            "seeds": self.seeds,
            "state": {name: w.clone() for name, w in result.network.unflatten(result.best.cpu()).items()},
        }
        with self.folder.model_file() as file:
            torch.save(model, file)


# Numbers that a run's local functions make, from which on compiling pays: each takes about 3 ns plain and 1 ns compiled
# (scripts/bench), and compiling about 20 s the first time. Recurrences written in place gain nothing.
# An estimate and not a measurement, for the same command must give the same bytes.
WORTH_COMPILING = 3e10


def _worth_compiling(experiment: Experiment, network: Network, rows: int, samples: int) -> bool:
    settings = experiment.settings
    if settings.compile != "auto":
        return bool(settings.compile)
    batch = min(samples, settings.batch_size or samples)
    terms = sum(layer.n_in * layer.basis.terms for layer in network.layers[1:] if isinstance(layer.basis, Bumps))
    return rows * batch * terms * settings.steps >= WORTH_COMPILING and shutil.which("c++") is not None


def write_failure(folder: RunFolder, config: RunConfig, cause: str, trace: str = "") -> None:
    """The record of a run that did not come far enough to write one itself."""
    seeds = config.values.get("seeds", 0)
    known = {
        "status": "failed",
        "cause": cause,
        "traceback": trace,
        "choices": config.choices,
        "config_hash": config.hash,
        "seeds": list(range(seeds)) if isinstance(seeds, int) else seeds,
        "widths": config.values.get("widths"),
        "started": _now(),
        "ended": _now(),
        "command": " ".join(["kanexp", *config.overrides]),
        "overrides": list(config.overrides),
        **paths.record(config.folders),
        "tune": config.values.get("tune"),
        **provenance(torch.device("cpu")),
    }
    folder.write_record(known)


def load_data(experiment: Experiment) -> tuple[Data, Scene]:
    try:
        data = experiment.task.load(generator(experiment.settings.data_seed, "data"))
        return data, experiment.task.scene(data)
    except ValueError as error:
        raise ConfigError(f"task.{error}") from error


def find_device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device: cuda was asked for, but torch finds no GPU; use device=cpu or device=auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def to_device(data: Data, device: torch.device, dtype: torch.dtype) -> Data:
    def split(s: Split) -> Split:
        return Split(s.x.to(device, dtype), s.y.to(device, dtype))

    return replace(data, train=split(data.train), val=split(data.val), test=split(data.test))


def _move(scene: Scene, device: torch.device, dtype: torch.dtype) -> Scene:
    return replace(scene, x=scene.x.to(device, dtype), target=scene.target.to(device, dtype))


def by_seed(seeds: list[int], values: Tensor) -> dict[str, float | None]:
    """Numbers for run.json, where null stands for what is not finite: JSON has no other word for it."""
    numbers = (value if math.isfinite(value) else None for value in values.tolist())
    return dict(zip(map(str, seeds), numbers, strict=True))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
