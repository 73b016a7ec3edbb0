"""The symbols that an edge may be: each fitted to the edge's curve, with its constants and how far it is off."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor

from kanexp.calculus import derivative
from kanexp.formula.symbol import SYMBOLS, Symbol
from kanexp.optimizer.base import Problem
from kanexp.optimizer.levenberg_marquardt import LevenbergMarquardt

POINTS = 65
STARTS, STEPS = 3, 10
SMALL = 1e-300


@dataclass(frozen=True)
class Candidate:
    """a f(b t + c) + d on a curve over t in [-1, 1]: its constants, R^2, and why it is none where it was refused."""

    symbol: Symbol
    r2: float = -math.inf
    loss: float = math.inf  # weighted mean of squares
    constants: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 0.0)  # a, b, c, d
    refused: str = ""


def curve_points() -> Tensor:
    """Where curves are sampled: the extremes of a Chebyshev polynomial, (POINTS,), from -1 to 1."""
    return -torch.cos(torch.linspace(0, math.pi, POINTS, dtype=torch.float64))


def fitted(y: Tensor, weight: Tensor, symbols: Sequence[Symbol] | None = None) -> list[list[Candidate]]:
    """Each symbol on each curve y (curves, POINTS) at `curve_points`; the best R^2 of each curve first.

    Points count by weight (curves, POINTS). Variable projection: for each (b, c) the best a, d are a line's; (b, c)
    begin on a grid, from the best of which Levenberg-Marquardt goes on, for all curves and symbols at once.
    Source: Golub and Pereyra 1973, https://doi.org/10.1137/0710036; the derivative by Kaufman 1975,
    https://doi.org/10.1007/BF01932995
    """
    chosen = tuple(SYMBOLS.values()) if symbols is None else tuple(symbols)
    weight = weight / weight.sum(1, keepdim=True)
    level = (weight * y).sum(1, keepdim=True)
    spread = (weight * (y - level).square()).sum(1, keepdim=True).sqrt()
    fine = (level.isfinite() & spread.isfinite() & y.isfinite().all(1, keepdim=True))[:, 0]
    size = torch.where(spread > 0, spread, 1.0)
    unit = torch.where(fine[:, None], (y - level) / size, 0.0)
    found = _of_unit(unit, weight, chosen)
    return [
        sorted((_in_units(one, level[k], size[k]) for one in those), key=lambda one: -one.r2)
        if fine[k]
        else [Candidate(symbol, refused="the curve is not finite") for symbol in chosen]
        for k, those in enumerate(found)
    ]


def _in_units(one: Candidate, level: Tensor, size: Tensor) -> Candidate:
    a, b, c, d = one.constants
    scale = float(size)
    constants = (a * scale, b, c, d * scale + float(level))
    return one if one.refused else replace(one, loss=one.loss * scale * scale, constants=constants)


def _of_unit(y: Tensor, weight: Tensor, symbols: tuple[Symbol, ...]) -> list[list[Candidate]]:
    """The same of curves with mean 0 and deviation 1, or all 0; candidates in the order of the symbols."""
    ended = _ended(_started(y, weight, symbols), y, weight)
    found = [[Candidate(one, refused="the curve's points leave its domain") for one in symbols] for _ in y]
    for row, candidate in ended:
        if found[row.curve][row.place].refused or candidate.loss < found[row.curve][row.place].loss:
            found[row.curve][row.place] = candidate
    return found


@dataclass(frozen=True)
class _Row:
    """A start (b, c) of a symbol, by its place among symbols, on a curve."""

    symbol: Symbol
    place: int
    curve: int
    inner: tuple[float, float]


def _started(y: Tensor, weight: Tensor, symbols: tuple[Symbol, ...]) -> list[_Row]:
    """The best starts of every symbol on every curve: STARTS where two numbers are free, else one."""
    starts, values, ends = _grids(symbols)
    there = weight @ values.T
    # Values have mean 0 and deviation 1 without weights, so that little is lost in these differences.
    spread = (weight @ values.square().T - there.square()).clamp(min=1e-12)
    losses = (1 - ((weight * y) @ values.T).square() / spread).clamp(min=0)
    rows, begin = [], 0
    for place, (symbol, end) in enumerate(zip(symbols, ends, strict=True)):
        if end > begin:
            many = min(STARTS if len(symbol.free) > 1 else 1, end - begin)
            where = losses[:, begin:end].topk(many, largest=False).indices
            rows += [_Row(symbol, place, c, starts[begin + k]) for c, those in enumerate(where.tolist()) for k in those]
        begin = end
    return rows


def _ended(rows: list[_Row], y: Tensor, weight: Tensor) -> list[tuple[_Row, Candidate]]:
    if not rows:
        return []
    rows = sorted(rows, key=lambda row: row.place)
    curves = torch.tensor([row.curve for row in rows])
    problem = _Projection([row.symbol for row in rows], y[curves], weight[curves])
    inner = torch.tensor([row.inner for row in rows], dtype=torch.float64)
    stepper = LevenbergMarquardt(form="normal").stepper(inner)
    for _ in range(STEPS):
        inner, _, _ = stepper.step(inner, problem)
        if bool(stepper.finished().all()):
            break
    z = _at(inner)
    off, a, d = problem.solved(problem.value(z))
    losses = torch.where(problem.holds(z), off.square().sum(1), torch.inf).nan_to_num(torch.inf)
    total = (problem.weight * problem.y.square()).sum(1)
    columns = [one.tolist() for one in (losses, 1 - losses / (total + SMALL), a, inner[:, 0], inner[:, 1], d)]
    found = []
    for row, (loss, r2, *constants) in zip(rows, zip(*columns, strict=True), strict=True):
        if math.isfinite(loss) and all(map(math.isfinite, constants)):
            found.append((row, Candidate(row.symbol, r2, loss, tuple(constants))))  # type: ignore[arg-type]
        else:
            found.append((row, Candidate(row.symbol, refused="its values on the curve's points are not finite")))
    return found


def _at(inner: Tensor) -> Tensor:
    return inner[:, :1] * curve_points() + inner[:, 1:]


class _Projection(Problem):
    """What is left of a curve by the best line in f(b t + c), for rows of (b, c), sorted by their symbols f."""

    def __init__(self, symbols: Sequence[Symbol], y: Tensor, weight: Tensor):
        self.y, self.weight, self.root = y, weight, weight.sqrt()
        self.groups: dict[Symbol, list[int]] = {}
        for row, symbol in enumerate(symbols):
            self.groups.setdefault(symbol, []).append(row)
        self.mask = torch.tensor([[name in symbol.free for name in "bc"] for symbol in symbols]).double()

    def value(self, z: Tensor) -> Tensor:
        return torch.cat([symbol.value(z[those[0] : those[-1] + 1]) for symbol, those in self.groups.items()])

    def holds(self, z: Tensor) -> Tensor:
        return torch.cat([symbol.holds(z[those[0] : those[-1] + 1]) for symbol, those in self.groups.items()])

    def solved(self, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Weighted residuals (rows, points), a and d (rows,), for values of f (rows, points)."""
        mean = (values * self.weight).sum(1, keepdim=True)
        centred = values - mean
        a = (centred * self.y * self.weight).sum(1) / ((centred.square() * self.weight).sum(1) + SMALL)
        # y has mean 0 to rounding only.
        level = (self.y * self.weight).sum(1)
        return (self.y - level[:, None] - a[:, None] * centred) * self.root, a, level - a * mean[:, 0]

    def residuals(self, theta: Tensor) -> Tensor:
        z = _at(theta)
        # What leaves the domain is no step.
        return torch.where(self.holds(z)[:, None], self.solved(self.value(z))[0], torch.nan)

    def jacobian(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        z = _at(theta)
        values = self.value(z)
        found, a, _ = self.solved(values)
        each = torch.stack([curve_points().expand_as(z), torch.ones_like(z)], 1) * self.mask[..., None]
        moved = a[:, None, None] * derivative(self.value, z).unsqueeze(1) * each * self.root[:, None]
        centred = (values - (values * self.weight).sum(1, keepdim=True)) * self.root
        for direction in (self.root, centred / (centred.square().sum(1, keepdim=True).sqrt() + SMALL)):
            moved = moved - (moved * direction[:, None]).sum(2, keepdim=True) * direction[:, None]
        return found, -moved

    def __call__(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        found, jacobian = self.jacobian(theta)
        return found.square().sum(1), 2 * (jacobian @ found.unsqueeze(-1)).squeeze(-1)


@cache
def _grids(symbols: tuple[Symbol, ...]) -> tuple[list[tuple[float, float]], Tensor, list[int]]:
    """Starts (b, c) of all symbols, their values with mean 0 and deviation 1 (starts, POINTS), where each ends."""
    starts: list[tuple[float, float]] = []
    values, ends = [], []
    for symbol in symbols:
        pairs, there = _grid(symbol)
        there = there - there.mean(1, keepdim=True)
        size = there.square().mean(1, keepdim=True).sqrt()
        varies = (size > 1e-100)[:, 0] & size[:, 0].isfinite()
        there = there / size
        starts += [(b, c) for b, c in pairs[varies].tolist()]
        values.append(there[varies])
        ends.append(len(starts))
    return starts, torch.cat(values), ends


def _grid(symbol: Symbol) -> tuple[Tensor, Tensor]:
    """Starts (b, c) inside the domain (starts, 2), and the symbol's values there (starts, points)."""
    signs = torch.tensor([1.0, -1.0]) if symbol.low == 0 else torch.tensor([1.0])
    shifts, scales = torch.tensor([0.0]), torch.tensor([1.0])
    if symbol.free == "b":
        scales = torch.cat([side * torch.logspace(-1.3, 1.2, 60) for side in (-1, 1)])
    if "c" in symbol.free:
        shifts = torch.linspace(-3, 3, 25 if symbol.free == "bc" else 121)
        if symbol.low == 0:
            shifts = 1 + torch.logspace(-8, 1.2, 90)
    if symbol.free == "bc":
        scales = torch.logspace(-1.3, 1.3, 20)
        if math.isfinite(symbol.high):
            scales = torch.cat([symbol.high * torch.linspace(0.05, 0.999, 12), torch.tensor([0.9999 * symbol.high])])
    scales = (scales[:, None] * signs).flatten().double()
    pairs = torch.cartesian_prod(scales, shifts.double()).reshape(-1, 2)
    if symbol.periodic:
        pairs = torch.cartesian_prod(torch.linspace(0.3, 24, 48), torch.arange(6) * math.pi / 6).double()
    elif symbol.free == "bc":
        pairs[:, 1] *= pairs[:, 0]  # a shift of the curve, whatever its scale
    pairs = pairs[symbol.holds(_at(pairs))]
    values = symbol.value(_at(pairs)) if len(pairs) else pairs.new_zeros(0, POINTS)
    fine = values.isfinite().all(1)
    return pairs[fine], values[fine]
