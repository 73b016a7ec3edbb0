"""The audit of results: every planted fault is found by its check, and nothing where nothing is wrong."""

import json
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from helpers import studies
from helpers.runs import make_run, never_ended

from kanexp.audit.asked import Asked
from kanexp.audit.audit import audit, examine
from kanexp.audit.checks import CHECKS
from kanexp.audit.columns import column_of
from kanexp.audit.digits import unit
from kanexp.cli import main
from kanexp.error import ConfigError


def found(table, folder, **asked):
    """The findings about a table that is written as a file."""
    table.to_csv(folder / "study.csv", index=False)
    return examine([folder / "study.csv"], Asked(**asked)).findings


def at(table, arm, seed):
    """The place of one run."""
    return table.index[(table["method"] == arm) & (table["seed"] == seed)][0]


def ahead(table, name, way="max"):
    """A run of the arm that is ahead, which a lucky seed more does not change."""
    means = table.groupby("method")[name].mean()
    return at(table, means.idxmax() if way == "max" else means.idxmin(), 2)


# -- a fault in each study ------------------------------------------------------------------------------------------


def twin_seeds(rng):
    table = studies.made(rng)
    names = studies.results(table)
    table.loc[at(table, "fourier", 4), names] = table.loc[at(table, "fourier", 1), names]
    return table


def twin_arms(rng):
    table = studies.made(rng, kind="picture")
    names = studies.results(table)
    table.loc[table["method"] == "fourier", names] = table.loc[table["method"] == "spline", names].to_numpy()
    return table


def steady_seeds(rng):
    """As a published benchmark: ten repetitions whose deviation is 0.4 % of their mean."""
    table = studies.made(rng, seeds=10, kind="equation")
    table["l2re"] = table["l2re"].where(table["method"] != "fourier", 0.0123 * (1 + 0.004 * rng.normal(size=30)))
    return table


def steady_summary(rng):
    table = studies.summary(studies.made(rng, seeds=10, kind="equation"), ends=False)
    return table.assign(l2re_std=0.004 * table["l2re_mean"])


def steady_among_others(rng):
    table = studies.made(rng, arms=4, seeds=8, spread=(0.5, 0.6), kind="equation")
    table["l2re"] = table["l2re"].where(table["method"] != "fourier", 0.0123 * np.exp(0.007 * rng.normal(size=32)))
    return table


def best_of_test(rng):
    return studies.made(rng).rename(columns={"test_mse": "best_test_mse"}).drop(columns="test_rmse")


def best_epoch_on_test(rng):
    return studies.curves(rng, studies.made(rng), select="test")


def best_of_curve(rng):
    table = studies.curves(rng, studies.made(rng)).drop(columns=["best_epoch", "val_mse"])
    return table.assign(reported=table.groupby(["method", "seed"])["test_mse"].transform("min"))


def epochs_without_validation(rng):
    return studies.made(rng, kind="picture").assign(best_epoch=lambda t: rng.integers(100, 2000, len(t)))


def more_trials(rng):
    return studies.made(rng).assign(n_trials=lambda t: t["method"].map({"spline": 81, "fourier": 1, "chebyshev": 1}))


def more_settings(rng):
    table = studies.made(rng, kind="equation").assign(lr=0.01)
    more = table[table["method"] == "spline"].assign(
        lr=0.001, l2re=lambda t: 1.1 * t["l2re"], val_loss=lambda t: 1.1 * t["val_loss"]
    )
    return pd.concat([table, more])


def larger_networks(rng):
    return studies.made(rng).assign(params=lambda t: t["params"].where(t["method"] != "spline", 5000))


def fewer_seeds(rng):
    table = studies.made(rng, seeds=10)
    return table.drop(at(table, "fourier", 3))


def another_seed(rng):
    table = studies.made(rng)
    table.loc[at(table, "fourier", 3), "seed"] = 17
    return table


def more_steps(rng):
    return studies.made(rng).assign(steps=lambda t: t["steps"].where(t["method"] != "spline", 20000))


