"""A differential equation that is typed: formulas of what must be zero, and statements of what is known."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Generator, Tensor

from kanexp.data.expression import DIFFERENTIABLE, Expression
from kanexp.data.statement import NAME, Statement, Symbols
from kanexp.error import require
from kanexp.score.functions import root_mean_square
from kanexp.score.score import Score
from kanexp.task.base import Data, Scene, Split
from kanexp.task.condition import Condition
from kanexp.task.differential import Equation
from kanexp.task.jet import Jet, Partial

RESIDUAL = (Score("residual", "lower"), Score("largest_residual", "lower"))  # where there is no answer


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
            Split(self.encoding.inputs(test), target),
            notes=(*self._notes, *notes),
            encoding=self.encoding,
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
