"""From a network to a formula: symbols, edges, networks of symbols, and what is written of them."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import sympy
import torch

from kanexp.cli import main
from kanexp.formula.computed import RECIPROCALS, computed
from kanexp.formula.curve import Candidate, curve_points, fitted
from kanexp.formula.distil import centred, fitting, trained
from kanexp.formula.explain import SHAPES, explain_formula
from kanexp.formula.expression import Data, inputs_of, named, refit, simplest
from kanexp.formula.form import Factor, form
from kanexp.formula.formulas import Formula, Formulas, identifiers
from kanexp.formula.merged import Input, merged
from kanexp.formula.reading import moved, read
from kanexp.formula.simplified import simplified
from kanexp.formula.symbol import SYMBOLS
from kanexp.formula.writing import python, write_formulas
from kanexp.trained.trained import load

PYKAN = 29  # functions that its library has, constants and duplicates among them
EVEN = torch.ones_like(curve_points())


def of_one(curve, weight=EVEN, symbols=None):
    """The candidates of a single curve."""
    return fitted(curve[None], weight[None], symbols)[0]


def inside(symbol):
    """Points of a symbol's domain."""
    low, high = max(symbol.low, -2.0), min(symbol.high, 2.0)
    return torch.linspace(low, high, 23, dtype=torch.float64)[1:-1]


def test_there_are_as_many_symbols_as_pykan_has():
    assert len(SYMBOLS) >= PYKAN


@pytest.mark.parametrize("symbol", SYMBOLS.values(), ids=lambda symbol: symbol.name)
def test_a_symbol_is_what_its_formula_says_and_so_is_its_slope(symbol):
    z = sympy.Symbol("z", real=True)
    formula = sympy.sympify(symbol.formula, locals={"z": z})
    points = inside(symbol)
    points = points[points.abs() > 1e-9]  # where abs and sgn have no slope
    expected = torch.tensor([float(formula.subs(z, p)) for p in points.tolist()], dtype=torch.float64)
    torch.testing.assert_close(symbol.value(points), expected, rtol=1e-12, atol=1e-12)
    step = 1e-6
    finite = (symbol.value(points + step) - symbol.value(points - step)) / (2 * step)
    torch.testing.assert_close(symbol.slope(points), finite, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", [*RECIPROCALS, "asinh", "Abs", "sign", "erf", "exp"])
def test_what_sympy_may_simplify_to_can_be_computed(name, draws):
    x = sympy.Symbol("x", real=True)
    written = getattr(sympy, name)(x + 2 * (name == "acoth"))
    points = 0.1 + 1.3 * torch.rand(5, generator=draws, dtype=torch.float64)
    found = computed([x], written)(points)
    expected = [float(written.subs(x, one)) for one in points.tolist()]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=0)


CURVES = {
    "sin": lambda t: torch.sin(3.3 * t + 0.4),
    "x^2": lambda t: 3 * (t + 0.2) ** 2 - 1,
    "log": lambda t: torch.log(t + 1.3),
    "exp": lambda t: 2 * torch.exp(1.7 * t) - 1,
    "sqrt": lambda t: torch.sqrt(1.001 - t),
    "tanh": lambda t: torch.tanh(2 * t + 1),
    "1/x": lambda t: 1 / (1.5 - t),
    "arcsin": lambda t: torch.asin(0.9 * t),
}


@pytest.mark.parametrize("name", CURVES)
def test_a_curve_is_recognized_with_its_constants(name):
    curve = CURVES[name](curve_points())
    found = {candidate.symbol.name: candidate for candidate in of_one(curve)}
    assert name in list(found)[:2]  # sin is cos as well, arcsin arccos
    best = found[name]
    assert 1 - best.r2 < 1e-13
    a, b, c, d = best.constants
    again = a * best.symbol.value(b * curve_points() + c) + d
    torch.testing.assert_close(again, curve, rtol=0, atol=1e-7)


