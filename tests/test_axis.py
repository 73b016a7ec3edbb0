"""Axes over problems: each setting with its best partners, ranked over tasks, and which cannot be told apart."""

import itertools

import numpy as np
import pandas as pd
import pytest
from helpers.runs import make_run
from scipy.stats import friedmanchisquare

from kanexp.report import gallery
from kanexp.report.axis import ALL, Axis, as_table, kind_of
from kanexp.report.report import Question, find, read, report
from kanexp.report.table import read_one

FUNCTIONS = ("product", "exp", "sin", "square", "runge", "jumps")


def chosen(costs):
    """What an axis is made from, of a table of costs by problem and setting."""
    long = costs.rename_axis("problem").reset_index().melt("problem", var_name="setting", value_name="cost")
    return long.assign(partner="adam", partners=1, metric="test_mse", value=long["cost"])


def axis(rows, names="abcd", kind=ALL):
    return Axis.of("layer", kind, chosen(pd.DataFrame(rows, columns=list(names)[: len(rows[0])])))


def test_a_known_winner_is_told_apart_from_those_far_behind():
    rng = np.random.default_rng(7)
    costs = np.column_stack([np.full(12, -9.0), rng.normal(size=(12, 3))])
    one = axis(costs)
    assert one.mean.index[0] == "a"
    assert (one.mean["a"], one.wins["a"], one.wins.sum()) == (1.0, 12, 12)
    assert one.p == pytest.approx(friedmanchisquare(*costs.T).pvalue)
    assert one.distance == pytest.approx(2.569 * (20 / 72) ** 0.5, abs=1e-3)  # q of four: Demšar 2006, table 5
    behind = {setting for setting, rank in one.mean.items() if rank - 1 > one.distance}
    groups = dict(zip(one.mean.index, one.letters, strict=True))
    assert behind == {setting for setting, group in groups.items() if not set(group) & set(groups["a"])} != set()
    assert one.sentence.startswith("layer over 12 tasks: first by mean rank a 1")
    assert "; behind " in one.sentence
    assert "(Friedman's p < .001)" in one.sentence


def test_ties_on_every_task_establish_nothing():
    one = axis(np.ones((5, 3)))
    assert (one.mean.tolist(), one.wins.tolist(), one.letters) == ([2.0] * 3, [5] * 3, ["a"] * 3)
    expected = "layer over 5 tasks: no difference is established (Friedman's p = 1); mean ranks a 2, b 2 and c 2"
    assert one.sentence == expected


@pytest.mark.parametrize(
    ("ahead", "ties", "behind", "p", "letters"),
    [(6, 0, 0, 2 / 64, ["a", "b"]), (5, 0, 0, 2 / 32, ["a", "a"]), (7, 3, 1, 18 / 256, ["a", "a"])],
)
def test_two_settings_are_told_apart_by_their_signs(ahead, ties, behind, p, letters):
    one = axis([[1.0, 2.0]] * ahead + [[1.0, 1.0]] * ties + [[2.0, 1.0]] * behind)
    assert one.p == pytest.approx(p)
    assert (one.letters, one.mean.index[0]) == (letters, "a")
    assert one.wins.tolist() == [ahead + ties, behind + ties]


def test_five_tasks_cannot_tell_two_settings_apart_and_six_can():
    assert "fewer than 6 tasks cannot tell two apart" in axis([[1.0, 2.0]] * 5).sentence
    assert (
        axis([[1.0, 2.0]] * 6).sentence
        == "layer over 6 tasks: first by mean rank a 1; behind b 2 (sign test, p = .031)"
    )


@pytest.mark.parametrize("names", ["ab", "abcd"])
def test_two_tasks_decide_nothing(names):
    one = axis(np.arange(2 * len(names)).reshape(2, -1).astype(float), names)
    assert np.isnan(one.p)
    assert one.sentence.startswith("layer over 2 tasks: so few tasks decide nothing; mean ranks a 1")
    assert "group" not in one.table
    assert one.table.columns.tolist() == ["setting", "mean_rank", "wins", "partners", "0", "1"]


