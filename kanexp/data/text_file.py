"""Text from files as they come: packed or not, in the usual encodings."""

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
import zlib
from pathlib import Path

BROKEN = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError, RuntimeError)
# Longest first: the mark of UTF-32 begins with that of UTF-16.
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
WESTERN = "cp1252"  # what programs in western Europe and America wrote before UTF-8
MOST_FOREIGN = 0.2  # of the bytes of a text in WESTERN; more are another alphabet's, or none's


def read_text(file: Path, encoding: str = "auto") -> tuple[str, list[str]]:
    """What is written in a file, with the line ends of Unix, and how it was found out. Raises ValueError, OSError."""
    packed = file.read_bytes()
    content, notes = _unpacked(packed)
    text, more = _decoded(content, encoding)
    if "\0" in text:
        raise ValueError("it is no text")
    return text.replace("\r\n", "\n").replace("\r", "\n"), notes + more


def _unpacked(packed: bytes) -> tuple[bytes, list[str]]:
    """By what the bytes begin with, whatever the file is called."""
    try:
        for magic, name, unpack in (
            (b"\x1f\x8b", "gzip", gzip.decompress),
            (b"BZh", "bzip2", bz2.decompress),
            (b"\xfd7zXZ\0", "xz", lzma.decompress),
            (b"PK\x03\x04", "zip", _unzipped),
        ):
            if packed.startswith(magic):
                return unpack(packed), [f"unpacked from {name}"]
    except BROKEN as error:
        raise ValueError(f"it is damaged: {error}") from error
    return packed, []


def _unzipped(packed: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        files = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
        if "[Content_Types].xml" in files:
            raise ValueError("it is a spreadsheet; save its sheet as CSV")
        if len(files) != 1:
            raise ValueError(f"it holds {len(files)} files, and which one to read is not clear; unpack it")
        return archive.read(files[0])


def _by_zeros(content: bytes) -> str:
    """UTF-16 without a mark has a zero in every other byte of most letters of the West."""
    sample = content[:4096]
    for name, start in (("utf-16-be", 0), ("utf-16-le", 1)):
        zeros, others = (sample[first::2].count(0) for first in (start, 1 - start))
        if len(sample) > 3 and zeros > 0.2 * len(sample) and not others:
            return name
    return "utf-8"


def _decoded(content: bytes, encoding: str) -> tuple[str, list[str]]:
    if encoding != "auto":
        try:
            return content.decode(encoding), []
        except UnicodeError as error:
            raise ValueError(f"it is no text in {encoding}") from error
    marked = next((name for mark, name in MARKS.items() if content.startswith(mark)), "") or _by_zeros(content)
    try:
        return content.decode(marked), [] if marked.startswith("utf-8") else [f"a text in {marked.upper()}"]
    except UnicodeError as error:
        foreign = sum(byte > 127 for byte in content) / len(content)
        try:
            text = content.decode(WESTERN)
        except UnicodeError:
            text = "\0"
        readable = all(c.isprintable() or c in "\n\r\t\f\v\xa0\xad" for c in text)
        if marked != "utf-8" or not readable or foreign > MOST_FOREIGN:
            raise ValueError("it is no text in UTF-8") from error
        return text, [f"no text in UTF-8, read as {WESTERN}; another encoding is named by task.encoding"]
