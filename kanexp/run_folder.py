"""Where a run lives: the only file that knows the names inside a run folder."""

import contextlib
import csv
import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kanexp.error import ConfigError

FORMAT = 1  # of everything below; raised when a reader of the old one would misread the new

CONFIG, RECORD, METRICS, TIMINGS, MODEL, FIGURES = (
    "config.yaml",
    "run.json",
    "metrics.csv",
    "timings.csv",
    "model.pt",
    "figures",
)
METRIC_COLUMNS = ("step", "seed", "metric", "value")
TIMING_COLUMNS = ("step", "seconds", "evaluations")


class UnreadableRun(Exception):
    """A folder that is no run, or a run that this version cannot read; the message says which and why."""


class RunFolder:
    """One run on disk."""

    def __init__(self, path: Path):
        self.path = path

    @property
    def figures(self) -> Path:
        return self.path / FIGURES

    @property
    def metrics(self) -> Path:
        return self.path / METRICS

    def write_config(self, yaml: str) -> None:
        write(self.path / CONFIG, yaml)

    def write_record(self, record: dict[str, Any]) -> None:
        """run.json: status and provenance, replaced as a whole."""
        write(self.path / RECORD, json.dumps({"format": FORMAT, **record}, indent=2) + "\n")

    @contextlib.contextmanager
    def logs(self) -> Iterator["Logs"]:
        """metrics.csv and timings.csv, open for rows and flushed with every group of them."""
        with (
            open(self.path / METRICS, "w", newline="", encoding="utf-8") as metrics,
            open(self.path / TIMINGS, "w", newline="", encoding="utf-8") as timings,
        ):
            yield Logs(metrics, timings)

    @contextlib.contextmanager
    def model_file(self) -> Iterator[Path]:
        """A path to write model.pt to; it gets its name when the block ends well."""
        part = self.path / f".{MODEL}.part"
        yield part
        os.replace(part, self.path / MODEL)

    def read_record(self) -> dict[str, Any]:
        """run.json. Raises UnreadableRun where it is missing, damaged or of a newer format."""
        try:
            record = json.loads((self.path / RECORD).read_text("utf-8"))
            written = record["format"]
        except FileNotFoundError:
            raise UnreadableRun(f"{self.path}: no {RECORD}, so this is no run folder") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UnreadableRun(f"{self.path}: {RECORD} is damaged ({error})") from None
        if written > FORMAT:
            raise UnreadableRun(
                f"{self.path}: written in format {written}, this kanexp reads up to {FORMAT}; update kanexp"
            )
        return record


class Logs:
    """Open files of a run that is under way."""

    def __init__(self, metrics: Any, timings: Any):
        self._files = metrics, timings
        self._metrics, self._timings = csv.writer(metrics), csv.writer(timings)
        self._metrics.writerow(METRIC_COLUMNS)
        self._timings.writerow(TIMING_COLUMNS)

    def metrics(self, step: int, seeds: Iterable[int], metric: str, values: Iterable[float]) -> None:
        # Nine digits keep every float32; integers stay integers.
        rows = [(step, seed, metric, f"{value:.9g}") for seed, value in zip(seeds, values, strict=True)]
        self._metrics.writerows(rows)

    def timing(self, step: int, seconds: float, evaluations: int) -> None:
        self._timings.writerow((step, f"{seconds:.4f}", evaluations))
        for file in self._files:
            file.flush()


def new_version(output_dir: str, name: str) -> Path:
    """Make outputs/<name>/vNNN, one above the highest there, and point outputs/<name>/latest at it.

    Safe against any number of processes at once: the folder is made by mkdir, which only one of them wins.
    Raises ConfigError where the place cannot be written.
    """
    parent = Path(output_dir).expanduser() / name
    try:
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            versions = [int(m[1]) for p in parent.iterdir() if (m := re.fullmatch(r"v(\d+)", p.name))]
            version = parent / f"v{max(versions, default=0) + 1:03d}"
            with contextlib.suppress(FileExistsError):
                version.mkdir()
                break
        _point_latest(parent, version.name)
    except OSError as error:
        raise ConfigError(
            f"output_dir: cannot write to '{parent}' ({error.strerror}); choose another with output_dir=PATH"
        ) from error
    return version


def _point_latest(parent: Path, target: str) -> None:
    # Made aside and renamed: a reader never finds the link missing. Systems without links do without.
    aside = parent / f".latest.{os.getpid()}"
    with contextlib.suppress(OSError):
        aside.unlink(missing_ok=True)
        aside.symlink_to(target, target_is_directory=True)
        os.replace(aside, parent / "latest")


def find_runs(path: Path) -> list[RunFolder]:
    """All run folders at or below a path, sorted; links such as `latest` are followed only where they are named."""
    if (path / RECORD).is_file():
        return [RunFolder(path)]
    found = []
    for folder, folders, files in os.walk(path):
        folders.sort()
        if RECORD in files:
            found.append(RunFolder(Path(folder)))
            folders.clear()
    return found


def write(file: Path, text: str) -> None:
    """Write a text file so that a reader finds the old one or the new one, never half of one."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, file)
