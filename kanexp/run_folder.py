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

CONFIG, RECORD, METRICS, TIMINGS, DIAGNOSTICS, SPECTRA, MODEL, FIGURES, DIAGNOSIS = (
    "config.yaml",
    "run.json",
    "metrics.csv",
    "timings.csv",
    "diagnostics.csv",
    "spectra.csv",
    "model.pt",
    "figures",
    "diagnosis.json",
)
COLUMNS = {
    METRICS: ("step", "seed", "metric", "value"),
    TIMINGS: ("step", "seconds", "evaluations"),
    DIAGNOSTICS: ("step", "seed", "layer", "metric", "value"),
    SPECTRA: ("step", "seed", "layer", "frequency", "power"),
}


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
    def timings(self) -> Path:
        return self.path / TIMINGS

    @property
    def metrics(self) -> Path:
        return self.path / METRICS

    @property
    def diagnostics(self) -> Path:
        return self.path / DIAGNOSTICS

    @property
    def spectra(self) -> Path:
        return self.path / SPECTRA

    @property
    def config(self) -> Path:
        return self.path / CONFIG

    def write_config(self, yaml: str) -> None:
        write(self.path / CONFIG, yaml)

    def write_record(self, record: dict[str, Any]) -> None:
        """run.json: status and provenance, replaced as a whole."""
        write(self.path / RECORD, json.dumps({"format": FORMAT, **record}, indent=2) + "\n")

    def write_diagnosis(self, record: dict[str, Any]) -> None:
        write(self.path / DIAGNOSIS, json.dumps({"format": FORMAT, **record}, indent=2) + "\n")

    @contextlib.contextmanager
    def logs(self) -> Iterator["Logs"]:
        """The tables of a run under way, open for rows and flushed with every group of them."""
        with contextlib.ExitStack() as stack:
            yield Logs(
                {
                    name: stack.enter_context(open(self.path / name, "w", newline="", encoding="utf-8"))
                    for name in COLUMNS
                }
            )

    @contextlib.contextmanager
    def model_file(self) -> Iterator[Path]:
        """A path to write model.pt to; it gets its name when the block ends well."""
        part = self.path / f".{MODEL}.part"
        yield part
        os.replace(part, self.path / MODEL)

    def ended(self) -> tuple[dict[str, Any], Path]:
        """run.json and model.pt of a run that came to its end or was stopped.

        Raises UnreadableRun where it did not.
        """
        record = self.read_record()
        if not (self.path / MODEL).is_file():
            raise UnreadableRun(f"{self.path}: its status is '{record.get('status')}' and it left no {MODEL}")
        return record, self.path / MODEL

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
    """Open files of a run that is under way, each a table of its own columns."""

    def __init__(self, files: dict[str, Any]):
        self._files = files
        self._tables = {name: csv.writer(file) for name, file in files.items()}
        for name, table in self._tables.items():
            table.writerow(COLUMNS[name])

    def metrics(self, step: int, seeds: Iterable[int], metric: str, values: Iterable[float]) -> None:
        self._tables[METRICS].writerows((step, s, metric, number(v)) for s, v in zip(seeds, values, strict=True))

    def diagnostics(self, step: int, seed: int, layer: int, metric: str, value: float) -> None:
        self._tables[DIAGNOSTICS].writerow((step, seed, layer, metric, number(value)))

    def spectrum(self, step: int, seed: int, layer: int, frequencies: Iterable[int], power: Iterable[float]) -> None:
        pairs = zip(frequencies, power, strict=True)
        self._tables[SPECTRA].writerows((step, seed, layer, f, number(p)) for f, p in pairs)

    def timing(self, step: int, seconds: float, evaluations: int) -> None:
        self._tables[TIMINGS].writerow((step, f"{seconds:.4f}", evaluations))
        for file in self._files.values():
            file.flush()


def number(value: float) -> str:
    """Nine digits keep every float32; integers stay integers."""
    return f"{value:.9g}"


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
