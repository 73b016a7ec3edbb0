"""The contract of a differential equation: what must be zero inside its domain, and what is known elsewhere."""

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

import torch
from torch import Generator, Tensor

from kanexp.data.encoding import Encoding
from kanexp.error import require
from kanexp.score.functions import distances, errors, relative_l2
from kanexp.score.score import ERRORS, MAX_ERROR, RELATIVE_L2, Score
from kanexp.task.base import Data, Scene, Split, dense_scene, uniform_points
from kanexp.task.collocation import Collocation, grid
from kanexp.task.condition import Condition, nothing
from kanexp.task.jet import Jet

TEST_SIDE, SPATIAL_SIDE = 101, 25  # points along each side of the grid of comparison, over two inputs and over three


@dataclass(frozen=True, kw_only=True)
class Equation(Collocation):
    """Equations at collocation points, and what is known of their solution elsewhere, as one least squares.

    The loss is weight mean (left side - right side)^2 + mean w (u - known)^2, with w = 1 or what `weights` says of a
    condition by its name. `points` are in the domain, `edge_points` on each edge where something is known. The best
    state is selected on points of its own, and scored against the solution on a dense grid. Where a range leaves
    [-1, 1], all inputs are brought there, which is said; derivatives are in own units all the same.

    With `hard`, what is known at single ends holds by construction, and is not learned: the network's outputs N become
    lift + distance N, where the lift meets these conditions and the distance is zero where they are, as often as they
    have derivatives. Source: Lagaris, Likas and Fotiadis 1998, https://doi.org/10.1109/72.712178

    What is learned is flat, (1, values): every left side at every point inside, one equation after the other, then for
    one condition after the other every answer that it knows at every point of it.
    """

    weight: float = 1.0
    weights: dict[str, float] = field(default_factory=dict)
    hard: bool = False

    differential: ClassVar[bool] = True
    equations: ClassVar[int] = 1  # left sides
    answers: ClassVar[tuple[str, ...]] = ("u",)  # names of what is sought
    compared: ClassVar[int | None] = None  # so many answers, the first, have a solution; None: all of them
    edges: ClassVar[tuple[tuple[int, int], ...]] = ()  # where the solution is known: input, and 0 or 1 for its end

    def __post_init__(self):
        super().__post_init__()
        require(
            (0 < self.weight < math.inf, f"weight must be positive, got {self.weight}"),
            *((0 < w < math.inf, f"weights must be positive, got {w} for {name}") for name, w in self.weights.items()),
        )
        lacks = self.hard and self.lift(torch.zeros(self.inputs, 1, dtype=torch.float64)) is None
        require(
            (not lacks, f"hard: {type(self).__name__} has no function that meets its conditions; leave task.hard out")
        )
        named = list(dict.fromkeys(condition.name for condition in self.learned))
        unknown = [name for name in self.weights if name not in named]
        require(
            (not unknown, f"weights knows the conditions {', '.join(named) or '-'}, got {', '.join(unknown)}"),
            (
                self.weighing != "balance" or bool(named),
                "weighing: balance is between the equation and its conditions, and hard leaves none to be learned; "
                "use attention, or leave task.hard out",
            ),
            (
                not self.windows or not any(c.axis == self.time and c.end != 0 for c in self.conditions),
                "windows: something is known at the end of the time, which they reach last; leave them out",
            ),
        )

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
        return tuple(c for c in self.conditions if not self._holds(c))

    def _holds(self, c: Condition) -> bool:
        return (c.axis is not None and self.repeats(c.axis)) if c.compares else (self.hard and c.end is not None)

    @property
    def periods(self) -> dict[int, float]:
        return {k: period / self.encoding.columns[k].scale for k, period in self.own_periods.items()}

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
        flat = self.encoding.features(x.transpose(0, 1).flatten(1))
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
        val = self.validation(generator)
        x = grid(self.ranges, TEST_SIDE if self.inputs <= 2 else SPATIAL_SIDE)
        encoding = self.encoding
        return Data(train, val, Split(encoding.inputs(x), self.solution(x)), notes=self._notes, encoding=encoding)

    def sample(self, generator: Generator, points: int | None = None, reach: float = 1.0) -> Split:
        """Collocation points, as many as the options say or other ones, then points where something is known.

        And what must come out there. All lie in a window that reaches so far in time.
        """
        return self._split(self._draw(points or self.points, self.sampling, generator), generator, reach)

    def validation(self, generator: Generator, reach: float = 1.0) -> Split:
        """The same for the choice of the best state: fewer points, and uniform."""
        return self._split(self._draw(max(4, self.points // 4), "uniform", generator), generator, reach)

    def choose(self, split: Split, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Points inside by their numbers (seeds, points), with all where something is known, for each seed its own.

        Inputs (seeds, inputs, points) and targets (seeds, 1, values), from a split as `sample` makes it.
        """
        start = split.x.shape[1] - self.known_points
        seeds, right = len(numbers), split.y[0, : self.equations * start].unflatten(0, (self.equations, start))
        inside, sides = split.x[:, numbers].transpose(0, 1), right[:, numbers].transpose(0, 1).flatten(1)
        x = torch.cat([inside, split.x[:, start:].expand(seeds, -1, -1)], dim=2)
        y = torch.cat([sides, split.y[:, self.equations * start :].expand(seeds, -1)], dim=1)
        return x, y[:, None]

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
        if self.encoding.is_unchanged:
            return jet, x
        return jet.in_units(tuple(column.scale for column in self.encoding.columns)), self.encoding.features(x)

    def residual_scale(self, target: Tensor) -> Tensor:
        return self.shares(target.shape[-1]).sqrt().to(target)

    def validation_metrics(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        """None: metrics are those of the solution, which training must not see."""
        return {}

    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        return (self.shares(prediction.shape[-1]).to(prediction) * (prediction - target).square()).sum(dim=(1, 2))

    def weighted_loss(self, prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """The loss (seeds,) where values count by weight (seeds or 1, values) besides their shares."""
        shares = self.shares(prediction.shape[-1]).to(prediction)
        return (shares * weight[:, None] * (prediction - target).square()).sum(dim=(1, 2))

    def named(self, values: int) -> dict[str, Tensor]:
        """Which of so many values are of the conditions of a name, (values,), bool."""
        found: dict[str, Tensor] = {}
        start = values - self.known_values
        for c in self.learned:
            end = start + self._count(c) * len(c.answers)
            found.setdefault(c.name, torch.zeros(values, dtype=torch.bool))[start:end] = True
            start = end
        return found

    def apart(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Mean squared errors (seeds,) inside the domain, and of the conditions of each name, without weights.

        Of predictions and targets (seeds or 1, 1, values); none where all that is learned is inside.
        """
        squares = (prediction - target).square().flatten(1)
        parts = {name: mask.to(squares.device) for name, mask in self.named(squares.shape[1]).items()}
        if not parts:
            return {}
        inside = ~torch.stack(list(parts.values())).any(0)
        return {name: squares[:, mask].mean(1) for name, mask in ({"inside": inside} | parts).items()}

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
            return Scene("scatter", data.test.x, solution(self.encoding.features(data.test.x)), data.test.x.shape[1:])
        dense = dense_scene(self.ranges, solution)
        return replace(dense, x=self.encoding.inputs(dense.x))

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
    def encoding(self) -> Encoding:
        """How points become inputs."""
        leaves = any(abs(end) > 1 for ends in self.ranges for end in ends)
        return replace(Encoding.of_ranges(self.names, self.ranges, to_unit=leaves), targets=tuple(self.answers))

    @property
    def _notes(self) -> tuple[str, ...]:
        """What was done to the inputs."""
        return () if self.encoding.is_unchanged else (f"inputs {', '.join(self.names)} brought to [-1, 1]",)

    def _part(self, axis: int, end: int) -> str:
        """What a condition at an end is called."""
        return "start" if (self.names[axis], end) == ("t", 0) else "edges"

    def _split(self, within: Tensor, generator: Generator, reach: float = 1.0) -> Split:
        """Points inside, then those where something is known, and what must come out."""
        within = self.within(within, reach)
        at = [self.within(self._at(condition, generator), reach) for condition in self.learned]
        known = self._known(at)
        for i, c in enumerate(self.learned):
            if c.axis is None:
                known[i] = known[i] + c.noise * torch.randn(known[i].shape, generator=generator, dtype=torch.float64)
        x = self.encoding.inputs(torch.cat([within, *at], 1))
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

    def _count(self, c: Condition) -> int:
        """Points of a condition; of one that compares ends, those of one end."""
        if c.points is not None or self.inputs == 1:
            return c.points or 1
        return self._edge_side ** (self.inputs - 1) if self.sampling == "grid" else self.edge_points
