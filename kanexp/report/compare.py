"""Two folders against each other: every run in the one is one arm, every run in the other the other arm."""

import itertools
from dataclasses import replace
from pathlib import Path

from kanexp.error import ConfigError
from kanexp.report import arm
from kanexp.report.report import Findings, Question, conclude, read
from kanexp.report.table import Run

# What a task is about; in its other options, two of one subject may differ and still be compared, which is said.
SUBJECTS = ("task", "dataset", "path", "target", "function", "equation", "expression", "data_dir")


def compare(first: Path, second: Path, metric: str | None = None) -> Findings:
    """The findings about two arms that are named by their folders.

    Where a folder holds several settings of one problem, validation chooses the one that is compared. Raises
    ConfigError where a folder holds no runs, both hold the same, they are of different data, or share no score.
    """
    names = _names(first, second)
    (ours, lost), (theirs, also_lost) = read([first]), read([second])
    if {run.folder.path.resolve() for run in ours} & {run.folder.path.resolve() for run in theirs}:
        raise ConfigError(f"compare: {names[0]} and {names[1]} hold the same run; give two different ones")
    runs = [*ours, *theirs]
    arms, notes = _two_arms(ours, theirs, names)
    found = conclude(runs, arms, [*lost, *also_lost], Question(metric=metric))
    if not found.pairs:
        raise ConfigError(f"compare: nothing to compare: {_lacking(ours, names[0])}; {_lacking(theirs, names[1])}")
    return replace(found, warnings=[*notes, *found.warnings])


def _names(first: Path, second: Path) -> tuple[str, str]:
    """The paths without the folders that they begin with both: glorot and default, or x/latest and y/latest."""
    pairs = zip(first.parts, second.parts, strict=False)
    common = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    short = [Path(*path.parts[common:]) for path in (first, second)]
    left, right = (str(first), str(second)) if Path() in short else map(str, short)
    return left, right


def _two_arms(ours: list[Run], theirs: list[Run], names: tuple[str, str]) -> tuple[arm.Arms, list[str]]:
    """One arm per folder, and what a reader should know of the difference."""
    runs, notes = [*ours, *theirs], []
    plan = arm.assign(runs)
    named = [names[0]] * len(ours) + [names[1]] * len(theirs)
    differ = (*plan.keys, *plan.pooled, *plan.between)
    pooled = [key for key in differ if key in arm.differing(ours) + arm.differing(theirs)]
    between = [key for key in differ if key not in pooled]
    problems, sides = plan.problems, (plan.problems[: len(ours)], plan.problems[len(ours) :])
    if not set(sides[0]) & set(sides[1]):
        left, right = (", ".join(dict.fromkeys(side)) for side in sides)
        said = f"{names[0]} is of {left}, {names[1]} of {right}"
        if any(key.split(".")[-1] in SUBJECTS for key in plan.problem_keys):
            raise ConfigError(f"compare: {said}: numbers of different data do not compare; give folders of one task")
        notes.append(f"their tasks differ: {said}; their numbers may not compare")
        problems = ["different tasks"] * len(runs)
        pooled += plan.problem_keys
    if between:
        sides_of = {key: [side[0].option(key) or "-" for side in (ours, theirs)] for key in between}
        told = ", ".join(f"{key}: {left} against {right}" for key, (left, right) in sides_of.items())
        notes.append(f"they differ in {told}")
    settings = [arm.describe(run, pooled) for run in runs]
    values: dict[str, dict[str, str]] = {name: {} for name in names}
    return arm.Arms((), tuple(pooled), plan.problem_keys, problems, named, settings, values), notes


def _lacking(runs: list[Run], name: str) -> str:
    scores = dict.fromkeys(f"test_{metric}" for run in runs for metric in run.record.test or {})
    states = ", ".join(dict.fromkeys(run.record.status for run in runs))
    return f"{name} has {', '.join(scores) or 'no score'} ({states})"
