"""What a run says of itself before and after it trains."""

import numpy as np
import pandas as pd
import pytest

from kanexp import console
from kanexp.cli import main
from kanexp.run.messages import overfits

WORDS = ["task=tabular", "task.dataset=diabetes", "seeds=2", "name=fit"]


def log(train, val):
    """A log of two seeds that ends at these losses."""
    rows = [
        {"step": step, "seed": seed, "metric": metric, "value": value * (2 if step == 0 else 1)}
        for step in (0, 10)
        for seed in (0, 1)
        for metric, value in (("train_loss", train), ("val_loss", val))
    ]
    return pd.DataFrame(rows)


def test_rows_that_are_learned_by_heart_are_said():
    assert overfits(log(0.0016, 0.477), 10_261, 240) == (
        "overfits: the loss ends at 0.0016 on training data and 0.48 on validation data, with 10,261 weights for 240 "
        "rows; fewer widths, reg=smooth, more data or patience=... may help"
    )


@pytest.mark.parametrize(
    ("train", "val", "weights"),
    [(0.1, 0.5, 10_261), (0.0016, 0.477, 240), (0.0, 0.477, 10_261), (0.1, np.inf, 10_261), (0.1, np.nan, 10_261)],
    ids=["near", "fewer weights than rows", "no loss left", "lost", "none"],
)
def test_what_is_no_overfitting_is_not_said(train, val, weights):
    assert overfits(log(train, val), weights, 240) == ""


def test_a_run_that_overfits_says_so_and_writes_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["layer=bspline", "layer.intervals=40", "steps=300", "widths=[in,8,out]", "optimizer.learning_rate=0.02"]
    assert main([*WORDS, *words]) == 0
    assert "warning: overfits: the loss ends at" in capsys.readouterr().out
    assert "overfits" in (tmp_path / "outputs" / "fit" / "latest" / "run.json").read_text()


@pytest.mark.parametrize(
    ("normalize", "verbose", "shown"), [("range", "false", False), ("range", "true", True), ("standard", "false", True)]
)
def test_the_signal_is_shown_where_something_is_wrong_with_it(normalize, verbose, shown, tmp_path, monkeypatch, capsys):
    """Standardized inputs lie beyond the grid of splines."""
    monkeypatch.chdir(tmp_path)
    words = ["layer=bspline", "steps=2", "widths=[in,3,out]", f"task.normalize={normalize}", f"verbose={verbose}"]
    assert main([*WORDS, *words]) == 0
    assert ("signal at the start" in capsys.readouterr().out) == shown


def test_one_rule_rounds_all_numbers():
    assert [console.number(x) for x in (0.00029461, 1234.56, 12, 0.1)] == ["0.0002946", "1235", "12", "0.1"]
    assert console.interval(1e-5, 2.34567) == "1e-05 .. 2.346"


def test_names_wrap_at_words_and_numbers_are_never_broken(capsys, monkeypatch):
    monkeypatch.setattr(console.out, "_width", 50)
    name = "bspline intervals=20 residual=silu learning_rate=0.001"
    console.table("", ("arm", "interval"), [(name, "0.0002373 .. 0.0003645")])
    lines = capsys.readouterr().out.splitlines()
    assert any("0.0002373 .. 0.0003645" in line for line in lines)
    words = " ".join(lines).replace("0.0002373 .. 0.0003645", "").split()
    assert set(name.split()) <= set(words)
