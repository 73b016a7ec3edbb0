"""Options of tables: how they are read, how their rows are parted, what is learned of them, and by which loss."""

import json
import re
from dataclasses import replace
from itertools import chain

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
from kanexp.error import ConfigError
from kanexp.layer.bspline import BSpline
from kanexp.measure.held_out import in_own_units
from kanexp.reg.none import NoPenalty
from kanexp.score import losses
from kanexp.seeding import generator
from kanexp.task.tabular import Tabular
from kanexp.train.batches import Batch
from kanexp.train.objective import Objective, view
from kanexp.train.schedule import batches

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


def test_options_from_the_command(asked, tmp_path):
    pd.DataFrame({"2": np.arange(40) / 3, "id": np.arange(40) % 7, "a": np.arange(40)}).to_csv(tmp_path / "t.csv")
    done = asked(
        *["task=tabular", "task.path=t.csv", "task.target=2", "task.drop=[id]", "task.lags=[1,2]", "task.missing=[-9]"],
        *["layer=chebyshev", "seeds=2", "steps=3", "widths=[in,3,out]", "task.criterion=huber", "diagnostics=false"],
    )
    assert (done.returncode, done.stderr) == (0, "")
    said = " ".join(done.stdout.split())
    assert "2 rows without all values 1, 2 rows earlier left out" in said
    assert "22/8/8 rows to train on, to select on and to score, in their order" in said
    done = asked("task=tabular", "task.path=t.csv", "task.target=2", "task.drop=[idd]")
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


# -- rows that count more than others, and folds --------------------------------------------------------------------


def weighed(rng, **more):
    """Columns with whole weights, some of them 0."""
    return {
        "a": rng.uniform(-1, 1, 60),
        "b": rng.uniform(-1, 1, 60),
        "w": rng.integers(0, 4, 60),
        "y": rng.normal(size=60),
    } | more


def test_a_row_of_weight_two_counts_as_much_as_two_rows(write, rng, randn):
    task = write(columns=weighed(rng), weights="w")
    data = load(task)
    assert data.encoding.names == ["a", "b"]
    assert "rows count by 'w' in the loss, and all alike in the scores" in data.notes
    assert (float(data.train.weight.mean()), float(data.val.weight.mean())) == (pytest.approx(1), pytest.approx(1))
    assert data.test.weight is None
    network = experiment(BSpline(), task=task).network()
    theta = randn(2, network.parameters)
    counts = (data.train.weight / data.train.weight[data.train.weight > 0].min()).round().long()
    x, y = (of.repeat_interleave(counts, dim=-1)[None] for of in (data.train.x, data.train.y))
    assert x.shape[2] != data.train.x.shape[1]
    batch = Batch.of(data.train)
    seen = view(task, network)
    one = Objective(seen, task, NoPenalty(), None, batch.x, seen.prepare(batch.x), batch.y, batch.weight)
    more = Objective(seen, task, NoPenalty(), None, x, seen.prepare(x), y)
    for found, expected in zip(one(theta), more(theta), strict=True):
        assert_close(found, expected)
    residuals, slopes = one.jacobian(theta)
    assert_close(residuals.square().sum(1), one(theta)[0])
    assert_close(one.residuals(theta), residuals)
    assert_close(2 * (slopes @ residuals[..., None]).squeeze(2), one(theta)[1])


@pytest.mark.parametrize("criterion", ["mae", "huber", "log_cosh", "quantile"])
def test_weights_go_with_every_loss_of_numbers(criterion, write, rng, randn):
    task = write(columns=weighed(rng), weights="w", criterion=criterion)
    guess, y, counts = randn(2, 1, 3), randn(1, 1, 3), torch.tensor([1, 0, 2])
    again = task.loss(guess.repeat_interleave(counts, dim=2), y.repeat_interleave(counts, dim=2))
    assert_close(task.weighted_loss(guess, y, counts.double()[None]), again)


def test_weights_go_with_losses_of_classes(write, rng, randn):
    guess, counts = randn(2, 2, 3), torch.tensor([1, 0, 2])
    y = torch.tensor([[[1.0, 0, 0], [0, 1, 1]]], dtype=torch.float64)
    task = write(columns=weighed(rng, y=rng.choice(["no", "yes"], 60)), weights="w")
    again = task.loss(guess.repeat_interleave(counts, dim=2), y.repeat_interleave(counts, dim=2))
    assert_close(task.weighted_loss(guess, y, counts.double()[None]), again)


