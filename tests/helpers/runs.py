"""Run folders as runs leave them, without training anything."""

import itertools

import numpy as np

from kanexp.folder.record import read_record
from kanexp.folder.run_folder import RunFolder

CONFIG = """\
task:
  _target_: kanexp.task.function.Function
  function: {function}
  expression: {expression}
  noise: {noise}
layer:
  _target_: x
  frequencies: {frequencies}
init:
  _target_: {init}
optimizer:
  _target_: y
  learning_rate: {learning_rate}
steps: 20
name: {name}
seeds: {seeds}
data_seed: {data_seed}
"""
OPTIONS = {"function": "product", "expression": "null"}
OPTIONS |= {"noise": 0.0, "frequencies": 5, "learning_rate": 0.001, "data_seed": 0}


def make_run(
    path, init="default", mse=(0.1, 0.2, 0.3), status=None, options=None, choices=None, ended="done", **changes
):
    """A run folder: options go to its config, changes to its record, where None takes an entry away.

    `status` is that of its seeds, where they are not ok, and `ended` its own.
    """
    path.mkdir(parents=True)
    folder, seeds = RunFolder(path), changes.get("seeds", list(range(len(mse))))
    folder.write_config(CONFIG.format(**OPTIONS | (options or {}), init=init, name=path.name, seeds=len(mse)))
    by_seed = {str(s): value for s, value in zip(seeds, mse, strict=True)}
    record = {
        "status": ended,
        "choices": {
            "task": "function",
            "layer": "fourier",
            "init": init,
            "reg": "none",
            "optimizer": "adam",
            "model": "kan",
        }
        | (choices or {}),
        "seeds": seeds,
        "widths": [2, 3, 1],
        "parameters": 99,
        "command": "kanexp <test>",
        "started": "2026-01-01T00:00:00+00:00",
        "versions": {"torch": "2"},
        "config_hash": "abc",
        "steps": 20,
        "train_seconds": 1.5,
        "peak_memory_bytes": 10**9,
        "seed_status": {str(s): (status or {}).get(s, "ok") for s in seeds},
        "best_step": {str(s): 20 for s in seeds},
        "best_val_loss": by_seed,
        "evaluations": {str(s): 20 for s in seeds},
        "test": {"mse": by_seed},
        "scores": {"mse": {"better": "lower"}},
    }
    folder.write_record(read_record({k: v for k, v in (record | changes).items() if v is not None}))
    with folder.logs() as logs:
        for step in (0, 10, 20):
            for metric in ("train_loss", "val_loss"):
                logs.metrics(step, seeds, metric, [np.nan if v is None else v * (3 - step / 10) for v in mse])
            for metric, factor in {"evaluations": 2, "samples": 80}.items():
                logs.metrics(step, seeds, metric, [factor * step * (1 + s) for s in seeds])
            logs.timing(step, step / 4, 2 * step)
    return folder


def never_ended(path, status, **changes):
    """A run that was stopped before it could say anything but that it began."""
    gone = dict.fromkeys(("seed_status", "test", "best_step", "best_val_loss", "evaluations"))
    return make_run(path, ended=status, **gone, **changes)


def make_many(path, count=2000, seeds=5):
    """So many runs of 4 layers x 5 inits x 10 learning rates, repeated on other data; returns their folders."""
    rng = np.random.default_rng(0)
    layers, inits = ("fourier", "chebyshev", "bspline", "rbf"), ("default", "smooth", "lecun", "glorot", "power")
    axes = itertools.product(range(-(-count // 200)), layers, inits, range(10))
    folders = []
    for i, (data_seed, layer, init, rate) in zip(range(count), axes, strict=False):
        level = -2 - inits.index(init) / 5 - 2 / (1 + (rate - 5) ** 2)
        options = {"learning_rate": round(10 ** (rate / 3 - 4), 6), "data_seed": data_seed}
        mse = tuple(10 ** (level + 0.3 * rng.normal(size=seeds)))
        status = {2: "diverged at step 7: its loss is not finite"} if i % 50 == 0 else None
        changes = {"choices": {"layer": layer}, "options": options, "status": status}
        folders.append(make_run(path / f"{i:05d}", init, mse, **changes, parameters=99 + 10 * layers.index(layer)))
    return folders