def test_curves_together_are_fitted_as_each_alone():
    curves = torch.stack([one(curve_points()) for one in CURVES.values()] + [EVEN * math.nan])
    for curve, those in zip(curves, fitted(curves, EVEN.expand(len(curves), -1)), strict=True):
        alone = {candidate.symbol.name: candidate for candidate in of_one(curve)}
        assert [one.refused for one in those] == [alone[one.symbol.name].refused for one in those]
        for one in those[:3]:
            assert one.r2 == pytest.approx(alone[one.symbol.name].r2, abs=1e-9) or one.refused


def test_what_the_data_weigh_decides():
    t = curve_points()
    curve = torch.where(t < 0, t, t**3)
    left, right = (torch.where(side, 1.0, 1e-12).double() for side in (t < 0, t > 0))
    straight, cubic = SYMBOLS["x"], SYMBOLS["x^3"]
    assert [c.symbol.name for c in of_one(curve, left, [cubic, straight])] == ["x", "x^3"]
    assert [c.symbol.name for c in of_one(curve, right, [straight, cubic])] == ["x^3", "x"]


def test_a_symbol_that_does_not_hold_the_curve_is_refused_with_a_reason():
    low = replace(SYMBOLS["log"], low=100.0, high=101.0)
    (found,) = of_one(curve_points(), EVEN, [low])
    assert found.refused == "the curve's points leave its domain"


@pytest.mark.parametrize("curve", [EVEN * 0, EVEN, EVEN * 1e150, EVEN * 1e-150, curve_points() * math.inf])
def test_no_curve_gives_nan(curve):
    for candidate in of_one(curve):
        numbers = [candidate.loss, candidate.r2, *candidate.constants]
        assert not any(math.isnan(number) for number in numbers), candidate
        assert candidate.refused or math.isfinite(candidate.loss)


# -- forms ----------------------------------------------------------------------------------------------------------

UNIT = [(0.0, 1.0), (0.0, 1.0)]


@pytest.fixture
def points(draws):
    return 2 * torch.rand(2, 150, generator=draws, dtype=torch.float64) - 1


def test_a_form_adds_and_multiplies_as_said(points):
    made = form(UNIT, (Factor(True, 1, True),), degree=1)
    theta = torch.arange(1.0, made.size + 1, dtype=torch.float64)[None]
    line = [lambda x, k=k: theta[0, 2 * k] + theta[0, 2 * k + 1] * x for k in range(5)]
    x, y = points
    expected = line[4](line[0](x) + line[1](y) + line[2](x) * line[3](y))
    torch.testing.assert_close(made(theta.unsqueeze(-1), points)[0], expected)


def test_a_range_that_moves_leaves_the_function(points, randn):
    made = form(UNIT, (Factor(True, 0, True),), degree=5)
    theta = randn(1, made.size) / 5
    moved, other = fitting(made, theta, points)
    assert moved.ranges != made.ranges
    torch.testing.assert_close(moved(other.unsqueeze(-1), points), made(theta.unsqueeze(-1), points))


def test_factors_of_a_form_multiply(points, randn):
    one, other = Factor(True, 0, False), Factor(False, 1, True)
    made = form(UNIT, (one, other), degree=3)
    theta = randn(1, made.size, 1)
    alone = [form(UNIT, (factor,), degree=3) for factor in (one, other)]
    split = alone[0].size
    expected = alone[0](theta[:, :split], points) * alone[1](theta[:, split:], points)
    torch.testing.assert_close(made(theta, points), expected)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("inputs", [1, 2, 4])
def test_a_form_has_few_enough_numbers_for_its_data(shape, inputs):
    made = form([(0.0, 1.0)] * inputs, shape)
    plain = form([(0.0, 1.0)] * inputs, tuple(Factor(one.total, one.products) for one in shape))
    assert plain.size <= made.size < 200  # half of the rows that are looked at
    assert {str(part) for place, part in plain.parts.items() if not place[0]} == {
        str(part) for place, part in made.parts.items() if not place[0]
    }


