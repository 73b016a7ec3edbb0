"""The runs of one row, found by what was chosen for them, and their scores over seeds."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from kanexp.report.arm import describe, differing
from kanexp.report.table import GROUPS, Run
from kanexp.score.score import LOSSES, Score

Arm = Mapping[str, object]  # what is particular about a run: {init: glorot}, {layer.frequencies: 5, init: smooth}


class NotFound(Exception):
    """A claim asks for a run or a score that is not there; the message says which."""


class Runs:
    """All runs of a row that could be read."""

    def __init__(self, runs: Sequence[Run]):
        self.all = list(runs)

    def one(self, arm: Arm) -> Run:
        """The run that was made with these words. Raises NotFound where there is none or more than one."""
        found = [run for run in self.all if made_with(run, arm)]
        if len(found) != 1:
            raise NotFound(f"{len(found)} of {len(self.all)} runs have {said(arm)}, and a claim needs one")
        return found[0]

    def scores(self, arm: Arm, metric: str) -> "pd.Series[float]":
        """One score per seed, by its test metric, or `train_loss`: that of the last step.

        A seed that diverged counts as the worst there is: a claim must not gain by what was lost.
        """
        return scores(self.one(arm), metric)

    def declared(self, arm: Arm, metric: str) -> Score:
        """What the arm's run says of its score. Raises NotFound where it does not say which way is better."""
        return declared(self.one(arm), metric)

    def stages(self, arm: Arm, metric: str) -> pd.DataFrame:
        """Test scores before every refinement and at the end: a row per seed, a column per size of the grid."""
        run = self.one(arm)
        sizes = [int(run.config["layer.intervals"]), *(size for _, size in _refinements(run))]
        before = run.record.test_before_refinement or {}
        if len(before) != len(sizes) - 1:
            raise NotFound(f"{said(arm)} has {len(before)} refinements behind it, and {len(sizes) - 1} were asked for")
        columns = [_series(run, before[step].get(metric, {}), metric) for step in sorted(before)]
        return pd.DataFrame(dict(zip(sizes, [*columns, scores(run, metric)], strict=True)))

    @property
    def named(self) -> list[tuple[str, Run]]:
        """Every run with a name: its experiment where there are several, and the options in which its runs differ."""
        experiments = [run.record.choices.get("experiment", "") for run in self.all]
        several = len(set(experiments)) > 1
        names = []
        for run, experiment in zip(self.all, experiments, strict=True):
            keys = differing([other for other, its in zip(self.all, experiments, strict=True) if its == experiment])
            own = describe(run, keys)
            names.append(f"{experiment} {own}".strip() if several else own or run.option("layer"))
        return list(zip(names, self.all, strict=True))

    @cached_property
    def seconds(self) -> float:
        """Wall time in which any of the runs was under way; runs side by side count once."""
        spans = sorted(
            (datetime.fromisoformat(r.record.started), datetime.fromisoformat(r.record.ended))
            for r in self.all
            if r.record.started and r.record.ended
        )
        total, until = 0.0, None
        for start, end in spans:
            start = start if until is None else max(start, until)
            total += max(0.0, (end - start).total_seconds())
            until = end if until is None else max(until, end)
        return total


def scores(run: Run, metric: str) -> "pd.Series[float]":
    """One score per seed of a run. Raises NotFound where it has no such score."""
    if metric == "train_loss":
        table = run.folder.read_table("metrics")
        last = table[table["metric"] == metric].sort_values("step").groupby("seed")["value"].last()
        return _series(run, dict(last.items()), metric)
    test = run.record.test or {}
    if metric not in test:
        raise NotFound(f"{run.label} has no {metric}; it has {', '.join(['train_loss', *test])}")
    return _series(run, test[metric], metric)


def made_with(run: Run, arm: Arm) -> bool:
    """Whether a run has everything that is particular about the arm: options by their group, values by their key."""
    found: dict[str, Any] = run.config | {group: run.record.choices.get(group) for group in (*GROUPS, "experiment")}
    return all(found.get(key) == value for key, value in arm.items())


def said(arm: Arm) -> str:
    """What is particular about a run, as one would say it: glorot, frequencies=5 smooth."""
    groups = (*GROUPS, "experiment")
    return " ".join(str(v) if k in groups else f"{k.split('.')[-1]}={v}" for k, v in arm.items() if v != "none")


def _series(run: Run, values: Mapping[int, float | None], metric: str) -> "pd.Series[float]":
    worst = -np.inf if declared(run, metric).higher_is_better else np.inf
    fine = [seed for seed in run.record.seeds if run.record.status_of(seed).ended_well]
    found = {seed: values.get(seed) if seed in fine else None for seed in run.record.seeds}
    return pd.Series({seed: worst if v is None or np.isnan(v) else float(v) for seed, v in found.items()}, dtype=float)


def declared(run: Run, metric: str) -> Score:
    """What the run says of its score. Raises NotFound where it does not say which way is better."""
    known = {one.name: one for one in LOSSES} | (run.record.scores or {})
    if metric not in known:
        raise NotFound(f"{run.label} does not say whether higher or lower {metric} is better")
    return known[metric]


def _refinements(run: Run) -> list[tuple[int, int]]:
    """Steps and sizes, in their order; the flat config has a key for each."""
    pairs = [(k.removeprefix("refine."), v) for k, v in run.config.items() if k.startswith("refine.")]
    return sorted((int(step), int(size)) for step, size in pairs)
