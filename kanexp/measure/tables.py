"""What is measured on a network before and after training, as tables: edge functions, spectra, signal, predictions."""

from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from kanexp.calculus import derivative
from kanexp.data.subset import some
from kanexp.model.activation import Activation
from kanexp.model.edge_layer import EdgeLayer, LayerWeights
from kanexp.model.network import Network
from kanexp.score import functions
from kanexp.task.base import Data, Scene

States = dict[str, tuple[Network, Tensor]]  # "before" and "after" -> network and its theta (seeds, length)

MAX_EDGES = 512  # above, a picture of every edge shows nothing
MAX_SAMPLES = 2048  # of the training inputs, enough for moments and ranges
PART = 2**22  # features of a layer and seed whose slopes exist at once
SPECTRUM_POINTS = 512


def edges(states: States, x: Tensor, row: int) -> pd.DataFrame:
    """Every edge function of one seed over the range its inputs span: state, layer, output, input, x, y.

    Empty where the network has more than MAX_EDGES edges. A layer's range is that of all its inputs in that state: what
    a function does where nothing arrives says nothing about the network.
    """
    any_network, _ = next(iter(states.values()))
    if sum(layer.n_in * layer.n_out for layer in any_network.layers) > MAX_EDGES:
        return pd.DataFrame(columns=["state", "layer", "output", "input", "x", "y"])
    rows = {state: (network, theta[row : row + 1]) for state, (network, theta) in states.items()}
    entering = {s: network.entering(theta, some(x[None], MAX_SAMPLES)) for s, (network, theta) in rows.items()}
    tables = []
    for i in range(len(any_network.layers)):
        for state, (network, theta) in rows.items():
            low, high = float(entering[state][i].min()), float(entering[state][i].max())
            points = torch.linspace(low, high, 129, dtype=x.dtype, device=x.device)
            y = network.layers[i].functions(network.weights(theta)[i], points)[0]
            o, j, p = np.meshgrid(*(np.arange(n) for n in y.shape), indexing="ij")
            columns = {"output": o.ravel(), "input": j.ravel(), "x": _numpy(points)[p.ravel()], "y": _numpy(y).ravel()}
            tables.append(pd.DataFrame({"state": state, "layer": i, **columns}))
    return pd.concat(tables, ignore_index=True)


def spectra(states: States, x: Tensor, seeds: list[int]) -> pd.DataFrame:
    """Power of each layer's learned edge functions, mean over its edges: state, seed, layer, frequency, power.

    A periodic basis with orders is sampled over its period and the powers are exact, a frequency per order. Others are
    sampled over their domain (without one, over the range their inputs span), freed of their linear trend and tapered
    by a Hann window; their frequency counts cycles in that range.
    """
    tables = []
    for state, (network, theta) in states.items():
        theta = theta.double()  # what rounding leaves at absent frequencies should lie far below the present ones
        entering = network.entering(theta, some(x[None], MAX_SAMPLES).double())
        for i, (layer, w) in enumerate(zip(network.layers, network.weights(theta), strict=True)):
            if isinstance(layer.basis, Activation):  # one fixed function for all edges
                continue
            frequencies, powers = power(layer, w, entering[i])
            columns = {
                "seed": np.repeat(seeds, len(frequencies)),
                "layer": i,
                "frequency": np.tile(frequencies, len(seeds)),
            }
            tables.append(pd.DataFrame({"state": state, **columns, "power": _numpy(powers).ravel()}))
    return pd.concat(tables, ignore_index=True)


