"""One run, from a checked experiment to a finished folder."""

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kanexp import console
from kanexp.config.experiment import Experiment
from kanexp.config.run_config import RunConfig, default_name
from kanexp.config.seeds import seed_numbers
from kanexp.error import ConfigError
from kanexp.folder.file import UnreadableRun, digest, no_room, said
from kanexp.folder.lock import Taken
from kanexp.folder.logs import Ledger, Logs, NoLogs
from kanexp.folder.names import FIGURES, FORMAT, MODEL
from kanexp.folder.record import Record, SeedStatus, by_seed
from kanexp.folder.run_folder import RunFolder
from kanexp.folder.table import Mark
from kanexp.folder.version import new_version
from kanexp.interrupt import exit_code, no_exit, recall, was_asked
from kanexp.machine import out_of_memory, peak_memory, provenance, tune
from kanexp.measure.held_out import training_scores
from kanexp.model.network import Network
from kanexp.run.drawing import draw
from kanexp.run.messages import conclude, introduce, overfits
from kanexp.run.prepare import Prepared, prepare
from kanexp.train.checkpoint import Checkpoint
from kanexp.train.cut import Kept, count, trained_weights
from kanexp.train.loop import train
from kanexp.train.result import Progress, Result


def run(config: RunConfig, folder: Path | None = None) -> int:
    """Run one experiment in a new version of its folder; or go on with the one in that folder.

    Returns the exit code: 0 done, 1 failed or a seed diverged, 128 + n ended by signal n (130 by Ctrl-C). Raises
    ConfigError before anything is written, and where another process is at work in the folder.
    """
    tune()
    if folder is None:
        config = config.anchored()
    with no_exit():
        prepared = prepare([config])
    settings = prepared.ensemble.first.settings
    if folder is None:
        folder = new_version(settings.output_dir, default_name(config))
    run_folder = RunFolder(folder)
    try:
        with run_folder.hold(), console.TrainingProgress("training", settings.steps) as progress:
            (code,) = carry_out(prepared, [run_folder], run_folder.checkpoint, progress)
    except Taken as error:
        raise ConfigError(str(error)) from error
    except UnreadableRun:  # another program wrote in its tables, which was said
        return 1
    except OSError as error:  # recorded by now, if it could be
        console.mistakes([f"{folder}: {said(error)}; then go on: kanexp resume {folder}"])
        return 1
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        return 1  # recorded and said
    if was_asked(code):
        console.say(f"interrupted; the best state so far is in {folder}; go on: kanexp resume {folder}")
    return code


def carry_out(
    prepared: Prepared,
    folders: Sequence[RunFolder],
    checkpoint: Path,
    watch: Callable[[Progress], SeedStatus | None],
    brief: bool = False,
) -> list[int]:
    """Train in these folders, one for each experiment, and fill them. Returns the exit code of each.

    Goes on from the checkpoint if it is there; it is deleted when all are done. Runs that were done before train along,
    for how a run rounds depends on those beside it, and are left as they are. Whatever goes wrong in training is raised
    after it was recorded; in one run afterwards, it costs that run alone. Runs are `brief` where they are some of many.
    Whoever calls holds the folders.
    """
    ensemble = prepared.ensemble
    parts = zip(ensemble.experiments, folders, ensemble.rows, strict=True)
    runs = [Underway(e, prepared, folder, rows, brief) for e, folder, rows in parts]
    left = [run for run in runs if not run.done]
    if not left:  # by a process that came before
        return [0] * len(runs)
    try:
        with no_exit():
            for run in left:
                run.begin()
            recall()
            result, tables, ignored = _train(runs, prepared, checkpoint, watch)
            for run, own in zip(runs, tables, strict=True):
                run.record.files = {f"{name}.csv": mark for name, mark in own.items()}
                run.record.warnings = [ignored] if ignored else None
            codes = [run.finish(result.of(run.rows)) if run in left else 0 for run in runs]
    except BaseException as error:  # Ctrl-C too: between steps it is noted and kept, but not before the first
        error = _cause(error)
        for run in left:
            run.break_off(error)
        raise error
    if not any(map(was_asked, codes)):
        checkpoint.unlink(missing_ok=True)
    return codes


def _train(
    runs: "Sequence[Underway]", prepared: Prepared, checkpoint: Path, watch: Callable[[Progress], SeedStatus | None]
) -> tuple[Result, list[dict[str, Mark]], str]:
    """The result, what each run's tables hold at the end, and why the checkpoint was ignored, if it was."""
    ensemble, go_on = prepared.ensemble, checkpoint.is_file()
    with ExitStack() as stack:
        logs = [stack.enter_context(run.logs(go_on)) for run in runs]
        ledger = Ledger(logs, [e.settings.seed_list for e in ensemble.experiments])
        hashes = [e.config.hash for e in ensemble.experiments]
        kept = Checkpoint(checkpoint, logs, ensemble.first.settings.checkpoint, hashes)
        begun = (ensemble, prepared.network, prepared.start, prepared.data)
        result = train(*begun, ledger, watch, kept, compiled=prepared.compiled)
        return result, [own.seal() for own in logs], kept.ignored


