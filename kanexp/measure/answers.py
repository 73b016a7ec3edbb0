"""What finished networks answer, as tables: errors and their spread, spectra, residuals, calibration, dependence."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from kanexp.data.subset import some
from kanexp.measure.tables import MAX_SAMPLES, States
from kanexp.task.base import Data, Scene

MOST_COLUMNS = 40  # of which each is varied by itself
VARIED = 25  # values of a number
AVERAGED = 256  # samples over which a dependence is averaged
BINS = 40


def errors(answers: Tensor, scene: Scene, row: int, data: Data) -> pd.DataFrame:
    """Where one seed is wrong, and the lowest and highest answer of all seeds there.

    Of answers (seeds, n_out, points) in own units: x1, x2, channel, error, low, high.
    """
    channels, points = scene.target.shape
    features = _numpy(data.inputs_as().features(scene.x))
    table = {f"x{i + 1}": np.tile(values, channels) for i, values in enumerate(features)}
    table |= {"channel": np.repeat(np.arange(channels), points)}
    columns = {"error": answers[row] - scene.target, "low": answers.amin(dim=0), "high": answers.amax(dim=0)}
    return pd.DataFrame(table | {name: _numpy(values).ravel() for name, values in columns.items()})


def output_spectra(before: Tensor, after: Tensor, scene: Scene) -> pd.DataFrame:
    """Power of the target and of answers (seeds, n_out, points) over frequency: state, frequency, low, median, high.

    Frequencies are cycles along the longest side of the scene; powers are sums over all directions, means over outputs.
    """
    tables = []
    for state, values in {"target": scene.target[None], "before": before, "after": after}.items():
        powers = ring_powers(values.unflatten(-1, scene.shape))
        ends = {"low": powers.amin(dim=0), "median": powers.quantile(0.5, dim=0), "high": powers.amax(dim=0)}
        columns = {name: _numpy(power) for name, power in ends.items()}
        tables.append(pd.DataFrame({"state": state, "frequency": np.arange(1, powers.shape[1] + 1), **columns}))
    return pd.concat(tables, ignore_index=True)


def ring_powers(values: Tensor) -> Tensor:
    """Power (seeds, frequencies) at 1, 2, ... cycles of fields (seeds, channels, *grid), by a Hann window.

    A wave of amplitude a has power a^2 / 2, spread over its frequency and the two beside it by the window.
    """
    grid = values.shape[2:]
    sides = tuple(range(2, values.ndim))
    window = torch.ones((), dtype=values.dtype)
    for side in grid:
        window = window[..., None] * torch.hann_window(side, dtype=values.dtype)
    centred = values - values.mean(dim=sides, keepdim=True)
    # The mean square of the window, not its mean: what counts is the power of a field, not the height of a peak.
    power = torch.fft.fftn(centred * window / window.square().mean().sqrt(), dim=sides, norm="forward").abs().square()
    longest = max(grid)
    axes = [torch.fft.fftfreq(side, dtype=values.dtype) * longest for side in grid]
    radius = torch.stack([axis.square() for axis in torch.meshgrid(*axes, indexing="ij")]).sum(dim=0).sqrt()
    ring = radius.round().long().flatten()
    summed = power.mean(dim=1).flatten(1)
    found = torch.zeros((len(values), int(ring.max()) + 1), dtype=values.dtype).index_add_(1, ring, summed)
    return found[:, 1 : longest // 2]


def residuals(answers: Tensor, target: Tensor, outputs: tuple[str, ...]) -> pd.DataFrame:
    """One seed's errors on the test data, answers and target (n_out, samples): output, target, prediction, residual."""
    columns = {"target": target, "prediction": answers, "residual": answers - target}
    table = {name: _numpy(values).ravel() for name, values in columns.items()}
    return pd.DataFrame({"output": np.repeat(outputs, target.shape[1]), **table})