def slower(rng):
    table = studies.made(rng).drop(columns="steps")
    return table.assign(seconds=table["seconds"] * np.where(table["method"] == "spline", 9, 1))


def too_few_digits(rng):
    table = studies.made(rng, arms=2, seeds=1, kind="equation").drop(columns="val_loss")
    return table.assign(l2re=["0.012", "0.012"])


def mixed_digits(rng):
    table = studies.made(rng, kind="equation")
    return table.assign(
        l2re=[f"{x:.2g}" if a == "mlp" or a == "spline" else x for x, a in table[["l2re", "method"]].to_numpy()]
    )


def exchanged_squares(rng):
    return studies.made(rng).rename(columns={"test_mse": "test_rmse", "test_rmse": "test_mse"})


def wrong_square(rng):
    table = studies.made(rng)
    table.loc[at(table, "fourier", 2), "test_rmse"] *= 1.3
    return table.drop(columns="test_mae")


def large_mae(rng):
    return studies.made(rng).assign(test_mae=lambda t: 1.2 * t["test_rmse"])


def exchanged_parts(rng):
    table = studies.made(rng, kind="picture").drop(columns=["test_psnr", "test_ssim"])
    table["train_mse"] = 0.6 * table["test_mse"]
    own = table["method"] == "fourier"
    table.loc[own, ["train_mse", "test_mse"]] = table.loc[own, ["test_mse", "train_mse"]].to_numpy()
    return table


def r2_of_another(rng):
    table = studies.made(rng).drop(columns=["test_rmse", "test_mae"])
    run = at(table, "fourier", 2)
    table.loc[run, "test_r2"] = 1 - (1 - table.loc[run, "test_r2"]) / 7
    return table


def percent_and_shares(rng):
    table = studies.made(rng, kind="classes")
    table["test_acc"] = table["test_acc"].where(table["method"] != "fourier", 100 * table["test_acc"])
    return table


def negative_error(rng):
    table = studies.made(rng, kind="equation")
    table.loc[ahead(table, "l2re", "min"), "l2re"] *= -1
    return table


def impossible_share(rng):
    table = studies.made(rng, kind="classes").drop(columns="n_test")
    table.loc[ahead(table, "test_acc"), "test_acc"] = 1.031
    return table


def impossible_r2(rng):
    table = studies.made(rng).drop(columns=["test_mse", "test_rmse", "test_mae"])
    table.loc[ahead(table, "test_r2"), "test_r2"] = 1.2
    return table


def lost_in_silence(rng):
    table = studies.made(rng, kind="equation")
    table.loc[at(table, "fourier", 2), "l2re"] = np.nan
    return table


def wrong_decibels(rng):
    table = studies.made(rng, kind="picture")
    table.loc[at(table, "fourier", 2), "test_psnr"] += 3
    return table


def mean_outside(rng):
    table = studies.summary(studies.made(rng, kind="equation"))
    return table.assign(l2re_mean=lambda t: t["l2re_mean"].where(t["method"] != "fourier", 1.5 * t["l2re_max"]))


def lucky_seed(rng):
    """Fourier is worse on every seed but one, on which spline was lost."""
    table = studies.made(rng, arms=2, spread=(0.1, 0.11), kind="equation")
    level = np.where(table["method"] == "spline", 0.01, 0.03) * np.exp(0.1 * rng.normal(size=len(table)))
    table["l2re"] = level
    table.loc[at(table, "spline", 5), "l2re"] = 0.9
    return table


def best_seeds(rng):
    table = studies.made(rng, kind="equation")
    return table.assign(reported=table.groupby("method")["l2re"].transform("min"))


def no_number_of_rows(rng):
    table = studies.made(rng, kind="classes")
    table.loc[at(table, "fourier", 2), "test_acc"] = 0.93333
    return table


def no_mean_of_counts(rng):
    rows = [
        {"method": arm, "acc_mean": mean, "acc_std": 0.02, "n": 5, "n_test": 20}
        for arm, mean in (("spline", "0.93"), ("fourier", "0.917"))
    ]
    return pd.DataFrame(rows)