class Underway:
    """Underway: the steps of a run beside its training; the record grows as they are done."""

    def __init__(self, experiment: Experiment, prepared: Prepared, folder: RunFolder, rows: slice, brief: bool):
        self.experiment, self.prepared, self.folder, self.brief = experiment, prepared, folder, brief
        self.network, self.data, self.scene = prepared.network, prepared.data, prepared.scene
        self.rows, self.start = rows, prepared.start[rows]
        self.device = self.start.device
        self.seeds = experiment.settings.seed_list
        self.done = folder.is_done()
        self.record = begun(folder, experiment.config, experiment.widths, self.device)

    def begin(self) -> None:
        e, network, data, record = self.experiment, self.network, self.data, self.record
        counts = {name: getattr(data, name).x.shape[1] for name in ("train", "val", "test")}
        record.compiled = self.prepared.compiled or network.layers[-1].compiled
        record.parameters, record.flops_per_sample = network.parameters, network.flops
        record.match = e.match.record if e.match else None
        record.scene = {"kind": self.scene.kind, "shape": list(self.scene.shape)}
        record.data = {**counts, "notes": list(data.notes)}
        record.scores = {score.name: score for score in e.task.scores}
        self.folder.reserve()
        self.folder.write_config(e.config.yaml)
        self.folder.write_record(record)
        if not self.brief:
            introduce(e, data, network, self.start)

    @contextmanager
    def logs(self, go_on: bool) -> Iterator[Logs]:
        """Its tables, open for rows; none of a run that was done before."""
        if self.done:
            yield NoLogs()
            return
        e = self.experiment
        with (
            e.logger.track(self.folder.path, e.config.overrides) as tell,
            self.folder.logs(go_on, tell, e.settings.frames) as logs,
        ):
            yield logs

    def fail(self, error: Exception) -> None:
        """Record what went wrong."""
        self.record.status, self.record.cause = "failed", cause(error)
        self.record.traceback = traceback.format_exc()
        self._end()
        console.mistakes([f"{self.folder.path}: the run failed: {self.record.cause}; its run.json has more"])

    def break_off(self, error: BaseException) -> None:
        """Record why nobody is at work on it any more, if it has not ended."""
        if self.record.status == "running":
            self._lose(error)

    def _lose(self, error: BaseException) -> None:
        if isinstance(error, Exception) and not no_room(error):
            self.fail(error)
        else:  # which says nothing about the run itself
            self.record.status, self.record.cause = "interrupted", said(error) if isinstance(error, OSError) else None
            self._end()

    def finish(self, result: Result) -> int:
        """Score, save and draw; returns the exit code."""
        began = time.perf_counter()
        try:
            code = self._finish(result)
        except KeyboardInterrupt as error:
            self.record.status = "interrupted"
            code = exit_code(error)
        except Exception as error:
            self._lose(error)
            if no_room(error):
                raise
            return 1
        self.record.seconds = round(result.seconds + time.perf_counter() - began, 3)
        self._end()
        return code

    def _end(self) -> None:
        self.record.peak_memory_bytes, self.record.ended = peak_memory(self.device), _now()
        try:
            self.folder.write_record(self.record)
        except OSError as error:
            console.mistakes([f"{self.folder.path}: how the run ended could not be recorded: {said(error)}"])

    def _finish(self, result: Result) -> int:
        self.record.files = (self.record.files or {}) | {MODEL: self._save_model(result)}
        if not result.interrupted:
            result.test |= self._of_scenes(result)
        self._record(result)
        if result.interrupted:
            return 128 + result.interrupted
        drawn = self._draw(result) if self.experiment.settings.figures else True
        self._warn(result)
        known = {} if self.brief else training_scores(self.experiment.task, result.network, result.best, self.data)
        conclude(self.seeds, result, self.brief, known)
        if not self.brief:
            path = self.folder.path
            here = f"{path / FIGURES}; more of them, and PDF" if self.experiment.settings.figures else "none were drawn"
            console.say(f"figures: {here}: kanexp figures {path}")
            console.say(str(path))
        return int(bool(self.record.lost) or not drawn)

    def _of_scenes(self, result: Result) -> dict[str, Tensor]:
        """Scores of the best states on what is drawn, and where there is more to compare with than was learned."""
        task = self.experiment.task
        found: dict[str, Tensor] = {}
        finer = task.finer_scene(self.data)
        for scene in (self.scene, finer and finer.to(self.device, self.start.dtype)):
            if scene is not None:
                answers = result.network(result.best, scene.x[None])
                found |= task.scene_metrics(self.data.own_units(answers).double(), scene)
        return found

    def _warn(self, result: Result) -> None:
        """Record, and say, where a network learned its rows by heart."""
        weights, samples = result.network.parameters, self.data.train.x.shape[1]
        metrics = self.folder.read_table("metrics")
        if not self.experiment.task.differential and (why := overfits(metrics, weights, samples)):
            self.record.warnings = [*(self.record.warnings or []), why]
            if not self.brief:
                console.say(f"warning: {why}")

    def _draw(self, result: Result) -> bool:
        """Whether all figures are there; a result is not lost because one of them cannot be drawn."""
        try:
            draw(self.folder, self.experiment, self.data, self.scene, self.network, result)
        except Exception as error:
            if no_room(error):
                raise
            recall()
            why = f"not all figures are drawn ({type(error).__name__}: {error})"
            self.record.warnings = [*(self.record.warnings or []), why]
            console.mistakes([f"{self.folder.path}: {why}"])
            return False
        return True

    def _record(self, result: Result) -> None:
        """What training came to."""
        record, ensemble = self.record, self.prepared.ensemble
        record.status = "interrupted" if result.interrupted else "done"
        record.seed_status = dict(zip(self.seeds, result.status, strict=True))
        record.compiled = result.compiled or result.network.layers[-1].compiled
        record.steps, record.train_seconds = result.steps, round(result.seconds, 3)
        record.milliseconds_per_step = round(1000 * result.seconds / max(1, result.steps), 4)
        record.parameters, record.flops_per_sample = result.network.parameters, result.network.flops
        if record.pruned is None and result.kept is not None:
            record.left = left(self.seeds, result.network, result.kept)
        if counts := record.pruned or record.left:  # each seed has its own, and the run as many as the largest
            record.parameters = max(counts["weights"].values())
        record.evaluations, record.best_step = self._by_seed(result.evaluations), self._by_seed(result.best_step)
        record.best_val_loss = self._by_seed(result.best_val)
        record.refinement_jump = {step: self._by_seed(jumps) for step, jumps in result.jumps.items()}
        record.test_before_refinement = {
            step: {name: self._by_seed(values) for name, values in scores.items()}
            for step, scores in result.coarse.items()
        }
        record.test = {name: self._by_seed(values) for name, values in result.test.items()}
        if len(ensemble.experiments) > 1:
            record.pack = {"jobs": len(ensemble.experiments), "networks": len(ensemble.seeds)}

    def _by_seed(self, values: Tensor) -> dict[int, Any]:
        return by_seed(self.seeds, values.tolist())

    def _save_model(self, result: Result) -> Mark:
        """Plain tensors and plain values: torch.load(weights_only=True) reads them without kanexp."""
        model = {
            "format": FORMAT,
            "config": self.experiment.config.values,
            "widths": self.experiment.widths,
            "sizes": [getattr(layer.basis, layer.basis.size, None) for layer in result.network.layers],
            "seeds": self.seeds,
            "encoding": self.data.inputs_as().plain(),
            "offset": self.data.offset,
            "scale": self.data.scale,
            **({} if result.kept is None else {"kept": [edges.cpu() for edges in result.kept]}),
            "state": {name: w.clone() for name, w in result.network.unflatten(result.best.cpu()).items()},
        }
        return self.folder.write_model(model)


