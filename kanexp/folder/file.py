"""Files of a folder: written so that none is ever half there, read so that damage is named."""

import json
import os
from pathlib import Path
from typing import Any

from kanexp.folder.names import FORMAT


class UnreadableRun(Exception):
    """A folder that is no run, or a run that this version cannot read; the message says which and why."""


def write(file: Path, text: str) -> None:
    """Write a text file so that a reader finds the old one or the new one, never half of one."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, file)


def write_json(file: Path, record: dict[str, Any], indent: int = 2) -> None:
    """Write plain values with the format they are in, replaced as a whole."""
    write(file, json.dumps({"format": FORMAT, **record}, indent=indent) + "\n")


def read_json(file: Path, kind: str) -> dict[str, Any]:
    try:
        record = json.loads(file.read_text("utf-8"))
        written = record["format"]
    except FileNotFoundError:
        raise UnreadableRun(f"{file.parent}: no {file.name}, so this is no {kind}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnreadableRun(f"{file.parent}: {file.name} is damaged ({error})") from None
    if written > FORMAT:
        raise UnreadableRun(
            f"{file.parent}: written in format {written}, this kanexp reads up to {FORMAT}; update kanexp"
        )
    return dict(record)
