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
            loss = loss + self.weight * self.reg.penalty(self._penalized(layers))
        # One backward for all: seeds share no weights, so the gradients of the sum are each seed's own.
        (grad,) = torch.autograd.grad(loss.sum(), theta)
        return loss.detach(), grad

    def penalties(self, theta: Tensor) -> dict[str, Tensor]:
        """The penalty with its weight and without, and without weights what it is the sum of, (seeds,) each."""
        layers = self._penalized(self.network.trace(theta, self.x, self.prepared)[1])
        penalty = self.reg.penalty(layers)
        parts = {f"penalty_unweighted_{name}": value for name, value in self.reg.penalties(layers).items()}
        return {"penalty": self.weight * penalty, "penalty_unweighted": penalty} | parts

    def _penalized(self, layers: list[LayerWeights]) -> list[LayerWeights]:
        """Those on which the penalty has a meaning: the linear parts of a transformer have no frequencies."""
        return [w for w in layers if not self.reg.conflict(w.basis)]

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
