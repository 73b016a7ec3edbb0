"""What the user can put right: shown as sentences, never as a traceback."""

LONGEST = 100  # characters of what was got that a sentence repeats


class ConfigError(Exception):
    """Mistakes in what the user asked for, one sentence each."""

    def __init__(self, *mistakes: str):
        super().__init__("\n".join(mistakes))
        self.mistakes = list(mistakes)


def require(*conditions: tuple[bool, str]) -> None:
    """Range checks of a component: raises one ValueError with a line for every condition that does not hold.

    Conditions are written as what must be true, so that NaN, which compares false, never passes.
    """
    failed = [message for holds, message in conditions if not holds]
    if failed:
        raise ValueError("\n".join(failed))


def quoted(text: str) -> str:
    """A text in quotes as one sentence can hold it: cut where it is long, escaped where it cannot be printed."""
    shown = printable(text[:LONGEST], lines=False)
    return f"'{shown}'" if len(text) <= LONGEST else f"'{shown}...' ({len(text)} characters)"


def printable(text: str, lines: bool = True) -> str:
    """A text whose characters all show, on several lines or on one: what a terminal would obey is escaped."""
    return "".join(c if c.isprintable() or (lines and c == "\n") else c.encode("unicode_escape").decode() for c in text)
