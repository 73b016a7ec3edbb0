"""Forms in training: a form of series fitted to data from several starts, kept where nobody's series runs away."""

from dataclasses import replace

import torch
from torch import Generator, Tensor

from kanexp.formula.form import Form, Range, Series
from kanexp.formula.least_squares import minimized

STARTS, ROUNDS, STEPS = 4, 5, 12
MARGIN = 1.1  # by which a range is wider than what arrived, so that steps have room


def trained(
    form: Form, x: Tensor, y: Tensor, generator: Generator, inner: Tensor | None = None
) -> tuple[Form, Tensor, float]:
    """A form, its numbers (1, size) and its mean square, of inputs x (n, samples) and targets y (samples,).

    `inner` are numbers (1, size - an outer function's) of the form without an outer function, from which one start goes
    on: to find a product below a function that is no line from nothing often fails.

    Between rounds of steps the range of each hidden node becomes what arrives there, and series are written anew in it:
    outside of [-1, 1] polynomials run away.
    """
    best: tuple[Form, Tensor, float] = (form, torch.zeros(1, form.size, dtype=x.dtype), torch.inf)
    for attempt in range(STARTS):
        own, theta = form, _start(form, generator)
        if inner is not None and attempt == 0:
            theta = torch.cat([inner, theta[:, inner.shape[1] :]], 1)
        for _ in range(ROUNDS):
            own, theta = fitting(own, theta, x)
            theta, loss = improved(own, theta, x, y, STEPS)
        if float(loss) < best[2]:
            best = own, theta, float(loss)
    return best


def improved(
    form: Form, theta: Tensor, x: Tensor, y: Tensor, steps: int, floor: float = 1e-31
) -> tuple[Tensor, Tensor]:
    """theta (rows, size) after some steps, and its mean squares (rows,)."""
    root = len(y) ** 0.5
    return minimized(lambda numbers: (form(numbers, x) - y) / root, theta, len(y), steps, floor)


def _start(form: Form, generator: Generator) -> Tensor:
    """Numbers (1, size): low degrees large, a constant 1 where nodes multiply, an outer function near a line."""
    numbers = []
    for (layer, _, j), part in form.parts.items():
        drawn = torch.randn(part.size, generator=generator, dtype=torch.float64)
        drawn = drawn / (1 + torch.arange(part.size, dtype=torch.float64)) ** 2
        if isinstance(part, Series) and layer > 0:
            drawn = 0.1 * drawn
            drawn[1] = 1.0
        elif part.size and (layer, j) in form.products:
            drawn[0] = 1.0
        numbers.append(drawn)
    return torch.cat(numbers)[None]


def fitting(form: Form, theta: Tensor, x: Tensor) -> tuple[Form, Tensor]:
    """The same function with hidden ranges that fit what arrives, where only series see them."""
    for place, part in form.parts.items():
        layer, i, _ = place
        if layer == 0 or not isinstance(part, Series):
            continue
        arriving = form.nodes(theta.unsqueeze(-1), x)[layer, i]
        low, high = float(arriving.min()), float(arriving.max())
        new = ((low + high) / 2, max((high - low) / 2 * MARGIN, 1e-12))
        own = form.slices[place]
        anew = _anew(part, theta[:, own], form.ranges[layer, i], new)
        theta = torch.cat([theta[:, : own.start], anew, theta[:, own.stop :]], 1)
        form = replace(form, ranges={**form.ranges, (layer, i): new})
    return form, theta


def _anew(part: Series, own: Tensor, old: Range, new: Range) -> Tensor:
    """The numbers (1, size) that give the same polynomial in t of another range."""
    nodes = torch.cos(torch.pi * (torch.arange(part.size, dtype=own.dtype) + 0.5) / part.size)
    values = part.value(own.unsqueeze(-1), ((nodes * new[1] + new[0] - old[0]) / old[1])[None])
    eye = torch.eye(part.size, dtype=own.dtype)
    terms = part.value(eye.unsqueeze(-1), nodes.expand(part.size, -1))  # (terms, nodes)
    return torch.linalg.solve(terms.T, values.T).T
