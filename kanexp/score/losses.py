"""Losses of predictions (seeds, n_out, samples), one number per seed (seeds,): of numbers, and of classes."""

import math

import torch
from torch import Tensor


def huber(error: Tensor, delta: float) -> Tensor:
    """error^2 up to delta, and its tangent beyond: the mean of squares where all errors are small."""
    size = error.abs()
    return torch.where(size <= delta, error.square(), delta * (2 * size - delta)).mean(dim=(1, 2))


def log_cosh(error: Tensor) -> Tensor:
    """log cosh(error), written so that nothing overflows: error^2 / 2 near 0, |error| - log 2 far away."""
    size = error.abs()
    return (size + torch.nn.functional.softplus(-2 * size) - math.log(2)).mean(dim=(1, 2))


def quantile(prediction: Tensor, target: Tensor, level: float) -> Tensor:
    """The pinball loss, least where a share `level` of the targets lies below the prediction."""
    error = target - prediction
    return torch.maximum(level * error, (level - 1) * error).mean(dim=(1, 2))


def class_loss(prediction: Tensor, target: Tensor, weights: Tensor | None, smoothing: float, gamma: float) -> Tensor:
    """Cross entropy of logits; where classes have weights (classes,), over the sum of the samples' weights.

    `smoothing` is the share of a sample's probability that is spread over all classes; with `gamma` a sample counts by
    (1 - p)^gamma, p the probability given to its class: the focal loss, https://arxiv.org/abs/1708.02002.
    """
    logs = prediction.log_softmax(dim=1)
    right = (target * logs).sum(dim=1)
    spread = target if smoothing == 0 else (1 - smoothing) * target + smoothing / target.shape[1]
    losses = -(spread * logs).sum(dim=1)
    if gamma:
        losses = losses * (1 - right.exp()).clamp(min=0) ** gamma
    if weights is None:
        return losses.mean(dim=1)
    of_samples = (target * weights.to(target)[:, None]).sum(dim=1)
    return (of_samples * losses).sum(dim=1) / of_samples.sum(dim=1)
