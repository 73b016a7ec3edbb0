"""From a run to formulas: its networks distilled to small forms, these read, written and checked."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import sympy
import torch
from torch import Generator, Tensor

from kanexp.config.experiment import build_experiment
from kanexp.error import ConfigError
from kanexp.formula.distil import trained
from kanexp.formula.expression import MODULES, Fit, bits, finished
from kanexp.formula.form import Form, form
from kanexp.formula.formulas import Formula, Formulas, identifiers
from kanexp.formula.reading import read
from kanexp.formula.simplified import simplified
from kanexp.seeding import generator
from kanexp.task.base import Data, Split
from kanexp.trained.trained import Trained

SAMPLES = 400  # training rows that are looked at
CLOSE = 0.02  # relative error of a form of series, above which it is not read
ROUNDING = 1e-20  # relative mean square of a formula that is exact
ENOUGH = 3.0  # times the network's own error on validation data that a formula may have
SHAPES = ((True, 0), (True, 1), (False, 2), (True, 2))  # with a sum or not, so many products; the simplest first


@dataclass(frozen=True)
class Part:
    """A part of the data in own units: features (n, rows), targets (rows,), the network's answers (rows,)."""

    x: Tensor
    y: Tensor
    answer: Tensor


def explain_formula(
    run: Trained, seeds: Sequence[int] | None = None, watch: Callable[[Formula], None] = lambda found: None
) -> Formulas:
    """What each seed's network is as a formula of the features by their names, in own units; `watch` sees each at once.

    Series are trained on the network's answers at training inputs; symbols and numbers on the training targets.
    Raises ConfigError where a run has no single number for an answer.
    """
    if run.task.differential or run.encoding.classes or len(run.offset) != 1:
        raise ConfigError(
            f"{run.path}: a formula is written for one number that is learned from data, not for this task"
        )
    data, _ = build_experiment(run.restored.experiment.config).load_data()
    names = identifiers(run.encoding.names)
    found = []
    for seed in seeds or run.seeds:
        found.append(_of_seed(run, data, names, seed))
        watch(found[-1])
    return Formulas(tuple(found), float(data.own_units(data.test.y)[0].double().std()))


def _part(run: Trained, data: Data, split: Split, seed: int) -> Part:
    features = run.encoding.features(split.x).double()
    with torch.no_grad():
        answer = run.networks[seed](features.T)[:, 0].double()
    return Part(features, data.own_units(split.y)[0].double(), answer)


def _of_seed(run: Trained, data: Data, names: list[str], seed: int) -> Formula:
    train, val, test = (_part(run, data, split, seed) for split in (data.train, data.val, data.test))
    fit = _best(names, train, generator(seed, "formula"))
    if fit is None:
        return Formula(seed, reason=f"no small form came within {100 * CLOSE:g} % of the network")
    written = simplified(fit.written)
    values = [_values(written, names, part.x) for part in (train, val, test)]
    on_train, on_val, on_test = (_off(p.y, v, p.y) for p, v in zip((train, val, test), values, strict=True))
    allowed = max(ENOUGH * _off(val.y, val.answer, val.y), 1e-8)
    reason = "" if on_val <= allowed else f"the best one is off by {on_val:.1e}, more than {allowed:.1e}"
    to_network, own = _off(test.answer, values[2], test.y), _off(test.y, test.answer, test.y)
    return Formula(seed, written, values[2], on_train, on_val, on_test, to_network, own, reason)


def _off(target: Tensor, found: Tensor, scale: Tensor) -> float:
    """Root mean square relative to a deviation; infinite where there are no numbers."""
    off = float((found - target).square().mean().sqrt() / scale.std())
    return off if math.isfinite(off) else math.inf


def _values(written: sympy.Expr, names: Sequence[str], x: Tensor) -> Tensor:
    inputs = [sympy.Symbol(name, real=True) for name in names]
    function = sympy.lambdify(inputs, sympy.N(written, 17), modules=MODULES)
    return torch.as_tensor(function(*x), dtype=torch.float64).expand(x.shape[1])


def _best(names: Sequence[str], train: Part, draws: Generator) -> Fit | None:
    """The expression of the shortest description among the forms tried; the first that is exact ends the search."""
    x, y, answer = train.x[:, :SAMPLES], train.y[:SAMPLES], train.answer[:SAMPLES]
    scale = float(y.std()) or 1.0
    fits: list[Fit] = []
    for one, theta, loss in _forms(x, answer / scale, draws):
        if math.sqrt(loss) > CLOSE:
            continue
        found = read(one, theta, x, y / scale)
        if not math.isfinite(found.loss):
            continue
        fits.append(finished(found.form, found.theta, names, scale, x, y))
        if fits[-1].loss < ROUNDING:
            break
    return min(fits, key=lambda fit: bits(fit, len(y)), default=None)


def _forms(x: Tensor, y: Tensor, draws: Generator) -> Iterator[tuple[Form, Tensor, float]]:
    """Forms of series trained on targets of size 1, the simplest first, each without and with an outer function."""
    low, high = x.amin(1), x.amax(1)
    ranges = [((a + b) / 2, (b - a) / 2 or 1.0) for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    for total, products in SHAPES:
        inner = None
        for outer in (False, True):
            made = trained(form(ranges, total, products, outer), x, y, draws, inner)
            inner = made[1]
            yield made
