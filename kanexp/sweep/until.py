"""Seeds until decided: which arms of a sweep get another batch of seeds, by the verdicts on what they have."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kanexp.config.run_config import RunConfig
from kanexp.config.seeds import FORM, UntilDecided
from kanexp.config.settings import role_of
from kanexp.error import ConfigError
from kanexp.report.pair import MOST_ARMS
from kanexp.report.stats import LEVEL
from kanexp.report.table import flat
from kanexp.sweep.plan import Job, Plan

if TYPE_CHECKING:
    from kanexp.report.report import Findings


def first_batch(jobs: Sequence[RunConfig]) -> list[RunConfig]:
    """The jobs with the first of their seeds; as they are where they have all from the beginning.

    Raises ConfigError where seeds until decided make no sense for them.
    """
    asked = {json.dumps(job.values["seeds"]) for job in jobs if isinstance(job.values["seeds"], dict)}
    if not asked:
        return list(jobs)
    try:
        until = UntilDecided.of(jobs[0].values["seeds"])
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if until is None or len(asked) > 1:
        raise ConfigError(f"seeds: must be the same for all jobs where it is {FORM}")
    if not 2 <= len(jobs) <= MOST_ARMS:
        raise ConfigError(f"seeds: {FORM} compares 2 to {MOST_ARMS} jobs with each other, got {len(jobs)}")
    if any(job.values.get("tune") for job in jobs):
        raise ConfigError(f"tune: does not go with seeds={FORM}, which compares every setting")
    if len({_arm(job) for job in jobs}) < len(jobs):
        raise ConfigError(f"seeds: {FORM} takes each setting once, with one data_seed and one fold")
    return [_with(job, until, 0) for job in jobs]


def most_jobs(todo: Plan) -> int:
    """How many jobs a sweep may come to."""
    until = _until(todo.jobs[0].config)
    arms = sum(_first(job) == 0 for job in todo.jobs)
    return arms * len(until.starts) if until else len(todo.jobs)


def next_batch(todo: Plan) -> tuple[list[tuple[str, RunConfig]], str]:
    """The jobs of the next batch by the names of their folders, and a sentence on where the sweep is.

    Nothing where seeds were not to be added, or where jobs have not ended. Verdicts are those of a report on the sweep.
    """
    until = _until(todo.jobs[0].config)
    if until is None or any(job.status not in ("done", "failed") for job in todo.jobs):
        return [], ""
    from kanexp.report.report import Question, find, read  # and what draws, which is not needed before

    newest = max(_first(job) for job in todo.jobs)
    arms = [job for job in todo.jobs if _first(job) == 0]
    begun = {_arm(job.config) for job in todo.jobs if _first(job) == newest}
    found = find(*read([todo.folder.path]), Question())
    wanted = {(pair.problem, arm) for pair in found.pairs if pair.more for arm in (pair.arm, pair.other)}
    names = _names(found)
    more = [job for job in arms if _arm(job.config) in begun and names.get(job.folder.path.resolve()) in wanted]
    told = sum(pair.corrected <= LEVEL for pair in found.pairs)
    seeds = min(newest + until.batch, until.most)
    said = f"{seeds} seeds: {told} of {len(found.pairs)} comparisons are decided"
    if not more or seeds == until.most:
        return [], said if told == len(found.pairs) else f"{said}; {_why_not_more(seeds == until.most, until)}"
    last = min(seeds + until.batch, until.most) - 1
    jobs = [(f"{job.name}-seeds={seeds}-{last}", _with(job.config, until, seeds)) for job in more]
    return jobs, f"{said}; {len(more)} of {len(arms)} arms get more seeds"


def _why_not_more(all_there: bool, until: UntilDecided) -> str:
    if all_there:
        return "there are no more seeds"
    return f"for the others {until.most} seeds would hardly be enough"


def _names(found: "Findings") -> dict[Path, tuple[str, str]]:
    """Which arm the run of a folder is of, by its problem and its name."""
    labels = (Path(run.label).resolve() for run in found.runs)
    return dict(zip(labels, zip(found.arms.problems, found.arms.names, strict=True), strict=True))


def _until(config: RunConfig) -> UntilDecided | None:
    return UntilDecided.of(config.values["seeds"])


def _first(job: Job) -> int:
    until = _until(job.config)
    return until.first or 0 if until else 0


def _arm(config: RunConfig) -> str:
    """All that determines the result of a job but its random numbers, as text."""
    words = config.choices | flat(config.values)
    return json.dumps({key: value for key, value in words.items() if role_of(key) == "result"}, sort_keys=True)


def _with(config: RunConfig, until: UntilDecided, first: int) -> RunConfig:
    """The same words with the batch of seeds that begins with this one."""
    seeds = until.beginning(first)
    words = "{" + ", ".join(f"{key}: {value}" for key, value in seeds.items()) + "}"
    overrides = [f"seeds={words}" if text.split("=", 1)[0] == "seeds" else text for text in config.overrides]
    return replace(config, values=config.values | {"seeds": seeds}, overrides=tuple(overrides))
