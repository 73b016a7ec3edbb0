"""From a run to formulas: its networks distilled to small forms, these read, written and checked."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import sympy
import torch
from torch import Generator, Tensor

from kanexp.config.experiment import build_experiment
from kanexp.error import ConfigError
from kanexp.formula.choice import Choice, choices
from kanexp.formula.computed import computed
from kanexp.formula.distil import trained
from kanexp.formula.expression import Data, Fit, finished, inputs_of
from kanexp.formula.form import Factor, Form, Range, Shape, form
from kanexp.formula.formulas import Formula, Formulas, identifiers
from kanexp.formula.merged import Input, merged
from kanexp.formula.reading import TRIALS, Read, begun, read
from kanexp.formula.simplified import simplified
from kanexp.formula.symbol import SYMBOLS, Symbol
from kanexp.seeding import generator
from kanexp.task.base import Data as TaskData
from kanexp.task.base import Split
from kanexp.trained.trained import Trained

SAMPLES = 400  # training rows that are looked at
CLOSE = 0.02  # relative error of a form of series, above which it is not read
ROUNDING = 1e-20  # relative mean square of a formula that is exact
ENOUGH = 3.0  # times the network's own error on validation data that a formula may have
READS = 2  # forms of a seed that are read with care, where none is exact
GLANCE = 16  # edges replaced to see whether a form is exact that is not quite what the network says
SUM, PRODUCT, BOTH = Factor(total=True), Factor(products=1), Factor(total=True, products=1)
SHAPES: tuple[Shape, ...] = (
    *((one,) for each in (SUM, PRODUCT, BOTH, Factor(products=2)) for one in (each, replace(each, outer=True))),
    *((PRODUCT, replace(one, outer=True)) for one in (SUM, PRODUCT)),  # what is in front of a function
    (SUM, replace(PRODUCT, outer=True)),  # a ratio
    *((Factor(total=True, products=2, outer=outer),) for outer in (False, True)),
)  # the simplest first


Kind: TypeAlias = tuple[tuple[sympy.Expr, ...], Shape]  # of a form: what goes in, and its shape


@dataclass(frozen=True)
class Part:
    """A part of the data in own units: features (n, rows), targets (rows,), the network's answers and its slopes."""

    x: Tensor
    y: Tensor
    answer: Tensor
    slope: Tensor


@dataclass(frozen=True)
class Question:
    """What is read: one output of a run's networks, its data, the names of what goes in, the symbols edges may be."""

    run: Trained
    data: TaskData
    output: int
    symbols: tuple[Symbol, ...]

    @property
    def names(self) -> list[str]:
        return identifiers(self.run.encoding.names)

    def part(self, split: Split, seed: int) -> Part:
        features = self.run.encoding.features(split.x).double()
        entering = features.T.clone().requires_grad_()
        answer = self.run.networks[seed](entering)[:, self.output]
        (slope,) = torch.autograd.grad(answer.sum(), entering)
        return Part(features, self.data.own_units(split.y)[self.output].double(), answer.detach(), slope.T)


def explain_formula(
    run: Trained,
    seeds: Sequence[int] | None = None,
    symbols: Sequence[Symbol] = tuple(SYMBOLS.values()),
    watch: Callable[[str, Formula], None] = lambda output, found: None,
) -> list[Formulas]:
    """What each output of each seed's network is as a formula of the features by their names, in own units.

    `watch` sees each at once. Series are trained on the network's answers at training inputs; symbols and numbers on
    the training targets. Raises ConfigError where answers are no numbers that are learned from data.
    """
    if run.task.differential or run.encoding.classes:
        raise ConfigError(f"{run.path}: formulas are written for numbers that are learned from data, not for this task")
    data, _ = build_experiment(run.restored.experiment.config).load_data()
    return [
        _of_output(Question(run, data, output, tuple(symbols)), name, seeds or run.seeds, watch)
        for output, name in enumerate(run.encoding.targets)
    ]


def _of_output(asked: Question, name: str, seeds: Sequence[int], watch: Callable[[str, Formula], None]) -> Formulas:
    found, kind = [], None
    for seed in seeds:
        one, exact = _of_seed(asked, seed, kind)
        found.append(one)
        kind = exact or kind
        watch(name, one)
    return Formulas(tuple(found), float(asked.data.own_units(asked.data.test.y)[asked.output].double().std()), name)


def _of_seed(asked: Question, seed: int, first: Kind | None) -> tuple[Formula, Kind | None]:
    """A seed's formula, and the kind of form it has where it is exact; the kind `first` is tried before all others."""
    train, val, test = (asked.part(split, seed) for split in (asked.data.train, asked.data.val, asked.data.test))
    best = _best(asked, train, generator(seed, "formula"), first)
    if best is None:
        reason = f"no small form came within {100 * CLOSE:g} % of the network"
        return Formula(seed, network_test=_off(test.y, test.answer, test.y), reason=reason), None
    written = simplified(best.fit.written)
    values = [_values(written, asked, part.x) for part in (train, val, test)]
    on_train, on_val, on_test = (_off(p.y, v, p.y) for p, v in zip((train, val, test), values, strict=True))
    allowed = max(ENOUGH * _off(val.y, val.answer, val.y), 1e-8)
    reason = "" if on_val <= allowed else f"the best one is off by {on_val:.1e}, more than {allowed:.1e}"
    to_network, own = _off(test.answer, values[2], test.y), _off(test.y, test.answer, test.y)
    exact = best.kind if best.fit.loss < ROUNDING else None
    errors = (on_train, on_val, on_test, to_network, own)
    return Formula(seed, written, values[2], *errors, reason, best.choices), exact


