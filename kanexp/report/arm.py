"""Arms: which runs are compared with which, by what they are told apart, and which setting stands for an arm."""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kanexp.config.settings import role_of
from kanexp.error import ConfigError
from kanexp.report import stats
from kanexp.report.table import GROUPS, Run
from kanexp.score.cost import LOST

# Options that say nothing where another is given, which says the same in other words.
OVERRULED = {"task.function": "task.expression", "task.dataset": "task.path"}


@dataclass(frozen=True)
class Arms:
    """Arms of a report: for every run its problem, its arm and its setting within the arm, as text.

    Only arms of one problem (a task with its options) are compared. Runs of one setting are repetitions with other
    seeds; of several settings in one arm, validation chooses.
    """

    keys: tuple[str, ...]  # what makes an arm
    pooled: tuple[str, ...]  # what differs within arms
    problem_keys: tuple[str, ...]
    problems: list[str]
    names: list[str]
    settings: list[str]
    values: dict[str, dict[str, str]]  # arm -> key -> value
    between: tuple[str, ...] = ()  # what differs from problem to problem alone, and so makes no arm

    @property
    def differing(self) -> tuple[str, ...]:
        return (*self.problem_keys, *self.keys, *self.pooled, *self.between)


def assign(runs: Sequence[Run], by: Sequence[str] = ()) -> Arms:
    """Arms by these groups and options, or by all in which the runs of some problem differ.

    What was searched over (a run's `tune`) and seeds make no arms, and the task makes problems, unless they are named.
    Raises ConfigError for a key that no run has.
    """
    differ = differing(runs)
    tuned = {key for run in runs for key in run.tune.get("over", ())}
    given = tuple(_known(key, runs, differ) for key in by)
    of_task = [key for key in differ if key.split(".")[0] == "task" and role_of(key) == "result"]
    problem_keys = [key for key in of_task if key not in given]
    if "task" in given:
        problem_keys = []
    problems = [_problem(run, problem_keys) for run in runs]
    within = _differing_within(runs, problems)
    rest = [key for key in differ if role_of(key) == "result" and key not in problem_keys]
    between = tuple(key for key in rest if key not in within and key not in given)
    rest = [key for key in rest if key not in between]
    keys = given or tuple(key for key in rest if key not in tuned)
    pooled = tuple(key for key in rest if key not in keys)
    usual = [group for group in ("task", "layer", "init") if group not in tuned]  # where nothing tells runs apart
    names = [describe(run, keys) or "-".join(run.option(group) for group in usual) for run in runs]
    settings = [describe(run, pooled) for run in runs]
    values = {name: {key: run.option(key) for key in keys} for name, run in zip(names, runs, strict=True)}
    return Arms(keys, pooled, tuple(problem_keys), problems, names, settings, values, between)


def _problem(run: Run, keys: Sequence[str]) -> str:
    """The name of a problem: what tells it from others, but for options it has not or that another overrules."""
    idle = {key for key, other in OVERRULED.items() if run.option(other) not in ("", "null")}
    told = [key for key in keys if key not in idle and run.option(key) != "null"]
    subject = [key for key in OVERRULED if keys and run.option(key) not in ("", "null")][:1]
    return describe(run, told) or describe(run, subject) or run.option("task")


def _differing_within(runs: Sequence[Run], problems: Sequence[str]) -> set[str]:
    """Groups and options in which the runs of one problem, any of them, differ."""
    of: dict[str, list[Run]] = {}
    for run, problem in zip(runs, problems, strict=True):
        of.setdefault(problem, []).append(run)
    return {key for own in of.values() for key in differing(own)}


def differing(runs: Sequence[Run]) -> list[str]:
    """Groups whose option, and options whose value, is not the same in all runs.

    An option of a group counts where it differs among runs of the same choice: that Fourier has other options than
    Chebyshev is said by the layer's name.
    """
    found = [group for group in GROUPS if len({run.option(group) for run in runs}) > 1]
    for key in dict.fromkeys(key for run in runs for key in run.options):
        group = key.split(".")[0]
        if role_of(key) in ("how", "where") or key in GROUPS or key.endswith("_target_"):
            continue
        seen: dict[str, set[str | None]] = {}
        for run in runs:
            seen.setdefault(run.choices.get(group, ""), set()).add(run.options.get(key))
        if any(len(values) > 1 for values in seen.values()):
            found.append(key)
    return found


def _known(key: str, runs: Sequence[Run], differ: Sequence[str]) -> str:
    keys = dict.fromkeys([*GROUPS, *(key for run in runs for key in run.options)])
    if key in keys:
        return key
    ends = [known for known in keys if known.endswith(f".{key}")]
    if len(ends) == 1:
        return ends[0]
    close = ends or difflib.get_close_matches(key, keys, n=1)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    raise ConfigError(
        f"--by: no run has a group or option '{key}'; {hint}what differs: {', '.join(differ) or 'nothing'}"
    )


