"""scripts/pykan_chain: what it asks of pykan, what it counts, and how failures are counted; pykan is a stand-in."""

import sys
import time

import pandas as pd
import pytest
import sympy
import torch
from conftest import ROOT

from kanexp.seeding import generator
from kanexp.task.feynman import Feynman

sys.path.insert(0, str(ROOT / "scripts"))
import pykan_chain

OURS = """
| also | a table |
<!-- exact -->
| equation | is | exact | right | of 4 seeds the most agree on | train s | read s |
|---|---|---|---|---|---|---|
| I.40.1 | `a*exp(-b)` | 4 | 4 | `a*exp(-b)` | 1.5 | 6.5 |
| II.38.3 | `a/b` | 4 | 4 | `a/b` | 2 | 1 |

exact in most seeds: 2 of 2
<!-- /exact -->
| I.44.4 | `-` | 9.0 | 9.0 |
"""


class Stand:
    """What of pykan's KAN is used. `written` is its formula of a and b; `faults` are what its stages do instead."""

    def __init__(self, written="a/b", **faults):
        self.written, self.faults, self.calls = written, faults, []

    def __call__(self, **options):
        self.options = options
        return self

    def _at(self, stage, **given):
        self.calls.append((stage, given))
        return self.faults.get(stage, lambda: None)()

    def fit(self, rows, **options):
        self.rows = rows
        count = 1 + sum(stage.startswith("fit") for stage, _ in self.calls)
        loss = self._at(f"fit{count}", dtype=torch.get_default_dtype(), **options)
        return {"train_loss": [loss or 0.5], "test_loss": [0.5]}

    def prune(self):
        print("pruned")
        return self._at("prune") or self

    def auto_symbolic(self, **options):
        self._at("auto_symbolic", **options)

    def symbolic_formula(self, var):
        self._at("symbolic_formula")
        return [sympy.sympify(self.written, locals={str(name): name for name in var})], [var]


def fail(error):
    def raised():
        raise error

    return raised


def spin():
    while True:
        time.process_time()


def test_pykan_is_asked_for_its_stages_in_order_on_our_data(capsys):
    stand = Stand()
    found = pykan_chain.row("II.38.3", 3, 0.8, stand)
    stages = ["fit1", "prune", "fit2", "auto_symbolic", "fit3", "symbolic_formula"]
    assert [stage for stage, _ in stand.calls] == stages
    assert (stand.options["width"], stand.options["seed"]) == ([2, 5, 1], 3)
    assert stand.calls[0][1] == {"dtype": torch.float64, "opt": "LBFGS", "steps": 50, "lamb": 1e-3}
    assert "lamb" not in stand.calls[2][1]
    assert stand.calls[3][1] == {"weight_simple": 0.8}
    x, y = stand.rows["train_input"], stand.rows["train_label"]
    assert x.shape == (800, 2)
    assert torch.allclose(y, x[:, :1] / x[:, 1:])
    ours = Feynman(equation="II.38.3").load(generator(0, "data"))
    assert torch.allclose(ours.encoding.features(ours.train.x), x.T)
    assert torch.get_default_dtype() == torch.float32
    assert capsys.readouterr().out == ""
    assert (found["ended"], found["exact"], found["right"], found["formula"]) == ("formula", True, True, "a/b")


@pytest.mark.parametrize(
    ("written", "exact", "right"),
    [("a/b + 1.0e-12", True, True), ("1.001*a/b", False, True), ("1.001*a/b**2", False, False)],
)
def test_formulas_are_judged_as_ours(written, exact, right):
    found = pykan_chain.row("II.38.3", 0, 0.8, Stand(written))
    assert (found["ended"], found["exact"], found["right"]) == ("formula", exact, right)


@pytest.mark.parametrize(
    ("fault", "ended", "stage"),
    [
        ({"prune": fail(IndexError("empty"))}, "IndexError", "prune"),
        ({"auto_symbolic": fail(RuntimeError("why"))}, "RuntimeError", "auto_symbolic"),
        ({"fit3": lambda: float("nan")}, "NotANumber", "refit of symbols"),
        ({"fit2": spin}, "OutOfTime", "refit after prune"),
    ],
)
def test_failures_are_counted_as_what_they_are(fault, ended, stage):
    found = pykan_chain.row("II.38.3", 0, 0.8, Stand(**fault), limit=0.2)
    assert (found["ended"], found["stage"], found["formula"]) == (ended, stage, "")
    assert (found["rmse"], found["exact"], found["right"]) == (float("inf"), False, False)


@pytest.mark.parametrize("written", ["a/0", "sqrt(a - 5)", "a/b + nan", "log(-b)", "sqrt(-2)*a", "zoo*a"])
def test_a_formula_without_numbers_is_none(written):
    found = pykan_chain.row("II.38.3", 0, 0.8, Stand(written))
    assert (found["ended"], found["exact"], found["right"]) == ("no numbers", False, False)


def test_seconds_of_ours_are_those_of_a_seed():
    assert pykan_chain.seconds_of_ours(OURS) == {"I.40.1": 2.0, "II.38.3": 0.75}
    page = (ROOT / pykan_chain.PAGE).read_text()
    assert list(pykan_chain.seconds_of_ours(page)) == list(pykan_chain.EQUATIONS)


def test_the_page_counts_chains_and_equations():
    def of(equation, seed, ended, seconds, error, exact, right):
        cells = (equation, seed, 0.8, ended, "prune", seconds, 1e-3, error, exact, right, "a")
        return dict(zip(pykan_chain.COLUMNS, cells, strict=True))

    found = pd.DataFrame(
        [
            of("I.40.1", 0, "formula", 1.0, 1e-12, True, True),
            of("I.40.1", 1, "formula", 30.0, 1e-3, False, True),
            of("II.38.3", 0, "formula", 30.0, 1e-11, True, True),
            of("II.38.3", 1, "IndexError", 0.5, float("inf"), False, False),
        ]
    )
    said = pykan_chain.page(found, pykan_chain.seconds_of_ours(OURS)).splitlines()
    assert said[2] == "| I.40.1 | 2 | 2 | 1 | 2 | 1.0e-12 | 1.0e-03 | 15.5 | 2.0 | - |"
    assert said[3] == "| II.38.3 | 2 | 1 | 1 | 1 | 1.0e-11 | 1.0e-03 | 15.2 | 0.8 | IndexError in prune |"
    assert said[-3:] == [
        "4 chains of 2 equations: 3 are written, 1 of them in our seconds.",
        "Exact: 2 chains of 2 equations, in our seconds 1 of 1; right: 3 of 2.",
        "Not written: 1 IndexError.",
    ]


def test_a_chain_with_a_row_is_not_done_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    filled = []
    monkeypatch.setattr(pykan_chain, "fill", lambda page, name, text: filled.append((page, name, text)))
    first, again, other = Stand(), Stand(), Stand()
    text = pykan_chain.compare([0], ["II.38.3"], 0.8, first)
    assert pykan_chain.compare([0], ["II.38.3"], 0.8, again) == text
    pykan_chain.compare([0], ["II.38.3"], 0.0, other)
    assert first.calls
    assert not again.calls
    assert other.calls[3] == ("auto_symbolic", {"weight_simple": 0.0})
    assert [name for _, name, _ in filled] == ["pykan 0.8", "pykan 0.8", "pykan 0"]
