"""The console command: which of the commands it is, and what becomes of what they raise.

A command's module is imported when it is asked for, and torch, pandas and matplotlib where that needs them, so that
help is quick.
"""

import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from kanexp.command.overview import COMMANDS
from kanexp.error import ConfigError
from kanexp.interrupt import exit_code, recall, signals_raise
from kanexp.paths import find_plugins


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    0 done, 1 a run failed or an audit found something, 2 a mistake in the command, 128 + n ended by signal n: 130 by
    Ctrl-C, 143 by SIGTERM.
    """
    if arguments is None:
        _read_utf8()
    _open_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    find_plugins()
    _let_idle_threads_sleep()
    name = words.pop(0) if words and words[0] in COMMANDS else "run"
    try:
        with signals_raise():
            return _carry_out(name, words)
    except ConfigError as error:
        from kanexp import console

        console.mistakes(error.mistakes)
        return 2
    except KeyboardInterrupt as error:
        return exit_code(error)
    except (MemoryError, ImportError) as error:
        if not _no_memory(error):
            raise
        what = (
            "there is not enough to start with or to go on; end other programs, or raise this one's limit (ulimit -v)"
        )
        print(f"error: memory: {what}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of `kanexp list | head` has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _carry_out(name: str, words: list[str]) -> int:
    try:
        return import_module(f"kanexp.command.{name}").command(words)
    except Exception:
        recall()
        raise


def _no_memory(error: BaseException) -> bool:
    """Whether an error is for want of memory; that of a library which cannot be loaded for it says so in words."""
    wants = ("failed to map segment", "annot allocate memory")
    return isinstance(error, MemoryError) or any(text in str(error) for text in wants)


def _read_utf8() -> None:
    """Begin again with UTF-8 where the locale has ASCII alone (LC_ALL=C): names and columns are in any script."""
    if sys.getfilesystemencoding() == "ascii" and not sys.flags.utf8_mode:
        os.environ["PYTHONUTF8"] = "1"  # of the processes of a sweep, too
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _open_streams() -> None:
    """Streams that can always be written to: what they cannot encode is escaped, and closed ones lead nowhere."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None:  # closed from the start: no other file may get its number
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
            os.set_inheritable(number, True)  # which it is not yet where it was opened under this number
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _let_idle_threads_sleep() -> None:
    """Unless they are told otherwise; by default they spin for milliseconds.

    Which brings two runs side by side nearly to a halt: 53 s each instead of 10 for what takes 2.6 s alone. At this
    count they sleep soon, at 3.2 s alone.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "3000")


if __name__ == "__main__":
    sys.exit(main())