@pytest.mark.parametrize("inputs", [2, 3])
def test_what_factors_say_alone_goes_into_the_sum(inputs, draws):
    x = 2 * torch.rand(inputs, 150, generator=draws, dtype=torch.float64) - 1
    made = form([(0.0, 1.0)] * inputs, (Factor(True, 1),), degree=2)
    theta = torch.zeros(1, made.size, dtype=torch.float64)
    for place in made.parts:
        if place[0] == 0 and place[2] == 1:  # 2 + x in the first two factors, 3 in another one
            own = made.slices[place].start
            theta[0, own : own + 2] = torch.tensor([2.0, 1.0] if place[1] < 2 else [3.0, 0.0])
    before = made(theta.unsqueeze(-1), x)
    after = centred(made, theta, x)
    torch.testing.assert_close(made(after.unsqueeze(-1), x), before)
    level = after[0, made.slices[0, 0, 1].start]
    torch.testing.assert_close(level, -x[0].mean())
    torch.testing.assert_close(
        after[0, made.slices[0, 0, 0].start + 1], (3.0 if inputs > 2 else 1.0) * (2 + x[1].mean())
    )


def test_a_form_is_distilled_and_read(points, draws):
    x, y = points
    target = (1 - x) / torch.sqrt(1.3 - y * y)
    target = target / target.std()
    made = form(UNIT, (Factor(products=1),))
    distilled, theta, loss = trained(made, points, target, draws)
    assert loss < 1e-8
    found = read(distilled, theta, points, target)
    assert found.loss < 1e-24
    names = {part.symbol.name for place, part in found.form.parts.items() if place[0] == 0}
    assert names == {"x", "1/sqrt(1-x^2)"}


def test_what_no_form_holds_is_not_read(points):
    made = form(UNIT, (Factor(total=True),))
    nothing = torch.full((1, made.size), math.nan, dtype=torch.float64)
    found = read(made, nothing, points, points[0])
    assert found.loss == math.inf


# -- merged inputs --------------------------------------------------------------------------------------------------

a, b, c = inputs_of("abc")
PAIRS = {
    "difference": (torch.sin, lambda a, b, c: a - b + 0 * c, {"a - b", "c"}),
    "sum": (torch.sin, lambda a, b, c: a + b + 0 * c, {"a + b", "c"}),
    "product": (torch.tanh, lambda a, b, c: a * b, {"a*b", "c"}),
    "ratio": (torch.tanh, lambda a, b, c: a / b, {"a/b", "c"}),
    "all": (torch.exp, lambda a, b, c: a * b / c, {"a*b/c"}),
    "none": (torch.exp, lambda a, b, c: a * a + 3 * b + a * c, {"a", "b", "c"}),
}


@pytest.mark.parametrize("name", PAIRS)
def test_inputs_that_belong_together_become_one(name, draws):
    outer, inner, expected = PAIRS[name]
    least = torch.tensor([[0.1], [0.5], [0.5]], dtype=torch.float64)  # what is nearer to 0 is not divided by
    x = (least + torch.rand(3, 60, generator=draws, dtype=torch.float64)).requires_grad_()
    # The last input says something of its own where it is not in the pair.
    y = outer(inner(*x)) * (1 if "c" not in expected else 1 + x[2].square() * torch.cos(3 * x[2]))
    (slopes,) = torch.autograd.grad(y.sum(), x)
    found = merged([Input(*one) for one in zip((a, b, c), x.detach(), slopes, strict=True)])
    assert {str(one.written) for one in found} == expected
    for one in found:
        value = sympy.lambdify((a, b, c), one.written)(*x.detach())
        torch.testing.assert_close(one.values, value)


def test_a_merged_input_has_the_slope_of_the_function(draws):
    least = torch.tensor([[0.1], [0.5]], dtype=torch.float64)
    x = (least + torch.rand(2, 40, generator=draws, dtype=torch.float64)).requires_grad_()
    (slopes,) = torch.autograd.grad(torch.sin(x[0] / x[1]).sum(), x)
    (one,) = merged([Input(*each) for each in zip((a, b), x.detach(), slopes, strict=True)])
    torch.testing.assert_close(one.slope, torch.cos(one.values))


def test_a_candidate_means_the_same_in_the_units_of_the_form():
    t = torch.linspace(-0.5, 0.9, 31, dtype=torch.float64)
    middle, half = 0.2, 0.7
    for candidate in of_one(curve_points().exp()):
        if not candidate.refused:
            (a, b, c, d), f = candidate.constants, candidate.symbol.value
            before = a * f(b * (t - middle) / half + c) + d
            a, b, c, d = moved(candidate, middle, half).constants
            torch.testing.assert_close(a * f(b * t + c) + d, before, rtol=1e-6, atol=1e-6)


