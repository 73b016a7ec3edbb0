"""Reading: one edge after the other of a form becomes a symbol, all numbers trained again each time."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.formula.curve import POINTS, Candidate, curve_points, fitted
from kanexp.formula.distil import centred, improved
from kanexp.formula.form import Form, Level, Named, Place, Series
from kanexp.formula.symbol import SYMBOLS, Symbol

ALL = tuple(SYMBOLS.values())
CANDIDATES = (6, 3)  # of the edge that is the easiest to read, and of the next one
SHORTER = 2  # replacements of an edge that are gone on with, of which no more can be right
TRIALS = 40  # edges replaced, in all
STEPS, LAST = 16, 120
WEIGHT = 4.0  # of bits by which a curve is off, beside those of a symbol, in the order in which symbols are tried
LARGE = 700.0  # exponents, beyond which there is no number
FLOOR = 1e-30  # mean square of targets of size 1, below which all is rounding
EXACT = 1e-22  # the same of what is exact: nothing better is looked for


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


def read(
    form: Form, theta: Tensor, x: Tensor, y: Tensor, trials: int = TRIALS, symbols: Sequence[Symbol] = ALL
) -> Read:
    """The form without series whose description is the shortest that a search finds, for targets y of size 1.

    At most so many edges are replaced, by these symbols.
    """
    search = _Search(x, y, trials, symbols)
    search.go(begun(form, theta, x, y))
    return search.best or Read(form, theta, math.inf)


def begun(form: Form, theta: Tensor, x: Tensor, y: Tensor) -> Read:
    """What reading begins with: series that leave to a sum what is its own, trained on the targets."""
    return again(form, centred(form, theta, x), x, y, STEPS)


class _Search:
    """Depth first: edges become symbols one by one, and what shortens the description is gone on with at once.

    Ends with what is exact, or after so many trials. What does not shorten it waits, and the best of that is tried
    afterwards.
    """

    def __init__(self, x: Tensor, y: Tensor, trials: int, symbols: Sequence[Symbol]):
        self.x, self.y, self.left, self.symbols = x, y, trials, symbols
        self.best: Read | None = None

    def go(self, state: Read) -> bool:
        """Whether something exact was found from here on."""
        if not state.form.unread:
            return self._ended(state)
        waiting, before, shorter = [], state.length(len(self.y), EXACT), 0
        for form, theta in children(state, self.x, self.symbols):
            if self.left <= 0:
                return False
            self.left -= 1
            child = again(form, theta, self.x, self.y, STEPS)
            if child.length(len(self.y), EXACT) <= before:
                if self.go(child):
                    return True
                shorter += 1
                if shorter == SHORTER:
                    return False
            elif math.isfinite(child.loss):
                waiting.append(child)
        waiting.sort(key=lambda one: one.length(len(self.y), EXACT))
        return any(self.go(child) for child in waiting[: SHORTER - shorter])

    def _ended(self, state: Read) -> bool:
        ended = again(state.form, state.theta, self.x, self.y, LAST)
        samples = len(self.y)
        if math.isfinite(ended.loss) and (self.best is None or ended.length(samples) < self.best.length(samples)):
            self.best = ended
        return ended.loss < EXACT


def again(form: Form, theta: Tensor, x: Tensor, y: Tensor, steps: int) -> Read:
    """A form trained again from numbers theta (1, size)."""
    theta, loss = improved(form, theta, x, y, steps)
    return Read(form, theta, float(loss))


def children(state: Read, x: Tensor, symbols: Sequence[Symbol]) -> Iterator[tuple[Form, Tensor]]:
    """The form with a symbol, or a constant, in place of a series: of the edges the easiest to read, the best first."""
    nodes = state.form.nodes(state.theta.unsqueeze(-1), x)
    floor = max(state.loss, FLOOR)

    def cost(one: Candidate) -> float:
        # What a series was off by, its curve is as well: below it the simplest symbol is the best.
        return WEIGHT * math.log2(max(1 - one.r2, floor)) + one.symbol.bits + 4 * len(one.symbol.free)

    options = [
        (place, sorted((one for one in those if not one.refused), key=cost))
        for place, those in zip(state.form.unread, candidates(state.form, state.theta, nodes, symbols), strict=True)
    ]
    options.sort(key=lambda option: cost(option[1][0]) if option[1] else math.inf)
    for (place, those), many in zip(options, CANDIDATES, strict=False):
        mean = state.theta.new_full((1, 1), _level(state, place, nodes))
        yield state.form.with_part(place, Level(), mean, state.theta)
        for candidate in those[:many]:
            yield _replaced(state, place, candidate)


def _entering(form: Form, place: Place, nodes: dict[tuple[int, int], Tensor]) -> Tensor:
    layer, i, _ = place
    middle, half = form.ranges[layer, i]
    return (nodes[layer, i] - middle) / half


def _level(state: Read, place: Place, nodes: dict[tuple[int, int], Tensor]) -> float:
    part = state.form.parts[place]
    assert isinstance(part, Series)
    own = state.theta[:, state.form.slices[place]].unsqueeze(-1)
    return float(part.value(own, _entering(state.form, place, nodes)).mean())


def candidates(
    form: Form, theta: Tensor, nodes: dict[tuple[int, int], Tensor], symbols: Sequence[Symbol] = ALL
) -> list[list[Candidate]]:
    """The symbols that each unread edge may be, the best first: on its curve where data arrive, weighted by how many.

    Their b and c are those of the form's t. `nodes` are what arrives (1, samples).
    """
    curves, weights, ends = [], [], []
    points = curve_points()
    for place in form.unread:
        part = form.parts[place]
        assert isinstance(part, Series)
        t = _entering(form, place, nodes)[0]
        middle, half = float(t.max() + t.min()) / 2, max(float(t.max() - t.min()) / 2, 1e-12)
        curves.append(part.value(theta[:, form.slices[place]].unsqueeze(-1), (middle + half * points)[None])[0])
        counts = torch.histc((t - middle) / half, bins=8, min=-1, max=1)
        at = ((points + 1) * 4).long().clamp(max=7)
        weights.append((counts[at] + 0.02 * len(t)) * (1 - points**2 + 1 / POINTS).sqrt())
        ends.append((middle, half))
    found = fitted(torch.stack(curves), torch.stack(weights), symbols)
    return [[moved(one, *end) for one in those] for those, end in zip(found, ends, strict=True)]


def moved(one: Candidate, middle: float, half: float) -> Candidate:
    """The candidate in t of the form, where the curve was over (t - middle) / half."""
    a, b, c, d = one.constants
    b, c = b / half, c - b * middle / half
    if one.refused:
        return one
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
        a *= math.exp(c) if c < LARGE else math.inf
        c = 0.0
    if not all(map(math.isfinite, (a, b, c, d))):
        return Candidate(one.symbol, refused="its numbers are too large")
    return Candidate(one.symbol, one.r2, one.loss, (a, b, c, d))


def _replaced(state: Read, place: Place, one: Candidate) -> tuple[Form, Tensor]:
    a, b, c, d = one.constants
    numbers = [a, d] + [{"b": b, "c": c}[name] for name in one.symbol.free]
    side = 1.0 if "b" in one.symbol.free else b
    return state.form.with_part(
        place, Named(one.symbol, side), torch.tensor([numbers], dtype=torch.float64), state.theta
    )
