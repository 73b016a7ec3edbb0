"""Files of a folder: written so that none is ever half there, read so that damage is a sentence about the file."""

import contextlib
import errno
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from kanexp.error import ConfigError
from kanexp.folder.names import FORMAT

if TYPE_CHECKING:  # imported where a table is read
    import pandas as pd

# The C parser reads 2,000 configs in a few seconds, the other one in half a minute.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DEEPEST = 5000  # brackets: of ten times as many within each other, its recursion brings Python down


class UnreadableRun(ConfigError):
    """A folder that is no run, or a run that this version cannot read; the message says which and why."""


def no_room(error: BaseException) -> bool:
    """Whether an error says that the disk, or a user's share of it, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def said(error: OSError) -> str:
    """What the system could not do, and with which file, as a sentence."""
    what = f" ({error.filename})" if error.filename else ""
    if no_room(error):
        return f"the disk is full{what}; make room"
    if isinstance(error, FileNotFoundError):
        return f"a file or folder has vanished{what}; put it back"
    return f"{error.strerror or error}{what}"


def digest(text: str) -> str:
    """The SHA-256 of a text as `write` writes it."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def write(file: Path, text: str) -> None:
    """Write a text file so that a reader finds the old one or the new one, never half of one."""
    replace(file, text.encode("utf-8"))


def write_json(file: Path, record: dict[str, Any], indent: int = 2) -> None:
    """Write plain values with the format they are in, replaced as a whole."""
    write(file, json.dumps({"format": FORMAT, **record}, indent=indent) + "\n")


def read_json(file: Path, kind: str) -> dict[str, Any]:
    """The pairs of a JSON file that makes a folder what it is. Raises UnreadableRun where it does not."""
    try:
        record = json.loads(content(file, f"no {file.name}, so this is no {kind}"))
        written = record["format"]
        if not isinstance(written, int):
            raise ValueError(f"its format is {written!r}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnreadableRun(f"{file.parent}: {file.name} is damaged ({error})") from None
    if written > FORMAT:
        raise UnreadableRun(
            f"{file.parent}: written in format {written}, this kanexp reads up to {FORMAT}; update kanexp"
        )
    return dict(record)


def read_yaml(file: Path, sha256: str = "") -> dict[str, Any]:
    """The pairs of a YAML file. Raises UnreadableRun where it is missing, holds none, or has not the digest given."""
    held = content(file)
    if sha256 and hashlib.sha256(held).hexdigest() != sha256:
        raise UnreadableRun(f"{file.parent}: {file.name} is damaged: it is not what the run was begun with")
    try:
        if max(held.count(b"["), held.count(b"{"), held.count(b"- - ")) > DEEPEST:
            raise RecursionError
        values = yaml.load(held, Loader=_Loader)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise UnreadableRun(f"{file.parent}: {file.name} cannot be read ({type(error).__name__})") from error
    if not isinstance(values, dict):
        raise UnreadableRun(f"{file.parent}: {file.name} cannot be read (it holds no pairs)")
    return values


def read_csv(file: Path, **options: Any) -> "pd.DataFrame":
    """A table of numbers and words. Raises UnreadableRun where it is missing or none."""
    import pandas as pd

    try:
        return pd.read_csv(file, **options)
    except FileNotFoundError:
        raise UnreadableRun(f"{file.parent}: {file.name} is missing") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or (str(error).splitlines() or [""])[0]
        raise UnreadableRun(f"{file.parent}: {file.name} is damaged ({reason})") from None


def replace(file: Path, held: bytes | memoryview) -> None:
    """Write a file anew, as a whole; where that fails, nothing of it is left."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        part.write_bytes(held)
        os.replace(part, file)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def content(file: Path, missing: str = "") -> bytes:
    """All of a file. Raises UnreadableRun where it cannot be had or there is nothing in it."""
    try:
        held = file.read_bytes()
    except FileNotFoundError:
        raise UnreadableRun(f"{file.parent}: {missing or f'{file.name} is missing'}") from None
    except OSError as error:
        raise UnreadableRun(f"{file.parent}: {file.name} cannot be read ({error.strerror})") from None
    if not held.strip(b"\0 \r\n\t"):
        raise UnreadableRun(f"{file.parent}: {file.name} is damaged (it is empty)")
    return held
