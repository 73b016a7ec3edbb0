"""What the terminal shows: progress, tables, mistakes."""

import contextlib
import os
import statistics
import time
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from kanexp.error import printable


class _Patient(Console):
    """Whoever reads may leave, and a disk may be full: then nothing more is shown, and the work goes on."""

    def on_broken_pipe(self) -> None:
        """By rich it would end the process, in the middle of a training."""
        self.quiet = True
        with contextlib.suppress(OSError, ValueError):  # of a stream that is closed or is no file
            # What is still in the stream's own buffer goes nowhere as well.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())

    def print(self, *objects: Any, **options: Any) -> None:
        try:
            super().print(*objects, **options)
        except OSError:
            self.on_broken_pipe()


out = _Patient(highlight=False, soft_wrap=True)
err = _Patient(stderr=True, highlight=False, soft_wrap=True)

PLAIN_SECONDS = 5.0  # between lines of progress where the output is no terminal


class _Evaluations(ProgressColumn):
    def render(self, task) -> Text:
        seconds = task.elapsed or 0.0
        rate = task.fields["evaluations"] / seconds if seconds > 0 else 0.0
        return Text(f"{rate:,.0f} evals/s")


class TrainingProgress:
    """A bar on a terminal, a line every few seconds elsewhere; of steps, or of seconds where a `limit` ends it."""

    def __init__(self, label: str, steps: int, limit: float | None = None):
        self._label, self._limit = label, limit
        self._began = self._shown = time.monotonic()
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[losses]}"),
            _Evaluations(),
            TimeRemainingColumn(compact=True),
            console=out,
            disable=not out.is_terminal,
            refresh_per_second=4,
        )
        self._task = self._bar.add_task(label, total=limit or steps, losses="", evaluations=0)

    def __enter__(self) -> "TrainingProgress":
        self._bar.start()
        return self

    def __exit__(self, *exception) -> None:
        self._bar.stop()

    def __call__(self, p) -> None:
        """Take a kanexp.train.result.Progress; cheap enough to be called after every step."""
        now = time.monotonic()
        pause = 0.25 if out.is_terminal else PLAIN_SECONDS
        if now - self._shown < pause and p.step < p.steps:
            return
        self._shown = now
        losses = f"train {_summary(p.train_loss)}  val {_summary(p.val_loss)}"
        if p.running < len(p.train_loss):
            losses += f"  [{p.running} of {len(p.train_loss)} seeds running]"
        seconds = max(now - self._began, 1e-9)
        if out.is_terminal:
            done = p.step if self._limit is None else min(round(seconds), self._limit)
            self._bar.update(self._task, completed=done, losses=losses, evaluations=p.evaluations)
            return
        left = seconds * (p.steps - p.step) / max(p.step, 1)
        of, least = f"/{p.steps}", f"{left:.0f} s left"
        if self._limit is not None:  # it counts steps that nobody expects it to reach
            of, least = "", f"at most {max(0.0, min(left, self._limit - seconds)):.0f} s left"
        rate = f"{p.evaluations / seconds:,.0f} evals/s  {least}"
        out.print(f"{self._label}  step {p.step}{of}  {losses}  {rate}", markup=False)


def _summary(losses) -> str:
    """Median and range over seeds, as text."""
    ordered = sorted(float(loss) for loss in losses)
    if len(ordered) == 1:
        return f"{ordered[0]:.3g}"
    return f"{statistics.median(ordered):.3g} ({ordered[0]:.3g} .. {ordered[-1]:.3g})"


def number(value: float) -> str:
    """A score as every table and sentence has it: four digits."""
    return f"{value:.4g}"


def interval(low: float, high: float) -> str:
    """Its two ends, as every table and sentence has them."""
    return f"{number(low)} .. {number(high)}"


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], note: str = "", texts: int = 1) -> None:
    """Print a small table; the first columns are `texts`, the others numbers, which are never broken."""
    shown = Table(
        box=box.SIMPLE_HEAD,
        title=title or None,
        title_justify="left",
        title_style="bold",
        caption=note or None,
        caption_justify="left",
    )
    names = max((len(row[0]) for row in rows), default=0) if texts > 1 else None  # where others can be folded
    for i, column in enumerate(columns):
        side: Any = "left" if i < texts else "right"
        shown.add_column(column, justify=side, overflow="fold", min_width=None if i else names, no_wrap=i >= texts)
    for row in rows:
        shown.add_row(*(Text(cell) for cell in row))
    out.print(shown)


def say(text: str) -> None:
    out.print(printable(text), markup=False)


def warn(sentence: str) -> None:
    """Print what the user should know of, on standard error; the command goes on."""
    err.print(Text("warning: ", style="bold yellow"), Text(printable(sentence)), sep="")


def mistakes(sentences: Sequence[str]) -> None:
    """Print what the user can put right, on standard error."""
    for sentence in sentences:
        err.print(Text("error: ", style="bold red"), Text(printable(sentence)), sep="")