def test_a_candidate_whose_numbers_are_too_large_is_refused():
    steep = Candidate(SYMBOLS["exp"], 1.0, 0.0, (1.0, 1.0, 0.0, 0.0))
    assert moved(steep, 0.0, 1.0).constants == (1.0, 1.0, 0.0, 0.0)
    assert moved(steep, -1.0, 1e-6).refused == "its numbers are too large"


# -- expressions ----------------------------------------------------------------------------------------------------


def snapped(text, target, points):
    inputs = inputs_of(["x", "y"])
    written = sympy.sympify(text, locals=dict(zip("xy", inputs, strict=True)))
    data = Data(inputs, points, target)
    return str(simplest(refit(*named(written), data), data).written)


def test_numbers_become_simple_where_data_say_so(points):
    x, y = points
    text = "0.98*x*sin(3.1*y + 0.01) + 1e-7*x + 0.5001"
    assert snapped(text, x * torch.sin(math.pi * y) + 0.5, points) == "x*sin(pi*y) + 1/2"


def test_a_number_that_is_not_simple_stays(points):
    assert snapped("0.7*x", 0.7312345 * points[0], points).startswith("0.7312345")


def test_squares_of_sums_come_out_as_a_product(points):
    x, y = points
    found = snapped("0.25*(x + y)**2 - 0.25*(x - 1.0*y)**2", x * y, points)
    assert str(simplified(sympy.sympify(found))) == "x*y"


def test_what_sympy_does_not_simplify_in_time_stays():
    written = sympy.sympify("(x + y)**2/4 - (x - y)**2/4")
    assert simplified(written, seconds=0.01) == written


# -- agreement ------------------------------------------------------------------------------------------------------


def seed_formula(seed, text, factor=1.0):
    return Formula(seed, sympy.sympify(text), factor * torch.arange(5.0))


def test_seeds_agree_by_values_and_not_by_text():
    each = [seed_formula(0, "x*y"), seed_formula(1, "y*x + 0.0*x"), seed_formula(2, "x", 2.0), Formula(3, reason="why")]
    found = Formulas(tuple(each), 1.0)
    assert [[one.seed for one in group] for group in found.groups] == [[0, 1], [2]]
    assert found.sentence() == "x*y: 2 of 4 seeds (15 to 85 % at 95 %)"
    assert list(found.table()["status"]) == ["formula", "formula", "formula", "none"]


def test_each_output_has_a_formula_of_its_own(tmp_path):
    first, none = [Formulas((one,), 1.0, "u v") for one in (seed_formula(0, "x + y"), Formula(0, reason="why"))]
    last = Formulas((seed_formula(0, "y**2"),), 1.0, "w")
    write_formulas([first, none, last], ["x", "y"], tmp_path)
    table = pd.read_csv(tmp_path / "formula.csv")
    assert table[["output", "status"]].values.tolist() == [["u v", "formula"], ["u v", "none"], ["w", "formula"]]
    assert (tmp_path / "formula.tex").read_text() == "u_{v} = x + y\nw = y^{2}\n"
    space = {}
    exec((tmp_path / "formula.py").read_text(), space)
    assert (space["u_v"](2, 3), space["w"](2, 3)) == (5, 9)
    write_formulas([none], ["x", "y"], tmp_path)
    assert not (tmp_path / "formula.py").exists()
    assert "output" not in pd.read_csv(tmp_path / "formula.csv")