def copied_rows(rng):
    table = studies.made(rng)
    return pd.concat([table, table[table["method"] == "fourier"].iloc[:2]])


def two_results_of_a_seed(rng):
    table = studies.made(rng, kind="equation")
    more = table[table["method"] == "fourier"].iloc[:1]
    return pd.concat([table, more.assign(l2re=1.2345 * more["l2re"])])


def other_data(rng):
    table = studies.made(rng, problems=("poisson", "burgers"))
    return table[(table["method"] != "fourier") | (table["dataset"] == "poisson")]


def other_rows(rng):
    table = studies.made(rng, kind="equation")
    return table.assign(n_train=np.where(table["method"] == "fourier", 10_000, 1000))


def standard_errors(rng):
    table = studies.summary(studies.made(rng, seeds=10, kind="equation"))
    return table.assign(l2re_std=table["l2re_std"] / np.sqrt(10))


def standard_errors_beside_seeds(rng):
    table = studies.made(rng, kind="equation")
    return table.assign(l2re_std=table.groupby("method")["l2re"].transform("sem"))


def of_how_many(rng):
    return studies.summary(studies.made(rng, kind="equation"), ends=False).drop(columns="n_seeds")


FAULTS = {
    "identical seeds": (twin_seeds, twin_arms),
    "spread too small": (steady_seeds, steady_summary, steady_among_others),
    "selection on test data": (best_of_test, best_epoch_on_test, best_of_curve, epochs_without_validation),
    "unequal trials": (more_trials, more_settings),
    "unequal parameters": (larger_networks,),
    "unequal effort": (fewer_seeds, another_seed, more_steps, slower),
    "rounding": (too_few_digits, mixed_digits),
    "contradicting columns": (
        *(exchanged_squares, wrong_square, large_mae, exchanged_parts, r2_of_another, percent_and_shares),
    ),
    "impossible values": (
        *(negative_error, impossible_share, impossible_r2, lost_in_silence, wrong_decibels, mean_outside),
    ),
    "one seed decides": (lucky_seed, best_seeds),
    "impossible counts": (no_number_of_rows, no_mean_of_counts),
    "repeated rows": (copied_rows, two_results_of_a_seed),
    "different data": (other_data, other_rows),
    "wrong summaries": (standard_errors, standard_errors_beside_seeds, of_how_many),
}
PLANTED = [(check, make) for check, makers in FAULTS.items() for make in makers]


def test_every_check_has_a_fault_that_it_finds():
    assert set(FAULTS) == {check.name for check in CHECKS}
    assert len(CHECKS) >= 13


@pytest.mark.parametrize(("check", "make"), PLANTED, ids=[make.__name__ for _, make in PLANTED])
def test_a_planted_fault_is_found_by_its_check_alone(check, make, rng, tmp_path):
    findings = found(make(rng), tmp_path)
    assert {finding.check for finding in findings} == {check}, [finding.sentence for finding in findings]
    for finding in findings:
        assert re.fullmatch(r"[^\n]+: [^\n]+; [^\n]+[^.]", finding.sentence)
        assert "nan" not in finding.sentence
        assert "np." not in finding.sentence + finding.evidence


# -- and in others none ---------------------------------------------------------------------------------------------


def searched(rng):
    table = studies.made(rng, kind="equation").assign(lr=0.01)
    other = studies.made(rng, kind="equation").assign(lr=0.001)
    return pd.concat([table, other])


def lost_and_said(rng):
    table = studies.made(rng, kind="equation").assign(status="ok")
    table.loc[at(table, "fourier", 2), ["l2re", "val_loss", "status"]] = np.nan, np.nan, "diverged at step 7"
    return table


def other_words(rng):
    table = studies.made(rng, kind="equation").rename(
        columns={"l2re": "Rel. L2 error", "method": "Model", "seed": "Run"}
    )
    return table.assign(Timestamp=[f"2026-01-01 00:{i:02d}" for i in range(len(table))])


