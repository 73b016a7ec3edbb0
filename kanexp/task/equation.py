"""Differential equations as tasks: what must be zero inside, what is known elsewhere; and those that are typed."""

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor
from torch.quasirandom import SobolEngine

from kanexp.data.encoding import Encoding
from kanexp.data.expression import DIFFERENTIABLE, Expression
from kanexp.data.statement import NAME, Statement, Symbols
from kanexp.error import require
from kanexp.score.functions import distances, errors, relative_l2, root_mean_square
from kanexp.score.score import ERRORS, MAX_ERROR, RELATIVE_L2, Score
from kanexp.task.base import Data, Scene, Split, Task, dense_scene, scaled, uniform_points

TEST_SIDE, SPATIAL_SIDE = 101, 25  # points along each side of the grid of comparison, over two inputs and over three

RESIDUAL = (Score("residual", "lower"), Score("largest_residual", "lower"))  # where there is no answer

Partial = tuple[int, ...]  # a derivative, as the inputs in which it is taken, in their order: (1, 1) is twice in one


@dataclass(frozen=True)
class Jet:
    """A function of several inputs and its derivatives at points, (seeds or 1, outputs, points) each."""

    value: Tensor
    partials: Mapping[Partial, Tensor]
    unknowns: Mapping[str, Tensor]  # numbers of the equation that are trained with the network, (seeds, 1, 1) each

    @classmethod
    def of(
        cls,
        function: Callable[[Tensor], Tensor],
        x: Tensor,
        partials: Iterable[Partial],
        unknowns: Mapping[str, Tensor],
    ) -> "Jet":
        """Of a function from x (seeds, inputs, points) to (seeds, outputs, points), by backward through backward."""
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            value = function(x)
            slopes = cache(lambda partial: _slopes(found(partial), x))  # in all inputs at once

            def found(partial: Partial) -> Tensor:
                return slopes(partial[:-1])[:, :, partial[-1]] if partial else value

            return cls(value, {partial: found(partial) for partial in partials}, unknowns)

    def d(self, *inputs: int) -> Tensor:
        """The derivative in these inputs, one of those that the equation declares: d(1, 1) of d(0), d(1), d(1, 1)."""
        return self.partials[inputs]

    def in_units(self, scales: tuple[float, ...]) -> "Jet":
        """The same where each input is divided by its scale before it goes in: derivatives are, too."""
        found = {partial: d / math.prod(scales[k] for k in partial) for partial, d in self.partials.items()}
        return replace(self, partials=found)


def _slopes(values: Tensor, x: Tensor) -> Tensor:
    """Derivatives (seeds, n_out, n_in, points) of values (seeds, n_out, points) in the inputs at the same points."""
    outputs = range(values.shape[1])
    return torch.stack([torch.autograd.grad(values[:, k].sum(), x, create_graph=True)[0] for k in outputs], dim=1)


@dataclass(frozen=True)
class Condition:
    """What is known of answers, or of a derivative of theirs, at an end of an input: 0 is its low end, 1 its high one.

    Without an end both ends are alike; without an input, answers are measured all over the domain. `known` gives
    (answers or 1, points) at x (inputs, points); without it they are the solution's.
    """

    axis: int | None
    end: int | None = None
    name: str = "edges"
    answers: tuple[int, ...] = (0,)
    partial: Partial = ()
    known: Callable[[Tensor], Tensor] | None = None
    points: int | None = None  # where it is another number than edge_points
    noise: float = 0.0  # standard deviation of measurements

    @property
    def compares(self) -> bool:
        """Whether it is that both ends of an input are alike; it has points at each then."""
        return self.axis is not None and self.end is None

    @property
    def is_solution(self) -> bool:
        """Whether the solution says what is known."""
        return self.known is None and not self.compares

    def held(self, jet: Jet, points: slice) -> Tensor:
        """What is to equal the known values, (seeds, answers, points), of the jet at these points of it."""
        found = (jet.partials[self.partial] if self.partial else jet.value)[..., points]
        if self.answers != tuple(range(found.shape[1])):
            found = found[:, list(self.answers)]
        if not self.compares:
            return found
        low, high = found.chunk(2, dim=-1)
        return high - low


