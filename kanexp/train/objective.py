"""The training loss as optimizers see it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.model.edge_layer import LayerWeights
from kanexp.model.network import Network
from kanexp.optimizer.base import Problem
from kanexp.reg.base import Regularizer
from kanexp.task.base import Task
from kanexp.task.equation import Equation
from kanexp.train.jacobian import jacobian
from kanexp.train.jet import jet


def prepare(task: Task, network: Network, x: Tensor) -> Tensor:
    """What of the network does not change in training at inputs x (seeds or 1, n_in, batch), if the task has a use."""
    return x if isinstance(task, Equation) else network.prepare(x)


def predict(task: Task, network: Network, theta: Tensor, prepared: Tensor) -> Tensor:
    """What the task's loss compares with its targets: the network's outputs, or what an equation makes of them."""
    if not isinstance(task, Equation):
        return network.forward(theta, prepared)
    return task.prediction(jet(network, theta, prepared, task.second), prepared).detach()


@dataclass(frozen=True)
class Objective(Problem):
    """The task's loss of the network on one batch, and the penalty with its weight at this step."""

    network: Network
    task: Task
    reg: Regularizer
    weight: Tensor | float | None  # of the penalty, (seeds,) or of all; None where there is none
    x: Tensor  # (seeds or 1, n_in, batch)
    prepared: Tensor
    y: Tensor  # (seeds or 1, n_out, batch)

    def __call__(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        theta = theta.detach().requires_grad_()
        if isinstance(self.task, Equation):
            prediction, layers = self._side(self.task, theta), self._trace(theta)[1] if self.weight is not None else []
        else:
            prediction, layers = self._trace(theta)
        loss = self.task.loss(prediction, self.y)
        if self.weight is not None:
            loss = loss + self.weight * self.reg.penalty(self._penalized(layers))
        # One backward for all: seeds share no weights, so the gradients of the sum are each seed's own.
        (grad,) = torch.autograd.grad(loss.sum(), theta)
        return loss.detach(), grad

    def penalties(self, theta: Tensor) -> dict[str, Tensor]:
        """The penalty with its weight and without, and without weights what it is the sum of, (seeds,) each."""
        layers = self._penalized(self._trace(theta)[1])
        penalty = self.reg.penalty(layers)
        parts = {f"penalty_unweighted_{name}": value for name, value in self.reg.penalties(layers).items()}
        weight = 0.0 if self.weight is None else self.weight
        return {"penalty": weight * penalty, "penalty_unweighted": penalty} | parts

    def _penalized(self, layers: list[LayerWeights]) -> list[LayerWeights]:
        """Those on which the penalty has a meaning: the linear parts of a transformer have no frequencies."""
        return [w for w in layers if not self.reg.conflict(w.basis)]

    def residuals(self, theta: Tensor) -> Tensor:
        if isinstance(self.task, Equation):
            return self._residuals(self._side(self.task, theta))
        return self._residuals(self.network.plain(theta, self.x))

    def jacobian(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        prediction, derivatives = jacobian(self.network, theta, self.x, self.prepared)
        return self._residuals(prediction), derivatives.flatten(2) * self._share

    def _residuals(self, prediction: Tensor) -> Tensor:
        return (prediction - self.y).flatten(1) * self._share

    @property
    def _share(self) -> Tensor | float:
        """Of each error: the loss is a mean of the squares, not their sum."""
        if isinstance(self.task, Equation):
            return self.task.shares(self.y.shape[-1]).sqrt().to(self.y)
        return float(1 / self.y[0].numel() ** 0.5)

    def _trace(self, theta: Tensor) -> tuple[Tensor, list[LayerWeights]]:
        return self.network.trace(theta, self.x, self.prepared)

    def _side(self, equation: Equation, theta: Tensor) -> Tensor:
        return equation.prediction(jet(self.network, theta, self.x, equation.second), self.x)
