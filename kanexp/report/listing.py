"""Runs as a list: what they are, what became of them and how large they are, chosen and sorted by what they hold."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from math import inf, isfinite
from pathlib import Path
from statistics import median

import pandas as pd

from kanexp.config.schema import did_you_mean
from kanexp.error import ConfigError, quoted
from kanexp.folder.file import UnreadableRun
from kanexp.folder.run_folder import RunFolder
from kanexp.folder.version import find_runs, natural
from kanexp.report.arm import describe, differing
from kanexp.report.table import GROUPS, Run, flat

STATUSES = ("running", "done", "failed", "interrupted", "lost", "damaged")
CHOSEN = (*GROUPS, "experiment")
UNITS = ("B", "KB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Listed:
    """A run folder and what is known of it; `run` is None where it cannot be read."""

    folder: RunFolder
    run: Run | None
    size: int  # bytes on disk

    @property
    def path(self) -> Path:
        return self.folder.path

    @property
    def status(self) -> str:
        return self.run.record.status if self.run else "damaged"

    @cached_property
    def scores(self) -> dict[str, float]:
        """Medians over seeds of what the task reports, as test_mse, the first first; a seed that was lost is worst.

        None of a run that has not ended, and infinite where half of the seeds were lost.
        """
        record = self.run.record if self.run else None
        if record is None or record.status != "done":
            return {}
        found = {}
        for name, score in (record.scores or {}).items():
            worst = inf if score.better == "lower" else -inf
            values = (record.test or {}).get(name, {})
            alive = [seed for seed in values if record.status_of(seed).ended_well and values[seed] is not None]
            held = [values[seed] if seed in alive else None for seed in values]
            if held:
                found[f"test_{name}"] = median([worst if value is None else value for value in held])
        return found

    @property
    def started(self) -> datetime | None:
        text = self.run.record.started if self.run else None
        time = datetime.fromisoformat(text) if text else None
        return time.replace(tzinfo=UTC) if time and time.tzinfo is None else time

    def value(self, key: str) -> str | None:
        """An option, a setting or the status, as text; None where the run has none."""
        if key == "status":
            return self.status
        if self.run is None:
            return None
        return self.run.choices.get(key) if key in CHOSEN else self.run.options.get(key)


def find(path: Path) -> list[Listed]:
    """All runs at or below a path. Raises ConfigError where there is no such folder, or none in it."""
    if not path.is_dir():
        raise ConfigError(f"{path}: no such folder; give one with runs below it")
    found = [_look(folder) for folder in find_runs(path)]
    if not found:
        raise ConfigError(f"{path}: there are no runs below it; give a folder with some")
    return found


def load_all(path: str | Path = "outputs") -> pd.DataFrame:
    """One table of all runs at or below a path: folder, status, options that differ, medians of scores, start, bytes.

    Raises ConfigError where there is no such folder, or no run in it.
    """
    return sheet(sort(find(Path(path)), "name"))


def _look(folder: RunFolder) -> Listed:
    run = None
    try:
        record = folder.read_record()
        run = Run(folder, record, flat(folder.read_config(record)))
    except UnreadableRun:
        pass  # which its status says
    return Listed(folder, run, sum(map(_bytes, _files(folder.path))))


def _files(path: Path) -> Iterable[str]:
    return (os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)


def _bytes(file: str) -> int:
    try:
        return os.lstat(file).st_size
    except OSError:  # gone by now
        return 0


def choose(runs: Sequence[Listed], where: str) -> list[Listed]:
    """The runs of which all is so that `where` says, as in "layer=bspline,status=done".

    Raises ConfigError for what no run has.
    """
    asked = []
    for part in re.split(r",(?=[\w.]+=)", where) if where else []:
        key, equals, value = part.partition("=")
        if not equals:
            raise ConfigError(f"--where: {quoted(part)} is not of the form KEY=VALUE, as in layer=bspline,status=done")
        if key == "status" and value not in STATUSES:
            hint = did_you_mean(value, STATUSES)
            raise ConfigError(f"--where: there is no status '{value}'{hint or ';'} it is one of {', '.join(STATUSES)}")
        asked.append((_known(key, runs), value))
    return [one for one in runs if all(_same(one.value(key), value) for key, value in asked)]


def _known(key: str, runs: Sequence[Listed]) -> str:
    """The key as runs have it: layer.degree for degree, where it is of one group alone."""
    keys = dict.fromkeys(["status", *CHOSEN, *(key for one in runs if one.run for key in one.run.options)])
    ends = [known for known in keys if known.split(".")[-1] == key and not known.endswith("_target_")]
    if key in keys or len(ends) == 1:
        return key if key in keys else ends[0]
    hint = f"; did you mean {' or '.join(ends)}?" if ends else did_you_mean(key, list(keys))
    raise ConfigError(f"--where: no run has a group, option or setting '{key}'{hint}")


def _same(held: str | None, asked: str) -> bool:
    if held is None:
        return False
    try:
        return float(held) == float(asked)
    except ValueError:
        plain = str.maketrans("", "", " \"'")
        return held.translate(plain) == asked.translate(plain)


def sort(runs: Sequence[Listed], by: str) -> list[Listed]:
    """The runs by a score, the best first; by age, the newest first; by size, the largest first; or by name.

    Those that have none come last. Raises ConfigError for what no run has.
    """
    kept = sorted(runs, key=lambda one: natural(str(one.path)))
    if by in ("", "name"):
        return kept
    if by == "size":
        return sorted(kept, key=lambda one: -one.size)
    if by == "age":
        return sorted(kept, key=lambda one: -one.started.timestamp() if one.started else inf)
    declared = [score for one in runs if one.run for score in (one.run.record.scores or {}).values()]
    known = {f"test_{score.name}": score.better for score in declared}
    name = by if by in known else f"test_{by}"
    if name not in known:
        everything = [*known, "age", "size", "name"]
        hint = did_you_mean(by, everything)
        raise ConfigError(f"--sort: no run has a score '{by}'{hint or ';'} there are {', '.join(everything)}")
    sign = 1 if known[name] == "lower" else -1
    return sorted(kept, key=lambda one: (name not in one.scores, sign * one.scores.get(name, 0.0)))


def cells(runs: Sequence[Listed], now: datetime) -> list[tuple[str, ...]]:
    """The rows that a terminal shows: folder, status, what differs, first score, age, size."""
    read = [one.run for one in runs if one.run]
    keys = differing(read) if read else []
    return [
        (
            str(one.path),
            one.status,
            describe(one.run, keys) if one.run else "",
            next((f"{k} {v:.4g}" if isfinite(v) else f"{k} diverged" for k, v in one.scores.items()), ""),
            _age((now - one.started).total_seconds()) if one.started else "",
            size_text(one.size),
        )
        for one in runs
    ]


def sheet(runs: Sequence[Listed]) -> pd.DataFrame:
    """A row per run: folder, status, groups, the options that differ, all scores, when it started, its bytes."""
    read = [one.run for one in runs if one.run]
    keys = [key for key in (differing(read) if read else []) if key not in CHOSEN]
    rows = []
    for one in runs:
        row: dict[str, object] = {"run": str(one.path), "status": one.status, **one.scores}
        row |= {key: one.value(key) for key in (*CHOSEN, *keys)}
        rows.append(row | {"started": one.started.isoformat() if one.started else None, "bytes": one.size})
    table = pd.DataFrame(rows)
    return table[[*(name for name in table if name not in ("started", "bytes")), "started", "bytes"]]


def summary(shown: Sequence[Listed], among: int) -> str:
    """How many there are, of each status, and how large they are together."""
    counts = [(status, sum(one.status == status for one in shown)) for status in STATUSES]
    told = ", ".join(f"{count} {status}" for status, count in counts if count)
    runs = f"{len(shown)} run{'s' if len(shown) != 1 else ''}"
    of = f"{len(shown)} of {among} runs" if len(shown) < among else runs
    return f"{of}{': ' if told else ''}{told}, {size_text(sum(one.size for one in shown))}"


def size_text(count: float) -> str:
    """Bytes as a person reads them."""
    power = 0
    while count >= 1000 and power < len(UNITS) - 1:
        count, power = count / 1000, power + 1
    return f"{count:.3g} {UNITS[power]}"


def _age(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
