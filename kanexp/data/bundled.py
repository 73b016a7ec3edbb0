"""Tables that need no file: scikit-learn's bundled sets, and classes on a plane that are drawn anew."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch import Generator

BUNDLED = ("digits", "wine", "breast_cancer", "diabetes", "iris")
MADE: dict[str, Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]] = {
    "two_moons": lambda random: _two_moons(random, 0.2),
    "circles": lambda random: _circles(random, 0.1),
}
SAMPLES = 1000  # of the sets that are made


def bundled(name: str) -> pd.DataFrame:
    """One of scikit-learn's sets; what is learned is called target."""
    from sklearn import datasets  # takes a second to import

    bunch = getattr(datasets, f"load_{name}")(as_frame=True)
    table = bunch.frame
    names = getattr(bunch, "target_names", None)
    if names is not None and len(names) and isinstance(names[0], str):
        table = table.assign(target=np.asarray(names)[table["target"]])
    return table


def made(name: str, generator: Generator) -> pd.DataFrame:
    """One draw of a set: x1, x2 and target."""
    seed = int(torch.randint(2**62, (), generator=generator))
    x, label = MADE[name](np.random.default_rng(seed))
    return pd.DataFrame({"x1": x[0], "x2": x[1], "target": label})


def _two_moons(random: np.random.Generator, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Two half circles, each reaching into the other."""
    label = np.arange(SAMPLES) % 2
    angle = np.pi * random.random(SAMPLES)
    x = np.stack([np.cos(angle), np.sin(angle)])
    x = np.where(label == 1, np.array([[1.0], [0.5]]) - x, x)
    return x + noise * random.standard_normal(x.shape), label


def _circles(random: np.random.Generator, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """A circle inside another."""
    label = np.arange(SAMPLES) % 2
    angle = 2 * np.pi * random.random(SAMPLES)
    x = np.where(label == 1, 0.5, 1.0) * np.stack([np.cos(angle), np.sin(angle)])
    return x + noise * random.standard_normal(x.shape), label
