"""No logger."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from kanexp.logger.base import Logger, Tell


@dataclass(frozen=True)
class NoLogger(Logger):
    """The run folder alone."""

    @property
    def needs(self) -> str:
        return ""

    def track(self, folder: Path, overrides: Sequence[str]) -> AbstractContextManager[Tell]:
        return nullcontext(_ignore)


def _ignore(step: int, seed: int, metric: str, value: float) -> None:
    pass