def just_within(rng):
    """What is unusual, and less so than any rule asks for."""
    table = studies.made(rng, seeds=10, spread=(0.1, 0.2))
    own = table["method"] == "fourier"
    table["test_rmse"] *= np.where(own, 0.95, 1)  # a mean over batches
    table["test_mae"] = 0.94 * table["test_rmse"]
    table["params"] = table["params"] + 10 * own
    table["steps"] = table["steps"] + 150 * own
    return table.assign(seconds=table["seconds"] * np.where(own, 30, 1))


def steady_but_real(rng):
    table = studies.made(rng, seeds=10, kind="equation")
    return table.assign(
        l2re=table["l2re"].where(table["method"] != "fourier", 0.0123 * (1 + 0.04 * rng.normal(size=30)))
    )


def other_seeds(rng):
    return studies.made(rng).assign(seed=lambda t: t["seed"] + 100 * (t["method"] == "fourier") + 7000)


def means_over_pictures(rng):
    table = studies.made(rng, kind="picture")
    return table.assign(test_psnr=table["test_psnr"] + rng.uniform(0, 0.3, len(table)))


def single_precision(rng):
    table = studies.made(rng, kind="classes", test_rows=10_000)
    return table.assign(test_acc=table["test_acc"].astype(np.float32).astype(float))


def best_on_validation(rng):
    table = studies.made(rng)
    return table.assign(best_epoch=rng.integers(1, 2000, len(table)), best_val_loss=table["val_mse"] * 1.01)


CLEAN = {
    "within bounds": just_within,
    "steady": steady_but_real,
    "other seeds": other_seeds,
    "means over pictures": means_over_pictures,
    "single precision": single_precision,
    "chosen on validation data": best_on_validation,
    "wide": lambda rng: studies.made(rng),
    "many seeds": lambda rng: studies.made(rng, arms=5, seeds=10, spread=(0.05, 0.1)),
    "two arms of wide spread": lambda rng: studies.made(rng, arms=2, seeds=5, spread=(0.8, 1.2)),
    "five digits": lambda rng: studies.rounded(studies.made(rng), 5),
    "long": lambda rng: studies.long(studies.made(rng)),
    "long in four digits": lambda rng: studies.long(studies.rounded(studies.made(rng, kind="picture"), 4)),
    "by part": lambda rng: studies.by_part(studies.made(rng)),
    "pictures": lambda rng: studies.made(rng, kind="picture", seeds=10),
    "classes": lambda rng: studies.made(rng, kind="classes"),
    "classes in percent": lambda rng: studies.made(rng, kind="classes").assign(test_acc=lambda t: 100 * t["test_acc"]),
    "two problems": lambda rng: studies.made(rng, problems=("poisson", "burgers")),
    "summaries": lambda rng: studies.summary(studies.made(rng, seeds=10)),
    "summaries without ends": lambda rng: studies.summary(studies.made(rng, kind="equation"), ends=False),
    "curves": lambda rng: studies.curves(rng, studies.made(rng)),
    "a search": searched,
    "a lost seed that is said": lost_and_said,
    "other words": other_words,
}


@pytest.mark.parametrize("make", CLEAN.values(), ids=CLEAN)
def test_nothing_is_found_in_a_clean_study(make, rng, tmp_path):
    assert [finding.sentence for finding in found(make(rng), tmp_path)] == []


def test_equal_values_among_many_in_few_digits_are_accidents(rng, tmp_path):
    table = studies.rounded(studies.made(rng, arms=3, seeds=400, spread=(0.1, 0.2), kind="equation"), 6)
    assert table["l2re"].duplicated().any()
    assert found(table, tmp_path) == []


def test_a_word_in_a_column_called_like_a_score_is_a_word(rng, tmp_path):
    assert found(studies.made(rng, kind="equation").assign(precision="float32", loss="mse"), tmp_path) == []


