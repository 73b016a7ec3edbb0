"""Forms in training: a form of series fitted to data from several starts, kept where nobody's series runs away."""

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Generator, Tensor

from kanexp.formula.form import Form, Place, Range, Series
from kanexp.formula.least_squares import minimized

STARTS, ROUNDS, STEPS = 4, 5, 12
MARGIN = 1.1  # by which a range is wider than what arrived, so that steps have room


def trained(
    form: Form, x: Tensor, y: Tensor, generator: Generator, inner: Tensor | None = None
) -> tuple[Form, Tensor, float]:
    """A form, its numbers (1, size) and its mean square, of inputs x (n, samples) and targets y (samples,).

    `inner` are numbers (1, size - an outer function's) of the form without an outer function, from which one start goes
    on: to find a product below a function that is no line from nothing often fails.

    All starts train at once. Between rounds of steps the range of each hidden node becomes what arrives there, and
    series are written anew in it: outside of [-1, 1] polynomials run away.
    """
    theta = torch.cat([_start(form, generator) for _ in range(STARTS)])
    if inner is not None:
        theta[0, : inner.shape[1]] = inner[0]
    best: tuple[Form, Tensor, float] = (form, torch.zeros(1, form.size, dtype=x.dtype), torch.inf)
    losses = torch.full((STARTS,), torch.inf, dtype=x.dtype)
    for _ in range(ROUNDS):
        form, theta = fitting(form, theta, x)
        theta, losses = improved(form, theta, x, y, STEPS)
    row = int(losses.argmin())
    if bool(losses[row].isfinite()):
        ranges = {node: (_of_row(middle, row), _of_row(half, row)) for node, (middle, half) in form.ranges.items()}
        best = replace(form, ranges=ranges), theta[row : row + 1], float(losses[row])
    return best


def _of_row(number: float | Tensor, row: int) -> float:
    return float(number[row]) if isinstance(number, Tensor) else number


def improved(
    form: Form, theta: Tensor, x: Tensor, y: Tensor, steps: int, floor: float = 1e-31
) -> tuple[Tensor, Tensor]:
    """theta (rows, size) after some steps, and its mean squares (rows,)."""
    root, terms = len(y) ** 0.5, form.terms(x)
    return minimized(lambda numbers: (form(numbers, x, terms) - y) / root, theta, len(y), steps, floor)


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
    """The same functions with hidden ranges, a row of theta each, that fit what arrives, where only series see them."""
    for place, part in form.parts.items():
        layer, i, _ = place
        if layer == 0 or not isinstance(part, Series):
            continue
        arriving = form.nodes(theta.unsqueeze(-1), x)[layer, i]
        low, high = arriving.amin(1, keepdim=True), arriving.amax(1, keepdim=True)
        new = ((low + high) / 2, ((high - low) / 2 * MARGIN).clamp(min=1e-12))
        own = form.slices[place]
        anew = _anew(part, theta[:, own], form.ranges[layer, i], new)
        theta = torch.cat([theta[:, : own.start], anew, theta[:, own.stop :]], 1)
        form = replace(form, ranges={**form.ranges, (layer, i): new})
    return form, theta


def _anew(part: Series, own: Tensor, old: Range, new: tuple[Tensor, Tensor]) -> Tensor:
    """The numbers (rows, size) that give the same polynomials in t of other ranges."""
    nodes = torch.cos(torch.pi * (torch.arange(part.size, dtype=own.dtype) + 0.5) / part.size)
    values = part.value(own.unsqueeze(-1), (nodes * new[1] + new[0] - old[0]) / old[1])
    eye = torch.eye(part.size, dtype=own.dtype)
    terms = part.value(eye.unsqueeze(-1), nodes.expand(part.size, -1))  # (terms, nodes)
    return torch.linalg.solve(terms.T, values.T).T


def centred(form: Form, theta: Tensor, x: Tensor) -> Tensor:
    """The numbers (1, size) of nearly the same function, in which what two factors say alone is in the sum beside them.

    p(x) q(y) + g(x) + h(y) says the same with p + 1 in place of p and h - q in place of h: nobody could read an edge of
    any of these. Here the two factors that vary most, of a product beside a sum, have mean 0; others count by theirs.
    """
    nodes = form.nodes(theta.unsqueeze(-1), x)
    theta = theta.clone()
    for node in sorted(place for place in form.products if place[0] == 0):
        join = next(place for place in form.parts if place[:2] == (1, node[1]))
        sums = [j for _, j, out in form.parts if (_, out) == (1, join[2]) and (0, j) not in form.products]
        edges = [place for place in form.parts if place[0] == 0 and place[2] == node[1]]
        if not sums or not all(isinstance(form.parts[place], Series) for place in edges):
            continue
        values = [_value(form, theta, place, nodes) for place in edges]
        means = [float(one.mean()) for one in values]
        spread = [float(one.std()) / max(abs(mean), 1e-12) for one, mean in zip(values, means, strict=True)]
        first, second = sorted(sorted(range(len(edges)), key=lambda k: -spread[k])[:2]) if len(edges) > 1 else (0, 0)
        if first == second:
            continue
        others = math.prod(mean for k, mean in enumerate(means) if k not in (first, second))
        for one, other in ((first, second), (second, first)):
            own = form.slices[edges[one]]
            theta[:, own.start] -= means[one]
            beside = form.slices[(0, edges[one][1], sums[0])]
            theta[:, beside] += others * means[other] * theta[:, own]
        theta[:, beside.start] += others * means[first] * means[second]
    return theta


def _value(form: Form, theta: Tensor, place: Place, nodes: Mapping[tuple[int, int], Tensor]) -> Tensor:
    """What leaves an edge of series (samples,)."""
    part = form.parts[place]
    assert isinstance(part, Series)
    middle, half = form.ranges[place[:2]]
    return part.value(theta[:, form.slices[place]].unsqueeze(-1), (nodes[place[:2]] - middle) / half)[0]
