"""Symbols of a user's own: two files, what is wrong with them, and formulas that have them."""

import math

import pytest
import sympy
import torch

from kanexp.error import ConfigError
from kanexp.formula.computed import computed
from kanexp.formula.curve import curve_points, fitted
from kanexp.formula.own_symbol import all_symbols
from kanexp.formula.symbol import SYMBOLS
from kanexp.formula.writing import python

FUNCTIONS = """
import torch

def bump(z):
    return torch.exp(-z.abs() ** 3) * torch.sin(3 * z)

def softplus(z):
    return torch.nn.functional.softplus(z, threshold=40)

def steps(z):
    return z.round()

def half(z):
    return z[::2]

def root(z):
    return torch.sqrt(z)

def broken(z):
    raise RuntimeError("no such luck")

number = 3
"""


@pytest.fixture
def conf(tmp_path, monkeypatch):
    """A folder in which `own(name, text)` writes conf/symbol/NAME.yaml, beside a file of functions."""
    (tmp_path / "functions_of_a_test.py").write_text(FUNCTIONS)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "conf" / "symbol").mkdir(parents=True)

    def own(name, text):
        text = text.replace("here.", "functions_of_a_test.")
        (tmp_path / "conf" / "symbol" / f"{name}.yaml").write_text(f"# A symbol.\n{text}\n")
        return all_symbols([tmp_path / "conf"])

    return own


def test_a_symbol_of_ones_own_is_found_on_a_curve(conf):
    symbols = conf("bump", "_target_: here.bump\nbits: 3")
    assert len(symbols) == len(SYMBOLS) + 1
    curve = 2 * symbols[-1].value(1.5 * curve_points() + 0.2) - 1
    best = fitted(curve[None], torch.ones_like(curve)[None], symbols)[0][0]
    assert (best.symbol.name, best.symbol.bits) == ("bump", 3)
    assert best.constants == pytest.approx((2, 1.5, 0.2, -1), abs=1e-9)


def test_a_formula_calls_it_by_its_name(conf):
    (*_, bump) = conf("bump", "_target_: here.bump")
    x = sympy.Symbol("x", real=True)
    written = 2 * bump.written(x / 2)
    assert str(written) == "2*bump(x/2)"
    points = torch.tensor([0.3, -0.7], dtype=torch.float64)
    expected = 2 * torch.exp(-((points / 2).abs() ** 3)) * torch.sin(1.5 * points)
    torch.testing.assert_close(computed([x], written, [bump])(points), expected)
    space = {}
    exec(python({"formula": written}, ["x"], [bump]), space)
    assert space["formula"](0.3) == pytest.approx(float(expected[0]), rel=1e-12)


def test_with_a_formula_it_needs_no_file_afterwards(conf):
    symbols = conf("softplus", "_target_: here.softplus\nformula: log(1 + exp(z))")
    written = symbols[-1].written(sympy.Symbol("x", real=True))
    text = python({"formula": written}, ["x"], symbols)
    assert "torch" not in text
    space = {}
    exec(text, space)
    assert space["formula"](0.5) == pytest.approx(math.log(1 + math.exp(0.5)))


MISTAKES = {
    ("sin", "_target_: here.bump"): "needs a name of letters, digits and _ that no symbol of kanexp has",
    ("a-b", "_target_: here.bump"): "needs a name of letters, digits and _",
    ("erf", "_target_: here.bump"): "sympy has something of this name",
    ("mine", "bits: 3"): "must name a function by _target_: module.function, got None",
    ("mine", "_target_: here.gone"): "cannot find 'functions_of_a_test.gone'",
    ("mine", "_target_: here.number"): "must be a function of a tensor, got 3",
    ("mine", "_target_: here.broken"): "fails on a tensor in (-2, 2): no such luck",
    ("mine", "_target_: here.half"): "must give a finite number for each in (-2, 2)",
    ("mine", "_target_: here.root"): "must give a finite number for each in (-2, 2); set low and high",
    ("mine", "_target_: here.steps"): "needs slopes that torch can compute",
    ("mine", "_target_: here.bump\nformula: sin(z)"): "formula: 'sin(z)' is off from the function by",
    ("mine", "_target_: here.bump\nformula: sin(z"): "formula: must be one in z that sympy can read",
    ("mine", "_target_: here.bump\nformula: LambertW(z)"): "formula: must be one in z",
    ("mine", "_target_: [here.bump"): "expected ',' or ']'",
    ("mine", "_target_: here.bump\nbit: 3"): "has no option 'bit'; did you mean 'bits'?",
    ("mine", "_target_: here.bump\nbits: 0"): "bits must be positive, got 0.0",
    ("mine", "_target_: here.bump\nlow: 1\nhigh: 0"): "low must be below high, got 1.0 and 0.0",
}


@pytest.mark.parametrize(("name", "text"), MISTAKES, ids=str)
def test_what_is_wrong_with_a_symbol_is_said(conf, name, text):
    with pytest.raises(ConfigError) as error:
        conf(name, text)
    assert str(error.value).startswith(f"symbol.{name}: ")
    assert MISTAKES[name, text] in str(error.value)


def test_a_domain_makes_a_root_a_symbol(conf):
    (*_, root) = conf("root2", "_target_: here.root\nlow: 0\nformula: sqrt(z)")
    assert root.holds(torch.tensor([0.1, 2.0]))
    assert not root.holds(torch.tensor([-0.1, 2.0]))
