"""Options of tables: how they are read, how their rows are parted, what is learned of them, and by which loss."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import REFERENCE
from helpers.training import experiment, train
from numpy.testing import assert_allclose
from sklearn.metrics import r2_score
from torch.testing import assert_close

from kanexp.data.encoding import Encoding
from kanexp.layer.bspline import BSpline
from kanexp.measure.held_out import in_own_units
from kanexp.score import losses
from kanexp.seeding import generator
from kanexp.task.tabular import Tabular

CASES = REFERENCE / "cases"


def load(task):
    return task.load(generator(0, "data"))


@pytest.fixture
def write(tmp_path):
    """A file of these columns, and a task that learns y of it."""

    def task(name="table.csv", target="y", columns=None, **more):
        if columns is not None:
            pd.DataFrame(columns).to_csv(tmp_path / name, index=False)
        return Tabular(path=str(tmp_path / name), target=target, **more)

    return task


def features(data, part, name):
    """One input of a part of the data in its own units."""
    return data.encoding.features(getattr(data, part).x)[data.encoding.names.index(name)].round().int().tolist()


# -- how a table is read --------------------------------------------------------------------------------------------


def test_what_is_recognized_can_be_said_instead(tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("p!code!y\n" + "".join(f"1.23{i % 10}!{i % 3}!{i}\n" for i in range(40)))
    task = Tabular(path=str(file), target="y", separator="!", thousands="point", categories=["code"], missing=[2])
    data = load(task)
    assert data.encoding.names == ["p", "code=0", "code=1", "code=missing"]
    assert data.encoding.read(task.table.rows)[0, :2].tolist() == [1230, 1231]
    again = Encoding.from_plain(json.loads(json.dumps(data.encoding.plain())))
    assert again.read(pd.DataFrame({"p": ["1.234"], "code": ["2"]})).flatten().tolist() == [1234, 0, 0, 1]
    assert Tabular(path=str(file), target="y", separator="!", drop=["code"]).inputs == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"separator": "und"},
            "separator must be auto, comma, semicolon, tab, pipe, space or one character, got",
        ),
        ({"decimal": "comma", "thousands": "comma"}, "decimal and thousands must be different marks, got comma for"),
        ({"encoding": "latin-99"}, "encoding must be auto or one that Python knows, got 'latin-99'"),
        ({"groups": "g", "split": "random"}, "groups must name a column where split is groups, and only there"),
        ({"split": "groups"}, "groups must name a column where split is groups, and only there, got None"),
        ({"lags": [0]}, "lags must be different whole numbers from 1, got [0]"),
        ({"val_path": "other.csv"}, "val_path and test_path go with a path for the training rows; give task.path"),
        ({"level": 1.0}, "level must be between 0 and 1, got 1.0"),
        ({"gamma": 0.5}, "gamma must be at least 1, got 0.5"),
        ({"delta": 0.0}, "delta must be positive, got 0.0"),
        ({"smoothing": 1.0}, "smoothing must be a share from 0 to below 1, got 1.0"),
    ],
)
def test_options_that_cannot_be(options, sentence):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its whole text is compared below
        Tabular(**options)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"drop": ["c"]}, "drop: there is no column 'c'; the columns are a, g, y"),
        ({"drop": ["y"]}, "drop: 'y' is the target; name another column"),
        ({"categories": ["b"]}, "categories: there is no column 'b'"),
        ({"groups": "h"}, "groups: there is no column 'h'"),
        ({"target": ["y", "y"]}, "target: names a column twice, got y, y; name each once"),
        ({"target": 3}, "target: there is no column '3'"),
        ({"target": ["y", "a"], "kind": "classification"}, "kind: several targets are numbers; use kind=auto"),
        ({"criterion": "focal"}, "criterion: focal is not for numbers; use mse, mae, huber, log_cosh, quantile"),
        ({"target": "g", "criterion": "mae"}, "criterion: mae is not for classes; use cross_entropy, focal"),
        ({"class_weights": "balanced"}, "class_weights: is for classes, and the target is a number"),
    ],
)
def test_options_that_the_table_does_not_have(write, options, sentence):
    columns = {"a": np.arange(40.0), "g": np.arange(40) % 4, "y": np.arange(40) / 3}
    task = write(columns=columns, **options)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its whole text is compared below
        load(task)
    assert sentence in str(caught.value)


def test_options_from_the_command(kanexp, tmp_path):
    pd.DataFrame({"2": np.arange(40) / 3, "id": np.arange(40) % 7, "a": np.arange(40)}).to_csv(tmp_path / "t.csv")
    done = kanexp(
        *["task=tabular", "task.path=t.csv", "task.target=2", "task.drop=[id]", "task.lags=[1,2]", "task.missing=[-9]"],
        *["layer=chebyshev", "seeds=2", "steps=3", "widths=[in,3,out]", "task.criterion=huber", "diagnostics=false"],
    )
    assert (done.returncode, done.stderr) == (0, "")
    said = " ".join(done.stdout.split())
    assert "2 rows without all values 1, 2 rows earlier left out" in said
    assert "22/8/8 rows to train on, to select on and to score, in their order" in said
    done = kanexp("task=tabular", "task.path=t.csv", "task.target=2", "task.drop=[idd]")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("error: task.drop: there is no column 'idd'; the columns are 2, id, a")


# -- parts ----------------------------------------------------------------------------------------------------------


def test_ordered_rows_stay_in_their_order(write):
    task = write(columns={"t": np.arange(50), "y": np.arange(50) / 3}, split="ordered")
    data = load(task)
    assert features(data, "train", "t") == list(range(30))
    assert features(data, "val", "t") == list(range(30, 40))
    assert features(data, "test", "t") == list(range(40, 50))
    assert "in their order" in data.notes[-1]


@pytest.mark.parametrize("seed", range(5))
def test_no_group_is_in_two_parts(write, seed):
    person = np.repeat(np.arange(20), np.arange(20) % 4 + 2)
    task = write(columns={"a": person, "who": [f"p{i}" for i in person], "y": person / 3 + 1}, groups="who")
    data = task.load(generator(seed, "data"))
    assert data.encoding.names == ["a"]
    parts = [set(features(data, part, "a")) for part in ("train", "val", "test")]
    assert set.union(*parts) == set(range(20))
    assert sum(map(len, parts)) == 20
    sizes = [part.x.shape[1] for part in (data.train, data.val, data.test)]
    assert [size / len(person) for size in sizes] == pytest.approx([0.6, 0.2, 0.2], abs=0.06)


def test_groups_are_too_few(write):
    columns = {"a": np.arange(40.0), "g": np.arange(40) % 2, "y": np.arange(40) / 3}
    with pytest.raises(ValueError, match="groups: 2 groups are too few, each part needs one of its own; give 3"):
        load(write(columns=columns, groups="g"))


def test_rows_that_select_and_score_from_files_of_their_own(write, tmp_path):
    for name, start in (("val.csv", 100), ("test.csv", 200)):
        write(name, columns={"c": "x", "a": np.arange(start, start + 9), "y": np.arange(9) / 3})
    own = {"a": np.arange(30), "y": np.arange(30) / 3}
    data = load(write(columns=own, val_path=str(tmp_path / "val.csv"), test_path=str(tmp_path / "test.csv")))
    assert features(data, "train", "a") == list(range(30))
    assert features(data, "val", "a") == list(range(100, 109))
    assert features(data, "test", "a") == list(range(200, 209))
    assert data.encoding.columns[0].offset == pytest.approx(14.5)  # of the training rows alone
    data = load(write(columns=own, test_path=str(tmp_path / "test.csv"), val=0.3))
    assert [part.x.shape[1] for part in (data.train, data.val, data.test)] == [21, 9, 9]
    with pytest.raises(ValueError, match=r"^val_path: '.*test.csv' has no column 'b'; give those of"):
        load(write(columns={"b": np.arange(30), "y": np.arange(30) / 3}, val_path=str(tmp_path / "test.csv")))
    with pytest.raises(ValueError, match=r"^val_path: cannot read a table from 'no.csv' \(no such file\)"):
        load(write(columns=own, val_path="no.csv"))


def test_a_series_is_learned_of_its_earlier_values(write, tmp_path):
    series = np.arange(40.0) ** 2
    task = write(columns={"y": series}, lags=[1, 7])
    data = load(task)
    assert data.encoding.names == ["y 1 earlier", "y 7 earlier"]
    assert features(data, "train", "y 1 earlier")[:2] == [36, 49]
    assert features(data, "train", "y 7 earlier")[:2] == [0, 1]
    assert features(data, "test", "y 1 earlier")[-1] == 38**2
    assert "7 rows without all values 1, 7 rows earlier left out" in "; ".join(data.notes)
    table = task.read(str(tmp_path / "table.csv"))
    assert_allclose(data.encoding.read(table)[0], series[6:-1])
    by_group = {"y": [*series, *series], "who": ["a"] * 40 + ["b"] * 40}
    several = write("two.csv", columns=by_group | {"who": np.repeat(["a", "b", "c", "d"], 20)}, lags=[1], groups="who")
    assert len(several.table.rows) == 76


# -- several targets ------------------------------------------------------------------------------------------------


def test_several_targets_are_learned_together_and_scored_in_their_own_units():
    task = Tabular(path=str(CASES / "multi.csv"), target=["y1", "y2"])
    data, table = load(task), pd.read_csv(CASES / "multi.csv")
    assert (task.inputs, task.outputs, task.least_squares) == (2, 2, True)
    own = torch.cat([data.own_units(getattr(data, part).y) for part in ("train", "val", "test")], dim=1)
    for row, name in zip(own, ("y1", "y2"), strict=True):
        assert_allclose(row.sort().values, np.sort(table[name]))
    assert_close(data.train.y.mean(1), torch.zeros(2).double(), atol=1e-12, rtol=0)
    guess = data.test.y[None] + 0.1
    got = in_own_units(task, task.metrics, data, guess, data.test.y[None])
    assert list(got) == [score.name for score in task.scores]
    assert list(got) == ["r2", "r2_y1", "rmse_y1", "mae_y1", "r2_y2", "rmse_y2", "mae_y2"]
    expected = r2_score(data.own_units(data.test.y).T, data.own_units(guess[0]).T)
    assert float(got["r2"]) == pytest.approx(expected)
    assert [float(got[f"mae_{name}"]) for name in ("y1", "y2")] == pytest.approx([0.1 * scale for scale in data.scale])


def test_both_targets_of_a_run_are_learned():
    task = Tabular(path=str(CASES / "multi.csv"), target=["y1", "y2"])
    e = experiment(BSpline(), task=task, steps=150, seeds=2)
    object.__setattr__(e, "widths", [2, 6, 2])
    result, _, _ = train(e, data=load(task))
    assert result.test["r2_y1"].min() > 0.5
    assert result.test["r2_y2"].min() > 0.5


# -- classes that are rare ------------------------------------------------------------------------------------------


def test_imbalance_is_said_and_another_score_is_first():
    task = Tabular(path=str(CASES / "imbalanced.csv"), target="fraud")
    assert "97 % of the rows are '0': accuracy says little, so that macro F1 comes first" in "; ".join(load(task).notes)
    assert [score.name for score in task.scores] == ["macro_f1", "accuracy", "log_loss"]
    target = load(task).test.y[None]
    assert list(task.metrics(target, target)) == ["macro_f1", "accuracy", "log_loss"]
    for even in (Tabular(), Tabular(dataset="breast_cancer")):
        assert [score.name for score in even.scores] == ["accuracy", "macro_f1", "log_loss"]
        assert "accuracy says little" not in "; ".join(load(even).notes)


def test_balanced_classes_count_alike():
    task = Tabular(path=str(CASES / "imbalanced.csv"), target="fraud", class_weights="balanced")
    y = load(task).train.y[None]
    labels = y[0].argmax(0)
    logits = torch.randn(y.shape, generator=generator(0, "check"), dtype=torch.float64)
    each = torch.nn.functional.cross_entropy(logits[0].T, labels, reduction="none")
    expected = (each[labels == 0].mean() + each[labels == 1].mean()) / 2
    assert_close(task.loss(logits, y)[0], expected, rtol=0.02, atol=0)  # the shares are those of all rows


# -- losses ---------------------------------------------------------------------------------------------------------


def test_losses_of_numbers_are_the_known_ones(write, randn):
    columns = {"a": np.arange(40.0), "y": np.arange(40) / 3}
    guess, y = 3 * randn(2, 1, 50), randn(1, 1, 50)
    known = {
        "mse": lambda a, b: (a - b).square().mean(),
        "mae": torch.nn.functional.l1_loss,
        "huber": lambda a, b: 2 * torch.nn.functional.huber_loss(a, b, delta=1.5),
        "log_cosh": lambda a, b: (a - b).cosh().log().mean(),
        "quantile": lambda a, b: torch.where(b > a, 0.9 * (b - a), 0.1 * (a - b)).mean(),
    }
    for name, function in known.items():
        task = write(columns=columns, criterion=name, delta=1.5, level=0.9)
        expected = torch.stack([function(guess[seed], y[0]) for seed in range(2)])
        assert_close(task.loss(guess, y), expected)
        assert task.least_squares == (name == "mse")
    assert losses.log_cosh(torch.full((1, 1, 1), 1e30)).isfinite().all()


def test_losses_of_classes_are_the_known_ones(randn):
    logits = randn(2, 10, 40)
    labels = torch.arange(40) % 10
    y = torch.eye(10, dtype=torch.float64)[labels].T[None]
    smooth = Tabular(smoothing=0.1).loss(logits, y)
    expected = [torch.nn.functional.cross_entropy(row.T, labels, label_smoothing=0.1) for row in logits]
    assert_close(smooth, torch.stack(expected))
    right = logits.softmax(1).gather(1, labels.expand(2, 1, 40)).squeeze(1)
    focal = Tabular(criterion="focal", gamma=3.0)
    assert_close(focal.loss(logits, y), (-((1 - right) ** 3) * right.log()).mean(1))
    assert not focal.least_squares
    certain = (1000 * y).requires_grad_()
    (slope,) = torch.autograd.grad(focal.loss(certain, y).sum(), certain)
    assert slope.isfinite().all()


def test_a_quantile_is_learned(write, rng):
    x = rng.uniform(-1, 1, 600)
    task = write(columns={"a": x, "y": rng.exponential(1, 600)}, criterion="quantile", level=0.9)
    e = experiment(BSpline(), task=task, steps=120, seeds=2)
    object.__setattr__(e, "widths", [1, 3, 1])
    data = load(task)
    result, _, network = train(e, data=data)
    below = (data.test.y < network(result.best, data.test.x[None])).double().mean((1, 2))
    assert below.tolist() == pytest.approx([0.9, 0.9], abs=0.08)
