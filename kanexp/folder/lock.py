"""Locks: a folder has one writer. The system holds them, so that a process that is killed leaves none behind."""

import contextlib
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from kanexp import console

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOOKED_AT = 2.0  # seconds: whoever only looks whether a lock is held has it that long at most
_MISSING = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK)  # what a file system says that has no locks


class Taken(Exception):
    """Another process holds the lock; the message says whose folder it is."""


@contextmanager
def hold(file: Path, seconds: float = LOOKED_AT) -> Iterator[None]:
    """Hold the lock of this file within. Raises Taken where another process still does after so many seconds.

    Any number where negative. A file system without locks is said to be unsafe, and the work goes on.
    """
    lock = FileLock(file, timeout=seconds, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise Taken(f"{file.parent}: another process is at work on it; wait for it or stop it") from None
    except OSError as error:
        if error.errno not in _MISSING:
            raise
        console.say(f"warning: {file.parent}: this file system has no locks; keep other commands away from the folder")
    try:
        yield
    finally:
        lock.release()


def is_held(file: Path) -> bool | None:
    """Whether a process, this one or another, holds the lock of this file; None where that cannot be told."""
    if fcntl is None:
        return None
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return None if error.errno in _MISSING else True
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)  # which gives back what was only looked at
    return False
