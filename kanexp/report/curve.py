"""Training curves of arms: their median and range over seeds, along what was spent."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from kanexp.folder.run_folder import RunFolder
from kanexp.report.table import Run

OVER = ("step", "evaluations", "samples", "seconds")  # what a curve can be drawn over
LOSSES = ("train_loss", "val_loss", "val_solution_error")  # the last of equations alone
MOST_STEPS = 200  # of a run that are kept: no figure shows more
MOST_RUNS = 20  # of an arm that are read: a band over hundreds of seeds looks no different
COLUMNS = ("problem", "arm", "metric", "over", "at", "seeds", "low", "median", "high")


def bands(runs: Sequence[Run], rows: pd.DataFrame, over: str) -> pd.DataFrame:
    """COLUMNS for every arm of rows, which are those to be drawn: the lowest, median and highest loss of its seeds."""
    folders = {run.label: run.folder for run in runs}
    tables = []
    for (problem, arm), here in rows.groupby(["problem", "arm"], sort=False):
        read = [
            log(folders[label], own["seed"], over) for label, own in list(here.groupby("run", sort=False))[:MOST_RUNS]
        ]
        table = pd.concat(read, ignore_index=True)
        for metric in LOSSES:
            values = by_seed(table[table["metric"] == metric], over)
            band = pd.DataFrame({"at": values.index, "seeds": values.notna().sum(axis=1).to_numpy()})
            for name in ("min", "median", "max"):
                band[{"min": "low", "max": "high"}.get(name, name)] = values.agg(name, axis=1).to_numpy(float)
            tables.append(band.assign(problem=problem, arm=arm, metric=metric, over=over))
    tables = [table for table in tables if len(table)]
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)] if tables else pd.DataFrame(columns=list(COLUMNS))


def log(folder: RunFolder, seeds: Iterable[int], *overs: str, most: int = MOST_STEPS) -> pd.DataFrame:
    """The losses of a run as run, seed, metric, value and, of OVER, those asked for.

    Of runs of more than `most` logged steps about so many, evenly taken.
    """
    columns = ["run", "seed", "metric", "value", *overs]
    if not folder.metrics.is_file():
        return pd.DataFrame(columns=columns)
    table = _read(folder.path, _mark(folder.metrics))
    table = table[table["seed"].isin(list(seeds))]
    steps = np.unique(table["step"])
    if len(steps) > most:
        table = table[table["step"].isin(steps[np.linspace(0, len(steps) - 1, most).round().astype(int)])]
    losses = table[table["metric"].isin(LOSSES)].assign(run=str(folder.path), metric=lambda t: t["metric"].astype(str))
    for over in overs:
        if over == "seconds":
            losses[over] = losses["step"].map(_seconds(folder))
        elif over != "step":
            spent = table[table["metric"] == over]
            amounts = dict(zip(zip(spent["step"], spent["seed"], strict=True), spent["value"], strict=True))
            at = zip(losses["step"], losses["seed"], strict=True)
            losses[over] = np.array([amounts.get(place, np.nan) for place in at], dtype=float)
    return losses[columns]


@lru_cache(maxsize=256)
def _read(path: Path, mark: tuple[int, int]) -> pd.DataFrame:
    """What curves need of metrics.csv, as it was at this mark: figures and the page ask for it one after the other."""
    table = RunFolder(path).read_table("metrics", dtype={"metric": "category"})
    table = table[table["metric"].isin([*LOSSES, *OVER])]
    return table.assign(value=pd.to_numeric(table["value"], errors="coerce")).dropna()


def _mark(file: Path) -> tuple[int, int]:
    """Another one whenever the file has changed."""
    found = file.stat()
    return found.st_mtime_ns, found.st_size


def _seconds(folder: RunFolder) -> "pd.Series[float]":
    """Training time at each step that was logged."""
    if not folder.timings.is_file():
        return pd.Series(dtype=float)
    timings = folder.read_table("timings").drop_duplicates("step")
    return pd.to_numeric(timings.set_index("step")["seconds"], errors="coerce")


def by_seed(rows: pd.DataFrame, over: str) -> pd.DataFrame:
    """Values of one metric by step, or by 200 amounts spent, and seed: the last value each had reached by then."""
    each = ["run", "seed"]
    if over == "step":
        return rows.pivot_table(values="value", index="step", columns=each)
    rows = rows[rows[over] > 0].sort_values(over)
    amounts = np.geomspace(rows[over].min(), rows[over].max(), 200) if len(rows) else np.empty(0)
    found = {}
    for seed, own in rows.groupby(each):
        last = np.searchsorted(own[over], amounts * (1 + 1e-9), side="right") - 1
        found[seed] = np.where(last >= 0, own["value"].to_numpy()[last.clip(0)], np.nan)
    # From where each seed has a value on: a median must not jump because another one joins.
    return pd.DataFrame(found, index=amounts).dropna()