def test_a_column_that_nobody_named_tells_settings_apart(rng, tmp_path):
    parts = [studies.made(rng, kind="equation").assign(noise=noise) for noise in (0.0, 0.1)]
    assert found(pd.concat(parts), tmp_path) == []


@pytest.mark.parametrize("number", range(20))
def test_nothing_is_found_in_random_studies(number, tmp_path):
    assert [one.sentence for one in found(studies.random(np.random.default_rng(number)), tmp_path)] == []


def test_what_a_study_does_not_say_is_not_passed(tmp_path):
    """A check without what it needs says so, and the others still work."""
    pd.DataFrame({"method": ["a", "b"], "mse": [0.123456, 0.234567]}).to_csv(tmp_path / "s.csv", index=False)
    outcomes = {one.check.name: one.outcome for one in examine([tmp_path / "s.csv"], Asked()).answers}
    assert outcomes["unequal parameters"] == "not checked for want of numbers of parameters"
    assert outcomes["identical seeds"] == "not checked for want of results of several seeds"
    assert outcomes["impossible values"] == "nothing found"


# -- what is read ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "last"),
    [("1.234", 1e-3), ("1.23e-3", 1e-5), ("12", 1), ("-0.5", 0.1), ("1E5", 1e5), ("97.31%", 0.01), ("2.", 1)],
)
def test_the_unit_of_the_last_digit(text, last):
    assert unit(text) == pytest.approx(last)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Test MSE", ("mse", "test", "value", False)),
        ("best_test_acc", ("accuracy", "test", "value", True)),
        ("mse_mean", ("mse", "", "mean", False)),
        ("mean_squared_error", ("mse", "", "value", False)),
        ("testRMSE_std", ("rmse", "test", "std", False)),
        ("valid_loss", ("loss", "val", "value", False)),
        ("R²", ("r2", "", "value", False)),
    ],
)
def test_names_of_columns_are_understood(name, meant):
    column = column_of(name)
    assert (column.score, column.part, column.statistic, column.best) == meant


def test_columns_are_named_by_flags(rng, tmp_path):
    table = studies.made(rng, kind="equation").rename(columns={"method": "wer", "seed": "saat", "l2re": "fehler"})
    table["wer2"] = "x"
    asked = {"arm": ("wer", "wer2"), "seed": ("saat",), "metric": ("fehler",)}
    assert found(table, tmp_path, **asked) == []
    table.loc[3, "fehler"] = table.loc[1, "fehler"]
    (finding,) = found(table, tmp_path, **asked)
    assert (finding.check, finding.arm, finding.seeds, finding.metric) == (
        "identical seeds",
        "spline",
        "1 and 3",
        "fehler",
    )
    long = table.melt(["wer", "saat"], ["fehler"], "was", "zahl")
    (finding,) = found(long, tmp_path, arm=("wer",), seed=("saat",), metric=("was",), value="zahl")
    assert finding.check == "identical seeds"


def test_metrics_of_a_long_table_are_chosen(rng, tmp_path):
    table = studies.long(negative_error(rng))
    assert found(table, tmp_path, metric=("val_loss",)) == []
    assert "impossible values" in {finding.check for finding in found(table, tmp_path, metric=("l2re",))}
    with pytest.raises(ConfigError, match="has no metric 'mse'; metrics: l2re, val_loss"):
        found(table, tmp_path, metric=("mse",))


def test_the_test_size_is_named_by_a_flag(rng, tmp_path):
    table = no_number_of_rows(rng).drop(columns="n_test")
    assert found(table, tmp_path) == []
    (finding,) = found(table, tmp_path, test_size="1000")
    assert (
        "seed 2 of fourier is no number of 1000 test rows, of which the nearest are 0.933 and 0.934" in finding.sentence
    )


def test_means_with_deviations_in_one_cell(tmp_path):
    rows = ["method,n,mse", "spline,10,0.0123 ± 0.00004", "fourier,10,0.0456 (0.0110)"]
    (tmp_path / "s.csv").write_text("\n".join(rows))
    (finding,) = examine([tmp_path / "s.csv"], Asked()).findings
    assert (finding.check, finding.arm) == ("spread too small", "spline")


