"""One job of a search, in its process: its settings are chosen when it begins, and it may be pruned."""

import math
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch

from kanexp.config.catalog import find_catalog
from kanexp.config.compose import load
from kanexp.config.sweeper import Search
from kanexp.folder.file import digest
from kanexp.folder.record import Record, SeedStatus
from kanexp.folder.run_folder import RunFolder
from kanexp.run.run import begun
from kanexp.search.space import Space
from kanexp.search.study import Study
from kanexp.sweep.plan import Job, Plan
from kanexp.sweep.worker import Guide
from kanexp.train.result import Progress

BEHIND = "its validation loss is behind that of other trials"


class Trial(Guide):
    """The job of a pack of a search, from the choice of its settings to what is told of it."""

    def __init__(self, plan: Plan, number: int):
        assert plan.search is not None
        (self._index,) = plan.packs[number]
        self.job, self._trials = plan.jobs[self._index], len(plan.jobs)
        self._study, self._space = study(plan, self._index), space(plan)
        self._catalog = find_catalog([Path(folder) for folder in self.job.config.folders])
        self._every = int(self.job.config.values["log_every"])

    def begin(self) -> Job:
        """The job with its settings, which its folder then knows. Raises ConfigError where they do not go together."""
        chosen = self._study.choose(self._index, self._space)
        overrides = self._space.overrides(chosen)
        record = begun(self.job.folder, self.job.config, [], torch.device("cpu"))
        record.tune, record.overrides = self._tune, overrides
        self.job.folder.write_record(record)
        (config,) = load(overrides, self._catalog)
        config = replace(config, values=config.values | {"tune": self._tune})
        self.job.folder.write_config(config.yaml)
        record.choices, record.config_sha256 = config.choices, digest(config.yaml)
        self.job.folder.write_record(record)
        self.job = replace(self.job, config=config)
        self._judge = self._study.watch(self._index)
        return self.job

    def watch(self, progress: Progress) -> SeedStatus | None:
        """Why the trial is not worth going on, asked whenever the validation loss was looked at."""
        if progress.step % self._every or progress.step == progress.steps:
            return None
        losses = [loss if math.isfinite(loss) else math.inf for loss in progress.val_loss.tolist()]
        behind = self._judge(progress.step, median(losses))
        return SeedStatus("pruned", progress.step, BEHIND) if behind else None

    def end(self) -> None:
        settle(self._study, self._index, self.job.folder)

    @property
    def _tune(self) -> dict[str, Any]:
        return {"over": list(self._space.searched), "trial": self._index, "trials": self._trials}


def study(plan: Plan, job: int = 0) -> Study:
    """The study of a plan, for a process that works on this job."""
    assert plan.search is not None
    return Study(plan.folder.study, Search(**plan.search["sweeper"]), int(plan.jobs[0].config.values["steps"]), job)


def space(plan: Plan) -> Space:
    assert plan.search is not None
    return Space.of(plan.search["fixed"], plan.search["space"])


def settle(known: Study, index: int, folder: RunFolder) -> None:
    """Tell the study how a job ended, once it did."""
    record = folder.known_record()
    if record and record.status in ("done", "failed"):
        known.tell(index, objective(record), was_pruned(record))


def objective(record: Record) -> float | None:
    """Median over seeds of the lowest validation loss, a diverged seed being worst; None where the run has none.

    Never of the test data.
    """
    if not record.best_val_loss:
        return None
    losses = {seed: loss for seed, loss in record.best_val_loss.items() if loss is not None and seed not in record.lost}
    return median([losses.get(seed, math.inf) for seed in record.best_val_loss])


def was_pruned(record: Record) -> bool:
    return any(status.kind == "pruned" for status in (record.seed_status or {}).values())
