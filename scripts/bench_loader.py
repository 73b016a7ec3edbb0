"""Samples per second of minibatch training on data of MNIST's shape, against the same network written plainly.

The plain one is a torch module around nn.Linear: the same features, one linear layer over them, torch.optim.Adam
(fused), and a loop over shuffled rows of one tensor, with nothing logged. Ours is the command itself, from IDX files,
with its log and its looks at validation data. Both go in turn; ratios of medians. Every layer whose functions are fixed
is measured, without residual and scale: what trains its functions is no plain module. And so is, by the same command, a
multilayer perceptron of about the same number of parameters.

usage: OMP_NUM_THREADS=1 python scripts/bench_loader.py [--steps N] [--repeats N] [LAYER ...]
"""

import argparse
import contextlib
import io
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from kanexp import cli
from kanexp.config.catalog import find_catalog
from kanexp.config.compose import load
from kanexp.config.experiment import build_experiment
from kanexp.data.picture_files import IDX
from kanexp.layer.base import Basis
from kanexp.machine import tune
from kanexp.seeding import generator
from kanexp.task.base import Split

SAMPLES, INPUTS, HIDDEN, CLASSES, BATCH = 50_000, 784, 64, 10, 64


class PlainLayer(nn.Module):
    """Features of every input, then one nn.Linear over all of them."""

    def __init__(self, basis: Basis, n_in: int, n_out: int):
        super().__init__()
        self.basis, self.linear = basis, nn.Linear(n_in * basis.terms, n_out)

    def forward(self, x: Tensor) -> Tensor:  # (batch, n_in)
        return self.linear(self.basis.features(x.T).flatten(0, 1).T)


def plain(basis: Basis, split: Split, steps: int) -> float:
    """Seconds of `steps` steps."""
    torch.manual_seed(0)
    model = nn.Sequential(PlainLayer(basis, INPUTS, HIDDEN), PlainLayer(basis, HIDDEN, CLASSES))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    x, labels = split.x.T.contiguous(), split.y.argmax(0)
    began, done, order = time.perf_counter(), 0, generator(0, "batch")
    while True:
        for rows in torch.randperm(len(x), generator=order).split(BATCH):
            loss = nn.functional.cross_entropy(model(x[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            done += 1
            if done == steps:
                return time.perf_counter() - began


def ours(words: list[str], outputs: Path) -> float:
    """Seconds of training that the command reports."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
        code = cli.main([*words, f"output_dir={outputs}", "name=ours"])
    if code:
        raise SystemExit(said.getvalue())
    return float(json.loads((outputs / "ours/latest/run.json").read_text())["train_seconds"])


def write_pictures(folder: Path) -> None:
    """Random pictures in mnist's files."""
    random = np.random.default_rng(0)
    for part, samples in (("train", SAMPLES), ("test", 1000)):
        pictures = random.integers(0, 256, (samples, 28, 28), dtype=np.uint8)
        labels = random.integers(0, CLASSES, samples, dtype=np.uint8)
        for name, values in zip(IDX[part], (pictures, labels), strict=True):
            head = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
            (folder / name).write_bytes(head + values.tobytes())


def compare(layer: str, folder: Path, steps: int, repeats: int) -> str:
    """What is found for a layer, as a line."""
    words = ["task=vision", f"task.data_dir={folder}", "task.val=0.02", f"layer={layer}"]
    words += ["layer.residual=none", "layer.scale=false", f"widths=[in,{HIDDEN},out]", f"batch_size={BATCH}"]
    words += [f"steps={steps}", "log_every=100", "seeds=1", "diagnostics=false", "device=cpu", "compile=false"]
    e = build_experiment(load(words, find_catalog())[0])
    if e.network().layers[0].changes:
        return f"{layer:16} left out: its functions are trained"
    split = e.task.load(generator(0, "data")).train
    mlp = [*(word for word in words if not word.startswith(("layer", "widths"))), "model=mlp"]
    mlp += [f"widths=[in,{same_size(e.network().parameters)},out]"]
    times = [(plain(e.layer, split, steps), ours(words, folder), ours(mlp, folder)) for _ in range(repeats)]
    theirs, mine, of_mlp = (statistics.median(column) for column in zip(*times, strict=True))
    said = f"{layer:16} {steps * BATCH / mine:8,.0f} samples/s, {theirs / mine:.2f} times the plain module's"
    return f"{said}; a step takes {mine / of_mlp:.2f} times that of an MLP of as many parameters"


def same_size(parameters: int) -> int:
    """The width of a multilayer perceptron with one hidden layer that has about so many parameters."""
    return round((parameters - CLASSES) / (INPUTS + CLASSES + 1))


def main() -> None:
    names = list(find_catalog().options["layer"])
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("layers", nargs="*", metavar="LAYER", help=f"of {', '.join(names)}; all where none is named")
    parser.add_argument("--steps", type=int, default=780)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    tune()
    with tempfile.TemporaryDirectory() as folder:
        write_pictures(Path(folder))
        for layer in given.layers or names:
            print(compare(layer, Path(folder), given.steps, given.repeats), flush=True)


if __name__ == "__main__":
    main()
