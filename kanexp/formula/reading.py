"""Reading: one edge after the other of a form becomes a symbol, all numbers trained again each time."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.formula.curve import POINTS, Candidate, curve_points, fitted
from kanexp.formula.distil import improved
from kanexp.formula.form import Form, Level, Named, Place, Series

BEAM, EDGES, CANDIDATES = 3, 2, 3
STEPS, LAST = 16, 120
WEIGHT = 4.0  # of bits by which a curve is off, beside those of a symbol, in the order in which symbols are tried
SLACK = 100.0  # times the series' own mean square, below which an edge cannot be told from a symbol
FLOOR = 1e-30  # mean square of targets of size 1, below which all is rounding


@dataclass(frozen=True)
class Read:
    """A form with its numbers (1, size) and the mean square it leaves."""

    form: Form
    theta: Tensor
    loss: float

    def length(self, samples: int, floor: float = FLOOR) -> float:
        """Bits of a description of the data with this form's help: n/2 log2(mean square) + structure + numbers.

        What is below `floor` is no better than it.

        A number has the digits that so many samples determine, log2(n)/2 bits. Source: Rissanen 1978,
        https://doi.org/10.1016/0005-1098(78)90005-5; for formulas Udrescu et al. 2020, https://arxiv.org/abs/2006.10782
        """
        number = math.log2(samples) / 2
        bits = sum(part.size * number for part in self.form.parts.values())
        bits += sum(part.symbol.bits for part in self.form.parts.values() if isinstance(part, Named))
        return samples / 2 * math.log2(max(self.loss, floor)) + bits


def read(form: Form, theta: Tensor, x: Tensor, y: Tensor) -> Read:
    """The form without series whose description is the shortest that a beam search finds, for targets y of size 1."""
    begun = _again(form, theta, x, y, STEPS)
    floor = max(SLACK * begun.loss, FLOOR)
    beam = [begun]
    while beam[0].form.unread:
        next_ones = [child for state in beam for child in _children(state, x, y, floor)]
        if not next_ones:
            return Read(form, theta, math.inf)
        next_ones.sort(key=lambda one: one.length(len(y), floor))
        beam = _different(next_ones)[:BEAM]
    ended = [_again(one.form, one.theta, x, y, LAST) for one in beam]
    return min(ended, key=lambda one: one.length(len(y)))


def _different(states: list[Read]) -> list[Read]:
    """Without those of the same parts as a better one."""
    return list({_signature(state): state for state in reversed(states)}.values())[::-1]


def _signature(state: Read) -> tuple[object, ...]:
    return tuple(sorted((place, str(part)) for place, part in state.form.parts.items()))


def _again(form: Form, theta: Tensor, x: Tensor, y: Tensor, steps: int) -> Read:
    theta, loss = improved(form, theta, x, y, steps)
    return Read(form, theta, float(loss))


def _children(state: Read, x: Tensor, y: Tensor, floor: float) -> list[Read]:
    """The edges that are the easiest to read, each as its best candidates."""
    nodes = state.form.nodes(state.theta.unsqueeze(-1), x)
    options = [(place, candidates(state.form, state.theta, place, nodes)) for place in state.form.unread]

    def cost(one: Candidate) -> float:
        # What a series was off by, its curve is as well: below it the simplest symbol is the best.
        return WEIGHT * math.log2(max(1 - one.r2, floor)) + one.symbol.bits + 4 * len(one.symbol.free)

    for _, those in options:
        those.sort(key=cost)
    options.sort(key=lambda option: cost(option[1][0]))
    found = []
    for place, those in options[:EDGES]:
        for candidate in those[:CANDIDATES]:
            found.append(_again(*_replaced(state, place, candidate), x, y, STEPS))
        mean = state.theta.new_full((1, 1), _level(state, place, nodes))
        found.append(_again(*state.form.with_part(place, Level(), mean, state.theta), x, y, STEPS))
    return [one for one in found if math.isfinite(one.loss)]


def _entering(form: Form, place: Place, nodes: dict[tuple[int, int], Tensor]) -> Tensor:
    layer, i, _ = place
    middle, half = form.ranges[layer, i]
    return (nodes[layer, i] - middle) / half


def _level(state: Read, place: Place, nodes: dict[tuple[int, int], Tensor]) -> float:
    part = state.form.parts[place]
    assert isinstance(part, Series)
    own = state.theta[:, state.form.slices[place]].unsqueeze(-1)
    return float(part.value(own, _entering(state.form, place, nodes)).mean())


def candidates(form: Form, theta: Tensor, place: Place, nodes: dict[tuple[int, int], Tensor]) -> list[Candidate]:
    """The symbols that an edge may be, the best first: on its curve where data arrive, weighted by how many do.

    Their b and c are those of the form's t.
    """
    part = form.parts[place]
    assert isinstance(part, Series)
    t = _entering(form, place, nodes)[0]
    middle, half = float(t.max() + t.min()) / 2, max(float(t.max() - t.min()) / 2, 1e-12)
    points = curve_points()
    curve = part.value(theta[:, form.slices[place]].unsqueeze(-1), (middle + half * points)[None])[0]
    own = (t - middle) / half
    counts = torch.histc(own, bins=8, min=-1, max=1)
    at = ((points + 1) * 4).long().clamp(max=7)
    weight = (counts[at] + 0.02 * len(t)) * (1 - points**2 + 1 / POINTS).sqrt()
    return [moved(one, middle, half) for one in fitted(curve, weight) if not one.refused]


def moved(one: Candidate, middle: float, half: float) -> Candidate:
    """The candidate in t of the form, where the curve was over (t - middle) / half."""
    a, b, c, d = one.constants
    b, c = b / half, c - b * middle / half
    if "b" not in one.symbol.free:  # a power's scale goes into its factor, b stays 1 or -1
        size = abs(b)
        ratio = one.symbol.value(torch.tensor([1.0, size], dtype=torch.float64))
        c = c / size
        if one.symbol.name == "log":
            d += a * math.log(size)
        elif one.symbol.name != "sgn":
            a *= float(ratio[1] / ratio[0])
        b = math.copysign(1.0, b)
        if not one.symbol.free:
            a, c, d = a * b, 0.0, d + a * b * c
            b = 1.0
    elif "c" not in one.symbol.free:
        a *= math.exp(c)
        c = 0.0
    return Candidate(one.symbol, one.r2, one.loss, (a, b, c, d))


def _replaced(state: Read, place: Place, one: Candidate) -> tuple[Form, Tensor]:
    a, b, c, d = one.constants
    numbers = [a, d] + [{"b": b, "c": c}[name] for name in one.symbol.free]
    side = 1.0 if "b" in one.symbol.free else b
    return state.form.with_part(
        place, Named(one.symbol, side), torch.tensor([numbers], dtype=torch.float64), state.theta
    )
