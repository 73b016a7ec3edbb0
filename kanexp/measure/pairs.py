"""Functions of two inputs as a table: a network of them on a grid."""

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

    theta (1, length), x (n_in, samples); a and b go over the range of what enters the level's pairs as b. Empty of a
    network of other functions, or of more than MOST_FUNCTIONS.
    """
    layers = [layer for layer in network.layers if isinstance(layer, TableLayer)]
    wiring = network.wiring
    while isinstance(wiring, (Embedded, Finished)):
        wiring = wiring.inner
    if not isinstance(wiring, Pairs) or sum(n.n_out // n.rows.terms for n in layers) > MOST_FUNCTIONS:
        return pd.DataFrame(columns=["level", "pair", "output", "first", "second", "a", "b", "y"])
    entering = network.entering(theta, some(x[None], MAX_SAMPLES))[:-1]
    own = list(zip(layers, network.weights(theta), entering, strict=True))
    tables = []
    for level, inputs in enumerate(wiring.pairs):
        here, own = own[: len(inputs)], own[len(inputs) :]
        seen = torch.cat([arrived.ravel() for _, _, arrived in here])
        points = torch.linspace(float(seen.min()), float(seen.max()), POINTS, dtype=theta.dtype, device=theta.device)
        at = points.cpu().numpy()
        for pair, ((first, second), (layer, w, _)) in enumerate(zip(inputs, here, strict=True)):
            y = layer.surfaces(w, points, points)[0].cpu().numpy()
            output, a, b = (index.ravel() for index in np.indices(y.shape))
            columns = {"output": output, "first": first, "second": second, "a": at[a], "b": at[b], "y": y.ravel()}
            tables.append(pd.DataFrame({"level": level, "pair": pair, **columns}))
    return pd.concat(tables, ignore_index=True)
