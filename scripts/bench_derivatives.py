"""Seconds of an equation's gradient: derivatives by backward through backward, and carried forward through the layers.

Every layer that the task goes with, on [2, 8, 8, 1] and the task's own points; both ways in turn, ratios of medians.

usage: OMP_NUM_THREADS=1 python scripts/bench_derivatives.py [--repeats N] [WORD ...]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.func import jvp

from kanexp.config.catalog import find_catalog
from kanexp.config.compose import load
from kanexp.config.experiment import build_experiment
from kanexp.error import ConfigError
from kanexp.machine import tune
from kanexp.model.network import Network
from kanexp.seeding import generator
from kanexp.task.differential import Equation
from kanexp.task.jet import Jet, Partial
from kanexp.train.derivatives import jet


def carried(network: Network, theta: Tensor, x: Tensor, partials: tuple[Partial, ...]) -> Jet:
    """What `jet` gives: each layer takes value, slopes and curvatures along the inputs and hands on its own."""
    second = [partial[0] for partial in partials if len(partial) == 2]
    u = x.expand(len(theta), -1, -1)
    along = [torch.zeros_like(u).index_fill_(1, torch.tensor(k), 1.0) for k in range(x.shape[1])]
    curved = {k: torch.zeros_like(u) for k in second}
    for layer, w in zip(network.layers, network.weights(theta), strict=True):
        at = partial(layer.at, w)

        def slopes(u: Tensor, at: Callable[[Tensor], Tensor] = at) -> tuple[Tensor, Tensor]:
            # Every feature is of one input, so that moving all of them at once gives each its own slope.
            value, slope, *_ = jvp(at, (u,), (torch.ones_like(u),))
            return value, slope

        (features, slope), (_, curvature), *_ = jvp(slopes, (u,), (torch.ones_like(u),))
        flat = w._replace(bias=torch.zeros_like(w.bias))  # no part of derivatives
        curved = {
            k: layer.combine(flat, curvature * along[k].unsqueeze(1) ** 2 + slope * curved[k].unsqueeze(1))
            for k in second
        }
        along = [layer.combine(flat, slope * v.unsqueeze(1)) for v in along]
        u = layer.combine(w, features)
    first = {(k,): v for k, v in enumerate(along)}
    return Jet(u, first | {(k, k): v for k, v in curved.items()}, network.unknown(theta))


def gradient(way: Callable[..., Jet], task: Equation, network: Network, theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
    theta = theta.detach().requires_grad_()
    loss = task.loss(task.prediction(way(network, theta, x, task.partials), x), y)
    return torch.autograd.grad(loss.sum(), theta)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("words", nargs="*", default=["task=poisson", "widths=[2,8,8,1]", "seeds=1"])
    parser.add_argument("--repeats", type=int, default=9)
    given = parser.parse_args()
    tune()
    catalog = find_catalog()
    for name in catalog.options["layer"]:
        try:
            e = build_experiment(load([f"layer={name}", *given.words], catalog)[0])
        except ConfigError as error:
            print(f"{name:16} left out: {error}")
            continue
        assert isinstance(e.task, Equation)
        split, network = e.task.load(generator(0, "data")).train, e.network()
        theta = network.start(e.init, [generator(seed, "init") for seed in e.settings.seed_list], torch.float32)
        ready = e.task, network, theta, split.x.float()[None], split.y.float()[None]
        times: dict[Callable[..., Jet], list[float]] = {jet: [], carried: []}
        found = [gradient(way, *ready) for way in times]
        torch.testing.assert_close(*found, rtol=1e-2, atol=1e-2 * float(found[0].abs().max()))
        for _ in range(given.repeats):
            for way, taken in times.items():
                began = time.perf_counter()
                gradient(way, *ready)
                taken.append(time.perf_counter() - began)
        backward, forward = (statistics.median(taken) for taken in times.values())
        print(
            f"{name:16} backward twice {1000 * backward:7.1f} ms, carried forward {1000 * forward:7.1f} ms, "
            f"{backward / forward:.2f} times",
            flush=True,
        )


if __name__ == "__main__":
    main()