def test_two_outputs_of_a_network_are_read_as_two_formulas(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = np.random.default_rng(0).uniform(-1, 1, (80, 2))
    table = pd.DataFrame(rows, columns=["a", "b"]).assign(u=rows[:, 0] + rows[:, 1] ** 2, v=2 * rows[:, 0])
    table.to_csv("table.csv", index=False)
    words = [word for word in LEARN.split() if not word.startswith("widths")]
    assert (
        main([*words, "task=tabular", "task.path=table.csv", "task.target=[u,v]", "widths=[in,out]", "steps=20"]) == 0
    )
    found = explain_formula(load(tmp_path / "outputs/x/latest"))
    assert [(one.output, str(one.best)) for one in found] == [("u", "a + b**2"), ("v", "2*a")]


def test_no_formula_is_an_answer_with_its_reason():
    assert Formulas((Formula(0, reason="it is too rough"),), 1.0).sentence() == "no formula: it is too rough"


# -- the command ----------------------------------------------------------------------------------------------------

LEARN = "layer=bspline optimizer=levenberg_marquardt dtype=float64 widths=[2,5,1] diagnostics=false seeds=1 name=x"


def test_a_run_comes_to_its_formula_again_and_again(asked, tmp_path):
    task = ["task=function", "task.expression=exp(sin(pi*x1)+x2**2)", "steps=60"]
    assert asked(*task, *LEARN.split()).returncode == 0
    folder = tmp_path / "outputs/x/latest"
    texts = []
    for _ in range(2):
        done = asked("formula", "outputs/x/latest")
        assert (done.returncode, done.stderr) == (0, "")
        texts.append([(folder / f"formula.{end}").read_bytes() for end in ("csv", "tex", "py")])
    assert texts[0] == texts[1]
    space = {}
    exec((folder / "formula.py").read_text(), space)
    assert space["formula"](0.3, -0.7) == pytest.approx(math.exp(math.sin(0.3 * math.pi) + 0.49), rel=1e-12)
    assert done.stdout.splitlines()[-1] == "exp(x2**2 + sin(pi*x1)): 1 of 1 seeds (21 to 100 % at 95 %)"
    _candidates_say_why(pd.read_csv(folder / "formula_candidates.csv", keep_default_na=False))


def _candidates_say_why(table):
    """Every edge has all symbols and a number once, those refused have a reason, and what was taken is marked."""
    for _, edge in table.groupby("edge"):
        assert sorted(edge["symbol"]) == sorted([*SYMBOLS, "a number"])
        assert edge["chosen"].astype(str).eq("True").sum() == 1
    refused = table[table["refused"] != ""]
    assert (refused["r2"] == "").all()
    assert (table[table["refused"] == ""]["r2"] != "").all()
    taken = table[table["chosen"].astype(str) == "True"]
    assert {"sin", "x^2", "exp"} <= set(taken["symbol"]) | ({"sin"} if "cos" in set(taken["symbol"]) else set())
    assert set(table["entering"]) == {"x1", "x2", "what is inside"}


def test_names_of_a_table_become_names_of_python_and_stay_apart():
    columns = ["a b", "a_b", "2nd", "lambda", "x (m)", "Größe", "math"]
    names = identifiers(columns)
    assert names == ["a_b", "a_b_", "_2nd", "_lambda", "x__m_", "Größe", "_math"]
    symbols = [sympy.Symbol(name, real=True) for name in names]
    space = {}
    exec(python({"formula": sum(i * symbol for i, symbol in enumerate(symbols))}, columns), space)
    assert space["formula"](1, 2, 3, 4, 5, 6, 7) == 2 + 6 + 12 + 20 + 30 + 42


def test_explain_writes_the_formula_where_it_is_asked_to(asked, tmp_path):
    assert asked("task=function", "task.expression=x1+x2**2", "steps=40", *LEARN.split()).returncode == 0
    assert not asked("explain", "outputs/x/latest").stdout.count("x2**2")
    done = asked("explain", "outputs/x/latest", "--formula")
    assert done.stdout.splitlines()[-1].startswith("x1 + x2**2: 1 of 1 seeds")
    assert (tmp_path / "outputs/x/latest/formula.csv").is_file()


def test_what_cannot_be_a_formula_is_said_in_a_sentence(asked, tmp_path):
    assert asked("task=tabular", "task.dataset=wine", "steps=2", "seeds=1", "name=x").returncode == 0
    done = asked("formula", "outputs/x/latest")
    assert done.returncode != 0
    assert "formulas are written for numbers that are learned from data" in done.stderr
    done = asked("formula", "outputs/x/latest", "--seed", "7")
    assert "--seed: must be one of 0, got 7" in done.stderr
    assert "Traceback" not in done.stderr
    assert "give the folder of a run" in asked("formula", str(tmp_path)).stderr
