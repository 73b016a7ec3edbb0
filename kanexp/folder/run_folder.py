"""Where a run lives: its record, its tables, its networks and its figures."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kanexp.folder.file import (
    UnreadableRun,
    read_csv,
    read_json,
    read_yaml,
    write,
    write_json,
)
from kanexp.folder.lock import LOOKED_AT, hold, is_held
from kanexp.folder.logs import ALL, COLUMNS, Logs, Tell
from kanexp.folder.names import CHECKPOINT, CONFIG, DIAGNOSIS, FIGURES, LOCK, MODEL, RECORD, RESERVE
from kanexp.folder.record import Record, read_record
from kanexp.folder.table import Mark, TableFile, check

if TYPE_CHECKING:  # imported where a table is read
    import pandas as pd

ROOM = 2**16  # bytes that are kept for a run's last words, where the disk is full by then


class RunFolder:
    """One run on disk."""

    def __init__(self, path: Path):
        self.path = path

    @property
    def figures(self) -> Path:
        return self.path / FIGURES

    @property
    def timings(self) -> Path:
        return self.table("timings")

    @property
    def metrics(self) -> Path:
        return self.table("metrics")

    @property
    def diagnostics(self) -> Path:
        return self.table("diagnostics")

    @property
    def spectra(self) -> Path:
        return self.table("spectra")

    @property
    def config(self) -> Path:
        return self.path / CONFIG

    @property
    def checkpoint(self) -> Path:
        return self.path / CHECKPOINT

    def table(self, name: str) -> Path:
        return self.path / f"{name}.csv"

    def is_run(self) -> bool:
        return (self.path / RECORD).exists()

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
        """Make the run here one that has not begun: another try starts from nothing.

        Raises UnreadableRun where somebody has put a folder in the place of a file.
        """
        for file in (self.path / RECORD, self.checkpoint):
            if file.is_dir():
                raise UnreadableRun(f"{self.path}: {file.name} is a folder; move it away, then go on")
            file.unlink(missing_ok=True)

    @contextlib.contextmanager
    def hold(self, seconds: float = LOOKED_AT) -> Iterator[None]:
        """Be the one who writes here, within. Raises Taken where another process still is after so many seconds."""
        with hold(self.path / LOCK, seconds):
            for part in self.path.glob(".*.part"):  # of a process that was killed
                part.unlink(missing_ok=True)
            yield

    @property
    def held(self) -> bool | None:
        """Whether a process is at work here; None where that cannot be told."""
        return is_held(self.path / LOCK)

    def write_config(self, yaml: str) -> None:
        write(self.path / CONFIG, yaml)

    def read_config(self, record: Record | None = None) -> dict[str, Any]:
        """config.yaml, of the run that the record is of.

        Raises UnreadableRun where it is missing, no YAML of pairs, or of another run.
        """
        return read_yaml(self.config, record.config_sha256 if record else "")

    def reserve(self) -> None:
        """Keep some room on the disk, so that how the run ends can be recorded when it is full."""
        (self.path / RESERVE).write_bytes(bytes(ROOM))

    def write_record(self, record: Record) -> None:
        """run.json, replaced as a whole; the room kept for it is given back where the run has ended."""
        if record.status != "running":
            (self.path / RESERVE).unlink(missing_ok=True)
        write_json(self.path / RECORD, record.plain())

    def write_diagnosis(self, record: dict[str, Any]) -> None:
        write_json(self.path / DIAGNOSIS, record)

    def write_model(self, model: dict[str, Any]) -> Mark:
        """model.pt, replaced as a whole: plain tensors and values, which torch.load reads without kanexp."""
        from kanexp.folder.tensors import write_tensors

        return write_tensors(self.path / MODEL, model)

    @contextlib.contextmanager
    def logs(self, go_on: bool = False, tell: Tell | None = None, frames: bool = False) -> Iterator[Logs]:
        """The tables of a run under way, open for rows and flushed with every group of them.

        Whoever is to `tell` gets the rows of metrics.csv as well. To `go_on` keeps what is in them, for Logs.go_on to
        shorten. With `frames` there is a table of these too.
        """
        with contextlib.ExitStack() as stack:
            names = ALL if frames else COLUMNS
            files = {name: stack.enter_context(contextlib.closing(TableFile(self.table(name)))) for name in names}
            logs = Logs(files, tell)
            if not go_on:
                logs.begin()
            yield logs

    def read_table(self, name: str, **options: Any) -> "pd.DataFrame":
        """One of the tables of logs.ALL; of a run that was killed, without a line that it broke off in.

        Raises UnreadableRun where it is missing or no such table.
        """
        file = self.table(name)
        table = read_csv(file, on_bad_lines="skip", **options)
        if tuple(table.columns) != ALL[name]:
            raise UnreadableRun(f"{self.path}: {file.name} is damaged: its columns are not {', '.join(ALL[name])}")
        return table

    def read_figure(self, name: str) -> "pd.DataFrame":
        """The table that a figure was drawn from. Raises UnreadableRun where it is missing or none."""
        return read_csv(self.figures / f"{name}.csv")

    def ended(self) -> tuple[Record, dict[str, Any]]:
        """run.json and model.pt of a run that came to its end or was stopped.

        Raises UnreadableRun where it did not, or where they cannot be read.
        """
        from kanexp.folder.tensors import read_tensors

        record = self.read_record()
        if not (self.path / MODEL).is_file():
            raise UnreadableRun(f"{self.path}: its status is '{record.status}' and it left no {MODEL}")
        return record, read_tensors(self.path / MODEL)

    def read_record(self) -> Record:
        """run.json, where "lost" stands for the "running" of a process that is gone.

        Raises UnreadableRun where it is missing, damaged, incomplete or of a newer format.
        """
        values = read_json(self.path / RECORD, "run folder")
        try:
            record = read_record(values)
        except ValueError as error:
            raise UnreadableRun(f"{self.path}: {RECORD} is damaged: {error}") from None
        return replace(record, status="lost") if record.status == "running" and self.held is False else record

    def check_tables(self, record: Record) -> None:
        """Raise UnreadableRun where a table of a run that is done is not as the run left it."""
        for name, mark in (record.files or {}).items():
            if name != MODEL:
                check(self.path / name, mark)

    def check_files(self, record: Record) -> None:
        """Raise UnreadableRun where the networks, a table or the words of a done run are not as it left them."""
        self.read_config(record)
        for name, mark in (record.files or {}).items():
            check(self.path / name, mark)
