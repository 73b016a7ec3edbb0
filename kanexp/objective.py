"""The training loss as optimizers see it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.jacobian import jacobian
from kanexp.model.edge_layer import LayerWeights
from kanexp.model.network import Network
from kanexp.optimizer.base import Problem
from kanexp.reg.base import Regularizer
from kanexp.task.base import Task


@dataclass(frozen=True)
class Objective(Problem):
    """The task's loss of the network on one batch, and the penalty with its weight at this step."""

    network: Network
    task: Task
    reg: Regularizer
    weight: float
    x: Tensor  # (seeds or 1, n_in, batch)
    prepared: Tensor
    y: Tensor  # (seeds or 1, n_out, batch)

    def __call__(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        theta = theta.detach().requires_grad_()
        prediction, layers = self.network.trace(theta, self.x, self.prepared)
        loss = self.task.loss(prediction, self.y)
        if self.weight > 0:
            loss = loss + self.weight * self._penalty(layers)
        # One backward for all: seeds share no weights, so the gradients of the sum are each seed's own.
        (grad,) = torch.autograd.grad(loss.sum(), theta)
        return loss.detach(), grad

    def penalty(self, theta: Tensor) -> Tensor:
        """Without its weight, (seeds,)."""
        return self._penalty(self.network.trace(theta, self.x, self.prepared)[1])

    def _penalty(self, layers: list[LayerWeights]) -> Tensor:
        """Of the layers on which it has a meaning: the linear parts of a transformer have no frequencies."""
        return self.reg.penalty([w for w in layers if not self.reg.conflict(w.basis.orders)])

    def residuals(self, theta: Tensor) -> Tensor:
        return self._residuals(self.network.plain(theta, self.x))

    def jacobian(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        prediction, derivatives = jacobian(self.network, theta, self.x, self.prepared)
        return self._residuals(prediction), derivatives.flatten(2) * self._share

    def _residuals(self, prediction: Tensor) -> Tensor:
        return (prediction - self.y).flatten(1) * self._share

    @property
    def _share(self) -> float:
        """Of each error: the loss is the mean of the squares, not their sum."""
        return float(1 / self.y[0].numel() ** 0.5)
