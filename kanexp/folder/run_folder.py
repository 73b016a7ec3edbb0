"""Where a run lives: the only file that knows the names inside a run folder."""

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock

from kanexp.error import ConfigError
from kanexp.folder.logs import COLUMNS, Logs, Tell

FORMAT = 1  # of everything below; raised when a reader of the old one would misread the new

CONFIG, RECORD, MODEL, FIGURES = "config.yaml", "run.json", "model.pt", "figures"
DIAGNOSIS, CHECKPOINT = "diagnosis.json", "checkpoint.pt"
PLAN, PACKS, STUDY, TRIALS = "sweep.json", ".packs", "study.log", "trials.csv"


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
        return self._table("timings")

    @property
    def metrics(self) -> Path:
        return self._table("metrics")

    @property
    def diagnostics(self) -> Path:
        return self._table("diagnostics")

    @property
    def spectra(self) -> Path:
        return self._table("spectra")

    @property
    def config(self) -> Path:
        return self.path / CONFIG

    @property
    def checkpoint(self) -> Path:
        return self.path / CHECKPOINT

    def _table(self, name: str) -> Path:
        return self.path / f"{name}.csv"

    def is_done(self) -> bool:
        """Whether the run here came to its end."""
        with contextlib.suppress(UnreadableRun):
            return self.read_record().get("status") == "done"
        return False

    def has_diverged(self) -> bool:
        """Whether a seed of the run here was lost."""
        with contextlib.suppress(UnreadableRun):
            return any("diverged" in status for status in self.read_record().get("seed_status", {}).values())
        return False

    def forget(self) -> None:
        """Make the run here one that has not begun: another try starts from nothing."""
        for file in (RECORD, CHECKPOINT):
            (self.path / file).unlink(missing_ok=True)

    def started(self) -> str | None:
        """When the run here began; None where there is none yet."""
        with contextlib.suppress(UnreadableRun):
            return self.read_record().get("started")
        return None

    def write_config(self, yaml: str) -> None:
        write(self.path / CONFIG, yaml)

    def write_record(self, record: dict[str, Any]) -> None:
        """run.json: status and provenance, replaced as a whole."""
        write(self.path / RECORD, json.dumps({"format": FORMAT, **record}, indent=2) + "\n")

    def write_diagnosis(self, record: dict[str, Any]) -> None:
        write(self.path / DIAGNOSIS, json.dumps({"format": FORMAT, **record}, indent=2) + "\n")

    @contextlib.contextmanager
    def logs(self, go_on: bool = False, tell: Tell | None = None) -> Iterator[Logs]:
        """The tables of a run under way, open for rows and flushed with every group of them.

        Whoever is to `tell` gets the rows of metrics.csv as well. To `go_on` keeps what is in them, for Logs.cut to
        shorten.
        """
        with contextlib.ExitStack() as stack:
            files = {}
            for name in COLUMNS:
                file = self._table(name)
                mode = "r+" if go_on and file.is_file() else "w"
                files[name] = stack.enter_context(file.open(mode, newline="", encoding="utf-8"))
            yield Logs(files, tell)

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
        return _read_record(self.path / RECORD, "run folder")


def _read_record(file: Path, kind: str) -> dict[str, Any]:
    try:
        record = json.loads(file.read_text("utf-8"))
        written = record["format"]
    except FileNotFoundError:
        raise UnreadableRun(f"{file.parent}: no {file.name}, so this is no {kind}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnreadableRun(f"{file.parent}: {file.name} is damaged ({error})") from None
    if written > FORMAT:
        raise UnreadableRun(
            f"{file.parent}: written in format {written}, this kanexp reads up to {FORMAT}; update kanexp"
        )
    return dict(record)


class SweepFolder:
    """Many runs on disk: a folder for each, the plan they follow, and in .packs what those share that train as one."""

    def __init__(self, path: Path):
        self.path = path

    @property
    def work(self) -> Path:
        """Where launchers keep their own files."""
        return self.path / PACKS

    @property
    def study(self) -> Path:
        """What Optuna keeps of a search."""
        return self.path / STUDY

    @property
    def trials(self) -> Path:
        return self.path / TRIALS

    @property
    def figures(self) -> Path:
        return self.path / FIGURES

    def lock(self) -> FileLock:
        """Held by the command that runs the sweep, and given back by the system when that dies."""
        return FileLock(self.path / ".lock")

    def pack_lock(self, number: int) -> FileLock:
        """Held by the process that runs a pack."""
        return FileLock(self.work / f"{number}.lock")

    def checkpoint(self, number: int) -> Path:
        return self.work / f"{number}.pt"

    def log(self, number: int) -> Path:
        """What the process of a pack says."""
        return self.work / f"{number}.log"

    def is_sweep(self) -> bool:
        return (self.path / PLAN).is_file()

    def write_plan(self, record: dict[str, Any]) -> None:
        self.work.mkdir(exist_ok=True)
        write(self.path / PLAN, json.dumps({"format": FORMAT, **record}, indent=1) + "\n")

    def read_plan(self) -> dict[str, Any]:
        """sweep.json. Raises UnreadableRun where it is missing, damaged or of a newer format."""
        return _read_record(self.path / PLAN, "sweep folder")

    def write_progress(self, number: int, record: dict[str, Any]) -> None:
        """How far a pack is, for whoever watches."""
        write(self.work / f"{number}.json", json.dumps(record))

    def read_progress(self, number: int) -> dict[str, Any]:
        """Empty before the pack has begun."""
        try:
            return dict(json.loads((self.work / f"{number}.json").read_text("utf-8")))
        except (OSError, ValueError):
            return {}

    def forget_progress(self, number: int) -> None:
        (self.work / f"{number}.json").unlink(missing_ok=True)


def versions(parent: Path) -> list[Path]:
    """The versions below outputs/<name>, oldest first."""
    found = parent.iterdir() if parent.is_dir() else iter(())
    numbered = [(int(m[1]), path) for path in found if (m := re.fullmatch(r"v(\d+)", path.name))]
    return [path for _, path in sorted(numbered)]


def new_version(output_dir: str, name: str) -> Path:
    """Make outputs/<name>/vNNN, one above the highest there, and point outputs/<name>/latest at it.

    Safe against any number of processes at once: the folder is made by mkdir, which only one of them wins.
    Raises ConfigError where the place cannot be written.
    """
    parent = Path(output_dir).expanduser() / name
    try:
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            newest = max((int(path.name[1:]) for path in versions(parent)), default=0)
            version = parent / f"v{newest + 1:03d}"
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
    """All run folders at or below a path, degree=5 before degree=20; links (latest) only where they are named."""
    if (path / RECORD).is_file():
        return [RunFolder(path)]
    found = []
    for folder, folders, files in os.walk(path):
        folders.sort(key=_natural)
        if RECORD in files:
            found.append(RunFolder(Path(folder)))
            folders.clear()
    return found


def _natural(name: str) -> list[str | int]:
    """A key by which numbers in names are sorted as numbers."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split(r"([0-9]+)", name))]


def write(file: Path, text: str) -> None:
    """Write a text file so that a reader finds the old one or the new one, never half of one."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, file)
