"""Which batches a task is learned in."""

from collections.abc import Sequence

from kanexp.task.base import Split, Task
from kanexp.task.differential import Equation
from kanexp.train.batches import AllSamples, Batches, Minibatches, RedrawnSamples
from kanexp.train.points import FollowingPoints
from kanexp.train.weighing import WeighedValues


def batches(task: Task, split: Split, size: int | None, seeds: Sequence[int], data_seed: int) -> Batches:
    """Batches of `size` samples, in an order of each seed's own; of all where it is None or reaches them all."""
    found = _batches(task, split, size, seeds, data_seed)
    return WeighedValues(found, task, split, len(seeds)) if isinstance(task, Equation) and task.weighing else found


def _batches(task: Task, split: Split, size: int | None, seeds: Sequence[int], data_seed: int) -> Batches:
    if isinstance(task, Equation) and (task.adapt or task.windows):
        return FollowingPoints(task, split, seeds, data_seed)
    if task.redrawn:
        return RedrawnSamples(task, split, data_seed)
    if size is None or size >= split.x.shape[1]:
        return AllSamples(split)
    return Minibatches(split, size, seeds)
