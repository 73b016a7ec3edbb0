"""Standing: networks as they are at a step, for what is drawn or weighed by their errors."""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from kanexp.reg.none import NoPenalty
from kanexp.task.base import Task
from kanexp.train.objective import Objective, View

PART = 4096  # points whose derivatives exist at once


@dataclass(frozen=True)
class Standing:
    """Weights theta (seeds, length), and what is compared of the networks."""

    view: View
    task: Task
    theta: Tensor

    def errors(self, x: Tensor, y: Tensor) -> Tensor:
        """What is learned minus what it is to equal, (seeds, values), at x (seeds or 1, n_in, points)."""
        with torch.no_grad():
            return (self.view.trial(self.theta, x) - y).flatten(1)

    def sides(self, x: Tensor) -> Tensor:
        """The left sides of an equation (seeds, equations, points) at x (inputs, points) that all seeds share."""
        network = self.view.network
        function, unknowns = partial(network.plain, self.theta), network.unknown(self.theta)
        parts = [self.task.sides(function, part[None], unknowns) for part in x.split(PART, dim=1)]
        return torch.cat(parts, dim=2)

    def gradient(self, x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        """The gradient (seeds, length) of the loss in which values count by weight (1, values)."""
        loss = Objective(self.view, self.task, NoPenalty(), None, x, self.view.prepare(x), y, weight)
        return loss(self.theta)[1]
