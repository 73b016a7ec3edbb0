"""Losses of numbers and of classes, at every one of them; and a Criterion, their mean over samples by its name."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


def huber(error: Tensor, delta: float) -> Tensor:
    """error^2 up to delta, and its tangent beyond: the squares where all errors are small."""
    size = error.abs()
    return torch.where(size <= delta, error.square(), delta * (2 * size - delta))


def log_cosh(error: Tensor) -> Tensor:
    """log cosh(error), written so that nothing overflows: error^2 / 2 near 0, |error| - log 2 far away."""
    size = error.abs()
    return size + torch.nn.functional.softplus(-2 * size) - math.log(2)


def quantile(error: Tensor, level: float) -> Tensor:
    """The pinball loss, least where a share `level` of the targets lies below the prediction."""
    return torch.maximum(-level * error, (1 - level) * error)


def class_loss(prediction: Tensor, target: Tensor, smoothing: float, gamma: float) -> Tensor:
    """Cross entropy of logits (seeds, samples).

    `smoothing` is the share of a sample's probability that is spread over all classes; with `gamma` a sample counts by
    (1 - p)^gamma, p the probability given to its class: the focal loss, https://arxiv.org/abs/1708.02002.
    """
    logs = prediction.log_softmax(dim=1)
    right = (target * logs).sum(dim=1)
    spread = target if smoothing == 0 else (1 - smoothing) * target + smoothing / target.shape[1]
    losses = -(spread * logs).sum(dim=1)
    return losses * (1 - right.exp()).clamp(min=0) ** gamma if gamma else losses


@dataclass(frozen=True)
class Criterion:
    """A loss by its name, with the numbers that belong to it."""

    name: str
    delta: float = 1.0  # of huber
    level: float = 0.5  # of quantile
    gamma: float = 2.0  # of focal
    smoothing: float = 0.0  # of cross_entropy and focal
    class_weights: tuple[float, ...] | None = None  # what a sample of each class counts

    def __call__(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """The mean (seeds,) over predictions (seeds, n_out, samples), where samples may count by weight (.., samples).

        It is divided by the sum of the weights that classes give, and by the number of samples: `weight` has mean 1
        over all data, not over every batch.
        """
        if self.name in OF_NUMBERS:
            losses = OF_NUMBERS[self.name](self, prediction, target)
            return losses.mean(dim=(1, 2)) if weight is None else (weight * losses.mean(dim=1)).mean(dim=1)
        losses = class_loss(prediction, target, self.smoothing, self.gamma if self.name == "focal" else 0.0)
        losses = losses if weight is None else weight * losses
        if self.class_weights is None:
            return losses.mean(dim=1)
        counts = (target * torch.tensor(self.class_weights, dtype=torch.float64).to(target)[:, None]).sum(dim=1)
        return (counts * losses).sum(dim=1) / counts.sum(dim=1)


OF_NUMBERS: dict[str, Callable[[Criterion, Tensor, Tensor], Tensor]] = {
    "mse": lambda _, guess, y: (guess - y).square(),
    "mae": lambda _, guess, y: (guess - y).abs(),
    "huber": lambda own, guess, y: huber(guess - y, own.delta),
    "log_cosh": lambda _, guess, y: log_cosh(guess - y),
    "quantile": lambda own, guess, y: quantile(guess - y, own.level),
}
OF_CLASSES = ("cross_entropy", "focal")
