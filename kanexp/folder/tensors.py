"""Files of tensors: what torch saves, written as a whole and read as data that runs nothing."""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import torch

from kanexp.folder.file import UnreadableRun, content, replace
from kanexp.folder.table import Mark


def write_tensors(file: Path, values: dict[str, Any]) -> Mark:
    """Write tensors and plain values as torch.save does, replaced as a whole; returns what the file holds.

    Raises OSError where there is no room, of which torch itself would say less.
    """
    held = io.BytesIO()
    torch.save(values, held)
    replace(file, held.getbuffer())
    return Mark(held.getbuffer().nbytes, 0, hashlib.sha256(held.getbuffer()).hexdigest())


def read_tensors(file: Path, classes: Sequence[type] = (), device: Any = "cpu") -> dict[str, Any]:
    """What `write_tensors` wrote; of classes those named are made and no others: a file is no program.

    Raises UnreadableRun where it is missing, damaged, or of something else.
    """
    held = io.BytesIO(content(file))
    try:
        # torch writes a checksum of each part, and reads without looking at them.
        if broken := ZipFile(held).testzip():
            raise ValueError(f"{broken} is not what was written")
        held.seek(0)
        with torch.serialization.safe_globals(list(classes)):
            found = torch.load(held, map_location=device, weights_only=True)
    except Exception as error:  # torch has many words for a damaged file
        reason = (str(error).splitlines() or [""])[0].split(". ")[0][:120]
        raise UnreadableRun(f"{file.parent}: {file.name} is damaged ({reason or type(error).__name__})") from error
    if not isinstance(found, dict):
        raise UnreadableRun(f"{file.parent}: {file.name} is damaged (it holds no pairs)")
    return found
