"""Scores of networks on data that they were not trained on."""

from torch import Tensor

from kanexp.model.network import Network
from kanexp.task.base import Data, Split, Task


def score(task: Task, network: Network, theta: Tensor, data: Data, split: Split) -> dict[str, Tensor]:
    """The task's metrics of theta (seeds, length) in own units and the errors of its unknowns, (seeds,) each."""
    prediction = data.own_units(network(theta, split.x.unsqueeze(0)))
    scores = task.metrics(prediction, data.own_units(split.y.unsqueeze(0)))
    found = network.unknown(theta)
    errors = {f"{name}_error": (found[name].flatten() / true - 1).abs() for name, (_, true) in task.unknowns.items()}
    return scores | errors
