"""One pack of a sweep, in whatever process a launcher has it run."""

import os
import sys
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from kanexp import console
from kanexp.folder.file import no_room
from kanexp.folder.lock import Taken
from kanexp.folder.record import SeedStatus
from kanexp.folder.sweep_folder import SweepFolder
from kanexp.interrupt import exit_code, no_exit
from kanexp.machine import tune
from kanexp.run.prepare import prepare
from kanexp.run.run import carry_out, cause, write_failure
from kanexp.sweep.plan import Job, Plan, read
from kanexp.train.result import Progress

BEAT = 0.5  # seconds between two notes of how far it is


class Guide(ABC):
    """Who steers the job of a pack from its first step to its last, as a search does with its trials."""

    @abstractmethod
    def begin(self) -> Job:
        """The job as it is to run. Raises ConfigError where its settings do not go together."""

    @abstractmethod
    def watch(self, progress: Progress) -> SeedStatus | None:
        """How its seeds end where the job is not worth going on, asked after every step; None where it is."""

    @abstractmethod
    def end(self) -> None:
        """Take notice that the job has ended, however it did."""


def work(config: Any) -> int:
    """Run config.pack of the sweep in config.sweep, by `run_pack` of the module config.worker.

    What Hydra's launchers call. Returns the exit code of the pack.
    """
    folder, number = SweepFolder(Path(config.sweep)), int(config.pack)
    with said_to(folder.log(number)):
        return import_module(config.worker).run_pack(folder, number)


def run_pack(
    folder: SweepFolder, number: int, patience: float = 60, guide: Callable[[Plan, int], Guide] | None = None
) -> int:
    """Train its jobs together; where that fails, one by one, so that one bad job costs itself alone.

    A `guide` steers its only job. Another process that has the pack is given so many seconds to let go of it, any
    number where negative.
    Returns the worst exit code: 0 done, 1 one failed, diverged or is another command's, 128 + n ended by signal n.
    """
    tune()
    plan = read(folder, pack=number)
    if plan.threads is not None:
        torch.set_num_threads(plan.threads)
    with ExitStack() as locks:
        try:
            # A process of a sweep that was killed may need a moment to notice and to let go.
            locks.enter_context(folder.hold_pack(number, patience))
            for job in plan.members(number):
                if not job.folder.is_done():
                    locks.enter_context(job.folder.hold(patience))
        except Taken as error:
            console.say(str(error))
            return 1
        return _run_pack(plan, number, guide)


def _run_pack(plan: Plan, number: int, guide: Callable[[Plan, int], Guide] | None) -> int:
    folder, jobs = plan.folder, plan.members(number)
    pulse = Pulse(folder, number)
    if all(job.status == "done" for job in jobs):  # by the process that was waited for
        pulse.end()
        return 0
    steering = guide(plan, number) if guide else None
    watch = Watch(pulse, steering)
    try:
        with no_exit():
            if steering:
                jobs = [steering.begin()]
            codes = _together(jobs, folder.checkpoint(number), watch)
    except KeyboardInterrupt as interrupt:
        codes = [exit_code(interrupt)]
    except Exception as error:
        codes = [1] if no_room(error) else _one_by_one(jobs, error, watch)
    if steering:
        steering.end()
    pulse.end()
    return max(codes)


def _together(jobs: Sequence[Job], checkpoint: Path, watch: "Watch") -> list[int]:
    return carry_out(prepare([job.config for job in jobs]), [job.folder for job in jobs], checkpoint, watch, brief=True)


def _one_by_one(jobs: Sequence[Job], error: Exception, watch: "Watch") -> list[int]:
    """After the pack failed as a whole with an error, which is that of its only job if it has one."""
    if len(jobs) == 1:
        (job,) = jobs
        if job.status not in ("failed", "interrupted"):
            trace = "".join(traceback.format_exception(error))
            write_failure(job.folder, job.current, cause(error), trace)
        return [1]
    console.say(f"together: {type(error).__name__}: {error}; each of the {len(jobs)} jobs is run alone")
    codes = []
    for job in jobs:
        try:
            with no_exit():
                codes += _together([job], job.folder.checkpoint, watch)
        except KeyboardInterrupt as interrupt:
            return [*codes, exit_code(interrupt)]
        except Exception as own:
            codes += _one_by_one([job], own, watch)
    return codes


class Watch:
    """What looks on after each step: the pulse, and where there is one, the guide, which may stop it all."""

    def __init__(self, pulse: "Pulse", guide: Guide | None = None):
        self._pulse, self._guide = pulse, guide

    def __call__(self, progress: Progress) -> SeedStatus | None:
        self._pulse(progress)
        return self._guide.watch(progress) if self._guide else None


class Pulse:
    """Notes in the sweep's folder how far a pack is, for the command that waits for it."""

    def __init__(self, folder: SweepFolder, number: int):
        self._folder, self._number, self._told = folder, number, 0.0
        self._note = {"began": time.time(), "step": 0, "steps": 0, "ended": False}
        self._write()

    def __call__(self, progress: Progress) -> None:
        """Take the news after a step; cheap enough to be called after each."""
        if time.monotonic() - self._told >= BEAT:
            self._note |= {"step": progress.step, "steps": progress.steps}
            self._write()

    def end(self) -> None:
        self._note["ended"] = True
        self._write()

    def _write(self) -> None:
        with suppress(OSError):  # a run does not end because nobody can watch it
            self._folder.write_progress(self._number, self._note)
        self._told = time.monotonic()


@contextmanager
def said_to(file: Path) -> Iterator[None]:
    """Within, all that this process and its libraries print goes to the end of a file: others print beside it."""
    sys.stdout.flush()
    sys.stderr.flush()
    before = os.dup(1), os.dup(2)
    with open(file, "ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, number in zip(before, (1, 2), strict=True):
            os.dup2(descriptor, number)
            os.close(descriptor)
