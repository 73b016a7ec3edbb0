"""Being asked to end: by Ctrl-C, and by the signals of batch systems, of `timeout` and of a terminal that closes."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# Of those that ask a process to end and leave it time; Windows has no SIGHUP.
ASKING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Ended(KeyboardInterrupt):
    """One of the signals ASKING, raised where it arrives, as Python does for Ctrl-C."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.number = number


@dataclass
class Interrupts:
    """The signal that first asked for the end, 0 before; and whether Ctrl-C then left a step half done."""

    number: int = 0
    forced: bool = False


_heard = 0  # the first signal; of ASKING, `timeout` and Slurm send theirs twice, and whoever ends needs no reminder


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """What a process returns that was asked to end: 128 and the number of the signal."""
    return 128 + getattr(interrupt, "number", signal.SIGINT)


def was_asked(code: int) -> bool:
    """Whether an exit code is that of a process that was asked to end."""
    return code > 128


@contextmanager
def signals_raise() -> Iterator[None]:
    """Within, the first of the signals ASKING raises Ended, and every Ctrl-C KeyboardInterrupt.

    Signals that the process ignores or handles stay so.
    """
    global _heard
    _heard = 0
    usual = {signal.SIGINT: signal.default_int_handler} | dict.fromkeys(ASKING, signal.SIG_DFL)
    mine = {number: before for number, before in usual.items() if _main_thread() and signal.getsignal(number) is before}
    for number in mine:
        signal.signal(number, _raise)
    try:
        yield
    finally:
        for number, before in mine.items():  # a reminder may still come, and must not end it otherwise than it ends
            signal.signal(number, signal.SIG_IGN if _heard in ASKING and number in ASKING else before)
        _heard = 0


def recall() -> None:
    """Raise once more what was asked for, where it may never have arrived.

    A library that is being imported may catch whatever passes, and is then half there: what fails afterwards fails for
    that.
    """
    if _heard:
        raise Ended(_heard) if _heard in ASKING else KeyboardInterrupt


@contextmanager
def interrupts_between_steps() -> Iterator[Interrupts]:
    """Within, a signal is only noted, so that weights and metrics stay of the same step; a second Ctrl-C leaves.

    Signals that the process ignores or handles otherwise stay so.
    """
    seen = Interrupts()

    def note(number: int, frame: object) -> None:
        global _heard
        if seen.number and number == signal.SIGINT:
            raise KeyboardInterrupt
        seen.number = seen.number or number
        _heard = _heard or (number if ours[number] is _raise else 0)

    ours = {number: signal.getsignal(number) for number in (signal.SIGINT, *ASKING) if _main_thread()}
    ours = {number: before for number, before in ours.items() if before in (signal.default_int_handler, _raise)}
    for number in ours:
        signal.signal(number, note)
    try:
        yield seen
    except KeyboardInterrupt:
        seen.number, seen.forced = seen.number or signal.SIGINT, True
    finally:
        for number, before in ours.items():
            signal.signal(number, before)


@contextmanager
def no_exit() -> Iterator[None]:
    """Within, a component that calls sys.exit raises RuntimeError: it would end the run without a word."""
    try:
        yield
    except SystemExit as error:
        raise RuntimeError(f"a component called sys.exit({'' if error.code is None else repr(error.code)})") from error


def _raise(number: int, frame: object) -> None:
    global _heard
    first, _heard = not _heard, _heard or number
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    if first:
        raise Ended(number)


def _main_thread() -> bool:
    """Whether handlers can be set here."""
    return threading.current_thread() is threading.main_thread()
