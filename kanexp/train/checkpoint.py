"""Training between two steps, in memory and on disk."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kanexp.folder.logs import Logs
from kanexp.optimizer.base import Optimizer, Stepper
from kanexp.train.batches import Batches


@dataclass
class State:
    """All that is needed to go on as if training had never stopped; tensors have a row or an entry per network."""

    theta: Tensor
    good: Tensor  # the last state of finite loss
    best: Tensor  # the state of lowest loss on the validation data
    best_val: Tensor
    best_step: Tensor
    alive: Tensor  # which are still training
    restarted: Tensor  # which used up their second chance
    evaluations: Tensor
    status: list[str]  # "ok", "stalled", or "stopped", "restarted" or "diverged" with "at step ...: cause"
    stepper: Stepper
    step: int = 0  # the next one
    steps: int = 0  # done
    seconds: float = 0.0
    size: int | None = None  # of the last refinement
    jumps: dict[int, Tensor] = field(default_factory=dict)  # step -> how far a refinement moved the outputs
    coarse: dict[int, dict[str, Tensor]] = field(default_factory=dict)  # step -> test metrics before its refinement


class Checkpoint:
    """A file that is replaced every so many seconds, and the logs that end where it does."""

    def __init__(self, file: Path, logs: Sequence[Logs], seconds: float | None):
        self._file, self._logs, self._seconds = file, logs, seconds
        self._saved = time.monotonic()

    def due(self) -> bool:
        return self._seconds is not None and time.monotonic() - self._saved >= self._seconds

    def save(self, state: State, batches: Batches) -> None:
        ends = [logs.ends() for logs in self._logs]
        part = self._file.with_name(f".{self._file.name}.part")
        torch.save({**vars(state), "batches": batches.position(), "ends": ends}, part)
        os.replace(part, self._file)
        self._saved = time.monotonic()

    def load(self, fresh: State, batches: Batches) -> State:
        """The state on disk, with the batches and the logs brought to where they were then; `fresh` if there is none.

        Raises RuntimeError where the file is of other networks.
        """
        if not self._file.is_file():
            return fresh
        # Only tensors, plain values and the optimizer's own classes are read: a file is no program.
        with torch.serialization.safe_globals(_classes(fresh.stepper)):
            found: dict[str, Any] = torch.load(self._file, map_location=fresh.theta.device, weights_only=True)
        if set(found) - {"batches", "ends"} != {f.name for f in fields(State)} or len(found["ends"]) != len(self._logs):
            raise RuntimeError(f"{self._file}: is no checkpoint of this run; delete it to start anew")
        batches.go_to({k: v.cpu() if isinstance(v, Tensor) else v for k, v in found.pop("batches").items()})
        for logs, ends in zip(self._logs, found.pop("ends"), strict=True):
            logs.cut(ends)
        return State(**found)


def _classes(stepper: Stepper) -> list[Any]:
    """What a stepper can be made of: the classes in the files of its own, of its settings, and of their bases."""
    steppers = [stepper, *getattr(stepper, "steppers", [])]
    parts = steppers + [value for one in steppers for value in vars(one).values() if isinstance(value, Optimizer)]
    names = {base.__module__ for part in parts for base in type(part).__mro__} - {"builtins", "abc"}
    found = [value for name in sorted(names) for value in vars(sys.modules[name]).values()]
    own = [kind for kind in found if isinstance(kind, type) and kind.__module__ in names]
    return list(dict.fromkeys([slice, *own]))  # slices say which rows are whose
