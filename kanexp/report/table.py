"""Runs on disk as tables: one row per run and seed, and the training curves in long form."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from kanexp.run_folder import CONFIG, RunFolder, UnreadableRun

GROUPS = ("task", "layer", "init", "reg", "optimizer", "model")
# The columns every report begins with; the tasks' metrics and the options that differ follow.
COLUMNS = ("run", "arm", "experiment", *GROUPS, "seed", "status", "widths", "parameters", "steps", "best_step")
OVER = ("step", "evaluations", "samples", "seconds")  # what a curve can be drawn over
COSTS = ("evaluations", "train_seconds", "peak_memory_bytes")


@dataclass(frozen=True)
class Run:
    """What a report knows of one run."""

    folder: RunFolder
    record: dict[str, Any]
    config: dict[str, Any]  # flat: "layer.degree" -> 5

    @property
    def label(self) -> str:
        return str(self.folder.path)


def read(folders: Sequence[RunFolder]) -> tuple[list[Run], list[str]]:
    """All runs that can be read, and a sentence for each that cannot."""
    runs, problems = [], []
    for folder in folders:
        try:
            record = folder.read_record()
            config = yaml.safe_load((folder.path / CONFIG).read_text("utf-8"))
            runs.append(Run(folder, record, _flat(config)))
        except UnreadableRun as error:
            problems.append(str(error))
        except (OSError, yaml.YAMLError, AttributeError) as error:
            problems.append(f"{folder.path}: {CONFIG} cannot be read ({type(error).__name__})")
    return runs, problems


def arms(runs: Sequence[Run]) -> list[str]:
    """A name for each run from the options in which the runs differ; runs of one name are one arm."""
    differing = [key for key in differing_options(runs) if key != "seeds"]
    names = []
    for run in runs:
        words = [run.record["choices"].get(group, "") for group in GROUPS if _differ(runs, group)]
        # Where the option itself differs, its own settings say nothing new.
        shown = [key for key in differing if not _differ(runs, key.split(".")[0])]
        words += [f"{key.split('.')[-1]}={_short(run.config.get(key))}" for key in shown]
        names.append(" ".join(words) or "-".join(run.record["choices"].get(g, "") for g in ("task", "layer", "init")))
    return names


def differing_options(runs: Sequence[Run]) -> list[str]:
    """Keys of the flat configs whose values are not the same in all runs; places, names and logging left out."""
    keys = dict.fromkeys(key for run in runs for key in run.config)
    ignored = ("name", "output_dir", "log_every", "diagnostics")
    return [
        key
        for key in keys
        if key not in ignored
        and not key.endswith("_target_")
        and len({json.dumps(run.config.get(key)) for run in runs}) > 1
    ]


def rows(runs: Sequence[Run]) -> pd.DataFrame:
    """One row per run and seed, in the order of COLUMNS, test metrics, options that differ, COSTS.

    Runs that failed before their first step have one row without a seed.
    """
    metrics = list(dict.fromkeys(name for run in runs for name in run.record.get("test", {})))
    options = differing_options(runs)
    table = []
    for run, arm in zip(runs, arms(runs), strict=True):
        record = run.record
        common = {"run": run.label, "arm": arm, **{g: record["choices"].get(g) for g in ("experiment", *GROUPS)}}
        common |= {"widths": "-".join(map(str, record["widths"])), "parameters": record.get("parameters")}
        common |= {"steps": record.get("steps"), **{k: _short(run.config.get(k)) for k in options}}
        common |= {"train_seconds": record.get("train_seconds"), "peak_memory_bytes": record.get("peak_memory_bytes")}
        for seed in record["seeds"] if "seed_status" in record else [None]:
            own = {name: record.get("test", {}).get(name, {}).get(str(seed)) for name in metrics}
            own = {f"test_{name}": value for name, value in own.items()}
            own |= {k: record.get(k, {}).get(str(seed)) for k in ("best_step", "evaluations")}
            status = record["seed_status"][str(seed)] if seed is not None else record["status"]
            if record["status"] != "done":
                status = record["status"]
            table.append(common | own | {"seed": seed, "status": status})
    columns = [*COLUMNS, *(f"test_{m}" for m in metrics), *(o for o in options if o not in COLUMNS), *COSTS]
    return pd.DataFrame(table, columns=columns)


def curves(runs: Sequence[Run]) -> pd.DataFrame:
    """The rows of every metrics.csv with the run's arm: arm, run, seed, metric, value, and all of OVER."""
    tables = []
    for run, arm in zip(runs, arms(runs), strict=True):
        if run.folder.metrics.is_file():
            # A killed run may end within a line.
            table = pd.read_csv(run.folder.metrics, on_bad_lines="skip")
            table["value"] = pd.to_numeric(table["value"], errors="coerce")
            table = table.dropna().assign(run=run.label, arm=arm)
            spent = table[table["metric"].isin(OVER)].pivot_table(
                values="value", index=["step", "seed"], columns="metric"
            )
            table = table[~table["metric"].isin(OVER)].join(spent.reindex(columns=OVER[1:3]), on=["step", "seed"])
            table["seconds"] = table["step"].map(_seconds(run.folder))
            tables.append(table)
    tables = [table for table in tables if len(table)]
    columns = ["arm", "run", "seed", "metric", "value", *OVER]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def _seconds(folder: RunFolder) -> "pd.Series[float]":
    """Training time at each step that was logged."""
    if not folder.timings.is_file():
        return pd.Series(dtype=float)
    timings = pd.read_csv(folder.timings, on_bad_lines="skip").drop_duplicates("step")
    return pd.to_numeric(timings.set_index("step")["seconds"], errors="coerce")


def pictures(runs: Sequence[Run]) -> list[tuple[str, pd.DataFrame, tuple[int, int]]]:
    """Arm, prediction table and shape of the first run of each arm, where runs learned pictures."""
    found: dict[str, tuple[str, pd.DataFrame, tuple[int, int]]] = {}
    for run, arm in zip(runs, arms(runs), strict=True):
        scene, file = run.record.get("scene", {}), run.folder.figures / "prediction.csv"
        if arm not in found and scene.get("kind") == "picture" and file.is_file():
            found[arm] = arm, pd.read_csv(file), tuple(scene["shape"])
    return list(found.values())


def figure_files(run: Run) -> list[Path]:
    """The pictures a run left, in the order a reader wants them."""
    order = ("prediction", "confusion", "regions", "loss", "spectra", "edges")
    files = [run.folder.figures / f"{name}.png" for name in order]
    return [file for file in files if file.is_file()]


def _differ(runs: Sequence[Run], group: str) -> bool:
    return len({run.record["choices"].get(group) for run in runs}) > 1


def _flat(config: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{inner}": v for inner, v in value.items()}
        else:
            flat[key] = value
    return flat


def _short(value: Any) -> str:
    return json.dumps(value) if isinstance(value, list | bool) else "null" if value is None else str(value)
