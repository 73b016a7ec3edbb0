"""The training loss as optimizers see it: of a network's values, or of what an equation makes of its derivatives."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from kanexp.model.edge_layer import LayerWeights
from kanexp.model.network import Network
from kanexp.optimizer.base import Problem
from kanexp.reg.base import Regularizer
from kanexp.task.base import Task
from kanexp.task.differential import Equation
from kanexp.train.carried import sides, sides_jacobian, sides_traced
from kanexp.train.derivatives import jacobian, jet

Traced = tuple[Tensor, list[LayerWeights]]  # predictions, and the layers' weights with what entered each


class View(ABC):
    """What of a network a task compares with its targets."""

    def __init__(self, network: Network):
        self.network = network

    @abstractmethod
    def prepare(self, x: Tensor) -> Tensor:
        """What does not change in training at inputs x (seeds or 1, n_in, batch)."""

    @abstractmethod
    def predict(self, theta: Tensor, prepared: Tensor) -> Tensor:
        """Predictions (seeds, n_out, batch) without learning."""

    @abstractmethod
    def trace(self, theta: Tensor, x: Tensor, prepared: Tensor, layers: bool) -> Traced:
        """Predictions to learn from, and the layers where they are asked for."""

    @abstractmethod
    def plain(self, theta: Tensor, x: Tensor) -> Tensor:
        """Predictions (seeds, n_out, batch) by operations that can be differentiated any number of times."""

    @abstractmethod
    def trial(self, theta: Tensor, x: Tensor) -> Tensor:
        """The predictions of `jacobian` without their derivatives, in the least time."""

    @abstractmethod
    def jacobian(self, theta: Tensor, x: Tensor, prepared: Tensor) -> tuple[Tensor, Tensor]:
        """Predictions, and their derivatives (seeds, length, n_out, batch) in the weights."""


class Values(View):
    """The network's outputs themselves."""

    def prepare(self, x: Tensor) -> Tensor:
        return self.network.prepare(x)

    def predict(self, theta: Tensor, prepared: Tensor) -> Tensor:
        return self.network.forward(theta, prepared)

    def trace(self, theta: Tensor, x: Tensor, prepared: Tensor, layers: bool) -> Traced:
        return self.network.trace(theta, x, prepared)

    def plain(self, theta: Tensor, x: Tensor) -> Tensor:
        return self.network.plain(theta, x)

    def trial(self, theta: Tensor, x: Tensor) -> Tensor:
        return self.network.plain(theta, x).detach()

    def jacobian(self, theta: Tensor, x: Tensor, prepared: Tensor) -> tuple[Tensor, Tensor]:
        return jacobian(self.network, theta, x, prepared)


class Sides(View):
    """The left side of an equation where it holds, and the network's outputs where the solution is known."""

    def __init__(self, network: Network, equation: Equation):
        super().__init__(network)
        self.equation = equation

    def prepare(self, x: Tensor) -> Tensor:
        return x

    def predict(self, theta: Tensor, prepared: Tensor) -> Tensor:
        return self.plain(theta, prepared).detach()

    def trace(self, theta: Tensor, x: Tensor, prepared: Tensor, layers: bool) -> Traced:
        found = sides_traced(self.network, self.equation, theta, x)
        return found, self.network.trace(theta, x, prepared)[1] if layers else []

    def plain(self, theta: Tensor, x: Tensor) -> Tensor:
        return self.equation.prediction(jet(self.network, theta, x, self.equation.partials), x)

    def trial(self, theta: Tensor, x: Tensor) -> Tensor:
        return sides(self.network, self.equation, theta, x)

    def jacobian(self, theta: Tensor, x: Tensor, prepared: Tensor) -> tuple[Tensor, Tensor]:
        return sides_jacobian(self.network, self.equation, theta, x)


def view(task: Task, network: Network) -> View:
    """What of the network the task compares with its targets."""
    return Sides(network, task) if isinstance(task, Equation) else Values(network)


