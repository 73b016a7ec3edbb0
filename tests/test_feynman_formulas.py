"""scripts/feynman_formulas and scripts/formula_chains: what they count, that they go on, and what they refuse."""

import sys

import numpy as np
import pytest
import sympy
import torch
from conftest import ROOT

from kanexp.formula.expression import Data, inputs_of
from kanexp.formula.formulas import Formula

sys.path.insert(0, str(ROOT / "scripts"))
import feynman_formulas
import formula_chains

ROW = {
    **dict(zip(feynman_formulas.KEY, ("I.40.1", 5, 0.0), strict=True)),
    **{"exact": 5, "right": 5, "agree": 5, "formula": "a*exp(-b)", "network_rmse": 1e-4},
    **{"train_seconds": 60.0, "read_seconds": 120.0},
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty folder, and in it calls of the script by its words."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["feynman_formulas", *words])
        feynman_formulas.main()

    return call


@pytest.mark.parametrize(
    ("written", "right"),
    [("1.01*x*y", True), ("x*y", True), ("x*y/2", False), ("1.01*x*y + 0.01*x", True), ("1.01*x", False)],
)
def test_a_formula_is_right_when_its_numbers_alone_are_off(written, right, draws):
    x = torch.rand(2, 50, generator=draws, dtype=torch.float64)
    names = inputs_of("xy")
    text = sympy.sympify(written, locals=dict(zip("xy", names, strict=True)))
    assert feynman_formulas.is_right(Formula(0, text), Data(names, x, x[0] * x[1])) == right
    assert not feynman_formulas.is_right(Formula(0, reason="none"), Data(names, x, x[0]))


def test_the_deviation_is_that_of_the_equation():
    # Of (a - 1) b, uniform in [-1, 1]: E b^2 E (a - 1)^2.
    assert feynman_formulas.deviation("II.2.42") == pytest.approx((1 / 3 * (1 + 1 / 3)) ** 0.5, rel=0.03)


def test_an_equation_with_a_row_is_not_done_again_and_the_page_counts(place, capsys, monkeypatch):
    monkeypatch.setattr(feynman_formulas, "row", lambda *_: pytest.fail("it has a row"))
    feynman_formulas.TABLE.parent.mkdir()
    feynman_formulas.add(ROW)
    place("I.40.1")
    said = capsys.readouterr().out
    assert "| I.40.1 | `a*exp(-b)` | 5 | 5 | `a*exp(-b)` | 60.0 | 120.0 |" in said
    assert said.splitlines()[-1] == "exact in most seeds: 1 of 1; in all: 1; 3 minutes."


def test_other_seeds_and_noise_have_rows_of_their_own(place):
    feynman_formulas.TABLE.parent.mkdir()
    for changed in ({}, {"noise": 0.01}, {"seeds": 3}, {"equation": "I.44.4"}):
        feynman_formulas.add(ROW | changed)
    assert len(feynman_formulas.rows_of("I.40.1", 5, 0.0)) == 1
    assert len(feynman_formulas.rows_of("I.40.1", 5, 0.01)) == 1
    assert len(feynman_formulas.rows_of(None, 5, 0.0)) == 2
    assert len(feynman_formulas.rows_of("I.40.1", 4, 0.0)) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["I.0"], "no equation I.0; there are I.6.2, "),
        (["--seeds", "0"], "--seeds must be at least 1, and --noise zero or more"),
        (["--noise", "-1"], "--seeds must be at least 1, and --noise zero or more"),
        (["--noise", "nan"], "--seeds must be at least 1, and --noise zero or more"),
    ],
)
def test_what_the_script_cannot_do_is_a_sentence(words, message, place, capsys):
    with pytest.raises(SystemExit) as ended:
        place(*words)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_an_equation_is_trained_and_read(place):
    place("--seeds", "1", "II.38.3")
    (found,) = feynman_formulas.rows_of("II.38.3", 1, 0.0).to_dict("records")
    assert (found["exact"], found["right"], found["formula"]) == (1, 1, "a/b")


def test_chains_are_the_same_again_and_of_many_kinds(tmp_path):
    made = [formula_chains.words(np.random.default_rng(seed), tmp_path / "table.csv") for seed in range(60)]
    again = [formula_chains.words(np.random.default_rng(seed), tmp_path / "table.csv") for seed in range(60)]
    assert made == again
    said = " ".join(word for words in made for word in words)
    for option in (*formula_chains.LAYERS, *formula_chains.OPTIMIZERS, "task=tabular", "task=function", "noise=1.0"):
        assert option in said


def test_a_chain_that_is_wrong_is_said():
    assert formula_chains.judged(Formula(0))[0] == "wrong"
    assert formula_chains.judged(Formula(0, reason="why")) == ("none", "why")
    fine = {"train": 0.0, "val": 0.0, "test": 0.0, "to_network": 0.0, "network_test": 0.0}
    assert formula_chains.judged(Formula(0, sympy.Symbol("x") * 2, **fine)) == ("formula", "")
    assert formula_chains.judged(Formula(0, sympy.Symbol("x") * 2, **fine | {"test": float("nan")}))[0] == "wrong"
    assert formula_chains.judged(Formula(0, sympy.Symbol("x") * sympy.nan, **fine))[0] == "wrong"


def test_a_chain_with_a_row_is_not_done_again_and_what_is_wrong_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    done, ends = [], {3: ("wrong", "Traceback"), 4: ("none", "why, and why")}
    monkeypatch.setattr(formula_chains, "chain", lambda seed: done.append(seed) or ends.get(seed, ("formula", "")))
    monkeypatch.setattr(formula_chains, "draw_nothing", lambda: None)
    monkeypatch.setattr(sys, "argv", ["formula_chains", "--seed", "4", "--count", "2"])
    formula_chains.main()
    assert "2 chains: 1 formula, 1 none, 0 refused, 0 wrong; 0.0 s of one in the median" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["formula_chains", "--seed", "3", "--count", "3"])
    with pytest.raises(SystemExit):
        formula_chains.main()
    assert done == [4, 5, 3]
    assert "Wrong: seeds 3." in capsys.readouterr().out


def test_a_chain_that_is_asked_to_end_leaves_no_row(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(formula_chains, "kanexp", lambda words: 143)
    monkeypatch.setattr(formula_chains, "draw_nothing", lambda: None)
    monkeypatch.setattr(sys, "argv", ["formula_chains"])
    formula_chains.main()
    assert "0 chains" in capsys.readouterr().out


def test_a_chain_ends_well():
    how, why = formula_chains.chain(2)
    assert how in ("formula", "none"), why
