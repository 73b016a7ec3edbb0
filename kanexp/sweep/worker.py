"""One pack of a sweep, in whatever process a launcher has it run."""

import os
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from kanexp import console
from kanexp.folder.run_folder import SweepFolder
from kanexp.machine import tune
from kanexp.run.run import carry_out, prepare, write_failure
from kanexp.search.trial import Trial
from kanexp.sweep.plan import Job, read
from kanexp.train.loop import Progress

BEAT = 0.5  # seconds between two notes of how far it is


def work(config: Any) -> int:
    """Run config.pack of the sweep in config.sweep: what Hydra's launchers call. Returns the exit code of the pack."""
    folder, number = SweepFolder(Path(config.sweep)), int(config.pack)
    with said_to(folder.log(number)):
        return run_pack(folder, number)


def run_pack(folder: SweepFolder, number: int, patience: float = 60) -> int:
    """Train its jobs together; where that fails, one by one, so that one bad job costs itself alone.

    Another process that has the pack is given so many seconds to let go of it, any number where negative.
    Returns the worst exit code: 0 done, 1 one failed or diverged, 130 stopped by Ctrl-C.
    """
    tune()
    plan = read(folder)
    if plan.threads is not None:
        torch.set_num_threads(plan.threads)
    # A process of a sweep that was killed may need a moment to notice and to let go.
    with folder.pack_lock(number).acquire(timeout=patience):
        jobs, pulse = plan.members(number), Pulse(folder, number)
        if all(job.status == "done" for job in jobs):  # by the process that was waited for
            pulse.end()
            return 0
        trial, watch = Trial(plan, number) if plan.search else None, Watch(pulse)
        try:
            if trial:
                jobs, watch = [trial.begin()], Watch(pulse, trial)
            codes = _together(jobs, folder.checkpoint(number), watch)
        except KeyboardInterrupt:
            codes = [130]
        except Exception as error:
            codes = _one_by_one(jobs, error, watch)
        if trial:
            trial.end()
        pulse.end()
    return 130 if 130 in codes else max(codes)


def _together(jobs: Sequence[Job], checkpoint: Path, watch: "Watch") -> list[int]:
    return carry_out(prepare([job.words for job in jobs]), [job.folder for job in jobs], checkpoint, watch, brief=True)


def _one_by_one(jobs: Sequence[Job], error: Exception, watch: "Watch") -> list[int]:
    """After the pack failed as a whole with an error, which is that of its only job if it has one."""
    if len(jobs) == 1:
        (job,) = jobs
        if job.status != "failed":
            trace = "".join(traceback.format_exception(error))
            write_failure(job.folder, job.current, f"{type(error).__name__}: {error}", trace)
        return [1]
    console.say(f"together: {type(error).__name__}: {error}; each of the {len(jobs)} jobs is run alone")
    codes = []
    for job in jobs:
        try:
            codes += _together([job], job.folder.checkpoint, watch)
        except KeyboardInterrupt:
            return [*codes, 130]
        except Exception as own:
            codes += _one_by_one([job], own, watch)
    return codes


class Watch:
    """What looks on after each step: the pulse, and where there is one, the trial, which may stop it all."""

    def __init__(self, pulse: "Pulse", trial: Trial | None = None):
        self._pulse, self._trial = pulse, trial

    def __call__(self, progress: Progress) -> str | None:
        self._pulse(progress)
        return self._trial.prune(progress) if self._trial else None


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
