"""Losses and scores of predictions (seeds, n_out, samples), one number per seed: of numbers, classes and pictures."""

import math
import statistics
from collections.abc import Sequence

import torch
from torch import Tensor


def power_of_two(size: Tensor) -> Tensor:
    """The power of two near a positive size, by which to divide without rounding; 1 for zero and what is not finite."""
    exponent = torch.frexp(size).exponent.clamp(-1000, 1000)
    return torch.where((size > 0) & size.isfinite(), torch.ldexp(torch.ones_like(size), exponent), 1.0)


def root_mean_square(values: Tensor) -> Tensor:
    """Of values (seeds, n_out, samples), whose squares may be too large or small to be written: (seeds,)."""
    unit = power_of_two(values.abs().amax(dim=(1, 2), keepdim=True))
    return (values / unit).square().mean(dim=(1, 2)).sqrt() * unit[:, 0, 0]


def errors(prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Mean squared error, its root, and the mean absolute error."""
    error = prediction - target
    mse = error.square().mean(dim=(1, 2))
    return {"mse": mse, "rmse": root_mean_square(error), "mae": error.abs().mean(dim=(1, 2))}


def distances(prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Relative L2 distance from an exact solution and the largest error, both (seeds, n_out, samples) -> (seeds,)."""
    return {"relative_l2": relative_l2(prediction, target), "max": (prediction - target).abs().amax(dim=(1, 2))}


def relative_l2(prediction: Tensor, target: Tensor) -> Tensor:
    """2-norm of the error over that of the target."""
    return root_mean_square(prediction - target) / root_mean_square(target)


def r2(prediction: Tensor, target: Tensor) -> Tensor:
    """Share of the targets' variance that is explained: 1 is exact, 0 is no better than their mean."""
    around = target - target.mean(dim=2, keepdim=True)
    return 1 - (root_mean_square(prediction - target) / root_mean_square(around)).square()


def cross_entropy(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean over the samples of -log of the probability given to the right class, natural logarithm.

    prediction holds logits; target is 1 at the right class and 0 elsewhere, (seeds or 1, classes, samples).
    """
    return -(target * prediction.log_softmax(dim=1)).sum(dim=1).mean(dim=1)


def confusion(prediction: Tensor, target: Tensor) -> Tensor:
    """How often each class (rows) was taken for each (columns), (seeds, classes, classes)."""
    answer = torch.zeros_like(prediction).scatter_(1, prediction.argmax(dim=1, keepdim=True), 1)
    return target.expand_as(answer) @ answer.mT


def class_scores(prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Share of right answers; F1 = 2 TP / (2 TP + FP + FN), mean over the classes that occur; cross entropy."""
    counts = confusion(prediction, target)
    right = counts.diagonal(dim1=1, dim2=2)
    mentioned = counts.sum(dim=1) + counts.sum(dim=2)
    occurs = mentioned > 0
    f1 = torch.where(occurs, 2 * right / mentioned.clamp(min=1), 0)
    return {
        "accuracy": right.sum(dim=1) / counts.sum(dim=(1, 2)),
        "macro_f1": f1.sum(dim=1) / occurs.sum(dim=1),
        "log_loss": cross_entropy(prediction, target),
    }


def psnr(prediction: Tensor, target: Tensor) -> Tensor:
    """Peak signal over noise in decibels, for values between 0 and 1."""
    return -10 * (prediction - target).square().mean(dim=(1, 2)).log10()


def snr(prediction: Tensor, target: Tensor) -> Tensor:
    """Power of the signal over that of the error in decibels."""
    return 10 * (target.square().mean(dim=(1, 2)) / (prediction - target).square().mean(dim=(1, 2))).log10()


WINDOW = 11  # pixels of a side of the window in which structures are compared


def ssim(prediction: Tensor, target: Tensor, shape: tuple[int, int], places: Tensor | None = None) -> Tensor:
    """Structural similarity of pictures (seeds, channels, rows * columns) with values between 0 and 1; 1 is equal.

    Local means, variances and covariance under a Gaussian window of 11 x 11 and standard deviation 1.5, at every place
    where it lies inside, or those of them that `places` (rows * columns,) marks; not a number where there is none, as
    for pictures smaller than the window.

    Source: Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861
    """
    if min(shape) < WINDOW:
        return torch.full_like(prediction[:, 0, 0], torch.nan)
    edge = WINDOW // 2
    at = torch.arange(-edge, edge + 1, dtype=prediction.dtype, device=prediction.device)
    bell = (-at.square() / (2 * 1.5**2)).exp()
    bell = bell / bell.sum()

    def local(values: Tensor) -> Tensor:
        return (values.unfold(-2, WINDOW, 1) @ bell).unfold(-1, WINDOW, 1) @ bell

    # Half off both: the variances are small differences of squares.
    x, y = (p.unflatten(-1, shape) - 0.5 for p in (prediction, target))
    mean_x, mean_y = local(x), local(y)
    variance_x, variance_y = local(x * x) - mean_x**2, local(y * y) - mean_y**2
    covariance = local(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    mean_x, mean_y = mean_x + 0.5, mean_y + 0.5
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    alike = luminance * structure
    if places is not None:
        return alike[:, :, places.reshape(shape)[edge:-edge, edge:-edge]].mean(dim=(1, 2))
    return alike.mean(dim=(1, 2, 3))


def median_row(losses: Sequence[float]) -> int:
    """The number of the loss that is nearest the median of all; of two alike the better, of what is lost none."""
    known = [loss for loss in losses if math.isfinite(loss)]
    middle = statistics.median(known) if known else math.inf
    return min(range(len(losses)), key=lambda i: (abs(losses[i] - middle) if known else i, losses[i]))