def nothing(x: Tensor) -> Tensor:
    """Zero (1, points) at x (inputs, points): what a condition may know."""
    return torch.zeros_like(x[:1])


@dataclass(frozen=True, kw_only=True)
class Equation(Task):
    """Equations at collocation points, and what is known of their solution elsewhere, as one least squares.

    The loss is weight mean (left side - right side)^2 + mean w (u - known)^2, with w = 1 or what `weights` says of a
    condition by its name. Collocation points are a grid, Sobol's sequence or uniform; the last two are drawn anew every
    `resample` steps. `points` are in the domain, `edge_points` on each edge where something is known. The best state is
    selected on points of its own, and scored against the solution on a dense grid. Where a range leaves [-1, 1], all
    inputs are brought there, which is said; derivatives are in own units all the same.

    With `hard`, what is known at single ends holds by construction, and is not learned: the network's outputs N become
    lift + distance N, where the lift meets these conditions and the distance is zero where they are, as often as they
    have derivatives. Source: Lagaris, Likas and Fotiadis 1998, https://doi.org/10.1109/72.712178

    What is learned is flat, (1, values): every left side at every point inside, one equation after the other, then for
    one condition after the other every answer that it knows at every point of it.
    """

    points: int = 4096
    edge_points: int = 64
    sampling: Literal["grid", "sobol", "uniform"] = "sobol"
    resample: int | None = None
    weight: float = 1.0
    weights: dict[str, float] = field(default_factory=dict)
    hard: bool = False

    differential: ClassVar[bool] = True
    equations: ClassVar[int] = 1  # left sides
    names: ClassVar[tuple[str, ...]] = ("x1", "x2")  # of the inputs
    answers: ClassVar[tuple[str, ...]] = ("u",)  # names of what is sought
    compared: ClassVar[int | None] = None  # so many answers, the first, have a solution; None: all of them
    edges: ClassVar[tuple[tuple[int, int], ...]] = ()  # where the solution is known: input, and 0 or 1 for its end

    def __post_init__(self):
        require(
            (self.points >= 4, f"points must be at least 4, got {self.points}"),
            (self.edge_points >= 2, f"edge_points must be at least 2, got {self.edge_points}"),
            (self.resample is None or self.resample >= 1, f"resample must be at least 1, or null, got {self.resample}"),
            (
                self.resample is None or self.sampling != "grid",
                "resample needs points that can be drawn anew, got sampling grid; use sobol or uniform",
            ),
            (0 < self.weight < math.inf, f"weight must be positive, got {self.weight}"),
            *((0 < w < math.inf, f"weights must be positive, got {w} for {name}") for name, w in self.weights.items()),
        )
        lacks = self.hard and self.lift(torch.zeros(self.inputs, 1, dtype=torch.float64)) is None
        require(
            (not lacks, f"hard: {type(self).__name__} has no function that meets its conditions; leave task.hard out")
        )
        named = list(dict.fromkeys(condition.name for condition in self.learned))
        unknown = [name for name in self.weights if name not in named]
        require((not unknown, f"weights knows the conditions {', '.join(named) or '-'}, got {', '.join(unknown)}"))

    @property
    @abstractmethod
    def ranges(self) -> list[tuple[float, float]]:
        """Lowest and highest value of every input."""

    @abstractmethod
    def left_side(self, jet: Jet, x: Tensor) -> Tensor:
        """What the equations say, (seeds, equations, points), of derivatives at x (seeds or 1, inputs, points)."""

    @abstractmethod
    def solution(self, x: Tensor) -> Tensor:
        """The exact or a much more precise answer (compared, points) at x (inputs, points), float64."""

    def right_side(self, x: Tensor) -> Tensor:
        """What the left sides must be, (equations, points), at x (inputs, points)."""
        return x.new_zeros(self.equations, x.shape[1])

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What is known of the answers: by default the solution, on `edges`."""
        return self.on_edges

    @property
    def on_edges(self) -> tuple[Condition, ...]:
        """The conditions that `edges` make."""
        return tuple(Condition(axis, end, self._part(axis, end), self.all_answers) for axis, end in self.edges)

    @property
    def learned(self) -> tuple[Condition, ...]:
        """The conditions that do not hold by construction."""
        return tuple(c for c in self.conditions if not self.hard or c.end is None)

    def lift(self, x: Tensor) -> Tensor | None:
        """Answers (answers or 1, points) at x (inputs, points) that meet what is known at single ends, if any do."""
        return None

    def distance(self, x: Tensor) -> Tensor:
        """Zero where something is known at a single end, as often as there are conditions, (1, points) at x."""
        ends = [(c.axis, c.end) for c in self.conditions if c.axis is not None and c.end is not None]
        found = torch.ones_like(x[:1])
        for axis, end in ends:
            low, high = self.ranges[axis]
            away = (high - x[axis]) if end else (x[axis] - low)
            found = found * away / (high - low) * (2 if (axis, 1 - end) in ends else 1)  # at most about 1
        return found

    @property
    def finish(self) -> Callable[[Tensor, Tensor], Tensor] | None:
        return self._meet if self.hard else None

    def _meet(self, x: Tensor, y: Tensor) -> Tensor:
        """Outputs y (seeds, answers, points) at inputs x (seeds or 1, inputs, points) that meet the conditions."""
        flat = self._encoding.features(x.transpose(0, 1).flatten(1))
        lift = self.lift(flat)
        assert lift is not None

        def over_seeds(rows: Tensor) -> Tensor:
            return rows.unflatten(1, (len(x), -1)).transpose(0, 1)

        return over_seeds(lift) + over_seeds(self.distance(flat)) * y

    @property
    def all_answers(self) -> tuple[int, ...]:
        """The numbers of the answers."""
        return tuple(range(len(self.answers)))

    @property
    def inputs(self) -> int:
        return len(self.ranges)

    @property
    def outputs(self) -> int:
        return len(self.answers)

    @property
    def known_points(self) -> int:
        """Points at which something is known."""
        return sum(self._count(c) * (1 + c.compares) for c in self.learned)

    @property
    def known_values(self) -> int:
        """Numbers that are known there."""
        return sum(self._count(c) * len(c.answers) for c in self.learned)

    @property
    def made(self) -> int:
        return self.points + self.known_points

    def load(self, generator: Generator) -> Data:
        train = self.sample(generator)
        val = self._split(self._draw(max(4, self.points // 4), "uniform", generator), generator)
        x = _grid(self.ranges, TEST_SIDE if self.inputs <= 2 else SPATIAL_SIDE)
        encoding = self._encoding
        return Data(train, val, Split(encoding.inputs(x), self.solution(x)), notes=self._notes, encoding=encoding)

    def sample(self, generator: Generator) -> Split:
        """Collocation points, then points where something is known, and what must come out there."""
        return self._split(self._draw(self.points, self.sampling, generator), generator)

    def prediction(self, jet: Jet, x: Tensor) -> Tensor:
        """What is to equal the targets of `sample`, (seeds, 1, values), from derivatives at x as it goes in."""
        jet, x = self._in_own_units(jet, x)
        start = x.shape[-1] - self.known_points
        parts = [self.left_side(jet, x)[..., :start].flatten(1)]
        for condition in self.learned:
            end = start + self._count(condition) * (1 + condition.compares)
            parts.append(condition.held(jet, slice(start, end)).flatten(1))
            start = end
        return torch.cat(parts, dim=-1)[:, None]

    def rows(self, points: int) -> list[tuple[Tensor, Tensor]]:
        """The values of `prediction` in rows, each value of a row with a point of its own: numbers of both, (m,) each.

        A value that compares two ends is in its row twice, once for each point.
        """
        start = points - self.known_points
        places = [[torch.arange(start)] * self.equations]
        for condition in self.learned:
            count = self._count(condition)
            places.append([torch.arange(start, start + count * (1 + condition.compares))] * len(condition.answers))
            start += count * (1 + condition.compares)
        found: list[list[tuple[Tensor, Tensor]]] = [[] for _ in range(max(map(len, places)))]
        value = 0
        for part, twice in zip(places, [False, *(c.compares for c in self.learned)], strict=True):
            for row, at in zip(found, part, strict=False):
                values = torch.arange(value, value + len(at) // (1 + twice))
                row.append((values.repeat(1 + twice), at))
                value += len(values)
        return [(torch.cat([v for v, _ in row]), torch.cat([at for _, at in row])) for row in found]

    def sides(self, function: Callable[[Tensor], Tensor], x: Tensor, unknowns: Mapping[str, Tensor]) -> Tensor:
        """The left sides (seeds, equations, points) of a function of inputs x (1, inputs, points) as they go in."""
        seeds = len(function(x[..., :1]))
        jet = Jet.of(function, x.expand(seeds, -1, -1), self.partials, unknowns)
        return self.left_side(*self._in_own_units(jet, x)).detach()

    def _in_own_units(self, jet: Jet, x: Tensor) -> tuple[Jet, Tensor]:
        """A jet in the inputs as they go in, and these, in the units of the equation."""
        if self._encoding.is_unchanged:
            return jet, x
        return jet.in_units(tuple(column.scale for column in self._encoding.columns)), self._encoding.features(x)

    @property
    def redrawn(self) -> int | None:
        return self.resample

    def residual_scale(self, target: Tensor) -> Tensor:
        return self.shares(target.shape[-1]).sqrt().to(target)

    def validation_metrics(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        """None: metrics are those of the solution, which training must not see."""
        return {}

    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        return (self.shares(prediction.shape[-1]).to(prediction) * (prediction - target).square()).sum(dim=(1, 2))

    def shares(self, values: int) -> Tensor:
        """What each squared error counts in the loss, (values,)."""
        k = self.known_values
        parts = [torch.full((values - k,), self.weight / (values - k), dtype=torch.float64)]
        for c in self.learned:
            weight = self.weights.get(c.name, 1.0) / k
            parts.append(torch.full((self._count(c) * len(c.answers),), weight, dtype=torch.float64))
        return torch.cat(parts)

    def scene(self, data: Data) -> Scene:
        """A curve, a surface for each answer, or over more inputs the answers over the solution."""
        return self._scene(data, self.solution)

    def _scene(self, data: Data, solution: Callable[[Tensor], Tensor]) -> Scene:
        if self.inputs > 2:
            return Scene("scatter", data.test.x, solution(self._encoding.features(data.test.x)), data.test.x.shape[1:])
        dense = dense_scene(self.ranges, solution)
        return replace(dense, x=self._encoding.inputs(dense.x))

    @property
    def scores(self) -> tuple[Score, ...]:
        each = (Score(f"relative_l2_{name}", "lower", relative=True) for name in self._apart)
        unknown = (Score(f"{name}_error", "lower") for name in self.truths)
        return (RELATIVE_L2, MAX_ERROR, *ERRORS, *each, *unknown)

    def metrics(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Errors (seeds,) against the solution, relative, largest and mean, and relative of each of several answers."""
        prediction = prediction[:, : target.shape[1]]
        pairs = zip(self._apart, prediction.split(1, dim=1), target.split(1, dim=1), strict=False)
        each = {f"relative_l2_{name}": relative_l2(own, exact) for name, own, exact in pairs}
        return distances(prediction, target) | errors(prediction, target) | each

    @property
    def _apart(self) -> tuple[str, ...]:
        """Answers that have a score of their own: all that are compared, where they are several."""
        found = tuple(self.answers[: self.compared])
        return found if len(found) > 1 else ()

    @cached_property
    def _encoding(self) -> Encoding:
        """How points become inputs."""
        leaves = any(abs(end) > 1 for ends in self.ranges for end in ends)
        return replace(Encoding.of_ranges(self.names, self.ranges, to_unit=leaves), targets=tuple(self.answers))

    @property
    def _notes(self) -> tuple[str, ...]:
        """What was done to the inputs."""
        return () if self._encoding.is_unchanged else (f"inputs {', '.join(self.names)} brought to [-1, 1]",)

    def _part(self, axis: int, end: int) -> str:
        """What a condition at an end is called."""
        return "start" if (self.names[axis], end) == ("t", 0) else "edges"

    def _split(self, within: Tensor, generator: Generator) -> Split:
        """Points inside, then those where something is known, and what must come out."""
        at = [self._at(condition, generator) for condition in self.learned]
        known = self._known(at)
        for i, c in enumerate(self.learned):
            if c.axis is None:
                known[i] = known[i] + c.noise * torch.randn(known[i].shape, generator=generator, dtype=torch.float64)
        x = self._encoding.inputs(torch.cat([within, *at], 1))
        return Split(x, torch.cat([part.flatten() for part in (self.right_side(within), *known)])[None])

    def _at(self, c: Condition, generator: Generator) -> Tensor:
        """Points of a condition (inputs, points)."""
        if c.axis is None:
            return uniform_points(self.ranges, self._count(c), generator)
        free, axis = self._on_edge(c.axis, generator), c.axis
        sides = (free.new_full((1, free.shape[1]), end) for end in self.ranges[axis])
        ends = [torch.cat([free[:axis], side, free[axis:]]) for side in sides]
        return torch.cat(ends, 1) if c.end is None else ends[c.end]

    def _known(self, at: list[Tensor]) -> list[Tensor]:
        """What each condition knows at its points, (answers, points) each."""
        pairs = list(zip(self.learned, at, strict=True))
        solved = [x for c, x in pairs if c.is_solution]
        # In one call: a solution that is a sum may round otherwise where it has other company.
        exact = list(self.solution(torch.cat(solved, 1)).split([x.shape[1] for x in solved], 1)) if solved else []
        found = []
        for c, x in pairs:
            if c.is_solution:
                found.append(exact.pop(0)[list(c.answers)])
            else:
                known = nothing(x[:, : self._count(c)]) if c.known is None else c.known(x)
                found.append(known.expand(len(c.answers), -1))
        return found

    def _on_edge(self, axis: int, generator: Generator) -> Tensor:
        """Points of an edge, (inputs - 1, points)."""
        others = [ends for i, ends in enumerate(self.ranges) if i != axis]
        if not others:  # an edge of a line is a point
            return torch.empty((0, 1), dtype=torch.float64)
        if self.sampling == "grid":
            return _grid(others, self._edge_side)
        return uniform_points(others, self.edge_points, generator)

    @property
    def _edge_side(self) -> int:
        """Points along each side of an edge's grid."""
        return round(self.edge_points ** (1 / (self.inputs - 1)))

    def _count(self, c: Condition) -> int:
        """Points of a condition; of one that compares ends, those of one end."""
        if c.points is not None or self.inputs == 1:
            return c.points or 1
        return self._edge_side ** (self.inputs - 1) if self.sampling == "grid" else self.edge_points

    def _draw(self, points: int, sampling: str, generator: Generator) -> Tensor:
        if sampling == "grid":
            return _grid(self.ranges, round(points ** (1 / self.inputs)))
        if sampling == "uniform":
            return uniform_points(self.ranges, points, generator)
        seed = int(torch.randint(2**31, (), generator=generator))
        unit = SobolEngine(self.inputs, scramble=True, seed=seed).draw(points, dtype=torch.float64).T
        return scaled(unit, self.ranges)


