"""What happens inside the layers while they train, looked at ever more rarely."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from kanexp.data.subset import some
from kanexp.folder.logs import Ledger
from kanexp.measure.tables import MAX_SAMPLES, outside, power
from kanexp.model.activation import Activation
from kanexp.model.network import Network

DEAD = 0.01  # of the spread of a layer's liveliest edge, below which an edge passes nothing on
# A spectrum's decay is fitted above FAINT of its highest power: below it, the window's own decay takes over where one
# was needed. A power of less than NOTHING is rounding: the edges are straight lines, which have no spectrum.
FAINT, NOTHING = 1e-8, 1e-24


def due(step: int) -> bool:
    """Whether to look after that many steps: 0, 1, 2, 5, 10, 20, 50, ..."""
    return str(step).rstrip("0") in ("", "1", "2", "5")


def look(
    ledger: Ledger, step: int, rows: Sequence[int], network: Network, theta: Tensor, grad: Tensor, x: Tensor
) -> None:
    """Write what the layers do at these rows of theta (seeds, length) with the training inputs x (n_in, samples).

    Per layer and row: 2-norm of the loss' gradient (seeds, length), share of inputs outside the basis' domain,
    share of dead edges, the power spectrum of the edge functions and the exponent of its decay.
    """
    theta, x = theta.detach().double(), some(x[None], MAX_SAMPLES).double()
    entering = network.entering(theta, x)
    norms = gradient_norms(network, grad)
    for i, (layer, w) in enumerate(zip(network.layers, network.weights(theta), strict=True)):
        values = some(entering[i], MAX_SAMPLES)  # a transformer's layers see many tokens of each sample
        spread = layer.variances(w, values).sqrt().flatten(1)
        dead = (spread < DEAD * spread.amax(1, keepdim=True)).double().mean(1)
        table = {
            "gradient_norm": norms[i],
            "outside": outside(layer, values).expand(len(theta)),
            "dead_edges": dead,
        }
        fixed = isinstance(layer.basis, Activation)  # one known function for all edges
        frequencies, powers = (np.empty(0), theta.new_empty(len(theta), 0)) if fixed else power(layer, w, values)
        if not fixed:
            table["beta"] = exponents(frequencies, powers)
        listed = {metric: values.tolist() for metric, values in table.items()}
        spectra = powers.tolist()
        for row in rows:
            for metric, numbers in listed.items():
                ledger.diagnostics(step, row, i, metric, numbers[row])
            ledger.spectrum(step, row, i, frequencies, spectra[row])


def gradient_norms(network: Network, grad: Tensor) -> list[Tensor]:
    """2-norm (seeds,) of each layer's part of a gradient (seeds, length)."""
    squares = {name: part.flatten(1).square().sum(1) for name, part in network.unflatten(grad).items()}
    return [
        torch.stack([square for name, square in squares.items() if name.startswith(f"layers.{i}.")]).sum(0).sqrt()
        for i in range(len(network.layers))
    ]


def exponents(frequencies: np.ndarray, powers: Tensor) -> Tensor:
    """beta of power ~ frequency^-beta, least squares on logarithms, for powers (seeds, f); NaN below two points."""
    logs = torch.from_numpy(np.log(frequencies)).to(powers)
    seen = powers > (FAINT * powers.amax(1, keepdim=True)).clamp(min=NOTHING)
    weight = seen.to(powers.dtype)
    count = weight.sum(1, keepdim=True)
    at = (logs - (weight * logs).sum(1, keepdim=True) / count) * weight
    heights = torch.where(seen, powers, 1.0).log()
    beta = -(at * heights).sum(1) / at.square().sum(1)
    return torch.where(count[:, 0] >= 2, beta, torch.nan)