def calibration(logits: Tensor, target: Tensor, seeds: list[int], bins: int = 10) -> pd.DataFrame:
    """How often classes are right that networks are so sure of: seed, low, high, count, confidence, accuracy.

    Of logits (seeds, classes, samples), by the probability of the class that was answered, in bins of equal width; bins
    without samples are left out. Source: Guo, Pleiss, Sun and Weinberger 2017, https://arxiv.org/abs/1706.04599
    """
    sure, answer = (_numpy(values) for values in logits.softmax(dim=1).max(dim=1))
    right = answer == _numpy(target.argmax(dim=0))
    rows = []
    for seed, own, hits in zip(seeds, sure, right, strict=True):
        place = np.minimum((own * bins).astype(int), bins - 1)
        for k in np.unique(place):
            here = place == k
            rows.append((seed, k / bins, (k + 1) / bins, int(here.sum()), own[here].mean(), hits[here].mean()))
    return pd.DataFrame(rows, columns=["seed", "low", "high", "count", "confidence", "accuracy"])


def entering(states: States, x: Tensor) -> pd.DataFrame:
    """What enters each layer for inputs x (n_in, samples), of all seeds: state, layer, low, high, share, domain's ends.

    Both states have the same bins. The domain is empty where functions have none or inputs are brought into it.
    """
    values = {s: network.entering(theta, some(x[None], MAX_SAMPLES)) for s, (network, theta) in states.items()}
    tables = []
    for i, layer in enumerate(states["after"][0].layers):
        own = {state: _numpy(entered[i]).ravel() for state, entered in values.items()}
        own = {state: numbers[np.isfinite(numbers)] for state, numbers in own.items()}
        together = np.concatenate(list(own.values()))
        if not len(together):
            continue
        ends = np.histogram_bin_edges(together, BINS)
        basis = layer.basis
        domain = basis.domain if basis.domain is not None and basis.bound == "none" else (np.nan, np.nan)
        for state, numbers in own.items():
            share = np.histogram(numbers, ends)[0] / max(1, len(numbers))
            columns = {"low": ends[:-1], "high": ends[1:], "share": share}
            place = {"domain_low": domain[0], "domain_high": domain[1]}
            tables.append(pd.DataFrame({"state": state, "layer": i, **columns, **place}))
    return pd.concat(tables, ignore_index=True)


def dependence(state: tuple, x: Tensor, data: Data) -> pd.DataFrame:
    """What answers are on average where one column is varied and all others stay: partial dependence.

    Of the network and theta of all seeds, over some of the inputs x (n_in, samples): column, kind (number or category),
    at, output, low, median, high over seeds. Outputs are in own units; of classes, they are probabilities. Numbers are
    varied from the 1st to the 99th percentile. Empty for more than MOST_COLUMNS columns. Source: Friedman 2001,
    https://doi.org/10.1214/aos/1013203451
    """
    network, theta = state
    encoding = data.inputs_as()
    columns = ["column", "kind", "at", "output", "low", "median", "high"]
    if len(encoding.columns) > MOST_COLUMNS:
        return pd.DataFrame(columns=columns)
    features, names = encoding.features(some(x, AVERAGED)), encoding.classes or encoding.targets
    first, rows = 0, []
    for column in encoding.columns:
        own = range(first, first := first + len(column.names))
        kind = "category" if column.values else "number"
        for at, varied in _varied(features, list(own), column.values):
            answers = network(theta, encoding.inputs(varied)[None])
            answers = answers.softmax(dim=1) if encoding.classes else data.own_units(answers)
            mean = answers.double().mean(dim=2)  # (seeds, n_out)
            ends = zip(
                mean.amin(dim=0).tolist(), mean.quantile(0.5, dim=0).tolist(), mean.amax(dim=0).tolist(), strict=True
            )
            rows += [(column.name, kind, at, name, *numbers) for name, numbers in zip(names, ends, strict=True)]
    return pd.DataFrame(rows, columns=columns)


def _varied(features: Tensor, own: list[int], values: tuple[str, ...]) -> list[tuple[float | str, Tensor]]:
    """Features (inputs, samples) with one column set to each of its values, which are given or numbers."""
    found: list[tuple[float | str, Tensor]] = []
    if values:
        for k, value in enumerate(values):
            varied = features.clone()
            varied[own] = 0.0
            varied[own[k]] = 1.0
            found.append((value, varied))
        return found
    low, high = features[own[0]].quantile(torch.tensor([0.01, 0.99], dtype=features.dtype)).tolist()
    for at in np.linspace(low, high, VARIED).tolist() if low < high else [low]:
        varied = features.clone()
        varied[own[0]] = at
        found.append((at, varied))
    return found


def _numpy(x: Tensor) -> np.ndarray:
    return x.detach().cpu().numpy()
