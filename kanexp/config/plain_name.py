"""Names that people type and that become folders, arguments of commands and lines of output."""

from contextlib import suppress

MOST_BYTES = 200  # of the 255 that file systems take


def why_not(name: str) -> str:
    """Why a name is no plain one; empty where it is."""
    if not name.isprintable():
        return "it has characters that cannot be printed"
    if set(name) & set("/\\"):
        return "it has a slash"
    if not name.strip(" ."):
        return "it is empty" if not name else "it has nothing but dots and spaces"
    if name != name.strip():
        return "it begins or ends with a space"
    if name.startswith("-"):
        return "it begins with a minus, as options of commands do"
    size = len(name.encode())
    return f"it has {size} bytes, and {MOST_BYTES} are the most" if size > MOST_BYTES else ""


def why_no_word(name: str) -> str:
    """Why no option can have a name: a command would read something else; empty where one can."""
    with suppress(ValueError):
        float(name)
        return "it is read as a number"
    return "it is read as a value" if name.lower() in ("null", "true", "false") else why_not(name)


def cut(name: str, most: int) -> str:
    """The beginning of a name, of at most so many bytes: letters beyond ASCII have several."""
    return name.encode(errors="replace")[:most].decode(errors="ignore")
