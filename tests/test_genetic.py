"""scripts/genetic: what it asks of pyoperon and PySR, and how formulas are judged; both are stand-ins."""

import sys
import types
from typing import ClassVar

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import genetic


class Stand:
    """What of their regressors is used."""

    made: ClassVar[list["Stand"]] = []

    def __init__(self, **options):
        self.options, self.seeds, self.pareto_front_ = options, [], [{"tree": "short"}, {"tree": "long"}]
        Stand.made.append(self)

    def set_params(self, random_state):
        self.seeds.append(random_state)
        return self

    def fit(self, x, y, variable_names=None):
        self.x, self.y, self.names = x, y, variable_names
        assert sum(range(10**5)) > 0  # takes time

    def get_model_string(self, tree, precision, names):
        return f"{tree} of {names} to {precision}"

    @property
    def equations_(self):
        return {"sympy_format": ["v + w"]}


@pytest.fixture
def stand(monkeypatch):
    Stand.made = []
    for module, name in (("pyoperon", ""), ("pyoperon.sklearn", "SymbolicRegressor"), ("pysr", "PySRRegressor")):
        monkeypatch.setitem(sys.modules, module, types.SimpleNamespace(**({name: Stand} if name else {})))
    return Stand


def test_pyoperon_goes_on_with_other_draws_until_its_seconds_are_over(stand):
    said = genetic.pyoperon("x", "y", ["a", "b"], 0.05, 3)
    (made,) = stand.made
    assert said == ["short of ['a', 'b'] to 17", "long of ['a', 'b'] to 17"]
    assert made.options["warm_start"]
    assert len(made.seeds) > 1
    assert made.seeds == list(range(3000, 3000 + len(made.seeds)))
    assert (made.x, made.y) == ("x", "y")


def test_pysr_is_given_our_seconds_on_one_thread(stand):
    assert genetic.pysr("x", "y", ["v", "w"], 7.5, 2) == ["v + w"]
    (made,) = stand.made
    wanted = {"timeout_in_seconds": 7.5, "parallelism": "serial", "deterministic": True, "random_state": 2}
    assert made.options.items() >= wanted.items()
    assert made.names == ["v", "w"]


@pytest.mark.parametrize(
    ("texts", "right", "formula"),
    [
        (["a", "(1.00001 * (a / b))"], True, "a/b"),
        (["(a / (b ^ 2))", "square(a)"], False, "a/b**2"),
        (["(a / 0)"], False, "zoo*a"),
    ],
)
def test_any_formula_may_be_right_once_its_numbers_are_fitted(monkeypatch, texts, right, formula):
    def search(x, y, names, seconds, seed):
        assert (x.shape, y.shape, names, seconds, seed) == ((800, 2), (800,), ["a", "b"], 2.5, 1)
        assert y == pytest.approx(x[:, 0] / x[:, 1])
        return texts

    monkeypatch.setitem(genetic.SEARCHES, "pyoperon", search)
    found = genetic.row("II.38.3", 1, "pyoperon", 2.5)
    assert (found["ended"], found["right"], found["formulas"]) == ("formula", right, len(texts))
    assert found["formula"].replace("1.00001*", "") == formula


def test_what_it_raises_is_counted(monkeypatch):
    monkeypatch.setitem(genetic.SEARCHES, "pysr", lambda *given: ["a +"])
    assert genetic.row("II.38.3", 1, "pysr", 2.5)["ended"] == "SympifyError"
    monkeypatch.delitem(sys.modules, "pysr", raising=False)
    monkeypatch.setitem(genetic.SEARCHES, "pysr", lambda *given: [][0])
    found = genetic.row("II.38.3", 1, "pysr", 2.5)
    assert (found["ended"], found["right"], found["rmse"]) == ("IndexError", False, float("inf"))


def test_a_search_with_a_row_is_not_done_again_and_the_page_counts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    filled, asked = [], []
    monkeypatch.setattr(genetic, "fill", lambda page, name, text: filled.append(name))
    monkeypatch.setitem(genetic.SEARCHES, "pysr", lambda *given: asked.append(given) or ["a/b"])
    text = genetic.compare("pysr", [0, 1], ["II.38.3"])
    assert genetic.compare("pysr", [1], ["II.38.3"]) == text
    assert (len(asked), filled) == (2, ["pysr", "pysr"])
    line = next(line for line in text.splitlines() if "II.38.3" in line)
    assert line.startswith("| II.38.3 | 2 | 2 | ")
    assert line.endswith("| 0.0 | 5.8 | `a/b` |")
    assert text.endswith("right: 2 of 2; in all seeds 1 of 1 equations, in any 1.")