def describe(run: Run, keys: Iterable[str]) -> str:
    """fourier degree=5: options by their last word where that is plain enough."""
    keys = list(keys)
    ends = [key.split(".")[-1] for key in keys]
    parts = []
    for key, end in zip(keys, ends, strict=True):
        if key in GROUPS:
            parts.append(run.option(key))
        elif key in run.options:
            parts.append(f"{end if ends.count(end) == 1 else key}={run.options[key]}")
    return " ".join(part for part in parts if part)


def baselines(arms: Arms, text: str) -> list[str]:
    """The arms that `init=default` or an arm's own name means. Raises ConfigError where there is none."""
    if text in arms.values:
        return [text]
    asked = dict(part.split("=", 1) for part in re.split(r",(?=[\w.]+=)", text) if "=" in part)
    full = {key: next((k for k in arms.keys if k == key or k.endswith(f".{key}")), None) for key in asked}
    if asked and None not in full.values():
        found = [
            arm
            for arm, values in arms.values.items()
            if all(_same(values[full[key] or ""], value) for key, value in asked.items())
        ]
        if found:
            return found
    known = ", ".join(f"'{arm}'" for arm in list(arms.values)[:12])
    raise ConfigError(f"--baseline: no arm is '{text}'; give KEY=VALUE of {_or(arms.keys)}, or an arm: {known}")


def partner(arms: Arms, arm: str, among: Sequence[str], text: str) -> list[str]:
    """The baselines an arm is compared with: those that are like it in all but the baseline's own words, or all."""
    asked = {part.split("=", 1)[0] for part in re.split(r",(?=[\w.]+=)", text) if "=" in part}
    others = [key for key in arms.keys if not any(key == k or key.endswith(f".{k}") for k in asked)]
    like = [b for b in among if asked and all(arms.values[b][k] == arms.values[arm][k] for k in others)]
    return like or list(among)


def _same(value: str, asked: str) -> bool:
    try:
        return float(value) == float(asked)
    except ValueError:
        return value == asked


def _or(parts: Sequence[str]) -> str:
    return " or ".join(parts) if parts else "what differs (nothing does)"


@dataclass(frozen=True)
class Choice:
    """The setting that stands for an arm on a problem, and how many it was chosen from."""

    problem: str
    arm: str
    setting: str
    trials: int  # settings that were tried
    planned: int  # settings that were to be tried, where a search said so


def choose(rows: pd.DataFrame, arms: Arms, runs: Sequence[Run]) -> tuple[pd.DataFrame, list[Choice]]:
    """The rows with problem, arm, setting and `compared`, and the choice made in every arm.

    Of several settings in an arm, the one of lowest median best_val_loss is compared, a lost seed counting as the
    worst; of several runs of one setting and seed, the newest that ended. Test scores have no say.
    """
    plan = pd.DataFrame({"problem": arms.problems, "arm": arms.names, "setting": arms.settings})
    plan["planned"] = [int(run.tune.get("trials", 0)) for run in runs]
    plan.index = pd.Index([run.label for run in runs])
    rows = rows.assign(**{name: rows["run"].map(plan[name]) for name in ("problem", "arm", "setting")})
    fit = usable(rows)
    compared, choices = pd.Series(False, index=rows.index), []
    for (problem, arm), at in rows.groupby(["problem", "arm"], sort=False).groups.items():
        own, here = rows.loc[at], plan[(plan["problem"] == problem) & (plan["arm"] == arm)]
        setting = _best_setting(own[fit[at]], here["setting"].unique())
        compared[at] = fit[at] & (own["setting"] == setting)
        choices.append(Choice(problem, arm, setting, here["setting"].nunique(), int(here["planned"].max())))
    return rows.assign(compared=compared), choices


def usable(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Which rows count: seeds that ended, of several runs of one setting and seed those of the newest.

    `rows` have their problem, arm and setting.
    """
    ended = ~stats.unfinished(rows["status"])
    newest = rows.assign(ended=ended).sort_values(["ended", "started"], kind="stable", na_position="first")
    last = ~newest.duplicated(["problem", "arm", "setting", "data_seed", "seed"], keep="last")
    return ended & last.reindex(rows.index)


def _best_setting(rows: pd.DataFrame, settings: Sequence[str]) -> str:
    if len(settings) == 1 or rows.empty:
        return str(settings[0])
    losses = rows["best_val_loss"].where(stats.ended_well(rows["status"]), LOST).fillna(LOST)
    return str(losses.groupby(rows["setting"], sort=False).median().idxmin())


def medians(rows: pd.DataFrame, column: str) -> "pd.Series[float]":
    """The median of a column per arm, in the order of the arms."""
    values = pd.to_numeric(rows[column], errors="coerce").replace([np.inf, -np.inf], np.nan)
    return values.groupby(rows["arm"], sort=False).median()