def test_what_was_not_tried_everywhere_is_left_out_and_named():
    one = axis([[1.0, 2.0, 3.0], [1.0, 2.0, np.nan], [1.0, 2.0, 0.0]])
    assert one.ranks.columns.tolist() == ["a", "b"]
    assert one.sentence.endswith("(not tried on all, left out: c)")
    assert axis([[1.0, np.nan], [1.0, 2.0]]) is None


def test_long_lists_are_counted():
    one = axis([list(range(9))] * 40, names="abcdefghi")
    assert one.sentence.startswith(
        "layer over 40 tasks: first by mean rank a 1 and b 2, which cannot be told apart; behind c 3, d 4,"
    )
    assert one.sentence.endswith("g 7 and 2 more (Friedman's p < .001)")


def grid(folder, costs, status=None, **words):
    """Runs on every function of every layer with every optimizer; costs(layer, optimizer) gives validation and test."""
    for function, layer, optimizer in itertools.product(FUNCTIONS, ("rbf", "sine", "relu"), ("adam", "lbfgs")):
        val, test = costs(layer, optimizer)
        choices, options = {"layer": layer, "optimizer": optimizer}, {"function": function}
        own = {"best_val_loss": {str(s): val for s in range(3)}, "test": {"mse": {str(s): test for s in range(3)}}}
        lost = (status or {}).get((layer, optimizer))
        path = folder / f"{function}-{layer}-{optimizer}"
        make_run(path, choices=choices, options=options, status=lost, **own, **words)


PARTNERS = {
    ("rbf", "adam"): (0.1, 0.5),  # chosen by validation, though its other partner has the lowest test error of all
    ("rbf", "lbfgs"): (0.2, 0.001),
    ("sine", "adam"): (0.4, 0.4),
    ("sine", "lbfgs"): (0.3, 0.3),
    ("relu", "adam"): (0.6, 0.6),
    ("relu", "lbfgs"): (0.7, 0.7),
}


def found_in(folder, **question):
    """What a report says of the runs below a folder, without its figures."""
    return find(*read([folder]), Question(**question))


def test_partners_are_chosen_by_validation_and_compared_by_test(tmp_path):
    grid(tmp_path, lambda *pair: PARTNERS[pair])
    found = found_in(tmp_path, by=["layer"])
    table = as_table(found.axes)
    layers = table[table["axis"] == "layer"].drop_duplicates("setting").set_index("setting")
    assert layers["partner"].to_dict() == {"sine": "lbfgs", "rbf": "adam", "relu": "adam"}
    assert layers["value"].to_dict() == pytest.approx({"sine": 0.3, "rbf": 0.5, "relu": 0.6})
    assert layers["rank"].to_dict() == {"sine": 1, "rbf": 2, "relu": 3}
    assert set(table["kind"]) == {ALL}
    assert set(table["partners"][table["axis"] == "layer"]) == {2}
    optimizers = table[table["axis"] == "optimizer"].drop_duplicates("setting").set_index("setting")
    assert optimizers["value"].to_dict() == pytest.approx({"lbfgs": 0.001, "adam": 0.5})
    assert found.axes[0].table["partners"].tolist() == ["lbfgs (6 of 6)", "adam (6 of 6)", "adam (6 of 6)"]
    assert found.over_problems == [one.sentence for one in found.axes]
    assert (
        found.over_problems[1]
        == "optimizer over 6 tasks: first by mean rank lbfgs 1; behind adam 2 (sign test, p = .031)"
    )


def test_lost_seeds_are_the_worst(tmp_path):
    lost = dict.fromkeys(range(2), "diverged at step 7: its loss is not finite")
    every = dict.fromkeys([("rbf", "adam"), ("rbf", "lbfgs")], lost)
    grid(tmp_path, lambda layer, optimizer: (0.1, 0.1 if layer == "rbf" else 0.2), status=every)
    found = found_in(tmp_path)
    assert found.axes[0].mean.to_dict() == {"sine": 1.5, "relu": 1.5, "rbf": 3.0}
    assert np.isinf(found.axes[0].chosen.xs("rbf", level="setting")["value"]).all()


def test_one_axis_or_one_problem_has_no_axes_over_problems(tmp_path):
    for layer, optimizer in itertools.product(("rbf", "sine"), ("adam", "lbfgs")):
        make_run(tmp_path / "a" / layer / optimizer, choices={"layer": layer, "optimizer": optimizer})
    for layer, function in itertools.product(("rbf", "sine"), FUNCTIONS[:2]):
        make_run(tmp_path / "b" / layer / function, choices={"layer": layer}, options={"function": function})
    for name in "ab":
        assert found_in(tmp_path / name).axes == []


