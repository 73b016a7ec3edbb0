"""Functions of two inputs as a table: a network of them on a grid."""

from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from kanexp.data.subset import some
from kanexp.measure.tables import MAX_SAMPLES
from kanexp.model.embedding import Embedded
from kanexp.model.network import Network
from kanexp.model.pair_kan import Pairs
from kanexp.model.table import TableLayer
from kanexp.model.wiring import Finished

MOST_FUNCTIONS = 128  # above, a picture of every one shows nothing
POINTS = 25  # along each input


def pairs(network: Network, theta: Tensor, x: Tensor) -> pd.DataFrame:
    """Every function f(a, b) of one seed: level, pair, output, first, second (inputs of the level), a, b, y.

    theta (1, length), x (n_in, samples); a and b go over the range of all that enters the level. Empty of a network of
    more than MOST_FUNCTIONS. Raises ValueError where they are of one input.
    """
    own, wiring, entering = network.unflatten(theta), network.wiring, some(x[None], MAX_SAMPLES)
    while isinstance(wiring, (Embedded, Finished)):
        entering, wiring = wiring.enter(entering, own), wiring.inner
    if not isinstance(wiring, Pairs):
        raise ValueError(f"network must be one of functions of two inputs, got a wiring {type(wiring).__name__}")
    tables = list(zip(network.layers, network.weights(theta), strict=True))
    if sum(layer.fan_out for layer, _ in tables) > MOST_FUNCTIONS:
        return pd.DataFrame(columns=["level", "pair", "output", "first", "second", "a", "b", "y"])
    found = []
    levels = wiring.levels(entering, [partial(layer.plain, w) for layer, w in tables])
    for level, (inputs, seen) in enumerate(zip(wiring.pairs, levels[:-1], strict=True)):
        points = torch.linspace(float(seen.min()), float(seen.max()), POINTS, dtype=theta.dtype, device=theta.device)
        at = points.cpu().numpy()
        for pair, (first, second) in enumerate(inputs):
            layer, w = tables.pop(0)
            assert isinstance(layer, TableLayer)
            y = layer.surfaces(w, points, points)[0].cpu().numpy()
            output, a, b = (index.ravel() for index in np.indices(y.shape))
            columns = {"output": output, "first": first, "second": second, "a": at[a], "b": at[b], "y": y.ravel()}
            found.append(pd.DataFrame({"level": level, "pair": pair, **columns}))
    return pd.concat(found, ignore_index=True)