def test_semicolons_and_decimal_commas(rng, tmp_path):
    table = twin_seeds(rng)
    table.to_csv(tmp_path / "s.csv", index=False, sep=";", decimal=",")
    assert {one.check for one in examine([tmp_path / "s.csv"], Asked()).findings} == {"identical seeds"}


FILES = {
    "": "it is empty",
    "\n\n": "it is empty",
    "method,seed,mse\n": "has no rows below its header",
    "a,b\n1,2\n3,4\n": "no column of '{file}' names the arms (a, b); say which by --arm COLUMN",
    "method,seed,speed\na,1,2\n": "no column holds results that are known (method, seed, speed); say which by --metric",
    "method,seed,mse\na,1,fast\nb,1,0.5\nc,1,none\n": "column 'mse' of '{file}' holds 'fast', which is no number",
    "method,metric,other\na,mse,1\n": "no column of '{file}' holds the values of 'metric'; name it by --value",
    "method,seed,mse\na,1,\nb,2,\n": "'{file}' holds no number in mse",
    "method,seed,mse\na,1\nb,1,2,3\n": "has 2 of 3 fields",
    "1.5,2.5,0.5\n4,5,6\n": "the first line of '{file}' looks like data; begin the file with the names of its columns",
    "\0\0\0": "it is no text",
    "method,mse,mse\na,1,2\n": "2 columns of '{file}' are called 'mse'",
}


