"""Arms, verdicts and warnings of reports, from run folders that were made up."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.runs import make_run, never_ended

from kanexp import console
from kanexp.cli import main
from kanexp.error import ConfigError
from kanexp.folder.version import find_runs
from kanexp.report import arm, table
from kanexp.report.compare import _names, compare
from kanexp.report.pair import ESTABLISHED, LOOKS, OPEN
from kanexp.report.report import Question, find, read

NOISE = np.random.default_rng(0).normal(size=(40, 10))


def errors(level, row, spread=0.1):
    """Ten errors around a level, another draw for every row."""
    return tuple(10 ** (np.log10(level) + spread * NOISE[row]))


def findings(folder, **question):
    return find(*read([folder]), Question(**question))


def assign(folder, *by):
    return arm.assign(table.read(find_runs(folder))[0], by)


def verdicts(found):
    return {frozenset((q.arm, q.other)): q.verdict for q in found.pairs}


# ------------------------------------------------------------------------------------------------------------- arms


def test_arms_are_named_by_what_differs(tmp_path):
    for i, (init, frequencies) in enumerate([("default", 5), ("default", 9), ("smooth", 5)]):
        make_run(tmp_path / str(i), init, options={"frequencies": frequencies})
    assert assign(tmp_path).names == ["default frequencies=5", "default frequencies=9", "smooth frequencies=5"]
    assert assign(tmp_path / "0").names == ["function-fourier-default"]
    assert assign(tmp_path, "init").names == ["default", "default", "smooth"]
    assert assign(tmp_path, "init").settings == ["frequencies=5", "frequencies=9", "frequencies=5"]
    assert assign(tmp_path, "frequencies").keys == ("layer.frequencies",)


def test_options_of_a_layer_make_arms_only_where_the_layer_is_the_same(tmp_path):
    for i, (layer, frequencies) in enumerate([("fourier", 5), ("chebyshev", 3)]):
        make_run(tmp_path / str(i), choices={"layer": layer}, options={"frequencies": frequencies})
    assert assign(tmp_path).names == ["fourier", "chebyshev"]
    make_run(tmp_path / "2", choices={"layer": "chebyshev"}, options={"frequencies": 4})
    assert assign(tmp_path).names == ["fourier frequencies=5", "chebyshev frequencies=3", "chebyshev frequencies=4"]


def test_an_unknown_key_is_answered_by_those_known(tmp_path):
    make_run(tmp_path / "0")
    make_run(tmp_path / "1", "smooth")
    with pytest.raises(ConfigError, match=r"--by: no run has .* 'lerning_rate'; did you mean .*learning_rate\? what"):
        assign(tmp_path, "lerning_rate")
    with pytest.raises(ConfigError, match="what differs: init"):
        assign(tmp_path, "nonsense")


def test_an_arm_is_selected_on_validation_and_never_on_test(tmp_path):
    """Of three settings, the one of lowest median best_val_loss is compared, though its test error is the worst."""
    for i, (val, test) in enumerate([(0.3, 0.01), (0.1, 0.5), (0.2, 0.02)]):
        losses = {"best_val_loss": {"0": val, "1": val, "2": 9.0 * val}}
        make_run(tmp_path / str(i), mse=(test,) * 3, options={"learning_rate": 10.0**-i}, **losses)
    found = findings(tmp_path, by=("init",))
    (row,) = found.summary.itertuples()
    assert (row.median, row.trials, row.setting, row.seeds) == (0.5, 3, "learning_rate=0.1", 3)
    assert any("several settings of optimizer.learning_rate" in w for w in found.warnings)
    assert found.rows.groupby("setting")["compared"].sum().to_dict() == {
        "learning_rate=0.01": 0,
        "learning_rate=0.1": 3,
        "learning_rate=1.0": 0,
    }


def test_a_setting_that_loses_seeds_is_not_selected(tmp_path):
    make_run(tmp_path / "0", mse=(0.001,) * 3, status=dict.fromkeys((0, 1), "diverged at step 3"))
    make_run(tmp_path / "1", mse=(0.1,) * 3, options={"learning_rate": 1.0})
    assert findings(tmp_path, by=("init",)).summary["setting"].tolist() == ["learning_rate=1.0"]


def test_what_was_tuned_over_makes_no_arms(tmp_path):
    for i, init in enumerate(("default", "smooth")):
        for trial, rate in enumerate((0.1, 0.01)):
            tune = {"over": ["optimizer.learning_rate"], "trial": trial, "trials": 3}
            make_run(
                tmp_path / f"{init}{trial}",
                init,
                errors(rate, 2 * i + trial),
                options={"learning_rate": rate},
                tune=tune,
            )
    found = findings(tmp_path)
    assert found.arms.keys == ("init",)
    assert found.summary["trials"].tolist() == [2, 2]
    assert found.summary["setting"].tolist() == ["learning_rate=0.01"] * 2
    assert (
        "trials are missing: default has 2 of 3, smooth has 2 of 3; the same command continues the sweep"
        in found.warnings
    )


def test_seeds_of_several_runs_of_one_setting_are_one_arm(tmp_path):
    make_run(tmp_path / "0", mse=(0.1, 0.2, 0.3))
    make_run(tmp_path / "1", mse=(0.4, 0.5), seeds=[3, 4])
    make_run(tmp_path / "2", mse=(0.6, 0.7), options={"data_seed": 1})
    found = findings(tmp_path)
    assert found.summary["seeds"].tolist() == [7]
    assert found.summary["median"].tolist() == [pytest.approx(0.4)]


def test_the_newest_of_repeated_runs_counts(tmp_path):
    make_run(tmp_path / "new", mse=(0.1, 0.2, 0.3), started="2026-02-01")
    make_run(tmp_path / "old", mse=(0.7, 0.8, 0.9), started="2026-01-01")
    never_ended(tmp_path / "newest", "running", started="2026-03-01")
    found = findings(tmp_path)
    assert found.summary["median"].tolist() == [0.2]
    assert any("3 seeds were trained more than once" in w for w in found.warnings)


def test_arms_are_compared_within_a_task_only(tmp_path):
    for task in ("function", "image"):
        for i, init in enumerate(("default", "smooth")):
            make_run(tmp_path / f"{task}-{init}", init, errors(10.0**-i, i), choices={"task": task})
    found = findings(tmp_path)
    assert [(q.problem, q.arm, q.other) for q in found.pairs] == [
        ("function", "smooth", "default"),
        ("image", "smooth", "default"),
    ]
    assert all("after correction for 2 comparisons" in q.sentence for q in found.pairs)
    assert findings(tmp_path, by=("init",)).summary["problem"].tolist() == ["function", "function", "image", "image"]


def test_arms_are_named_by_what_differs_within_their_problem(tmp_path):
    """Learning rates that differ from task to task, and options that a task has not, name no arm and no problem."""
    for function, rate in (("product", 0.1), ("bessel_j0", 0.2)):
        for i, init in enumerate(("default", "smooth")):
            options = {"learning_rate": rate, "function": function}
            make_run(tmp_path / f"{function}-{init}", init, errors(10.0**-i, i), options=options)
    options = {"function": "product", "expression": "exp(sin(pi*x1)+x2**2)"}
    for i, init in enumerate(("default", "smooth")):
        make_run(tmp_path / f"typed-{init}", init, errors(10.0**-i, i), options=options)
    found = findings(tmp_path)
    assert list(found.arms.values) == ["default", "smooth"]
    assert set(found.arms.problems) == {"function=product", "function=bessel_j0", "expression=exp(sin(pi*x1)+x2**2)"}
    assert found.arms.between == ("optimizer.learning_rate",)
    assert set(found.rows["optimizer.learning_rate"]) == {"0.1", "0.2", "0.001"}


def test_settings_that_differ_on_one_problem_make_arms_on_all(tmp_path):
    for task, rates in (("function", (0.1, 0.2)), ("image", (0.1,))):
        for rate in rates:
            path = tmp_path / f"{task}-{rate}"
            make_run(path, mse=errors(rate, 0), choices={"task": task}, options={"learning_rate": rate})
    arms = findings(tmp_path).arms
    assert (list(arms.values), arms.between) == (["learning_rate=0.1", "learning_rate=0.2"], ())


def test_each_problem_is_compared_in_its_own_first_score(tmp_path):
    """Not in the first column of the table, which another task may have brought."""
    r2 = {str(seed): 0.9 for seed in range(3)}
    scores = {"r2": {"better": "higher"}, "mse": {"better": "lower"}}
    for i, init in enumerate(("default", "smooth")):
        make_run(tmp_path / f"a-{init}", init, errors(10.0**-i, i)[:3])
        mse = dict(enumerate(errors(10.0**-i, i)[:3]))
        test = {"r2": r2, "mse": {str(seed): value for seed, value in mse.items()}}
        make_run(tmp_path / f"b-{init}", init, choices={"task": "tabular"}, test=test, scores=scores)
    assert {p: m.name for p, m in findings(tmp_path).metrics.items()} == {"function": "test_mse", "tabular": "test_r2"}


# --------------------------------------------------------------------------------------------------------- verdicts


def test_target_1_in_small(tmp_path):
    """Medians and spreads of the five starts of TARGETS row 1, ten seeds each."""
    arms = {
        "default": (0.0081, 0.38),
        "lecun": (0.0085, 0.38),
        "glorot": (0.00089, 0.15),
        "glorot_fine": (0.00085, 0.15),
        "power": (0.00129, 0.05),
    }
    for i, (init, (level, spread)) in enumerate(arms.items()):
        make_run(tmp_path / init, init, errors(level, i, spread))
    found = findings(tmp_path)
    said = verdicts(found)
    assert len(said) == 10
    assert said[frozenset(("glorot", "default"))] == said[frozenset(("power", "default"))] == ESTABLISHED
    assert said[frozenset(("default", "lecun"))] == said[frozenset(("glorot", "glorot_fine"))] == OPEN
    for pair in found.pairs:
        if {pair.arm, pair.other} == {"glorot", "default"}:
            assert pair.arm == "glorot"
            assert pair.p < pair.corrected < 0.001


def test_sentences(tmp_path):
    make_run(tmp_path / "a", "default", (0.1,) * 10)
    make_run(tmp_path / "b", "smooth", tuple(0.1 / (10 + i) for i in range(10)))
    (better,) = findings(tmp_path).pairs
    interval = r"\[1[0-4]\.\d, 1[5-9]\.\d\]"
    said = (
        rf"smooth has 14\.5 times lower test MSE than default {interval}; lower in 100 of 100 pairs of seeds; p < \.001"
    )
    assert re.fullmatch(said, better.sentence)
    scores = ({"psnr": {str(s): value for s in range(10)}} for value in (10.0, 22.3))
    for init, test in zip(("default", "smooth"), scores, strict=True):
        make_run(
            tmp_path / "score" / init, init, (0.1,) * 10, test=test, scores={"psnr": {"better": "higher", "unit": "dB"}}
        )
    (better,) = findings(tmp_path / "score").pairs
    said = (
        "smooth has 12.3 dB higher test PSNR than default [12.3, 12.3]; higher in 100 of 100 pairs of seeds; p < .001"
    )
    assert better.sentence == said


def test_an_open_verdict_says_what_would_have_been_seen(tmp_path):
    make_run(tmp_path / "a", "default", errors(0.1, 0, 0.3))
    make_run(tmp_path / "b", "smooth", errors(0.1, 1, 0.3))
    (pair,) = findings(tmp_path).pairs
    assert pair.verdict == OPEN
    assert pair.sentence.startswith("no difference seen between ")
    assert "ratio of test MSE" in pair.sentence
    assert pair.sentence.endswith(f"; a ratio of {10**pair.detectable:.1f} would probably have been seen")


def test_five_seeds_that_do_not_overlap_are_told_apart(tmp_path):
    make_run(tmp_path / "a", "default", (0.1, 0.2, 0.3, 0.4, 0.5))
    make_run(tmp_path / "b", "smooth", (1e-6, 2e-6, 3e-6, 4e-6, 5e-6))
    (pair,) = findings(tmp_path).pairs
    assert pair.verdict == ESTABLISHED
    assert "smooth has 1.0e5 times lower test MSE than default [" in pair.sentence
    assert pair.sentence.endswith("; lower in 25 of 25 pairs of seeds; p = .008")
    assert not warned(tmp_path, "too few seeds")


def test_three_seeds_establish_nothing_and_say_how_many_would(tmp_path):
    make_run(tmp_path / "a", "default", (0.1, 0.2, 0.3))
    make_run(tmp_path / "b", "smooth", (1e-6, 2e-6, 3e-6))
    (pair,) = findings(tmp_path).pairs
    assert pair.verdict == LOOKS
    assert pair.sentence.startswith("smooth looks better than default, but it is not established: 1.0e5 times lower")
    assert pair.sentence.endswith("lower in 9 of 9 pairs of seeds; p = .10; at least 4 seeds of each would decide")
    assert warned(tmp_path, "1 of 1 comparisons have too few seeds to establish anything; take seeds=4")


def test_one_or_two_seeds_look_like_nothing(tmp_path):
    make_run(tmp_path / "a", "default", (0.1, 0.2))
    make_run(tmp_path / "b", "smooth", (1e-6, 2e-6))
    (pair,) = findings(tmp_path).pairs
    assert pair.verdict == OPEN
    assert pair.sentence.endswith("2 seeds of each can establish nothing here, 4 can")


def six_arms(folder):
    """Six arms of six seeds, of which those of neighbouring levels overlap."""
    for i, level in enumerate((1, 1.6, 6, 10, 40, 300)):
        make_run(folder / str(i), f"init{i}", errors(level, i, 0.2)[:6])


def test_fifteen_pairs_of_six_seeds_are_decided_where_they_do_not_overlap(tmp_path):
    six_arms(tmp_path)
    found = findings(tmp_path)
    assert len(found.pairs) == 15
    separate = [q for q in found.pairs if q.wins == q.pairs]
    assert len(separate) >= 11
    assert {q.verdict for q in separate} == {ESTABLISHED}
    assert all("after correction for 15 comparisons" in q.sentence for q in found.pairs)
    (ranking,) = found.rankings
    assert ranking.startswith("test MSE, best first: init0 ")
    assert ranking.endswith("; arms with a letter in common cannot be told apart")
    compared = compare(tmp_path / "0", tmp_path / "1").pairs[0]
    told = next(q for q in found.pairs if {q.arm, q.other} == {"init0", "init1"})
    assert compared.p == told.p
    assert told.verdict != LOOKS or f"{told.p:.3f}"[1:] in told.sentence  # a verdict that flips says so


def test_arms_of_the_same_starts_are_compared_seed_by_seed(tmp_path):
    level = np.array(errors(0.1, 0, 1.0))
    for i, weight in enumerate((0.0, 0.1)):
        values = level * (1 + 0.1 * i + 0.01 * NOISE[1])
        make_run(tmp_path / "reg" / str(i), mse=tuple(values), options={"learning_rate": weight})
        make_run(tmp_path / "init" / str(i), f"init{i}", tuple(values))
    (partners,) = findings(tmp_path / "reg").pairs
    assert (partners.paired, partners.pairs, partners.verdict) == (True, 10, ESTABLISHED)
    (strangers,) = findings(tmp_path / "init").pairs
    assert (strangers.paired, strangers.pairs, strangers.verdict) == (False, 100, OPEN)


def test_lost_seeds_count_as_the_worst(tmp_path):
    """Their last good state scores well, and still each is a lost pair."""
    lost = dict.fromkeys(range(8), "diverged at step 7: its loss is not finite")
    make_run(tmp_path / "a", "wild", errors(0.001, 0), status=lost)
    make_run(tmp_path / "b", "calm", errors(0.1, 1))
    found = findings(tmp_path)
    (pair,) = found.pairs
    assert (pair.arm, pair.wins, pair.lost) == ("calm", 80, (0, 8))
    assert pair.chance.value == pytest.approx(0.8)
    assert "lost seeds, counted as worst: 8 of wild" in pair.sentence
    wild = found.summary.set_index("arm").loc["wild"]
    assert (wild["seeds"], wild["failed"], wild["median"]) == (10, 8, np.inf)
    assert "8 of 20 seeds diverged or failed (8 of wild on function)" in found.warnings[0]


def test_a_failed_job_counts_as_failures_and_a_running_one_not_at_all(tmp_path):
    make_run(tmp_path / "a", "default", errors(0.1, 0))
    never_ended(tmp_path / "b", "failed", init="crashing", mse=errors(0.1, 1), cause="RuntimeError: out of patience")
    under_way = never_ended(tmp_path / "c", "running", init="slow", mse=errors(0.1, 1))
    never_ended(tmp_path / "d", "interrupted", init="gone", mse=errors(0.1, 1))
    never_ended(tmp_path / "e", "running", init="killed", mse=errors(0.1, 1))
    with under_way.hold():
        found = findings(tmp_path)
    (pair,) = found.pairs
    assert (pair.arm, pair.other, pair.wins, pair.verdict) == ("default", "crashing", 100, ESTABLISHED)
    counts = found.rows["status"].map(str).value_counts().to_dict()
    assert counts == {"ok": 10, "failed": 10, "running": 10, "interrupted": 10, "lost": 10}
    assert any(w.startswith("1 run is running and not compared: ") for w in found.warnings)
    assert any(w.startswith("1 run is interrupted and not compared: ") for w in found.warnings)


def test_baselines(tmp_path):
    for i, (layer, init) in enumerate((a, b) for a in ("fourier", "bspline") for b in ("default", "smooth", "glorot")):
        make_run(tmp_path / str(i), init, errors(0.1, i), choices={"layer": layer})
    assert len(findings(tmp_path).pairs) == 15
    pairs = {frozenset((q.arm, q.other)) for q in findings(tmp_path, baseline="init=default").pairs}
    assert pairs == {
        frozenset((f"{layer} default", f"{layer} {init}"))
        for layer in ("fourier", "bspline")
        for init in ("smooth", "glorot")
    }
    assert len(findings(tmp_path, baseline="fourier default").pairs) == 5
    with pytest.raises(ConfigError, match="--baseline: no arm is 'init=smoth'; give KEY=VALUE of layer or init"):
        findings(tmp_path, baseline="init=smoth")


def test_too_many_arms_are_not_compared_with_each_other(tmp_path):
    for i in range(21):
        make_run(tmp_path / str(i), options={"frequencies": i}, mse=errors(0.1, i))
    found = findings(tmp_path)
    assert found.pairs == []
    assert any("21 arms make 210 pairs" in w for w in found.warnings)
    assert len(findings(tmp_path, baseline="frequencies=3").pairs) == 20


def test_a_metric_nobody_has(tmp_path):
    make_run(tmp_path / "0")
    with pytest.raises(ConfigError, match="--metric: no score 'psnr' here; known: test_mse, best_val_loss"):
        findings(tmp_path, metric="psnr")
    assert findings(tmp_path, metric="mse").metrics["function"].name == "test_mse"


# --------------------------------------------------------------------------------------------------------- warnings


def warned(folder, text, **question):
    return [w for w in findings(folder, **question).warnings if text in w]


def test_a_sound_comparison_has_no_warnings(tmp_path):
    make_run(tmp_path / "a", "default", errors(0.1, 0))
    make_run(tmp_path / "b", "smooth", errors(0.1, 1))
    assert findings(tmp_path).warnings == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"mse": (0.1, 0.1, *errors(0.1, 1)[2:])}, "identical results across seeds: 0, 1 of smooth on function"),
        ({"mse": errors(0.1, 0)}, "identical results across settings: default, smooth on function"),
        ({"parameters": 101}, "unequal parameters on function: smooth has 101, default 99 (2 % more)"),
        (
            {"evaluations": {str(s): 60 for s in range(10)}},
            "unequal evaluations on function: smooth has 60, default 20",
        ),
        ({"versions": {"torch": "3"}}, "different versions of torch: 2, 3"),
        ({"git_commit": "abcdefghij"}, ""),
        ({"mse": errors(0.1, 1)[:7]}, "unequal seeds: "),
        ({"status": {3: "diverged at step 1: x"}}, "1 of 20 seeds diverged or failed"),
    ],
)
def test_warnings(tmp_path, change, text):
    make_run(tmp_path / "a", "default", errors(0.1, 0))
    make_run(tmp_path / "b", "smooth", **{"mse": errors(0.1, 1)} | change)
    assert len(findings(tmp_path).warnings) == (1 if text else 0)
    assert bool(warned(tmp_path, text)) == bool(text)


@pytest.mark.parametrize("more", [1.01, 1.0])
def test_one_percent_more_parameters_is_equal_enough(tmp_path, more):
    make_run(tmp_path / "a", "default", errors(0.1, 0), parameters=1000)
    make_run(tmp_path / "b", "smooth", errors(0.1, 1), parameters=round(1000 * more))
    assert warned(tmp_path, "parameters") == []


def test_commits_that_differ(tmp_path):
    for i, commit in enumerate(("a" * 40, "b" * 40)):
        make_run(tmp_path / commit, str(i), errors(0.1, i), git_commit=commit)
    assert warned(tmp_path, "") == ["runs come from different commits: aaaaaaaaa, bbbbbbbbb"]


def test_best_of_many_against_best_of_one(tmp_path):
    for i, rate in enumerate((0.1, 0.2, 0.3)):
        make_run(tmp_path / str(i), "smooth", errors(0.1, i), options={"learning_rate": rate})
    make_run(tmp_path / "one", "default", errors(0.1, 4), options={"learning_rate": 0.1})
    (sentence,) = warned(tmp_path, "unequal effort", by=("init",))
    assert "smooth is the best of 3 settings, default of 1" in sentence


# ---------------------------------------------------------------------------------------------------------- compare


def test_compare_prints_the_verdict(tmp_path, capsys):
    make_run(tmp_path / "a", "default", errors(0.1, 0))
    make_run(tmp_path / "b" / "x", "smooth", errors(0.001, 1)[:8])
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"b has 1\d\d times lower test MSE than a \[", shown)
    assert "lower in 80 of 80 pairs of seeds; p < .001" in shown
    assert "warning: they differ in init: default against smooth" in shown
    assert "warning: unequal seeds: " in shown


def test_tables_fit_a_terminal_of_80_columns(tmp_path, capsys, monkeypatch):
    """No name is cut within a word, no interval broken; a table for each problem; the baseline comes first."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(console.out, "_width", 80)
    names = ("bspline_of_many_words", "zz_default")
    for function in ("product", "square_plus_exp"):
        for i, init in enumerate(names):
            options = {"function": function, "learning_rate": 0.123456 * (i + 1)}
            make_run(tmp_path / f"{function}-{init}", init, errors(12345.6 * 10.0**-i, i), options=options)
    assert main(["report", str(tmp_path), "--baseline", "init=zz_default"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "function=product: test MSE, median over seeds" in lines
    assert "function=square_plus_exp: test MSE, median over seeds" in lines
    rows = [line for line in lines if " .. " in line]
    assert len(rows) == 4
    assert all(re.search(r"  \S+ \.\. \S+ +10", line) and len(line) <= 80 for line in rows)
    assert [line.split()[0] for line in rows] == ["zz_default", "bspline_of_many_words"] * 2
    assert not any("failed" in line or "trials" in line for line in lines)


def test_compare_selects_within_a_folder(tmp_path):
    make_run(tmp_path / "a" / "0", mse=errors(0.1, 0))
    make_run(tmp_path / "a" / "1", mse=errors(0.01, 1), options={"learning_rate": 0.1})
    make_run(tmp_path / "b", mse=errors(0.1, 2), options={"frequencies": 9})
    found = compare(tmp_path / "a", tmp_path / "b")
    assert found.summary["trials"].tolist() == [2, 1]
    assert found.pairs[0].verdict == ESTABLISHED
    assert any("unequal effort" in w for w in found.warnings)


def test_compare_of_different_data_is_refused(tmp_path):
    make_run(tmp_path / "a", mse=errors(0.1, 0))
    make_run(tmp_path / "b", mse=errors(0.1, 1), choices={"task": "image"})
    with pytest.raises(ConfigError, match="compare: a is of function, b of image: numbers of different data do not"):
        compare(tmp_path / "a", tmp_path / "b")


def test_compare_mistakes(tmp_path):
    make_run(tmp_path / "a")
    make_run(tmp_path / "b", test={"psnr": {"0": 1.0, "1": 2.0, "2": 3.0}}, best_val_loss=None)
    for other, text in (
        ("a", "hold the same run"),
        ("b", r"nothing to compare: a has test_mse \(done\); b has test_psnr \(done\)"),
        ("c", "no such folder"),
    ):
        with pytest.raises(ConfigError, match=text):
            compare(tmp_path / "a", tmp_path / other)
    never_ended(tmp_path / "running", "running")
    with pytest.raises(ConfigError, match=r"running has no score \(lost\)"):
        compare(tmp_path / "a", tmp_path / "running")


def test_compare_does_without_torch(tmp_path):
    make_run(tmp_path / "a")
    make_run(tmp_path / "b", "smooth")
    code = "import sys; from kanexp.cli import main; main(['compare', *sys.argv[1:]]); print('torch' in sys.modules)"
    words = [sys.executable, "-c", code, tmp_path / "a", tmp_path / "b"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "False"


def test_the_table_of_comparisons_is_complete(tmp_path):
    from kanexp.report.pair import as_table

    make_run(tmp_path / "a", "default", errors(0.1, 0))
    make_run(tmp_path / "b", "smooth", errors(0.001, 1))
    found = findings(tmp_path)
    (row,) = as_table(found.pairs).itertuples()
    ratios = np.array(errors(0.1, 0))[:, None] / np.array(errors(0.001, 1))
    assert row.effect == pytest.approx(10 ** np.median(np.log10(ratios)))
    assert row.low < row.effect < row.high
    assert (row.chance, row.wins, row.pairs) == (1, 100, 100)
    assert isinstance(as_table([]), pd.DataFrame)


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        ("out/x/v001/glorot", "out/x/v001/default", ("glorot", "default")),
        ("out/x/latest", "out/y/latest", ("x/latest", "y/latest")),
        ("x", "x/v001", ("x", "x/v001")),
        ("/a/x", "b", ("/a/x", "b")),
    ],
)
def test_folders_are_named_by_what_tells_them_apart(first, second, names):
    assert _names(Path(first), Path(second)) == names


def make_scored(path, init, values, scores, metric="auc"):
    return make_run(path, init, (0.1,) * 10, test={metric: {str(s): v for s, v in enumerate(values)}}, scores=scores)


def test_a_score_is_compared_as_its_task_declares_it(tmp_path):
    """By a name that says nothing of it: an area under a curve is better when higher, a loss of area when lower."""
    for better, winner in (("higher", "smooth"), ("lower", "default")):
        folder = tmp_path / better
        make_scored(folder / "a", "default", [0.6 + s / 1000 for s in range(10)], {"auc": {"better": better}})
        make_scored(folder / "b", "smooth", [0.9 + s / 900 for s in range(10)], {"auc": {"better": better}})
        found = findings(folder)
        (pair,) = found.pairs
        assert (pair.arm, pair.verdict, pair.metric.name) == (winner, ESTABLISHED, "test_auc")
        assert pair.metric.log == (better == "lower"), "scores are compared by differences, errors by ratios"


def test_a_score_that_nobody_declared_is_not_compared(tmp_path):
    make_scored(tmp_path / "a", "default", [0.6] * 10, None)
    make_scored(tmp_path / "b", "smooth", [0.9] * 10, None)
    found = findings(tmp_path)
    assert [metric.name for metric in found.metrics.values()] == ["best_val_loss"]
    assert set(found.summary["metric"]) == {"best_val_loss"}
    assert any(
        sentence.startswith("auc is not compared: no run says if higher or lower") for sentence in found.warnings
    )
    with pytest.raises(ConfigError, match="--metric: no score 'auc' here"):
        findings(tmp_path, metric="auc")


def test_runs_that_declare_opposite_things_are_not_mixed(tmp_path):
    make_scored(tmp_path / "a", "default", [0.6] * 10, {"auc": {"better": "lower"}})
    make_scored(tmp_path / "b", "smooth", [0.9] * 10, {"auc": {"better": "higher"}})
    with pytest.raises(ConfigError, match=r"auc: lower is better in .*a, higher in .*b; report on them apart"):
        findings(tmp_path)


def test_runs_of_format_1_are_read(tmp_path):
    """Their seeds ended in prose, and nobody declared scores: those that kanexp had are known, others are not."""
    for name, init, value in (("a", "default", 0.6), ("b", "smooth", 0.9)):
        test = {metric: {str(s): value + s / 1000 for s in range(10)} for metric in ("accuracy", "auc")}
        file = make_run(tmp_path / name, init, (0.1,) * 10, test=test, scores=None).path / "run.json"
        prose = {str(s): "ok" for s in range(9)} | {"9": "diverged at step 7: its loss is not finite"}
        written = json.loads(file.read_text()) | {"format": 1, "seed_status": prose}
        del written["seal"]  # there were none
        file.write_text(json.dumps(written))
    found = findings(tmp_path)
    assert found.rows["status"].map(str).value_counts().to_dict() == {"ok": 18, prose["9"]: 2}
    (pair,) = found.pairs
    assert (pair.arm, pair.metric.name, pair.lost) == ("smooth", "test_accuracy", (1, 1))
    assert set(found.summary["metric"]) == {"test_accuracy"}


def test_runs_that_look_at_validation_at_other_times_are_other_settings(tmp_path):
    """And those that look into their layers, or write elsewhere, are the same one: the role of a setting says so."""
    for i, (key, value) in enumerate(
        [("log_every", 10), ("log_every", 1), ("diagnostics", "false"), ("pack", "false")]
    ):
        folder = make_run(tmp_path / str(i), seeds=[3 * i + s for s in range(3)])
        usual = {"log_every": 10, "diagnostics": "true", "pack": "true"} | {key: value}
        folder.write_config(folder.config.read_text() + "".join(f"{k}: {v}\n" for k, v in usual.items()))
    assigned = assign(tmp_path)
    assert assigned.keys == ("log_every",)
    assert assigned.names == ["log_every=10", "log_every=1", "log_every=10", "log_every=10"]
