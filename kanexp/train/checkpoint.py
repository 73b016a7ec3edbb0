"""Checkpoint: training between two steps, on disk."""

import sys
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from torch import Tensor

from kanexp.folder.file import UnreadableRun
from kanexp.folder.logs import Logs
from kanexp.folder.record import SeedStatus
from kanexp.folder.table import Mark
from kanexp.folder.tensors import read_tensors, write_tensors
from kanexp.optimizer.base import Optimizer, Stepper
from kanexp.train.batches import Batches
from kanexp.train.state import TrainingState

PLAIN = (slice, SeedStatus)  # slices say which rows are whose


class Checkpoint:
    """A file that is replaced every so many seconds, and the logs that end where it does.

    It is of the runs whose hashes are given: what another run left is not gone on with.
    """

    def __init__(self, file: Path, logs: Sequence[Logs], seconds: float | None, runs: Sequence[str] = ()):
        self._file, self._logs, self._seconds, self._runs = file, logs, seconds, list(runs)
        self._saved = time.monotonic()
        self.ignored = ""  # why what is on disk was not gone on with

    @property
    def exists(self) -> bool:
        return self._file.is_file()

    def due(self) -> bool:
        return self._seconds is not None and time.monotonic() - self._saved >= self._seconds

    def save(self, state: TrainingState, batches: Batches) -> None:
        marks = [{name: tuple(mark) for name, mark in logs.marks().items()} for logs in self._logs]
        write_tensors(self._file, {**vars(state), "batches": batches.position(), "runs": self._runs, "marks": marks})
        self._saved = time.monotonic()

    def load(self, fresh: TrainingState, batches: Batches) -> TrainingState:
        """The state on disk, with the batches and the logs brought to where they were then.

        Raises UnreadableRun where the file is damaged or of other networks, or where a log no longer holds what it did
        then; the logs are as they were, and the batches are to be made anew.
        """
        found = read_tensors(self._file, classes(fresh.stepper), fresh.theta.device)
        found = {"kept": []} | found  # a state of before edges could go
        mine = {"batches", "marks", "runs", *(f.name for f in fields(TrainingState))}
        if set(found) != mine or found["runs"] != self._runs or len(found["marks"]) != len(self._logs):
            raise UnreadableRun(f"{self._file}: is the checkpoint of another run, or of another version of kanexp")
        position, marks, _ = (found.pop(name) for name in ("batches", "marks", "runs"))
        try:
            state = TrainingState(**found).like(fresh)
            batches.go_to({k: v.cpu() if isinstance(v, Tensor) else v for k, v in position.items()})
            ends = [{name: Mark(*mark) for name, mark in own.items()} for own in marks]
        except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
            raise UnreadableRun(f"{self._file}: is damaged ({str(error).splitlines()[0]})") from error
        for logs, own in zip(self._logs, ends, strict=True):
            logs.check(own)
        for logs, own in zip(self._logs, ends, strict=True):
            logs.go_on(own)
        return state

    def ignore(self, why: str) -> None:
        """Forget what is on disk: the logs begin anew."""
        self.ignored = why
        self._file.unlink(missing_ok=True)
        for logs in self._logs:
            logs.begin()


def classes(stepper: Stepper) -> list[Any]:
    """What a checkpoint of this stepper may be made of: nothing else in a file is ever made.

    Slices, statuses, and the classes that are visible in the files of the stepper, of its settings and of their bases,
    where they are kanexp's or lie beside those files: a user's optimizer may keep what its own files define.
    """
    steppers = [stepper, *getattr(stepper, "steppers", [])]
    settings = [value for one in steppers for value in vars(one).values() if isinstance(value, Optimizer)]
    settings += [part for one in settings for part in (getattr(one, "parts", None) or {}).values()]
    names = {base.__module__ for part in (*steppers, *settings) for base in type(part).__mro__} - {"builtins", "abc"}
    folders = {_folder(name) for name in names} - {None}
    visible = [value for name in sorted(names) for value in vars(sys.modules[name]).values() if isinstance(value, type)]
    own = [kind for kind in visible if _folder(kind.__module__) in folders]
    return list(dict.fromkeys([*PLAIN, *own]))


def _folder(module: str) -> str | None:
    """Where a module's file lies."""
    file = getattr(sys.modules.get(module), "__file__", None)
    return str(Path(file).parent) if file else None