def test_weights_go_with_their_rows_into_batches(write, rng):
    task = write(columns=weighed(rng, a=np.arange(60.0), w=1 + np.arange(60) % 7), weights="w")
    data = load(task)
    batch = batches(task, data.train, 8, [0, 1], 0).next(None)
    assert batch.weight.shape == (2, 8)
    rows = data.encoding.features(batch.x[1])[0].round()
    ratio = batch.weight[1] / (1 + rows % 7)
    assert_close(ratio, ratio[:1].expand(8))
    result, _, _ = train(experiment(BSpline(), task=task, steps=5, batch_size=8), data=data)
    assert result.best_val.isfinite().all()


@pytest.mark.parametrize(
    ("weight", "sentence"),
    [
        ([-1.0, *[1] * 59], "weights: 'w' must be a number from 0 in every row, got '-1.0' and so in 1 row"),
        ([None, None, *[1] * 58], "weights: 'w' must be a number from 0 in every row, got an empty field and so in 2"),
        ([0] * 60, "weights: the rows of one part all have weight 0"),
        (["much", *[1] * 59], "weights: 'w' must be a number from 0"),
    ],
)
def test_weights_that_are_none(weight, sentence, write, rng):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        load(write(columns=weighed(rng, w=weight), weights="w"))


def rows_scored(task):
    """The rows that each fold scores, by their number in the column a."""
    return [sorted(features(load(replace(task, fold=k)), "test", "a")) for k in range(task.folds)]


def test_folds_are_scored_once_each(write, rng):
    columns = {"a": np.arange(53), "y": rng.choice(["no", "yes", "maybe"], 53, p=[0.6, 0.3, 0.1])}
    task = write(columns=columns, folds=5, val=0.25, categories=[])
    scored = rows_scored(task)
    assert sorted(chain(*scored)) == list(range(53))
    assert {len(rows) for rows in scored} == {10, 11}
    for name in ("no", "yes", "maybe"):
        counts = [sum(columns["y"][row] == name for row in rows) for rows in scored]
        assert max(counts) - min(counts) <= 1
    data = load(replace(task, fold=3))
    own = [features(data, part, "a") for part in ("train", "val", "test")]
    assert sorted(chain(*own)) == list(range(53))
    assert "; fold 3 of 5 is scored" in "".join(data.notes)


def test_folds_keep_groups_together(write, rng):
    group = rng.integers(0, 12, 80)
    task = write(columns={"a": np.arange(80), "g": group, "y": rng.normal(size=80)}, groups="g", folds=4)
    scored = rows_scored(task)
    assert sorted(chain(*scored)) == list(range(80))
    held = [{group[row] for row in rows} for rows in scored]
    assert sum(map(len, held)) == len(set(group))
    assert max(map(len, scored)) - min(map(len, scored)) <= np.bincount(group).max()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"folds": 1}, "folds must be at least 2, or null, got 1"),
        ({"folds": 5, "fold": 5}, "fold must be one of the folds, from 0 to 4, got 5"),
        ({"fold": 1}, "got 1; folds says how many there are"),
        ({"folds": 5, "lags": [1]}, "folds are of rows in any order"),
        ({"folds": 100}, "folds: 40 rows are too few for 100 folds"),
    ],
)
def test_folds_that_are_none(words, sentence, write):
    with pytest.raises((ValueError, ConfigError), match=re.escape(sentence)):
        load(write(columns={"a": np.arange(40), "y": np.arange(40) / 3}, **words))


def test_folds_are_repetitions_in_a_report(asked, tmp_path, rng):
    pd.DataFrame({"a": rng.normal(size=60), "y": rng.normal(size=60)}).to_csv(tmp_path / "t.csv", index=False)
    words = [
        "task=tabular",
        "task.path=t.csv",
        "task.target=y",
        "task.folds=3",
        "steps=3",
        "seeds=2",
        "widths=[in,out]",
    ]
    assert asked("-m", *words, "task.fold=0,1,2", "layer=fourier,bspline", "name=x").returncode == 0
    said = asked("report", "outputs/x").stdout
    assert re.search(r"fourier .* 6 ", said), said
    table = pd.read_csv(tmp_path / "outputs/x/report/report.csv")
    assert sorted(set(table["data_seed"])) == ["0 fold 0", "0 fold 1", "0 fold 2"]
    assert table["problem"].nunique() == 1
