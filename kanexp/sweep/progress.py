"""What a sweep shows while it runs: finished jobs as lines, and below them how far the others are."""

import threading
import time
from collections.abc import Sequence
from typing import Any

from rich.live import Live
from rich.table import Table

from kanexp import console
from kanexp.report.interval import median_interval
from kanexp.score.score import metric_label
from kanexp.sweep.plan import Job, Plan

LOOK = 0.5  # seconds between two looks at the packs' notes
PLAIN = 15.0  # seconds between lines where the output is no terminal
SHOWN = 12  # packs at once


class Board:
    """A watcher in a thread of its own, for as long as the block lasts."""

    def __init__(self, plan: Plan, numbers: Sequence[int]):
        self._plan, self._left = plan, list(numbers)
        self._told = {job.name for job in plan.jobs if job.status in ("done", "failed")}
        self._all, self._before = sum(len(plan.packs[n]) for n in numbers), len(self._told)
        self._began = self._said = time.monotonic()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Board":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        live = Live(console=console.out, refresh_per_second=4, transient=True) if console.out.is_terminal else None
        if live:
            live.start()
        try:
            while not self._end.wait(LOOK):
                self._look(live)
        finally:
            if live:
                live.stop()
            self._tell()

    def _look(self, live: Live | None) -> None:
        notes = {n: self._plan.folder.read_progress(n) for n in self._left}
        running = {n: note for n, note in notes.items() if note and not note["ended"]}
        if any(note and note["ended"] for note in notes.values()):
            self._tell()
            self._left = [n for n, note in notes.items() if not (note and note["ended"])]
        if live:
            live.update(self._table(running))
        elif time.monotonic() - self._said > PLAIN:
            self._said = time.monotonic()
            console.say(self._state(running))

    def _tell(self) -> None:
        """A line for each job that ended since the last time."""
        for n in self._left:
            for job in self._plan.members(n):
                if job.name not in self._told and (line := _line(job)):
                    self._told.add(job.name)
                    console.say(f"[{len(self._told)}/{len(self._plan.jobs)}] {line}")
                    if job.status == "failed":
                        console.mistakes([f"{line}; more in {job.folder.path}"])

    def _state(self, running: dict[int, dict[str, Any]]) -> str:
        done = len(self._told) - self._before
        # What remains after the last step, scores and figures, is taken for a tenth of a job.
        finished = done + sum(0.9 * len(self._plan.packs[n]) * _done(note) for n, note in running.items())
        seconds = time.monotonic() - self._began
        left = (
            f", about {max(0, seconds * (self._all / finished - 1)):.0f} s left" if finished > 0.02 * self._all else ""
        )
        waiting = self._all - done - sum(len(self._plan.packs[n]) for n in running)
        return f"{len(self._told)} of {len(self._plan.jobs)} jobs ended, {max(waiting, 0)} waiting{left}"

    def _table(self, running: dict[int, dict[str, Any]]) -> Table:
        shown = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for n, note in list(running.items())[:SHOWN]:
            members = self._plan.members(n)
            name = members[0].name + (f" and {len(members) - 1} more" if len(members) > 1 else "")
            at = f"step {note['step']}/{note['steps']}" if note["steps"] else "starting"
            shown.add_row(name, f"{100 * _done(note):3.0f} %", at)
        shown.add_row(self._state(running), "", "")
        return shown


def _done(note: dict[str, Any]) -> float:
    return note["step"] / note["steps"] if note["steps"] else 0.0


def _line(job: Job) -> str:
    """What became of a job; empty while it is under way."""
    record = job.folder.known_record()
    if record is None or record.status not in ("done", "failed"):
        return ""
    if record.status == "failed":
        return f"{job.name}: failed: {record.cause}"
    name, values = next(iter((record.test or {}).items()))
    m = median_interval([float("nan") if value is None else value for value in values.values()])
    trouble = [f"seed {seed} {record.status_of(seed)}" for seed in record.lost] + (record.warnings or [])
    score = f"test {metric_label(name)} {m.median:.4g} ({m.low:.4g} .. {m.high:.4g}), {len(values)} seeds"
    return "; ".join([f"{job.name}: {score}", *trouble])
