"""What people's tables are called by others: no formula in a spreadsheet, a page, a figure or a paper."""

import json
import shutil

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from kanexp import console
from kanexp.cli import main
from kanexp.figure.style import STYLE, save
from kanexp.folder.sheet import harmless, write_sheet
from kanexp.report.latex import escape


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=", "--"])
def test_a_formula_becomes_a_text(text):
    assert harmless(text) == (f"'{text}" if len(text) > 1 else text)


@pytest.mark.parametrize("value", ["-1.5", "+3e-4", "-inf", "-", "layer=rbf", "a=1", "", None, -2.0, 3, True])
def test_other_cells_stay(value):
    assert harmless(value) is value


def test_a_sheet_is_read_as_it_was_written(tmp_path):
    table = pd.DataFrame({"arm": ["=x", "b"], "-y": [1.25, np.nan], "when": pd.Categorical(["@a", "c"]), "n": [-1, 2]})
    write_sheet(table, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "arm,'-y,when,n\n'=x,1.25,'@a,-1\nb,,c,2\n"
    write_sheet(pd.DataFrame({"x": [1 / 3]}), tmp_path / "t.csv", 3)
    assert (tmp_path / "t.csv").read_text() == "x\n0.333\n"
    assert list(table.columns) == ["arm", "-y", "when", "n"]


def test_no_other_place_writes_tables_of_people():
    from conftest import ROOT

    writers = [file.name for file in (ROOT / "kanexp").rglob("*.py") if ".to_csv(" in file.read_text()]
    assert writers == ["sheet.py"]


def test_dollars_in_figures_are_dollars(tmp_path):
    name = r"$\frac{$ <b>&\"' $x^$"
    with mpl.rc_context(STYLE):  # in which all figures are made
        figure = Figure(layout="constrained")
        axes = figure.subplots()
        axes.plot([1, 10], [1, 100], label=name)
        axes.set(title=name, xlabel="x₁", ylabel=name, yscale="log")
        axes.set_xticks([1, 10], [name, "$"])
        axes.legend()
        figure.suptitle(name)
    save(figure, tmp_path / "f")
    drawn = (tmp_path / "f.svg").read_text()
    assert drawn.count("$") == 5 * 4 + 1
    assert "<b>" not in drawn
    assert ">10²<" in drawn


@pytest.mark.parametrize(
    ("text", "shown"), [("a\nb", "a b"), ("a\n\nb", "a  b"), ("\x1b[1m", " [1m"), ("$_$", r"\$\_\$")]
)
def test_a_name_stays_in_its_cell_of_a_paper(text, shown):
    assert escape(text) == shown


def test_a_terminal_obeys_no_name(capsys):
    console.say("a\x1b[2Jb\nc")
    console.warn("\x07")
    assert capsys.readouterr() == ("a\\x1b[2Jb\nc\n", "warning: \\x07\n")


def test_names_of_a_users_table_harm_nothing(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    classes = ["=cmd()", "<script>alert(1)</script>", "$\\frac{$"]
    rows = pd.DataFrame(
        {"<i>a$b$": np.arange(60) % 7, "@b\nc": np.arange(60), "$y$": [classes[i % 3] for i in range(60)]}
    )
    rows.to_csv("t.csv", index=False)
    words = ["task=tabular", "task.path=t.csv", "task.target='$y$'", "layer=chebyshev", "widths=[in,3,out]", "steps=5"]
    assert main([*words, "seeds=2", "name=x"]) == 0
    assert main(["report", "outputs/x"]) == 0
    folder = tmp_path / "outputs" / "x" / "v001"
    assert json.loads((folder / "run.json").read_text())["status"] == "done"
    for file in tmp_path.glob("outputs/**/figures/*.csv"):
        assert ",=" not in file.read_text()
        assert "\n=" not in file.read_text()
    (page,) = (tmp_path / "outputs").glob("**/report.html")
    assert "<script>alert" not in page.read_text()
    shutil.rmtree(tmp_path / "outputs")


def test_numbers_that_differ_little_keep_their_differences(tmp_path):
    far = 2.46e6 + np.array([0.001234567, 0.002345678, -0.5])
    table = pd.DataFrame({"far": far, "near": [1.23456789, 2.0, 3.0], "same": [1e9 + 0.125] * 3, "none": [np.nan] * 3})
    write_sheet(table, tmp_path / "t.csv", 7)
    back = pd.read_csv(tmp_path / "t.csv")
    np.testing.assert_allclose(back["far"], far, rtol=0, atol=5e-8)
    assert (tmp_path / "t.csv").read_text().splitlines()[1] == f"{far[0]:.14g},1.234568,1e+09,"