@pytest.mark.parametrize("text", FILES, ids=range(len(FILES)))
def test_a_file_that_is_no_study_is_one_sentence(text, tmp_path, capsys):
    (tmp_path / "s.csv").write_text(text)
    assert main(["audit", str(tmp_path / "s.csv")]) == 2
    said = capsys.readouterr()
    assert FILES[text].format(file=tmp_path / "s.csv") in said.err
    assert said.err.count("error: ") == said.err.count("\n") == 1
    assert "task." not in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["s.csv"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere.csv"], "cannot read a table from 'nowhere.csv' (no such file)"),
        (["s.csv", "s.csv"], "audit: give one file, or run folders, got 2 paths with the file s.csv"),
        (
            ["s.csv", "--arm", "metod"],
            "--arm: 's.csv' has no column 'metod'; did you mean 'method'? columns: method, mse",
        ),
        (["s.csv", "--metric", "mae"], "--metric: 's.csv' has no column 'mae'; did you mean"),
        (["s.csv", "--test-size", "rows"], "--test-size: 's.csv' has no column 'rows'"),
        (["empty"], "empty: holds no run that can be read"),
        (["empty", "--arm", "x"], "--arm: is for the columns of a file; what a run folder holds is known"),
        (["s.csv", "--out", "s.csv/x"], "s.csv/x: cannot be written"),
    ],
)
def test_a_mistake_in_the_command_is_one_sentence(words, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.csv").write_text("method,mse\na,0.125\nb,0.25\n")
    (tmp_path / "empty").mkdir()
    assert main(["audit", *words]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("error: ") == 1


# -- kanexp's own runs ----------------------------------------------------------------------------------------------


def test_nothing_is_found_in_runs_of_kanexp(rng, tmp_path):
    for i, init in enumerate(("default", "smooth")):
        mse = tuple(np.exp(-3 - i + 0.3 * rng.normal(size=6)))
        make_run(tmp_path / init, init, mse, status={5: "diverged at step 7: its loss is not finite"})
    out, found = audit([tmp_path])
    assert out == tmp_path / "audit"
    assert found.findings == []
    outcomes = {one.check.name: one.outcome for one in found.answers}
    assert outcomes["selection on test data"] == "nothing found"


def test_faults_of_runs_are_found(rng, tmp_path):
    same = tuple(np.exp(-3 + 0.3 * rng.normal(size=6)))
    make_run(tmp_path / "a", "default", same)
    make_run(tmp_path / "b", "smooth", same[:5], parameters=150)
    found = {one.check: one for one in examine([tmp_path / "a", tmp_path / "b"], Asked()).findings}
    assert set(found) == {"identical seeds", "unequal parameters", "unequal effort"}
    assert found["unequal effort"].sentence == (
        "function: smooth has 5 seeds, default 6; seed 5 is missing; show all seeds that were run, lost ones as well"
    )


def test_runs_without_an_end_are_no_study(tmp_path):
    never_ended(tmp_path / "a", "interrupted")
    with pytest.raises(ConfigError, match=r"no run in .* has ended; wait for one, or resume it"):
        examine([tmp_path], Asked())


def test_runs_of_several_tasks_and_a_failed_one(rng, tmp_path):
    for i, (task, init) in enumerate((t, a) for t in ("function", "image") for a in ("default", "smooth")):
        mse = tuple(np.exp(-3 - i + 0.3 * rng.normal(size=6)))
        make_run(tmp_path / str(i), init, mse, choices={"task": task}, options={"noise": 0.0})
    never_ended(tmp_path / "gone", "failed", init="power", cause="ValueError: x")
    found = examine([tmp_path], Asked()).findings
    assert {one.check for one in found} <= {"different data", "unequal effort"}
    assert "power has no results on image, which other arms have" in " ".join(one.sentence for one in found)


# -- what is written ------------------------------------------------------------------------------------------------


def test_the_command_and_its_exit_codes(kanexp, rng, tmp_path):
    studies.made(rng).to_csv(tmp_path / "clean.csv", index=False)
    twin_seeds(rng).to_csv(tmp_path / "wrong.tsv", index=False, sep="\t")
    done = kanexp("audit", "clean.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"unequal parameters +nothing found", done.stdout)
    assert done.stdout.splitlines()[-1] == "clean-audit/audit.html"
    done = kanexp("audit", "wrong.tsv", "--out", "there")
    assert (done.returncode, done.stderr) == (1, "")
    assert "identical seeds: wrong.tsv: seeds 1 and 4 of fourier have the same" in done.stdout
    rows = pd.read_csv(tmp_path / "there" / "audit.csv")
    assert list(rows.columns) == ["check", "problem", "arm", "seeds", "metric", "sentence", "evidence"]
    assert rows["seeds"].tolist() == ["1 and 4"]
    assert {path.name for path in (tmp_path / "there").iterdir()} == {"audit.html", "audit.csv", "audit.tex"}


def test_names_in_a_file_harm_nothing(rng, tmp_path):
    names = {"spline": "=cmd()", "fourier": "<script>alert(1)</script>", "chebyshev": "$\\frac{$ 50 %\x1b[2J"}
    table = twin_seeds(rng).assign(params=lambda t: np.arange(len(t)) * 100 + 100)
    table["method"] = table["method"].map(names)
    table.to_csv(tmp_path / "s.csv", index=False)
    out, found = audit([tmp_path / "s.csv"])
    assert {one.check for one in found.findings} == {"identical seeds", "unequal parameters"}
    page = (out / "audit.html").read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "http" not in page.replace("http-equiv", "")
    sheet = pd.read_csv(out / "audit.csv", keep_default_na=False)
    assert not any(str(cell).startswith(("=", "+", "@")) for cell in sheet.to_numpy().ravel())
    tex = (out / "audit.tex").read_text()
    assert r"\frac" not in tex
    assert "\x1b" not in tex


def test_the_rules_are_documented():
    text = (ROOT / "kanexp" / "audit" / "README.md").read_text()
    assert [check.name for check in CHECKS if f"| {check.name} |" not in text] == []


@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed (scripts/setup --all)")
def test_the_page_needs_no_network(rng, tmp_path):
    steady_seeds(rng).to_csv(tmp_path / "s.csv", index=False)
    out, _ = audit([tmp_path / "s.csv"])
    words = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", (out / "audit.html").as_uri()]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert "spread too small" in done.stdout, json.dumps(done.stderr[-500:])
