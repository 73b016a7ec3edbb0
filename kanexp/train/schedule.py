"""Which batches a task is learned in."""

from collections.abc import Sequence

from kanexp.task.base import Split, Task
from kanexp.task.differential import Equation
from kanexp.train.batches import AllSamples, Batches, Minibatches, RedrawnSamples
from kanexp.train.points import AdaptedPoints


def batches(task: Task, split: Split, size: int | None, seeds: Sequence[int], data_seed: int) -> Batches:
    """Batches of `size` samples, in an order of each seed's own; of all where it is None or reaches them all."""
    if isinstance(task, Equation) and task.adapt:
        return AdaptedPoints(task, split, seeds, data_seed)
    if task.redrawn:
        return RedrawnSamples(task, split, data_seed)
    if size is None or size >= split.x.shape[1]:
        return AllSamples(split)
    return Minibatches(split, size, seeds)
