"""Seconds of an equation's gradient: derivatives by backward through backward, and carried forward through the layers.

Every layer that the task goes with, on [2, 8, 8, 1] and the task's own points; both ways in turn, ratios of medians.

usage: OMP_NUM_THREADS=1 python scripts/bench_derivatives.py [--repeats N] [WORD ...]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from kanexp.config.catalog import find_catalog
from kanexp.config.compose import load
from kanexp.config.experiment import build_experiment
from kanexp.error import ConfigError
from kanexp.machine import tune
from kanexp.model.network import Network
from kanexp.seeding import generator
from kanexp.task.differential import Equation
from kanexp.train.carried import sides_traced
from kanexp.train.derivatives import jet

Way = Callable[[Network, Equation, Tensor, Tensor], Tensor]


def twice(network: Network, equation: Equation, theta: Tensor, x: Tensor) -> Tensor:
    """Left sides by backward through backward."""
    return equation.prediction(jet(network, theta, x, equation.partials), x)


def gradient(way: Way, task: Equation, network: Network, theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
    theta = theta.detach().requires_grad_()
    return torch.autograd.grad(task.loss(way(network, task, theta, x), y).sum(), theta)[0]


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
        times: dict[Way, list[float]] = {twice: [], sides_traced: []}
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
