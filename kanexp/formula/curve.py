"""The symbols that an edge may be: each fitted to the edge's curve, with its constants and how far it is off."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from kanexp.formula.symbol import SYMBOLS, Symbol
from kanexp.optimizer.base import Problem
from kanexp.optimizer.levenberg_marquardt import LevenbergMarquardt

POINTS = 65
STARTS, STEPS = 3, 10
REFINED = 6  # symbols, the best on their grids, that are fitted to the end; the others are far off
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


def fitted(y: Tensor, weight: Tensor, symbols: Sequence[Symbol] | None = None) -> list[Candidate]:
    """Each symbol on a curve y (POINTS,) at `curve_points`, whose points count by weight; the best R^2 first.

    Variable projection: for each (b, c) the best a, d are a line's; (b, c) begin on a grid, from the best of which
    Levenberg-Marquardt goes on. Source: Golub and Pereyra 1973, https://doi.org/10.1137/0710036; the derivative by
    Kaufman 1975, https://doi.org/10.1007/BF01932995
    """
    weight = weight / weight.sum()
    if not bool(y.isfinite().all()):
        return [Candidate(symbol, refused="the curve is not finite") for symbol in symbols or SYMBOLS.values()]
    begun = [_Begun.of(symbol, y, weight) for symbol in symbols or SYMBOLS.values()]
    begun.sort(key=lambda one: one.loss)
    found = [one.ended(y, weight, refine=place < REFINED) for place, one in enumerate(begun)]
    return sorted(found, key=lambda candidate: -candidate.r2)


@dataclass(frozen=True)
class _Begun:
    """A symbol at the best places of its grid."""

    symbol: Symbol
    inner: Tensor  # (b, c) of STARTS rows
    loss: float

    @classmethod
    def of(cls, symbol: Symbol, y: Tensor, weight: Tensor) -> "_Begun":
        grid, values = _grid(symbol)
        if not len(grid):
            return cls(symbol, grid, math.inf)
        losses, best = (
            _Projection(symbol, y, weight).off(values).square().sum(1).topk(min(STARTS, len(grid)), largest=False)
        )
        return cls(symbol, grid[best], float(losses[0]))

    def ended(self, y: Tensor, weight: Tensor, refine: bool) -> Candidate:
        symbol, inner = self.symbol, self.inner
        if not len(inner):
            return Candidate(symbol, refused="the curve's points leave its domain")
        if refine and symbol.free and float(y.std()) > 0:
            inner = _refined(symbol, y, weight, inner)
        off, a, d = _Projection(symbol, y, weight).solved(symbol.value(_at(inner)))
        losses = torch.where(symbol.holds(_at(inner)), off.square().sum(1), torch.inf).nan_to_num(torch.inf)
        row = int(losses.argmin())
        if not bool(losses[row].isfinite()):
            return Candidate(symbol, refused="its values on the curve's points are not finite")
        loss, (b, c) = float(losses[row]), inner[row].tolist()
        total = float((weight * (y - (weight * y).sum()).square()).sum())
        return Candidate(symbol, 1 - loss / (total + SMALL), loss, (float(a[row]), b, c, float(d[row])))


def _at(inner: Tensor) -> Tensor:
    return inner[:, :1] * curve_points() + inner[:, 1:]


class _Projection(Problem):
    """What is left of a curve by the best line in f(b t + c), for rows of (b, c)."""

    def __init__(self, symbol: Symbol, y: Tensor, weight: Tensor):
        self.symbol, self.y, self.weight = symbol, y, weight
        self.root = weight.sqrt()
        self.mask = torch.tensor([[name in symbol.free for name in "bc"]]).double()

    def solved(self, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Weighted residuals (rows, points), a and d (rows,), for values of f (rows, points)."""
        mean, level = values @ self.weight, self.y @ self.weight
        centred, curve = values - mean[:, None], self.y - level
        a = (centred * curve) @ self.weight / (centred.square() @ self.weight + SMALL)
        return (curve - a[:, None] * centred) * self.root, a, level - a * mean

    def off(self, values: Tensor) -> Tensor:
        return self.solved(values)[0].nan_to_num(torch.inf)

    def residuals(self, theta: Tensor) -> Tensor:
        z = _at(theta)
        # What leaves the domain is no step.
        return torch.where(self.symbol.holds(z)[:, None], self.solved(self.symbol.value(z))[0], torch.nan)

    def jacobian(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        z = _at(theta)
        values = self.symbol.value(z)
        found, a, _ = self.solved(values)
        each = torch.stack([curve_points().expand_as(z), torch.ones_like(z)], 1) * self.mask[..., None]
        moved = a[:, None, None] * self.symbol.slope(z).unsqueeze(1) * each
        basis = torch.stack([self.root.expand_as(z), values * self.root], 2)
        plane = torch.linalg.qr(basis).Q
        moved = moved * self.root
        return found, -(moved - (moved @ plane) @ plane.mT)

    def __call__(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        found, jacobian = self.jacobian(theta)
        return found.square().sum(1), 2 * (jacobian @ found.unsqueeze(-1)).squeeze(-1)


def _refined(symbol: Symbol, y: Tensor, weight: Tensor, inner: Tensor) -> Tensor:
    problem = _Projection(symbol, y, weight)
    stepper = LevenbergMarquardt(form="normal").stepper(inner)
    for _ in range(STEPS):
        inner, _, _ = stepper.step(inner, problem)
        if bool(stepper.finished().all()):
            break
    return inner


@cache
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
