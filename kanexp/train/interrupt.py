"""Ctrl-C while a network trains: noted, and obeyed between two steps."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Interrupts:
    """Whether Ctrl-C was pressed, and whether it was pressed again and left a step half done."""

    asked: bool = False
    forced: bool = False


@contextmanager
def interrupts_between_steps() -> Iterator[Interrupts]:
    """Within, the first Ctrl-C is only noted, so that weights and metrics stay of the same step; a second one leaves.

    A process that ignores or handles the signal itself goes on doing so.
    """
    seen = Interrupts()

    def note(number: int, frame: object) -> None:
        if seen.asked:
            raise KeyboardInterrupt
        seen.asked = True

    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, note)
    try:
        yield seen
    except KeyboardInterrupt:
        seen.asked = seen.forced = True
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
