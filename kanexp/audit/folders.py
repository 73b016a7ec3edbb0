"""Folders: kanexp's own runs as a study."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from kanexp.audit import columns, digits
from kanexp.audit.columns import Column
from kanexp.audit.study import Study
from kanexp.error import ConfigError
from kanexp.report import arm, stats, table
from kanexp.report.report import read


def study_of_runs(paths: Sequence[Path]) -> Study:
    """All runs at or below these folders that have ended. Raises ConfigError where there are none."""
    runs, lost = read(paths)
    arms = arm.assign(runs)
    found, _ = arm.choose(table.rows(runs, arms.differing), arms, runs)
    found = found[~stats.unfinished(found["status"])]
    if found.empty:
        raise ConfigError(f"audit: no run in {', '.join(map(str, paths))} has ended; wait for one, or resume it")
    # Of a seed that was trained twice the newest counts, as in a report.
    found = found.sort_values("started", kind="stable", na_position="first")
    found = found.drop_duplicates(["problem", "arm", "setting", "data_seed", "seed"], keep="last").sort_index()
    rows = found[["problem", "arm", "setting"]].assign(seed=_seeds(found), epoch=np.nan)
    rows["status"] = found["status"].map(lambda status: status.kind)
    own = {"parameters": "parameters", "steps": "steps", "evaluations": "evaluations", "seconds": "train_seconds"}
    for name in columns.NUMBERS:
        rows[name] = pd.to_numeric(found[own[name]]).astype(float) if name in own else np.nan
    scores = _scores(found, runs)
    values = found[[c.name for c in scores]].astype(float)
    units = pd.DataFrame({name: digits.units(values[name]) for name in values}, index=values.index)
    name = ", ".join(map(str, paths))
    notes = tuple(f"left out: {sentence}" for sentence in lost)
    return Study(name, rows, values, units, scores, pd.DataFrame(index=rows.index), own=True, notes=notes)


def _seeds(found: pd.DataFrame) -> pd.Series:
    """Seeds as texts, with the seed of their data where that is not one for all."""
    seeds = found["seed"].astype(str)
    data = found["data_seed"].astype(str)
    return seeds if data.nunique() <= 1 else seeds + " of data " + data


def _scores(found: pd.DataFrame, runs: Sequence[table.Run]) -> tuple[Column, ...]:
    """Scores as the tasks declare them; what they are called in an audit where that is known."""
    declared = table.scores(runs)
    names = [name for name in found.columns if name.startswith("test_")]
    scores = [Column("best_val_loss", "loss", "val", better="lower")]
    for name in names:
        own = name.removeprefix("test_")
        known = columns.SCORES.get(own, own)
        scores.append(Column(name, known, "test", better=declared[name].better if name in declared else None))
    return tuple(scores)
