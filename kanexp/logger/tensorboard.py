"""TensorBoard's event files."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kanexp.logger.base import Logger, Tell


@dataclass(frozen=True)
class TensorBoard(Logger):
    """A line per seed and a chart per metric, in the run's folder: tensorboard --logdir outputs."""

    flush: float = 10.0  # seconds until a row can be seen

    def __post_init__(self):
        if not self.flush > 0:
            raise ValueError(f"flush must be positive, got {self.flush}")

    @property
    def needs(self) -> str:
        return "tensorboard"

    def track(self, folder: Path, overrides: Sequence[str]) -> AbstractContextManager[Tell]:
        return _writers(folder / self.needs, self.flush)


@contextmanager
def _writers(folder: Path, seconds: float) -> Iterator[Tell]:
    """One for each seed, for TensorBoard draws in one chart what lies in several folders."""
    from torch.utils.tensorboard import SummaryWriter

    with ExitStack() as stack:
        writers: dict[int, Any] = {}

        def tell(step: int, seed: int, metric: str, value: float) -> None:
            if seed not in writers:
                writer = SummaryWriter(str(folder / f"seed_{seed}"), flush_secs=seconds)  # type: ignore[no-untyped-call]
                writers[seed] = stack.enter_context(writer)
            writers[seed].add_scalar(metric, value, step)

        yield tell