def test_what_follows_from_another_word_is_no_axis(tmp_path):
    for layer, optimizer, function in itertools.product(("rbf", "sine"), ("adam", "lbfgs", "sgd"), FUNCTIONS[:3]):
        options = {"function": function, "learning_rate": 0.1 if optimizer == "sgd" else 0.2}
        choices = {"layer": layer, "optimizer": optimizer}
        make_run(tmp_path / layer / optimizer / function, choices=choices, options=options | {"frequencies": layer})
    assert [one.key for one in found_in(tmp_path, by=["layer", "optimizer", "learning_rate", "frequencies"]).axes] == [
        "layer",
        "optimizer",
    ]


@pytest.mark.parametrize("of", ["layer and optimizer", "layer and task"])
def test_groups_stay_where_every_choice_has_an_option_of_its_own(of, tmp_path):
    for layer, optimizer, function in itertools.product(("rbf", "sine"), ("adam", "lbfgs", "sgd"), FUNCTIONS[:3]):
        rate = {"layer and optimizer": f"{layer}{optimizer}", "layer and task": f"{layer}{function}"}[of]
        options = {"function": function, "learning_rate": rate}
        make_run(
            tmp_path / layer / optimizer / function, choices={"layer": layer, "optimizer": optimizer}, options=options
        )
    found = found_in(tmp_path, by=["layer", "optimizer", "learning_rate"])
    assert [one.key for one in found.axes] == ["layer", "optimizer"]


def test_kinds_of_tasks(tmp_path):
    scene = {"kind": "picture", "shape": [4, 4]}
    pictures = read_one(make_run(tmp_path / "picture", scene=scene))
    assert kind_of(pictures) == "pictures"
    assert kind_of(read_one(make_run(tmp_path / "function"))) == "functions"


def test_each_kind_of_task_has_ranks_of_its_own(tmp_path):
    grid(tmp_path / "functions", lambda *pair: PARTNERS[pair])
    upside = {pair: (1 - val, 1 - test) for pair, (val, test) in PARTNERS.items()}
    scene, names = {"kind": "picture", "shape": [4, 4]}, {"scores": {"mse": {"better": "lower"}}}
    for pair, (val, test) in upside.items():
        own = {"best_val_loss": dict.fromkeys("012", val), "test": {"mse": dict.fromkeys("012", test)}} | names
        choices = {"task": "image", "layer": pair[0], "optimizer": pair[1]}
        make_run(tmp_path / "-".join(pair), choices=choices, scene=scene, options={"function": "null"}, **own)
    found = found_in(tmp_path)
    kinds = [(one.kind, one.key, len(one.ranks)) for one in found.axes]
    both = [(ALL, 7), ("functions", 6), ("pictures", 1)]
    assert sorted(kinds) == sorted((kind, key, count) for kind, count in both for key in ("layer", "optimizer"))
    (alone,) = (one for one in found.axes if (one.kind, one.key) == ("pictures", "layer"))
    assert alone.sentence.startswith("layer over pictures (1 task): so few tasks decide nothing")


def test_a_report_over_several_axes_has_their_table_figures_and_sentences(tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "MOST_PROBLEMS", 0)  # that have figures of their own, which take their time
    for function in FUNCTIONS:
        for (layer, optimizer), (val, test) in PARTNERS.items():
            own = {"best_val_loss": {"0": val}, "test": {"mse": {"0": test}}}
            choices, options = {"layer": layer, "optimizer": optimizer}, {"function": function}
            make_run(tmp_path / function / layer / optimizer, mse=(test,), choices=choices, options=options, **own)
    out, found = report([tmp_path], None, Question())
    assert len(pd.read_csv(out / "axes.csv")) == 6 * (3 + 2)
    page = (out / "report.html").read_text().replace("&#39;", "'")
    assert all(f'<p class="ranking">{sentence}</p>' in page for sentence in found.over_problems)
    assert (out / "ranks-layer.png").stat().st_size > 2000
    assert not (out / "ranks-optimizer.png").exists()  # two settings have no critical difference