def _off(target: Tensor, found: Tensor, scale: Tensor) -> float:
    """Root mean square relative to a deviation, or as it is where that is 0; infinite where there are no numbers."""
    off = float((found - target).square().mean().sqrt()) / (float(scale.std()) or 1.0)
    return off if math.isfinite(off) else math.inf


def _values(written: sympy.Expr, asked: Question, x: Tensor) -> Tensor:
    function = computed(inputs_of(asked.names), written, asked.symbols)
    return torch.as_tensor(function(*x), dtype=torch.float64).expand(x.shape[1])


@dataclass(frozen=True)
class Distilled:
    """A form of series trained on a network's answers: what goes in, its shape, numbers (1, size) and mean square."""

    inputs: tuple[Input, ...]
    shape: Shape
    form: Form
    theta: Tensor
    loss: float

    @property
    def x(self) -> Tensor:
        return torch.stack([one.values for one in self.inputs])

    @property
    def kind(self) -> Kind:
        return tuple(one.written for one in self.inputs), self.shape


@dataclass(frozen=True)
class Best:
    """An expression, the kind of form that it was, and what the edges of that may have been."""

    fit: Fit
    kind: Kind
    choices: tuple[Choice, ...]


def _best(asked: Question, train: Part, draws: Generator, first: Kind | None) -> Best | None:
    """The expression of the shortest description among the forms read.

    Forms that say all that the network says are read with care; those that are only near it with few trials: series
    cannot say what has an infinite slope. The first exact one ends the search, or READS with care.
    """
    y, network = train.y[:SAMPLES], train.answer[:SAMPLES]
    scale = float(y.std()) or 1.0
    data = Data(inputs_of(asked.names), train.x[:, :SAMPLES], y, asked.symbols)
    own = float((network - y).square().mean()) / scale**2
    reads: list[tuple[Distilled, Read]] = []
    full = 0
    for one in _distilled(_views(asked.names, train), network / scale, draws, first):
        if math.sqrt(one.loss) > CLOSE:
            continue
        says = one.loss <= max(ENOUGH**2 * own, ROUNDING)
        full += says
        reads.append((one, read(one.form, one.theta, one.x, y / scale, TRIALS if says else GLANCE, asked.symbols)))
        if reads[-1][1].loss < ROUNDING or full == READS:
            break
    fine = [(one, found) for one, found in reads if math.isfinite(found.loss)]
    if not fine:
        return None
    one, found = min(fine, key=lambda pair: pair[1].length(len(y), ROUNDING))
    fit = finished(found.form, found.theta, one.kind[0], scale, data)
    start = begun(one.form, one.theta, one.x, y / scale)
    return Best(fit, one.kind, choices(start, one.x, found.form, one.kind[0], asked.symbols))


def _views(names: Sequence[str], train: Part) -> list[tuple[Input, ...]]:
    """What may go into forms: inputs that belong together as one, and all as they are."""
    rows = zip(inputs_of(names), train.x[:, :SAMPLES], train.slope[:, :SAMPLES], strict=True)
    plain = tuple(Input(written, values, slope) for written, values, slope in rows)
    joined = tuple(merged(plain))
    return [joined, plain] if len(joined) < len(plain) else [plain]


def _distilled(
    views: Sequence[tuple[Input, ...]], y: Tensor, draws: Generator, first: Kind | None
) -> Iterator[Distilled]:
    """Forms of series trained on targets of size 1, the kind `first` before all others, then the simplest first."""
    made: dict[Kind, Distilled] = {}
    order = [(view, shape) for view in views for shape in SHAPES]
    order.sort(key=lambda pair: (tuple(one.written for one in pair[0]), pair[1]) != first)
    for view, shape in order:
        if len(view) == 1 and shape != (replace(SUM, outer=shape[0].outer),):
            continue  # of one input all others say the same
        x = torch.stack([one.values for one in view])
        low, high = x.amin(1).tolist(), x.amax(1).tolist()
        ranges: list[Range] = [((a + b) / 2, (b - a) / 2 or 1.0) for a, b in zip(low, high, strict=True)]
        written = tuple(one.written for one in view)
        before = made.get((written, (replace(shape[0], outer=False),))) if len(shape) == 1 else None
        found = trained(form(ranges, shape), x, y, draws, before.theta if before and shape[0].outer else None)
        made[written, shape] = Distilled(view, shape, *found)
        yield made[written, shape]
