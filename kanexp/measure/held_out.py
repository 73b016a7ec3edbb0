"""Scores of networks on data that they were not trained on, and beside them on some that they were."""

from collections.abc import Callable
from functools import partial

import numpy as np
from torch import Tensor

from kanexp.data.subset import some
from kanexp.model.network import Network
from kanexp.score.functions import root_mean_square
from kanexp.task.base import Data, Split, Task

TRAINING_SAMPLES = 4096  # that are scored beside the test data: enough for a number to compare with
LARGE = 1e140  # numbers whose squares float64 still has, also of errors a million times as large or as small
Metrics = Callable[[Tensor, Tensor], dict[str, Tensor]]  # of a task: predictions and targets (seeds, n_out, samples)


def score(task: Task, network: Network, theta: Tensor, data: Data, split: Split) -> dict[str, Tensor]:
    """The task's metrics of theta (seeds, length) in own units and the errors of its unknowns, (seeds,) each."""
    x, found = split.x.unsqueeze(0), network.unknown(theta)
    prediction = network(theta, x) if task.solved else task.sides(partial(network.plain, theta), x, found)
    scores = in_own_units(task, task.metrics, data, prediction, split.y.unsqueeze(0))
    errors = {f"{name}_error": (found[name].flatten() / true - 1).abs() for name, true in task.truths.items()}
    return scores | errors


def training_scores(task: Task, network: Network, theta: Tensor, data: Data) -> dict[str, Tensor]:
    """Metrics (seeds,) of some training samples; none of equations, which have points and no targets there."""
    if task.differential:
        return {}
    part = Split(some(data.train.x, TRAINING_SAMPLES), some(data.train.y, TRAINING_SAMPLES))
    return score(task, network, theta, data, part)


def in_own_units(task: Task, metrics: Metrics, data: Data, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Metrics (seeds,) of what was learned (seeds, n_out, samples), in the target's own units.

    From float64 whatever networks train in, and from differences before the offset is added: a target of 1e9 and a
    little has the errors of that little. Squares of what is too large or small for it are left out.
    """
    size = data.own_sizes(target)
    scores = metrics(data.own_sizes(prediction), size)
    if not all(1 / LARGE < scale < LARGE for scale in np.atleast_1d(data.scale)):
        scores = {
            name: values for name, values in scores.items() if name not in {s.name for s in task.scores if s.squared}
        }
    if data.offset != 0.0 and (relative := [s.name for s in task.scores if s.relative and s.name in scores]):
        factor = root_mean_square(size) / root_mean_square(data.own_units(target))
        scores |= {name: scores[name] * factor for name in relative}
    return scores
