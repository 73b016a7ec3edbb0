"""Samples per second of minibatch training on data of MNIST's shape, against the same network written plainly.

The plain one is a torch module around nn.Linear: the same features, one linear layer over them, torch.optim.Adam
(fused), and a loop over shuffled rows of one tensor, with nothing logged. Both go in turn; ratios of medians.

usage: OMP_NUM_THREADS=1 python scripts/bench_loader.py [--steps N] [--repeats N]
"""

import argparse
import io
import statistics
import time

import torch
from torch import Tensor, nn

from kanexp.catalog import Catalog, config_folder
from kanexp.config import load
from kanexp.experiment import Experiment, build_experiment
from kanexp.layer.base import Basis
from kanexp.machine import tune
from kanexp.run_folder import Logs
from kanexp.scores import cross_entropy
from kanexp.seeding import generator
from kanexp.task.base import Data, Split
from kanexp.train import train

SAMPLES, INPUTS, HIDDEN, CLASSES, BATCH = 50_000, 784, 64, 10, 64
LAYERS = ("bspline", "chebyshev", "fourier", "rbf")


class PlainLayer(nn.Module):
    """Features of every input, then one nn.Linear over all of them."""

    def __init__(self, basis: Basis, n_in: int, n_out: int):
        super().__init__()
        self.basis, self.linear = basis, nn.Linear(n_in * basis.terms, n_out)

    def forward(self, x: Tensor) -> Tensor:  # (batch, n_in)
        return self.linear(self.basis.features(x.T).flatten(0, 1).T)


def plain(basis: Basis, data: Data, steps: int) -> float:
    """Seconds of `steps` steps."""
    torch.manual_seed(0)
    model = nn.Sequential(PlainLayer(basis, INPUTS, HIDDEN), PlainLayer(basis, HIDDEN, CLASSES))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    x, labels = data.train.x.T.contiguous(), data.train.y.argmax(0)
    began, done = time.perf_counter(), 0
    while True:
        for rows in torch.randperm(SAMPLES).split(BATCH):
            loss = nn.functional.cross_entropy(model(x[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            done += 1
            if done == steps:
                return time.perf_counter() - began


def ours(experiment: Experiment, data: Data) -> float:
    """Seconds of the real loop, its log, its validation and its progress included."""
    network = experiment.model.network(experiment.widths, experiment.layer)
    start = network.start(experiment.init, [generator(0, "init")], torch.float32)
    return train(experiment, network, start, data, Logs(io.StringIO(), io.StringIO()), lambda progress: None).seconds


def random_data() -> Data:
    g = generator(0, "bench")

    def split(samples: int) -> Split:
        labels = torch.randint(CLASSES, (samples,), generator=g)
        x = 2 * torch.rand((samples, INPUTS), generator=g).T - 1  # in rows, as pictures are read
        return Split(x, torch.eye(CLASSES)[labels].T.contiguous())

    return Data(split(SAMPLES), split(1000), split(1000))


class Classes:
    """As much of a task as training asks for."""

    least_squares = False
    loss = staticmethod(cross_entropy)

    @staticmethod
    def metrics(prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        return {"log_loss": cross_entropy(prediction, target)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--steps", type=int, default=780)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    tune()
    data = random_data()
    for layer in LAYERS:
        off = ["layer.residual=none", "layer.scale=false"] if layer == "bspline" else []
        words = ["task=tabular", f"layer={layer}", *off, f"widths=[in,{HIDDEN},out]", "compile=false"]
        words += [f"batch_size={BATCH}", f"steps={given.steps}", "log_every=100000", "seeds=1"]
        built = build_experiment(load(words, Catalog((config_folder(),)))[0])
        e = Experiment(**(vars(built) | {"task": Classes(), "widths": [INPUTS, HIDDEN, CLASSES]}))
        times = [(plain(e.layer, data, given.steps), ours(e, data)) for _ in range(given.repeats)]
        theirs, mine = (statistics.median(column) for column in zip(*times, strict=True))
        rate = given.steps * BATCH / mine
        print(f"{layer:12} {rate:8,.0f} samples/s, {theirs / mine:.2f} times the plain module's", flush=True)


if __name__ == "__main__":
    main()
