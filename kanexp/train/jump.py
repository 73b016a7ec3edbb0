"""Jump: how far a refinement moved what networks compute, relative to its size."""

import torch
from torch import Tensor

from kanexp.model.network import Network
from kanexp.task.base import Split
from kanexp.task.differential import Equation
from kanexp.train.carried import carried, sides

TINY = torch.finfo(torch.float32).tiny


def jump(old: Network, theta: Tensor, new: Network, refitted: Tensor, x: Tensor) -> Tensor:
    """How far the outputs moved on x (seeds or 1, n_in, samples), (seeds,): RMS of the move by RMS of the outputs."""
    return _relative(old(theta, x), new(refitted, x))


def equation_jumps(
    equation: Equation, old: Network, theta: Tensor, new: Network, refitted: Tensor, split: Split
) -> dict[str, Tensor]:
    """How far each answer, each of its derivatives and the residuals of the loss moved, (seeds,) by name: u, u_xx, ...

    At the points of a split, in float64. The residuals are those whose squares make the loss, on edges, too.
    """
    x, y = split.x.double()[None], split.y.double()[None]
    both = [(old, theta.double()), (new, refitted.double())]
    ways = [carried(network, weights, x, equation.partials) for network, weights in both]
    channels = [way.finished(way.channels) for way in ways]
    found = {}
    for partial in ((), *equation.partials):
        before, after = (each[tuple(sorted(partial))].expand(len(theta), -1, -1) for each in channels)
        for k, answer in enumerate(equation.answers):
            letters = "".join(equation.names[axis] for axis in partial)
            name = f"{answer}_{letters}" if letters else answer
            found[name] = _relative(before[:, k : k + 1], after[:, k : k + 1])
    scale = equation.residual_scale(y)
    found["residual"] = _relative(
        *((sides(network, equation, w, x) - y).flatten(1)[:, None] * scale for network, w in both)
    )
    return found


def _relative(before: Tensor, after: Tensor) -> Tensor:
    size = before.square().mean((1, 2)).sqrt().clamp(min=TINY)
    return (after - before).square().mean((1, 2)).sqrt() / size
