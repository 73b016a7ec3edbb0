"""The console command: which of the commands it is, and what becomes of what they raise.

A command's module is imported when it is asked for, and torch, pandas and matplotlib where that needs them, so that
help is quick.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from kanexp.command.overview import COMMANDS
from kanexp.error import ConfigError
from kanexp.interrupt import exit_code, signals_raise
from kanexp.paths import find_plugins


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    0 done, 1 a run failed, 2 a mistake in the command, 128 + n ended by signal n: 130 by Ctrl-C, 143 by SIGTERM.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    find_plugins()
    _let_idle_threads_sleep()
    name = words.pop(0) if words and words[0] in COMMANDS else "run"
    try:
        with signals_raise():
            return import_module(f"kanexp.command.{name}").command(words)
    except ConfigError as error:
        from kanexp import console

        console.mistakes(error.mistakes)
        return 2
    except KeyboardInterrupt as error:
        return exit_code(error)
    except BrokenPipeError:  # the reader of `kanexp list | head` has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _let_idle_threads_sleep() -> None:
    """Unless they are told otherwise; by default they spin for milliseconds.

    Which brings two runs side by side nearly to a halt: 53 s each instead of 10 for what takes 2.6 s alone. At this
    count they sleep soon, at 3.2 s alone.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "3000")


if __name__ == "__main__":
    sys.exit(main())