def left(seeds: Sequence[int], network: Network, kept: Kept) -> dict[str, dict[int, int]]:
    """Edges and weights of every seed, for run.json."""
    numbers = {"edges": count(kept), "weights": trained_weights(network, kept)}
    return {name: dict(zip(seeds, values.tolist(), strict=True)) for name, values in numbers.items()}


def _cause(error: BaseException) -> BaseException:
    """The error, or that the run was asked to end, which may have brought it about."""
    try:
        recall()
    except KeyboardInterrupt as interrupt:
        return interrupt
    return error


def cause(error: Exception) -> str:
    """What ended a run, as its record says it."""
    return out_of_memory(error) or f"{type(error).__name__}: {error}"


def write_failure(folder: RunFolder, config: RunConfig, cause: str, trace: str = "") -> None:
    """The record of a run that did not come far enough to write one itself."""
    record = begun(folder, config, config.values.get("widths") or [], torch.device("cpu"))
    record.status, record.cause, record.traceback, record.ended = "failed", cause, trace, _now()
    folder.write_record(record)


def begun(folder: RunFolder, config: RunConfig, widths: Sequence[int | str], device: torch.device) -> Record:
    """The record of a run that begins, or that goes on."""
    before = folder.known_record()
    return Record(
        status="running",
        choices=config.choices,
        config_hash=config.hash,
        config_sha256=digest(config.yaml),
        config_dirs=list(config.folders) or None,
        seeds=seed_numbers(config.values.get("seeds", 0)),
        widths=list(widths),
        started=(before.started if before else None) or _now(),
        command=" ".join(["kanexp", *config.overrides]),
        overrides=list(config.overrides),
        tune=config.values.get("tune"),
        **provenance(device),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