def loss_of(task: Task, prediction: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
    """The task's loss (seeds,) of predictions (seeds, n_out, samples), whose samples may count by a weight."""
    return task.loss(prediction, target) if weight is None else task.weighted_loss(prediction, target, weight)


@dataclass(frozen=True)
class Objective(Problem):
    """The task's loss of the network on one batch, and the penalty with its weight at this step."""

    view: View
    task: Task
    reg: Regularizer
    weight: Tensor | float | None  # of the penalty, (seeds,) or of all; None where there is none
    x: Tensor  # (seeds or 1, n_in, batch)
    prepared: Tensor
    y: Tensor  # (seeds or 1, n_out, batch)
    sample_weight: Tensor | None = None  # what samples count in the loss (seeds or 1, batch); None: all count alike
    mask: Tensor | None = None  # which weights are trained, bool (seeds, length); None: all of them

    def __call__(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        theta = theta.detach().requires_grad_()
        prediction, layers = self.view.trace(theta, self.x, self.prepared, layers=self.weight is not None)
        loss = loss_of(self.task, prediction, self.y, self.sample_weight)
        if self.weight is not None:
            loss = loss + self.weight * self.reg.penalty(self._penalized(layers))
        # One backward for all: seeds share no weights, so the gradients of the sum are each seed's own.
        (grad,) = torch.autograd.grad(loss.sum(), theta)
        # Not multiplied: the slope of a penalty at zero weights may be no number.
        return loss.detach(), grad if self.mask is None else torch.where(self.mask, grad, 0.0)

    def among(self, rows: Tensor) -> "Objective | None":
        if self.view.network.layers[-1].compiled:  # anew for every number of rows
            return None
        names = ("weight", "x", "prepared", "y", "sample_weight", "mask")
        own: dict[str, Any] = {name: _of_rows(getattr(self, name), rows) for name in names}
        return replace(self, **own)

    def penalties(self, theta: Tensor) -> dict[str, Tensor]:
        """The penalty with its weight and without, and without weights what it is the sum of, (seeds,) each."""
        layers = self._penalized(self.view.network.trace(theta, self.x, self.prepared)[1])
        penalty = self.reg.penalty(layers)
        parts = {f"penalty_unweighted_{name}": value for name, value in self.reg.penalties(layers).items()}
        weight = 0.0 if self.weight is None else self.weight
        return {"penalty": weight * penalty, "penalty_unweighted": penalty} | parts

    def _penalized(self, layers: list[LayerWeights]) -> list[LayerWeights]:
        """Layers on which the penalty has a meaning: the linear parts of a transformer have no frequencies."""
        return [w for w in layers if not self.reg.conflict(w.basis)]

    def residuals(self, theta: Tensor) -> Tensor:
        theta = theta if self.mask is None else torch.where(self.mask, theta, theta.detach())
        return self._residuals(self.view.plain(theta, self.x))

    def trial(self, theta: Tensor) -> Tensor:
        with torch.no_grad():
            return self._residuals(self.view.trial(theta, self.x))

    def jacobian(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        prediction, derivatives = self.view.jacobian(theta, self.x, self.prepared)
        if self.mask is not None:
            derivatives = derivatives * self.mask[:, :, None, None]
        scaled = derivatives.flatten(2) * self.task.residual_scale(self.y)
        return self._residuals(prediction), scaled if self._roots is None else scaled * self._roots[:, None]

    def _residuals(self, prediction: Tensor) -> Tensor:
        found = (prediction - self.y).flatten(1) * self.task.residual_scale(self.y)
        return found if self._roots is None else found * self._roots

    @property
    def _roots(self) -> Tensor | None:
        """What residuals (seeds, n_out * batch) are multiplied by where samples have weights."""
        return None if self.sample_weight is None else self.sample_weight.sqrt().repeat(1, self.y.shape[1])


def _of_rows(value: Tensor | float | None, rows: Tensor) -> Tensor | float | None:
    """What some networks have of a value with one entry for all of them, or with one for each."""
    return value[rows] if isinstance(value, Tensor) and value.ndim and len(value) > 1 else value
