"""TableFile: a CSV table that grows row by row and knows what is in it; and whether a file still holds what it did."""

import csv
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kanexp.folder.file import UnreadableRun


class Mark(NamedTuple):
    """What a file holds, of a table up to some row."""

    size: int  # bytes
    rows: int  # of a table, below its header
    sha256: str


class TableFile:
    """A table under way: rows go to the end of its file, whoever else writes there, and are counted and digested."""

    def __init__(self, path: Path):
        self.path = path
        self._file = path.open("ab")
        self._rows = csv.writer(self)
        self._size, self._count, self._digest = 0, 0, hashlib.sha256()

    def row(self, values: Sequence[Any]) -> None:
        self._rows.writerow(values)
        self._count += 1

    def write(self, text: str) -> None:
        """Take one row as text; what csv.writer calls."""
        content = text.encode()
        self._file.write(content)
        self._digest.update(content)
        self._size += len(content)

    def begin(self, columns: Sequence[str]) -> None:
        """Anew, with nothing but its header."""
        self._file.truncate(0)
        self._size, self._count, self._digest = 0, 0, hashlib.sha256()
        self._rows.writerow(columns)

    def go_on(self, mark: Mark) -> None:
        """Forget what comes after a mark, which the file is known to hold (`damage`)."""
        self._file.truncate(mark.size)
        with self.path.open("rb") as file:
            self._digest = hashlib.file_digest(file, "sha256")
        self._size, self._count = mark.size, mark.rows

    def flush(self) -> None:
        self._file.flush()

    def mark(self) -> Mark:
        """All that was written until now, which is on its way to the disk."""
        self._file.flush()
        return Mark(self._size, self._count, self._digest.hexdigest())

    def close(self) -> None:
        self._file.close()


def check(file: Path, mark: Mark, more: bool = False) -> None:
    """Raise UnreadableRun where a table does not hold what its mark says, and nothing `more` unless that is allowed."""
    if why := damage(file, mark, more):
        raise UnreadableRun(f"{file.parent}: {file.name} {why}")


def damage(file: Path, mark: Mark, more: bool = False) -> str:
    """What is wrong with a table, to be read after its name; empty where nothing is."""
    try:
        with file.open("rb") as content:
            held = content.read(mark.size)
            size = os.fstat(content.fileno()).st_size
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if size < mark.size:
        rows = max(held.count(b"\n") - 1, 0)
        return f"is cut off: {rows} of its {mark.rows} rows are there" if mark.rows else "is cut off"
    if hashlib.sha256(held).hexdigest() != mark.sha256:
        return "is damaged: it is not what the run wrote"
    return "is damaged: something was written behind its end" if size > mark.size and not more else ""
