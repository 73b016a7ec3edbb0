"""Runs on disk as a table: one row per run and seed, failures included."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from kanexp.folder.file import UnreadableRun
from kanexp.folder.names import CONFIG
from kanexp.folder.run_folder import RunFolder

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
# Runs without an end say nothing about their arm; all others that did not end well count as failures.
UNFINISHED = ("running", "interrupted", "killed", "pruned", "pending")

# The C parser reads 2,000 configs in a few seconds, the other one in half a minute.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Run:
    """What a report knows of one run."""

    folder: RunFolder
    record: dict[str, Any]
    config: dict[str, Any]  # flat: "layer.degree" -> 5

    @property
    def label(self) -> str:
        return str(self.folder.path)

    @property
    def choices(self) -> dict[str, str]:
        return self.record["choices"]

    @property
    def tune(self) -> dict[str, Any]:
        """How a search of settings took part in this run: {"over": keys, "trial": i, "trials": n}, or nothing."""
        return self.record.get("tune") or {}

    @cached_property
    def options(self) -> dict[str, str]:
        """Every option as text, so that runs can be told apart by it."""
        return {key: short(value) for key, value in self.config.items()}

    def option(self, key: str) -> str:
        """The option of a group, or the value of an option, as text; empty where the run has none."""
        return self.choices.get(key, "") if key in GROUPS else self.options.get(key, "")


def read(folders: Sequence[RunFolder]) -> tuple[list[Run], list[str]]:
    """All runs that can be read, and a sentence for each that cannot."""
    runs, problems = [], []
    for folder in folders:
        try:
            record = folder.read_record()
            config = yaml.load((folder.path / CONFIG).read_text("utf-8"), Loader=_Loader)
            runs.append(Run(folder, _checked(record), flat(config)))
        except UnreadableRun as error:
            problems.append(str(error))
        except _Lacking as error:
            problems.append(f"{folder.path}: its record lacks {error}")
        except (OSError, ValueError, yaml.YAMLError, AttributeError) as error:
            problems.append(f"{folder.path}: {CONFIG} cannot be read ({type(error).__name__})")
    return runs, problems


class _Lacking(Exception):
    """A record without something that every run writes first."""


def _checked(record: dict[str, Any]) -> dict[str, Any]:
    kinds = {"choices": dict, "seeds": list, "status": str, "widths": list}
    if wrong := [name for name, kind in kinds.items() if not isinstance(record.get(name), kind)]:
        raise _Lacking(", ".join(wrong))
    return record


def rows(runs: Sequence[Run], options: Iterable[str]) -> pd.DataFrame:
    """One row per run and seed: COLUMNS, the test metrics, then these options.

    What tells arms apart (problem, arm, setting, compared) is left empty here. A run that never came to its first step
    has a row for every seed it was to train, with the run's status.
    """
    metrics = list(dict.fromkeys(name for run in runs for name in run.record.get("test") or {}))
    options = [key for key in options if key not in COLUMNS]
    table = [row for run in runs for row in _rows(run, metrics, options)]
    frame = pd.DataFrame(table, columns=[*COLUMNS, *(f"test_{m}" for m in metrics), *options])
    numbers = ["best_val_loss", *(f"test_{m}" for m in metrics)]
    return frame.astype(dict.fromkeys(numbers, float))


def _rows(run: Run, metrics: Sequence[str], options: Sequence[str]) -> Iterable[dict[str, Any]]:
    record = run.record
    common = {"run": run.label, **{group: run.choices.get(group) for group in ("experiment", *GROUPS)}}
    common |= {name: record.get(name) for name in ("cause", "parameters", "train_seconds", "peak_memory_bytes")}
    common |= {"widths": "-".join(map(str, record["widths"])), "started": record.get("started")}
    common |= {"steps": record.get("steps", run.config.get("steps")), "data_seed": run.config.get("data_seed", 0)}
    common |= {key: run.options.get(key) for key in options}
    statuses, test = record.get("seed_status") or {}, record.get("test") or {}
    for seed in record["seeds"]:
        own = {name: (record.get(name) or {}).get(str(seed)) for name in ("best_step", "best_val_loss", "evaluations")}
        own |= {f"test_{name}": test.get(name, {}).get(str(seed)) for name in metrics}
        status = statuses.get(str(seed), "failed") if record["status"] == "done" else record["status"]
        yield common | own | {"seed": seed, "status": status}


def figure_files(run: Run) -> list[Path]:
    """The pictures a run left, in the order a reader wants them."""
    order = ("prediction", "confusion", "regions", "loss", "spectra", "edges")
    files = [run.folder.figures / f"{name}.png" for name in order]
    return [file for file in files if file.is_file()]


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
