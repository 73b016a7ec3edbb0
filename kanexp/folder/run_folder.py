"""Where a run lives: its record, its tables, its networks and its figures."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from kanexp.folder.file import UnreadableRun, read_json, write, write_json
from kanexp.folder.logs import COLUMNS, Logs, Tell
from kanexp.folder.names import CHECKPOINT, CONFIG, DIAGNOSIS, FIGURES, MODEL, RECORD
from kanexp.folder.record import Record, read_record

# The C parser reads 2,000 configs in a few seconds, the other one in half a minute.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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

    def known_record(self) -> Record | None:
        """run.json; None where there is none that can be read."""
        with contextlib.suppress(UnreadableRun):
            return self.read_record()
        return None

    def is_done(self) -> bool:
        """Whether the run here came to its end."""
        record = self.known_record()
        return record is not None and record.status == "done"

    def forget(self) -> None:
        """Make the run here one that has not begun: another try starts from nothing."""
        for file in (RECORD, CHECKPOINT):
            (self.path / file).unlink(missing_ok=True)

    def write_config(self, yaml: str) -> None:
        write(self.path / CONFIG, yaml)

    def read_config(self) -> dict[str, Any]:
        """config.yaml. Raises UnreadableRun where it is missing or no YAML of pairs."""
        try:
            values = yaml.load(self.config.read_text("utf-8"), Loader=_Loader)
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise UnreadableRun(f"{self.path}: {CONFIG} cannot be read ({type(error).__name__})") from error
        if not isinstance(values, dict):
            raise UnreadableRun(f"{self.path}: {CONFIG} cannot be read (it holds no pairs)")
        return values

    def write_record(self, record: Record) -> None:
        """run.json, replaced as a whole."""
        write_json(self.path / RECORD, record.plain())

    def write_diagnosis(self, record: dict[str, Any]) -> None:
        write_json(self.path / DIAGNOSIS, record)

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

    def ended(self) -> tuple[Record, Path]:
        """run.json and model.pt of a run that came to its end or was stopped.

        Raises UnreadableRun where it did not.
        """
        record = self.read_record()
        if not (self.path / MODEL).is_file():
            raise UnreadableRun(f"{self.path}: its status is '{record.status}' and it left no {MODEL}")
        return record, self.path / MODEL

    def read_record(self) -> Record:
        """run.json. Raises UnreadableRun where it is missing, damaged, incomplete or of a newer format."""
        values = read_json(self.path / RECORD, "run folder")
        try:
            return read_record(values)
        except (ValueError, TypeError) as error:
            raise UnreadableRun(f"{self.path}: {error}") from None