def _grid(ranges: list[tuple[float, float]], side: int) -> Tensor:
    """(inputs, side^inputs), with the ends."""
    axes = [torch.linspace(low, high, side, dtype=torch.float64) for low, high in ranges]
    return torch.stack([axis.flatten() for axis in torch.meshgrid(*axes, indexing="ij")])


@dataclass(frozen=True, kw_only=True)
class TypedEquation(Equation):
    """What `residual` says must be zero, with one formula for each equation; u_tx is the derivative of u in t and x.

    `domain` names the inputs with their ranges, `answers` what is sought. `known` holds statements: u(0, x) = sin(x),
    u_t(0, x) = 0, u(t, 0) = u(t, 1). `exact` has a formula in the inputs for each answer, against which it is scored;
    without them the score is the residual's root mean square at points it was not trained on. `unknowns` are numbers
    of the equation that are trained, with what they start from, and `truths` what they are, if that is known. At
    `measured` points the exact answers are known, with normal noise. A formula is read through a whitelist.
    """

    residual: str | list[str] = field(default_factory=list)
    domain: dict[str, list[float]] = field(default_factory=dict)
    answers: list[str] = field(default_factory=lambda: ["u"])  # type: ignore[assignment,misc]
    known: str | list[str] = field(default_factory=list)
    exact: str | list[str] | None = None
    unknowns: dict[str, float] = field(default_factory=dict)  # type: ignore[misc]
    truths: dict[str, float] = field(default_factory=dict)  # type: ignore[misc]
    measured: int = 0
    noise: float = 0.0

    def __post_init__(self):
        named = [*self.domain, *self.answers, *self.unknowns]
        wrong = [name for name in named if not NAME.fullmatch(name) or name == "pi"]
        require(
            (not wrong, f"names of inputs, answers and unknowns are letters and digits, got {', '.join(wrong)}"),
            (len(set(named)) == len(named), f"inputs, answers and unknowns need names of their own, got {named}"),
            (bool(self.domain), "domain must name the inputs with their ranges, such as {t: [0, 1], x: [-1, 1]}"),
            (bool(self.answers), "answers must name one at least, such as [u]"),
            (bool(_several(self.residual)), "residual must say what is zero, such as 'u_t - u_xx'"),
            *(
                (
                    len(ends) == 2 and -math.inf < ends[0] < ends[1] < math.inf,
                    f"domain must give {name} a low and a high end, both finite, got {ends}",
                )
                for name, ends in self.domain.items()
            ),
            (
                self.exact is None or len(_several(self.exact)) == len(self.answers),
                f"exact must have a formula for each of the answers {', '.join(self.answers)}, got {self.exact}",
            ),
            (self.measured >= 0, f"measured must be zero or more, got {self.measured}"),
            (self.measured == 0 or self.exact is not None, "measured needs exact, formulas of what is measured"),
            (0 <= self.noise < math.inf, f"noise must be zero or more, got {self.noise}"),
            (
                set(self.truths) <= set(self.unknowns),
                f"truths are those of unknowns, got {', '.join(sorted(set(self.truths) - set(self.unknowns)))}",
            ),
        )
        for where, read in (("residual", "residuals"), ("known", "statements"), ("exact", "exact_formulas")):
            try:
                getattr(self, read)
            except ValueError as error:
                raise ValueError(f"{where} {error}") from None
        wrong = sorted({name for formula in self.residuals for name in formula.functions} - set(DIFFERENTIABLE))
        require(
            (not wrong, f"residual: {', '.join(wrong)} cannot be differentiated; it knows {', '.join(DIFFERENTIABLE)}"),
            (bool(self.conditions), "known must hold a statement, or measured points, for there is no solution else"),
        )
        super().__post_init__()

    @cached_property
    def symbols(self) -> Symbols:
        """What formulas may name."""
        ranges = {name: (low, high) for name, (low, high) in self.domain.items()}
        return Symbols(ranges, tuple(self.answers), tuple(self.unknowns))

    @cached_property
    def residuals(self) -> list[Expression]:
        """A formula for each equation. Raises ValueError where it is none."""
        return [self.symbols.residual(text) for text in _several(self.residual)]

    @cached_property
    def statements(self) -> list[Statement]:
        """What is known at ends. Raises ValueError where it is no statement."""
        return [Statement.read(text, self.symbols) for text in _several(self.known)]

    @cached_property
    def exact_formulas(self) -> list[Expression]:
        """A formula for each answer, or none. Raises ValueError where it is none."""
        return [self.symbols.formula(text) for text in _several(self.exact or [])]

    @property
    def ranges(self) -> list[tuple[float, float]]:
        return list(self.symbols.ranges.values())

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.symbols.inputs

    @property
    def equations(self) -> int:  # type: ignore[override]
        return len(self.residuals)

    @property
    def partials(self) -> tuple[Partial, ...]:  # type: ignore[override]
        named = [self.symbols.derivative(name) for formula in self.residuals for name in formula.variables]
        found = [meant[1] for meant in named if meant] + [statement.partial for statement in self.statements]
        return tuple(dict.fromkeys(partial for partial in found if partial))

    @property
    def conditions(self) -> tuple[Condition, ...]:
        measured = Condition(None, None, "measured", self.all_answers, points=self.measured, noise=self.noise)
        return (*map(self._condition, self.statements), *([measured] if self.measured else []))

    def _condition(self, s: Statement) -> Condition:
        known = None if s.formula is None else _values(s.formula, "known")
        name = "edges" if s.end is None else self._part(s.axis, s.end)
        return Condition(s.axis, s.end, name, (s.answer,), s.partial, known)

    def left_side(self, jet: Jet, x: Tensor) -> Tensor:
        values = dict(jet.unknowns) | {name: x[:, k : k + 1] for k, name in enumerate(self.names)}
        for formula in self.residuals:
            for name in formula.variables:
                if meant := self.symbols.derivative(name):
                    answer, partial = meant
                    values[name] = (jet.partials[partial] if partial else jet.value)[:, answer : answer + 1]
        like = jet.value[:, :1]
        return torch.cat([formula.of_tensors(values).to(like).expand_as(like) for formula in self.residuals], dim=1)

    def solution(self, x: Tensor) -> Tensor:
        return torch.cat([_values(formula, "exact")(x) for formula in self.exact_formulas])

    @property
    def solved(self) -> bool:
        return self.exact is not None

    def load(self, generator: Generator) -> Data:
        if self.solved:
            return super().load(generator)
        train = self.sample(generator)
        val, test = (self._draw(max(4, self.points // part), "uniform", generator) for part in (4, 1))
        notes = ("there is no exact answer: the score is the residual at points that were not trained on",)
        target = torch.zeros((self.equations, test.shape[1]), dtype=torch.float64)
        return Data(
            train,
            self._split(val, generator),
            Split(self._encoding.inputs(test), target),
            notes=(*self._notes, *notes),
            encoding=self._encoding,
        )

    def scene(self, data: Data) -> Scene:
        """As of every equation; where there is no exact answer, targets are NaN and are not drawn."""
        if self.solved:
            return super().scene(data)
        return self._scene(data, lambda x: x.new_full((self.outputs, x.shape[1]), math.nan))

    @property
    def scores(self) -> tuple[Score, ...]:
        if self.solved:
            return super().scores
        return (*RESIDUAL, *(Score(f"{name}_error", "lower") for name in self.truths))

    def metrics(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Errors against the exact answers; without them the size of the residual, its root mean square and largest."""
        if self.solved:
            return super().metrics(prediction, target)
        error = prediction - target
        return {"residual": root_mean_square(error), "largest_residual": error.abs().amax(dim=(1, 2))}


def _several(given: str | list[str]) -> list[str]:
    return [given] if isinstance(given, str) else given


def _values(formula: Expression, source: str) -> Callable[[Tensor], Tensor]:
    """A formula as a function of points (inputs, points), (1, points) float64.

    What it gives raises ValueError where it is infinite or not a number.
    """

    def values(x: Tensor) -> Tensor:
        found = torch.from_numpy(formula(x.cpu().numpy()).copy()).to(x)[None]
        if bad := (~found[0].isfinite()).nonzero().flatten().tolist():
            where = ", ".join(f"{value:.4g}" for value in x[:, bad[0]].tolist())
            raise ValueError(f"{source}: is {found[0, bad[0]]:.4g} at ({where}); choose a domain inside its own")
        return found

    return values