def signal(states: States, x: Tensor, seeds: list[int]) -> pd.DataFrame:
    """How the signal goes through each layer: state, seed, layer, mean, std, slope_mean, slope_std, outside.

    mean and std are those of the layer's outputs; the slope is the derivative of an output when all inputs of the layer
    move together; outside is the share of inputs beyond the basis' domain (empty where it is the whole line).
    """
    rows = []
    for state, (network, theta) in states.items():
        values = network.entering(theta, some(x[None], MAX_SAMPLES))
        for i, (layer, w) in enumerate(zip(network.layers, network.weights(theta), strict=True)):
            entering = some(values[i], MAX_SAMPLES)
            parts = entering.split(max(1, PART // layer.features_each), dim=-1)
            leaving = torch.cat([layer.plain(w, part) for part in parts], dim=-1)
            slope = torch.cat([derivative(partial(layer.plain, w), part) for part in parts], dim=-1)
            columns = [
                leaving.mean((1, 2)),
                leaving.std((1, 2), correction=0),
                slope.mean((1, 2)),
                slope.std((1, 2), correction=0),
                outside(layer, entering).expand(len(seeds)),
            ]
            for seed, *numbers in zip(seeds, *(c.tolist() for c in columns), strict=True):
                rows.append((state, seed, i, *numbers))
    return pd.DataFrame(rows, columns=["state", "seed", "layer", "mean", "std", "slope_mean", "slope_std", "outside"])


def predictions(states: States, scene: Scene, row: int, data: Data) -> pd.DataFrame:
    """One seed's answer at the scene's points: x1.., channel, target, and one column per state, in own units."""
    channels, points = scene.target.shape
    features = _numpy(data.inputs_as().features(scene.x))
    table = {f"x{i + 1}": np.tile(values, channels) for i, values in enumerate(features)}
    table |= {"channel": np.repeat(np.arange(channels), points), "target": _numpy(scene.target).ravel()}
    for state, (network, theta) in states.items():
        table[state] = _numpy(data.own_units(network(theta[row : row + 1], scene.x[None])[0])[:channels]).ravel()
    return pd.DataFrame(table)


def confusion(states: States, scene: Scene, row: int) -> pd.DataFrame:
    """How often one seed took the scene's samples of each class for each: state, true, answer, count."""
    names = np.array(scene.classes)
    tables = []
    for state, (network, theta) in states.items():
        answers = network(theta[row : row + 1], scene.x[None])
        counts = functions.confusion(answers, scene.target[None].to(answers))[0]
        pairs = {"true": np.repeat(names, len(names)), "answer": np.tile(names, len(names))}
        tables.append(pd.DataFrame({"state": state, **pairs, "count": _numpy(counts).ravel().astype(int)}))
    return pd.concat(tables, ignore_index=True)


def regions(states: States, scene: Scene, row: int, data: Data) -> pd.DataFrame:
    """One seed's class at every place of a grid over two inputs, and the samples' own: state, x1, x2, answer (number).

    The state of samples is `sample`.
    """
    low, high = scene.x.amin(dim=1), scene.x.amax(dim=1)
    edge = 0.08 * (high - low)
    sides = [torch.linspace(a, b, 121, dtype=low.dtype) for a, b in zip(low - edge, high + edge, strict=True)]
    second, first = torch.meshgrid(sides[1], sides[0], indexing="ij")
    at = torch.stack([first.flatten(), second.flatten()]).to(scene.x.device)
    encoding = data.inputs_as()
    places = dict(zip(("x1", "x2"), _numpy(encoding.features(at)), strict=True))
    tables = [
        pd.DataFrame({"state": state, **places, "answer": _numpy(network(theta[row : row + 1], at[None])[0].argmax(0))})
        for state, (network, theta) in states.items()
    ]
    samples = dict(zip(("x1", "x2"), _numpy(encoding.features(scene.x)), strict=True))
    samples |= {"answer": _numpy(scene.target.argmax(0))}
    return pd.concat([*tables, pd.DataFrame({"state": "sample", **samples})], ignore_index=True)


def _numpy(x: Tensor) -> np.ndarray:
    return x.detach().cpu().numpy()


def outside(layer: EdgeLayer, x: Tensor) -> Tensor:
    """Share of inputs (seeds or 1, n_in, batch) outside the domain, (seeds or 1,); NaN where there is none."""
    if layer.basis.domain is None or layer.basis.bound != "none" or layer.kept:
        return torch.full_like(x[:, 0, 0], torch.nan)
    low, high = layer.basis.domain
    return ((x < low) | (x > high)).to(x.dtype).mean((1, 2))


def power(layer: EdgeLayer, w: LayerWeights, entering: Tensor) -> tuple[np.ndarray, Tensor]:
    """Frequencies (f,) and power, mean over edges (seeds, f)."""
    points, keep, window = _grid(layer, entering)
    frequencies = np.arange(keep.start, keep.stop)
    if layer.inner_shapes or layer.basis.bound != "none":
        return frequencies, _transform(layer.functions(w, points), keep, window).abs().square().mean((1, 2))
    # mean over edges of |sum_t w_t F_t|^2 from the terms' second moments: no edge is ever sampled by itself.
    waves = _transform(layer.features(points[None, None])[0, :, 0], keep, window)  # (terms, f)
    weights = layer.edge_weights(w)
    moments = torch.einsum("soti,soui->stu", weights, weights) / (layer.n_in * layer.n_out)
    return frequencies, torch.einsum("tf,stu,uf->sf", waves.conj(), moments.to(waves.dtype), waves).real.clamp(min=0)


def _grid(layer: EdgeLayer, entering: Tensor) -> tuple[Tensor, slice, bool]:
    """Points to sample a layer's functions at, which frequencies to keep, and whether a window is needed."""
    basis, device = layer.basis, entering.device
    if basis.period is not None and basis.orders is not None and basis.residual == "none":
        top = max(basis.orders)
        return (
            torch.arange(4 * top, dtype=torch.float64, device=device) * (basis.period / (4 * top)),
            slice(1, top + 1),
            False,
        )
    inside = None if basis.bound != "none" or layer.kept else basis.domain
    low, high = inside or (float(entering.min()), float(entering.max()))
    points = torch.linspace(low, high, SPECTRUM_POINTS, dtype=torch.float64, device=device)
    return points, slice(1, SPECTRUM_POINTS // 8), True


def _transform(samples: Tensor, keep: slice, window: bool) -> Tensor:
    """Complex amplitudes (..., f) of samples (..., points); a wave of amplitude a has |amplitude|^2 = a^2 / 2."""
    samples = samples.double()
    if window:
        n = samples.shape[-1]
        hann = torch.hann_window(n, dtype=samples.dtype, device=samples.device)
        ramp = torch.linspace(-1, 1, n, dtype=samples.dtype, device=samples.device)
        line = torch.stack([torch.ones_like(ramp), ramp])
        samples = (samples - (samples @ line.T / line.square().sum(1)) @ line) * hann / hann.mean()
    return torch.fft.rfft(samples, norm="forward")[..., keep] * 2**0.5
