"""Runs on disk as a table: one row per run and seed, failures included."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from kanexp.config.run_config import LATER
from kanexp.config.seeds import UntilDecided
from kanexp.error import ConfigError
from kanexp.folder.file import UnreadableRun
from kanexp.folder.names import FORMULAS
from kanexp.folder.record import Record
from kanexp.folder.run_folder import RunFolder
from kanexp.score.score import LOSSES, Score

GROUPS = ("task", "layer", "init", "reg", "optimizer", "model")
COSTS = ("evaluations", "train_seconds", "peak_memory_bytes")
# The columns every report begins with; the tasks' metrics and the options that differ follow.
COLUMNS = (
    "run",
    "problem",
    "arm",
    "setting",
    "compared",
    "experiment",
    *GROUPS,
    "data_seed",
    "seed",
    "status",
    "cause",
    "widths",
    "parameters",
    "steps",
    "best_step",
    "best_val_loss",
    *COSTS,
    "started",
)


@dataclass(frozen=True)
class Run:
    """What a report knows of one run."""

    folder: RunFolder
    record: Record
    config: dict[str, Any]  # flat: "layer.degree" -> 5

    @property
    def label(self) -> str:
        return str(self.folder.path)

    @property
    def choices(self) -> dict[str, str]:
        return self.record.choices

    @property
    def tune(self) -> dict[str, Any]:
        """How a search of settings took part in this run: {"over": keys, "trial": i, "trials": n}, or nothing."""
        return self.record.tune or {}

    @cached_property
    def options(self) -> dict[str, str]:
        """Every option as text, so that runs can be told apart by it."""
        return {key: short(value) for key, value in self.config.items()}

    @property
    def looks(self) -> tuple[int, ...]:
        """The seeds of each arm at which it is judged while it gets more; empty where a run has all it was to have."""
        seeds = {key.removeprefix("seeds."): value for key, value in self.config.items() if key.startswith("seeds.")}
        until = UntilDecided.of(seeds) if seeds else None
        return until.looks if until else ()

    def option(self, key: str) -> str:
        """The option of a group, or the value of an option, as text; empty where the run has none."""
        return self.choices.get(key, "") if key in GROUPS else self.options.get(key, "")


def read(folders: Sequence[RunFolder]) -> tuple[list[Run], list[str]]:
    """All runs that can be read, and a sentence for each that cannot."""
    runs, problems = [], []
    for folder in folders:
        try:
            runs.append(read_one(folder))
        except UnreadableRun as error:
            problems.append(str(error))
    return with_later_options(runs), problems


def read_one(folder: RunFolder) -> Run:
    """A run with its own options alone. Raises UnreadableRun where it is not as a run left it."""
    record = folder.read_record()
    folder.check_tables(record)
    return Run(folder, record, flat(folder.read_config(record)))


def with_later_options(runs: Sequence[Run]) -> list[Run]:
    """Runs with options that came after them, as these were before there was a choice, where others have them.

    Otherwise they would differ from runs of the same words.
    """
    names = [(group, f"{group}.{key}", before) for (group, key), before in LATER.items()]
    there = {(run.choices.get(group), name) for run in runs for group, name, _ in names if name in run.config}
    found = []
    for run in runs:
        missing = {name: b for group, name, b in names if (run.choices.get(group), name) in there}
        found.append(replace(run, config=run.config | missing))
    return found


def rows(runs: Sequence[Run], options: Iterable[str]) -> pd.DataFrame:
    """One row per run and seed: COLUMNS, the test metrics, then these options.

    What tells arms apart (problem, arm, setting, compared) is left empty here. A run that never came to its first step
    has a row for every seed it was to train, with the run's status.
    """
    metrics = list(dict.fromkeys(name for run in runs for name in run.record.test or {}))
    options = [key for key in options if key not in COLUMNS]
    table = [row for run in runs for row in _rows(run, metrics, options)]
    frame = pd.DataFrame(table, columns=[*COLUMNS, *(f"test_{m}" for m in metrics), *options])
    numbers = ["best_val_loss", *(f"test_{m}" for m in metrics)]
    if any(run.config.get("task.folds") for run in runs):
        frame["data_seed"] = frame["data_seed"].astype(str)  # 0 fold 3
    return frame.astype(dict.fromkeys(numbers, float))


def _rows(run: Run, metrics: Sequence[str], options: Sequence[str]) -> Iterable[dict[str, Any]]:
    record = run.record
    common: dict[str, Any] = {"run": run.label, **{group: run.choices.get(group) for group in ("experiment", *GROUPS)}}
    common |= {name: getattr(record, name) for name in ("cause", "parameters", "train_seconds", "peak_memory_bytes")}
    common |= {"widths": "-".join(map(str, record.widths)), "started": record.started}
    steps = run.config.get("steps") if record.steps is None else record.steps
    common |= {"steps": steps, "data_seed": _data(run)}
    common |= {key: run.options.get(key) for key in options}
    for seed in record.seeds:
        own = {name: (getattr(record, name) or {}).get(seed) for name in ("best_step", "best_val_loss", "evaluations")}
        own |= {f"test_{name}": (record.test or {}).get(name, {}).get(seed) for name in metrics}
        yield common | own | {"seed": seed, "status": record.status_of(seed)}


def _data(run: Run) -> int | str:
    """Which data of its task a run has: the seed they are drawn with, and which of their folds is scored."""
    seed, fold = run.config.get("data_seed", 0), run.config.get("task.fold")
    return f"{seed} fold {fold}" if run.config.get("task.folds") else seed


def scores(runs: Sequence[Run]) -> dict[str, Score]:
    """What the runs declare of their scores, by column: test_mse, best_val_loss.

    Raises ConfigError where two of them say opposite things of one.
    """
    found: dict[str, tuple[Score, str]] = {one.name: (one, "") for one in LOSSES}
    for run in runs:
        for declared in (run.record.scores or {}).values():
            own = declared.on("test")
            known, first = found.setdefault(own.name, (own, run.label))
            if known != own:
                sides = f"{known.better} is better in {first}, {own.better} in {run.label}"
                raise ConfigError(f"{declared.name}: {sides}; report on them apart")
    return {name: declared for name, (declared, _) in found.items()}


def figure_files(run: Run) -> list[Path]:
    """The pictures a run left, in the order a reader wants them."""
    order = ["prediction", "frames", "error", "confusion", "calibration", "regions", "residuals", "residual"]
    order += ["dependence", "graph", "columns", "pruning", "loss", "validation", "output_spectrum", "spectra"]
    order += ["entering", "edges", "pairs"]
    files = [run.folder.figures / f"{name}.png" for name in order]
    return [file for file in files if file.is_file()]


def formulas_of(run: Run) -> list[tuple[str, str, str]]:
    """Seed, formula and test error or reason of what `kanexp formula` found; nothing where its table is damaged."""
    file = run.folder.path / FORMULAS
    if not file.is_file():
        return []
    try:
        rows = pd.read_csv(file, dtype=str, keep_default_na=False)
        who = rows["output"] + ", " + rows["seed"] if "output" in rows else rows["seed"]
        columns = [who, *(rows[name] for name in ("formula", "rmse_test", "reason"))]
    except (OSError, ValueError, KeyError):
        return []
    return [
        (seed, formula.removeprefix("'"), reason or f"test error {rmse} of the deviation")
        for seed, formula, rmse, reason in zip(*columns, strict=True)
    ]


def flat(config: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            found |= {f"{key}.{inner}": v for inner, v in value.items()}
        else:
            found[key] = value
    return found


def short(value: Any) -> str:
    return json.dumps(value) if isinstance(value, list | bool | dict) else "null" if value is None else str(value)
