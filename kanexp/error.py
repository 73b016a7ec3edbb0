"""What the user can put right: shown as sentences, never as a traceback."""


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
