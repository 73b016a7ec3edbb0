"""Stage: a network of one size in training, from one refinement to the next."""

from dataclasses import replace

import torch
from torch import Tensor

from kanexp.config.experiment import Experiment
from kanexp.measure.held_out import in_own_units
from kanexp.model.network import Network
from kanexp.score.functions import relative_l2
from kanexp.seeding import generator
from kanexp.task.base import Data, Task
from kanexp.task.differential import Equation
from kanexp.train.batches import Batch
from kanexp.train.objective import Objective, loss_of, view
from kanexp.train.standing import Standing


class Stage:
    """What is compared of the network, the data that select its best state, and the objective of each step."""

    def __init__(self, experiment: Experiment, network: Network, data: Data, mask: Tensor | None = None):
        self.network, self.trained, self.mask = network, network.trained(data.train.x.device), mask
        self._task, self._reg, self._data = experiment.task, experiment.reg, data
        self._view = view(experiment.task, network)
        size = experiment.settings.batch_size
        self._whole = size is None or size >= data.train.x.shape[1]
        known = Batch.of(data.val)
        self._val_x, self._val_y, self._val_weight = self._view.prepare(known.x), known.y, known.weight
        self._solved = _solved(experiment.task, known.x)
        self._batch: Tensor | None = None

    def standing(self, theta: Tensor) -> Standing:
        """The networks as they are."""
        return Standing(self._view, self._task, theta)

    def predict(self, theta: Tensor) -> Tensor:
        """Prediction (seeds, n_out, samples) of the validation data."""
        return self._view.predict(theta, self._val_x)

    def val_loss(self, prediction: Tensor) -> Tensor:
        """Validation loss (seeds,) of a prediction."""
        return loss_of(self._task, prediction, self._val_y, self._val_weight)

    def val_rows(self, theta: Tensor, prediction: Tensor) -> dict[str, Tensor]:
        """Rows for metrics.csv: the task's metrics of the validation data, and what is found for unknown numbers.

        Of equations the loss inside and that of each condition apart, and how far they are from the solution at those
        points, which nothing is chosen by.
        """
        task = self._task
        metrics = in_own_units(task, task.validation_metrics, self._data, prediction, self._val_y)
        unknown = {name: value.flatten() for name, value in self.network.unknown(theta).items()}
        if isinstance(task, Equation):
            metrics |= {f"loss_{name}": loss for name, loss in task.apart(prediction, self._val_y).items()}
        if self._solved is not None:
            x, exact = self._solved
            metrics["solution_error"] = relative_l2(self.network(theta, x)[:, : len(exact)], exact[None])
        return unknown | {f"val_{name}": values for name, values in metrics.items()}

    def objective(self, batch: Batch, weight: Tensor | None) -> Objective:
        """The loss on a batch with this weight of the penalty."""
        if batch.x is not self._batch:  # all samples are the same tensor at every step, prepared once
            self._batch, self._prepared = batch.x, self._view.prepare(batch.x) if self._whole else batch.x
        return Objective(
            self._view, self._task, self._reg, weight, batch.x, self._prepared, batch.y, batch.weight, self.mask
        )

    def step(self, old: Tensor, new: Tensor) -> Tensor:
        """New weights where they are trained, old ones where they were measured or belong to edges that were pruned."""
        new = new if self.trained is None else torch.where(self.trained, new, old)
        return new if self.mask is None else torch.where(self.mask, new, old)


def _solved(task: Task, x: Tensor) -> tuple[Tensor, Tensor] | None:
    """Points (1, inputs, points) inside an equation's domain, of those at x, and its solution there (compared, points).

    None where there is none.
    """
    if not isinstance(task, Equation) or not task.solved:
        return None
    inside = x[..., : x.shape[-1] - task.known_points]
    return inside, task.solution(task.encoding.features(inside[0].cpu().double())).to(x)


def in_window(experiment: Experiment, data: Data, step: int) -> Data:
    """The data with validation points in the window of time of that step, the same but for how far they reach."""
    task = experiment.task
    if not isinstance(task, Equation) or not task.windows:
        return data
    known = task.validation(generator(experiment.settings.data_seed, "window"), task.reach(step))
    return replace(data, val=known.to(data.val.x.device, data.val.x.dtype))
