"""Edge functions of every seed of a finished run, and what they are compared with."""

import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from kanexp.report.table import Run

EDGE_FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sin(pi x)": lambda x: np.sin(np.pi * x),
    "x^2": np.square,
    "exp(x)": np.exp,
}


def edges_of_all_seeds(run: Run) -> pd.DataFrame:
    """state, seed, layer, output, input, x, y: each seed's functions over the inputs that it sees in that state."""
    # Rebuilding a network is torch's work, which reading the table of results should not wait for.
    from kanexp.reproduce.rebuild import edges

    return edges(run.folder)


def affine_r2(own: pd.DataFrame, function: str) -> float:
    """Share of the variance of y(x) that the function, brought closest to it, explains."""
    return _r2(affine_fit(own, function), own["y"].to_numpy())


def affine_fit(own: pd.DataFrame, function: str) -> np.ndarray:
    """a f(x) + b closest to y(x), by least squares, for f of EDGE_FUNCTIONS.

    exp is brought there as a exp(rate x) + b with the best rate: what comes before it may have any scale.
    """
    x, y = own["x"].to_numpy(), own["y"].to_numpy()
    if function != "exp(x)":
        return _closest(EDGE_FUNCTIONS[function](x), y)
    unit = (x - x.mean()) / np.ptp(x)
    # Down to almost straight lines on either side; both signs, for the layer before may have turned its sign.
    found = [
        minimize_scalar(lambda rate: -_r2(np.exp(rate * unit), y), bounds=bounds, method="bounded")
        for bounds in ((0.05, 20), (-20, -0.05))
    ]
    return _closest(np.exp(min(found, key=lambda f: f.fun).x * unit), y)


def departure_from_lines(edges: pd.DataFrame) -> "pd.Series[float]":
    """Per seed: the most by which any edge function leaves its line of least squares, in units of its own size."""
    start = edges[edges["state"] == "before"]
    off = start.groupby(["seed", "layer", "output", "input"])[["x", "y"]].apply(_departure)
    return off.groupby("seed").max()


def distance_of_nodes(edges: pd.DataFrame) -> "pd.Series[float]":
    """Per seed: sine of the angle between the incoming functions of two nodes of the first layer, median over pairs.

    Functions are centred, for a constant belongs to the bias. 0: the nodes are the same up to a factor.
    """
    first = edges[(edges["state"] == "before") & (edges["layer"] == 0)]
    return first.groupby("seed")[["output", "input", "x", "y"]].apply(_distance)


def _departure(own: pd.DataFrame) -> float:
    x, y = own["x"].to_numpy(), own["y"].to_numpy()
    line = np.polyval(np.polyfit(x, y, 1), x)
    return float(np.abs(y - line).max() / (np.abs(y).max() or 1.0))


def _distance(first: pd.DataFrame) -> float:
    functions = first.sort_values(["output", "input", "x"])
    centred = functions["y"] - functions.groupby(["output", "input"])["y"].transform("mean")
    nodes = centred.to_numpy().reshape(functions["output"].nunique(), -1)
    unit = nodes / np.linalg.norm(nodes, axis=1, keepdims=True)
    # The sine from the part of one that is at right angles to the other: of nearly parallel ones it keeps its digits.
    pairs = itertools.combinations(unit, 2)
    return float(np.median([np.linalg.norm(a - (a @ b) * b) for a, b in pairs]))


def _closest(predictor: np.ndarray, y: np.ndarray) -> np.ndarray:
    design = np.stack([predictor, np.ones_like(predictor)], axis=1)
    return design @ np.linalg.lstsq(design, y, rcond=None)[0]


def _r2(predictor: np.ndarray, y: np.ndarray) -> float:
    spread = np.std(predictor) * np.std(y)
    return float(np.corrcoef(predictor, y)[0, 1] ** 2) if spread > 0 else 0.0
