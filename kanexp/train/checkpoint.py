"""Checkpoint: training between two steps, on disk."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kanexp.folder.logs import Logs
from kanexp.folder.record import SeedStatus
from kanexp.optimizer.base import Optimizer, Stepper
from kanexp.train.batches import Batches
from kanexp.train.state import TrainingState

PLAIN = (slice, SeedStatus)  # slices say which rows are whose


class Checkpoint:
    """A file that is replaced every so many seconds, and the logs that end where it does."""

    def __init__(self, file: Path, logs: Sequence[Logs], seconds: float | None):
        self._file, self._logs, self._seconds = file, logs, seconds
        self._saved = time.monotonic()

    def due(self) -> bool:
        return self._seconds is not None and time.monotonic() - self._saved >= self._seconds

    def save(self, state: TrainingState, batches: Batches) -> None:
        ends = [logs.ends() for logs in self._logs]
        part = self._file.with_name(f".{self._file.name}.part")
        torch.save({**vars(state), "batches": batches.position(), "ends": ends}, part)
        os.replace(part, self._file)
        self._saved = time.monotonic()

    def load(self, fresh: TrainingState, batches: Batches) -> TrainingState:
        """The state on disk, with the batches and the logs brought to where they were then; `fresh` if there is none.

        Raises RuntimeError where the file is of other networks.
        """
        if not self._file.is_file():
            return fresh
        # Only tensors, plain values and the optimizer's own classes are read: a file is no program.
        with torch.serialization.safe_globals(classes(fresh.stepper)):
            found: dict[str, Any] = torch.load(self._file, map_location=fresh.theta.device, weights_only=True)
        mine = {"batches", "ends", *(f.name for f in fields(TrainingState))}
        if set(found) != mine or len(found["ends"]) != len(self._logs):
            raise RuntimeError(f"{self._file}: is no checkpoint of this run; delete it to start anew")
        batches.go_to({k: v.cpu() if isinstance(v, Tensor) else v for k, v in found.pop("batches").items()})
        for logs, ends in zip(self._logs, found.pop("ends"), strict=True):
            logs.cut(ends)
        return TrainingState(**found)


def classes(stepper: Stepper) -> list[Any]:
    """What a checkpoint of this stepper may be made of: nothing else in a file is ever made.

    Slices, statuses, and the classes that are visible in the files of the stepper, of its settings and of their bases,
    where they are kanexp's or lie beside those files: a user's optimizer may keep what its own files define.
    """
    steppers = [stepper, *getattr(stepper, "steppers", [])]
    parts = steppers + [value for one in steppers for value in vars(one).values() if isinstance(value, Optimizer)]
    names = {base.__module__ for part in parts for base in type(part).__mro__} - {"builtins", "abc"}
    folders = {_folder(name) for name in names} - {None}
    visible = [value for name in sorted(names) for value in vars(sys.modules[name]).values() if isinstance(value, type)]
    own = [kind for kind in visible if _folder(kind.__module__) in folders]
    return list(dict.fromkeys([*PLAIN, *own]))


def _folder(module: str) -> str | None:
    """Where a module's file lies."""
    file = getattr(sys.modules.get(module), "__file__", None)
    return str(Path(file).parent) if file else None
