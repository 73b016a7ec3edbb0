"""StandIn: what a network must know of its task, where the task's data are not read again."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Generator, Tensor

from kanexp.score.score import Score
from kanexp.task.base import Data, Scene, Task


@dataclass(frozen=True)
class StandIn(Task):
    """As many inputs and outputs, and the unknown numbers, of a task whose data may be gone by now."""

    inputs: int = 1
    outputs: int = 1
    unknowns: Mapping[str, float] = field(default_factory=dict)  # type: ignore[misc]

    @property
    def scores(self) -> tuple[Score, ...]:
        return ()

    def metrics(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        return {}

    def load(self, generator: Generator) -> Data:
        raise NotImplementedError("it stands for a task whose data are not read")

    def scene(self, data: Data) -> Scene:
        raise NotImplementedError("it stands for a task whose data are not read")
