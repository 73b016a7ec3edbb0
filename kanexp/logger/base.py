"""What every logger is: where the rows of metrics.csv go as well, while a run trains."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path

Tell = Callable[[int, int, str, float], None]  # step, seed, metric, value


class Logger(ABC):
    """Derive a frozen dataclass from it; the run folder stays complete without it."""

    @property
    @abstractmethod
    def needs(self) -> str:
        """The module it imports, named like the extra that installs it; empty for none."""

    @abstractmethod
    def track(self, folder: Path, overrides: Sequence[str]) -> AbstractContextManager[Tell]:
        """Within, takes the rows of one run, which has its folder and was asked for in these words.

        Rows of a run that goes on from a checkpoint may come twice.
        """

    def missing(self) -> str:
        """What to do before it can be used; empty where it can."""
        if not self.needs or find_spec(self.needs):
            return ""
        return f"{self.needs} is not installed; install it with: pip install 'kanexp[{self.needs}]'"
