import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from helpers.runs import make_many, make_run, never_ended

from kanexp.error import ConfigError
from kanexp.figure import arm_figures, axis_figures, run_figures
from kanexp.folder.run_folder import RunFolder
from kanexp.report import curve, latex, table
from kanexp.report.page import LIBRARIES, SCRIPTS
from kanexp.report.report import Question, report
from kanexp.score.cost import Metric
from kanexp.score.score import MSE


def written(folder, out=None, **question):
    """The folder of a report, and its findings."""
    return report([folder], out, Question(**question))


def test_one_row_per_run_and_seed(tmp_path):
    make_run(tmp_path / "a")
    make_run(tmp_path / "b", init="smooth", mse=(0.01, 0.02, 0.03), status={1: "diverged at step 3: x"})
    out, found = written(tmp_path)
    assert out == tmp_path / "report"
    assert found.left_out == []
    rows = pd.read_csv(out / "report.csv")
    assert list(rows.columns[: len(table.COLUMNS)]) == list(table.COLUMNS)
    assert rows["test_mse"].tolist() == [0.1, 0.2, 0.3, 0.01, 0.02, 0.03]
    assert rows["arm"].tolist() == ["default"] * 3 + ["smooth"] * 3
    summary = pd.read_csv(out / "summary.csv")
    assert summary["failed"].tolist() == [0, 1]
    assert summary["median"].tolist() == [0.2, 0.03]  # of .01, .03 and the worst possible
    assert summary["high"].tolist() == [0.3, np.inf]
    assert len(pd.read_csv(out / "comparisons.csv")) == 1
    for name in ("arms", "curves"):
        assert (out / f"{name}.png").stat().st_size > 5000
        assert "<svg" in (out / f"{name}.svg").read_text()


def test_a_report_on_validation_data(tmp_path):
    """The loss that selects can be compared as well, also where no test score was taken."""
    for i, init in enumerate(("default", "smooth")):
        make_run(tmp_path / init, init, (0.1 + i, 0.2, 0.3), test=None)
    for metric in ("best_val_loss", None):
        out, found = written(tmp_path, metric=metric)
        assert found.headline()["median"].tolist() == [0.2, 0.3]
        assert len(pd.read_csv(out / "arms.csv")) == 6
        assert "best validation loss" in (out / "table.tex").read_text()


def test_every_figure_has_its_table(tmp_path):
    for i, (init, rate) in enumerate((a, b) for a in ("default", "smooth") for b in (1e-3, 1e-2, 1e-1)):
        options = {"learning_rate": rate}
        make_run(tmp_path / str(i), init, (0.1 + i, 0.2, 0.3), options=options, parameters=90 + i)
    out, _ = written(tmp_path)
    drawn = {path.stem for path in out.glob("*.png")}
    assert drawn == {"arms", "curves", "front", "map", "sensitivity-learning_rate"}
    for name in drawn:
        assert (out / f"{name}.svg").is_file()
        assert len(pd.read_csv(out / f"{name}.csv")) >= 6
    cells = pd.read_csv(out / "map.csv")
    assert cells["median"].tolist() == [0.2, *[0.3] * 5]
    assert cells["column"].tolist() == [0.001, 0.01, 0.1] * 2


def test_curves_are_bands_over_seeds(tmp_path):
    make_run(tmp_path / "a", mse=(0.1, 0.2, 0.4))
    out, _ = written(tmp_path)
    curves = pd.read_csv(out / "curves.csv")
    last = curves[(curves["at"] == 20) & (curves["metric"] == "val_loss")]
    assert last[["low", "median", "high", "seeds"]].to_numpy().tolist() == [[0.1, 0.2, 0.4, 3]]
    assert len(curves) == 2 * 3


def test_curves_over_what_was_spent(tmp_path):
    """Seeds that spent more for a step reach its loss later; there is no value before a seed's first."""
    folder = make_run(tmp_path / "a", mse=(0.1, 0.2))
    for over, spent in {"evaluations": [40, 80], "samples": [1600, 3200], "seconds": [5, 5]}.items():
        read = curve.log(folder, [0, 1], over)
        assert set(read["metric"]) == {"train_loss", "val_loss"}
        assert read[read["metric"] == "val_loss"].groupby("seed")[over].max().tolist() == spent
    read = curve.log(folder, [0, 1], "evaluations")
    by_seed = curve.by_seed(read[read["metric"] == "val_loss"], "evaluations")
    assert 40 <= by_seed.index[0] < 40.2  # the second seed's first step took 40
    at = by_seed.loc[by_seed.index >= 79.9].iloc[0]
    assert at.tolist() == pytest.approx([0.1, 0.2])
    at = by_seed.loc[by_seed.index < 79].iloc[-1]
    assert at.tolist() == pytest.approx([0.1, 0.4])
    for over in curve.OVER:
        out, _ = written(tmp_path / "a", tmp_path / over, over=over)
        assert arm_figures.SPENT[over] in (out / "curves.svg").read_text()


def test_long_curves_are_thinned_to_their_ends(tmp_path):
    folder = make_run(tmp_path / "a", mse=(0.1, 0.2))
    with folder.logs() as logs:
        for step in range(1001):
            logs.metrics(step, [0, 1], "val_loss", [1 / (1 + step)] * 2)
    steps = curve.log(folder, [1], "step")["step"]
    assert len(steps) == curve.MOST_STEPS
    assert (steps.min(), steps.max()) == (0, 1000)


def test_the_page_stands_alone(tmp_path):
    make_run(tmp_path / "a", command="kanexp <test> </script><!-- <script>")
    out, _ = written(tmp_path, tmp_path / "elsewhere" / "else")
    page = (out / "report.html").read_text()
    assert "data:image/png;base64," in page
    assert "default-src 'none'" in page  # nothing is fetched, whatever is in it
    assert page.count(' src="') == page.count(' src="data:') >= 1
    scripts = len(LIBRARIES) + len(SCRIPTS) + len(("data", "links"))
    assert page.count("</script>") == len(re.findall(r"<script( [^>]*)?>", page)) == scripts
    assert '"../../a/"' in page  # the link to the run, from where the page is


def held_by(page, what="data"):
    """What a page carries as data."""
    return json.loads(page.split(f'id="{what}">', 1)[1].split("</script>", 1)[0])


def tables(page):
    """The tables that a page carries, each a list for each column."""
    return {
        name: {key: v if isinstance(v, list) else [v["values"][i] for i in v["of"]] for key, v in columns.items()}
        for name, columns in held_by(page)["tables"].items()
    }


def test_the_page_holds_every_table(tmp_path):
    make_run(tmp_path / "a", cause="<b>none</b>")
    make_run(tmp_path / "b", "smooth", mse=(0.4, 0.5, None))
    page = (written(tmp_path)[0] / "report.html").read_text()
    held = tables(page)
    assert held["rows"]["test_mse"] == [0.1, 0.2, 0.3, 0.4, 0.5, None]
    assert held["summary"]["high"] == [0.3, np.inf]
    assert held["runs"]["command"] == ["kanexp <test>"] * 2
    assert held["comparisons"]["verdict"] == ["looks better"]
    assert "The same in all rows: " in page
    assert "default looks better than smooth, but it is not established" in page
    assert "Know this first" in page


FORMULAS = """seed,status,formula,complexity,rmse_train,rmse_val,rmse_test,to_network,network_rmse_test,reason
0,formula,'-a + b<c,2,1e-9,1e-9,2e-09,1e-4,1e-4,
1,none,,0,inf,inf,inf,inf,0.2,no small form came within 2 % of the network
"""


def test_the_page_shows_formulas_that_were_found(tmp_path):
    make_run(tmp_path / "a")
    assert "formulas of" not in (written(tmp_path)[0] / "report.html").read_text()
    (tmp_path / "a" / "formula.csv").write_text(FORMULAS)
    page = (written(tmp_path)[0] / "report.html").read_text()
    assert "<td>0</td><td><code>-a + b&lt;c</code></td><td>test error 2e-09 of the deviation</td>" in page
    assert "<td>1</td><td><code>none</code></td><td>no small form came within 2 % of the network</td>" in page


def test_the_page_says_of_which_output_a_formula_is(tmp_path):
    make_run(tmp_path / "a")
    lines = FORMULAS.splitlines()
    text = "\n".join([f"output,{lines[0]}", f"u,{lines[1]}", f"v,{lines[2]}"])
    (tmp_path / "a" / "formula.csv").write_text(text)
    page = (written(tmp_path)[0] / "report.html").read_text()
    assert "<td>u, 0</td>" in page
    assert "<td>v, 1</td>" in page


@pytest.mark.parametrize("damage", ["", "seed\n0\n", "\x00\xff", '"seed'])
def test_a_damaged_table_of_formulas_leaves_the_page(damage, tmp_path):
    make_run(tmp_path / "a")
    (tmp_path / "a" / "formula.csv").write_bytes(damage.encode("latin-1"))
    assert "formulas of" not in (written(tmp_path)[0] / "report.html").read_text()


def test_runs_from_before_an_option_are_no_arm_of_their_own(tmp_path):
    make_run(tmp_path / "a")
    make_run(tmp_path / "b")
    found, _ = table.read([RunFolder(tmp_path / name) for name in "ab"])
    older, new = found[0], replace(found[1], config=found[1].config | {"model.frequencies": 0})
    assert "model.frequencies" not in older.config
    assert [run.options["model.frequencies"] for run in table.with_later_options([older, new])] == ["0", "0"]
    assert table.with_later_options([older]) == [older]  # as they are, where none knows it


def test_folders_that_cannot_be_read_are_named_and_left_out(tmp_path):
    make_run(tmp_path / "good")
    newer = make_run(tmp_path / "newer").path / "run.json"
    newer.write_text(json.dumps(json.loads(newer.read_text()) | {"format": 99}))
    for name, content in (("half", '{"format": 1, "st'), ("empty", ""), ("bare", '{"format": 1}'), ("list", "[]")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(content)
    for name in ("no_config", "config_of_text", "config_of_dust"):
        make_run(tmp_path / name)
    (tmp_path / "no_config" / "config.yaml").unlink()
    (tmp_path / "bare" / "config.yaml").write_text("steps: 1\n")
    (tmp_path / "config_of_text" / "config.yaml").write_text("just text")
    (tmp_path / "config_of_dust" / "config.yaml").write_bytes(b"\xff\xfe\x00: [")
    out, found = written(tmp_path)
    assert len(found.left_out) == 8
    assert len(pd.read_csv(out / "report.csv")) == 3
    page = (out / "report.html").read_text()
    for name in ("newer", "half", "empty", "bare", "list", "no_config", "config_of_text", "config_of_dust"):
        assert sum(f"/{name}: " in sentence for sentence in found.left_out) == 1
        assert f"/{name}: " in page
    assert any("its record lacks choices, seeds, status, widths" in sentence for sentence in found.left_out)


@pytest.mark.parametrize("status", ["running", "failed", "interrupted"])
def test_runs_that_did_not_end_are_listed_as_they_are(tmp_path, status):
    folder = never_ended(tmp_path / "a", status)
    folder.metrics.write_text(folder.metrics.read_text() + "30,1,val_lo")  # cut in the middle of a line
    with folder.hold():  # as the process does that is at work on a run
        out, _ = written(tmp_path)
    rows = pd.read_csv(out / "report.csv")
    assert rows["status"].tolist() == [status] * 3
    assert rows["seed"].tolist() == [0, 1, 2]
    assert rows["compared"].tolist() == [status == "failed"] * 3


def test_a_run_of_another_shape_is_reported(tmp_path):
    """What a record may lack, or hold as null, stops no report."""
    make_run(tmp_path / "a", test=None, versions=None, parameters=None, evaluations=None, started=None)
    make_run(tmp_path / "b", "smooth", best_val_loss=None, train_seconds=None)
    (tmp_path / "a" / "metrics.csv").unlink()
    out, _ = written(tmp_path)
    assert len(pd.read_csv(out / "report.csv")) == 6


def test_nothing_to_report(tmp_path):
    with pytest.raises(ConfigError, match="holds no run that can be read; make one with"):
        written(tmp_path)
    with pytest.raises(ConfigError, match="no such folder"):
        written(tmp_path / "nowhere")


def test_figures_leave_the_style_of_their_user_alone():
    before = dict(mpl.rcParams)
    steps = pd.DataFrame({"step": [0, 1], "seed": 0, "metric": "train_loss", "value": [1.0, 0.5]})
    run_figures.curves(steps, ["train_loss"])
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("value", "scientific", "text"),
    [
        (1.2, True, "1.2"),
        (0.00123, True, "1.2e-3"),
        (45e6, True, "4.5e7"),
        (12.34, False, "12.3"),
        (9.99, True, "1.0e1"),
    ],
)
def test_numbers_of_a_map(value, scientific, text):
    assert axis_figures._number(value, scientific) == text


@pytest.mark.parametrize(
    ("kind", "shape", "axes"), [("picture", (2, 3), 3), ("surface", (2, 3), 6), ("curve", (6,), 1)]
)
def test_predictions_are_drawn_for_every_kind(kind, shape, axes):
    x = np.linspace(0, 1, 6)
    values = pd.DataFrame({"x1": x, "x2": x, "channel": 0, "target": x, "before": 0 * x, "after": x**2})
    assert len(run_figures.prediction(values, kind, shape, "t").axes) == axes


def test_targets_that_are_learned_together_have_a_panel_each():
    x = np.linspace(0, 1, 6)
    one = pd.DataFrame({"x1": x, "target": x, "before": 0 * x, "after": x**2})
    table = pd.concat([one.assign(channel=k) for k in range(5)])
    drawn = run_figures.prediction(table, "scatter", (6,), "t", outputs=["cost_$", "y1", "a", "b", "c"])
    assert [axes.get_title() for axes in drawn.axes] == ["cost_$", "y₁", "a", "b", "c"]
    (alone,) = run_figures.prediction(one.assign(channel=0), "scatter", (6,), "t", outputs=["y"]).axes
    assert alone.get_title() == ""


def picture_run(path, init):
    """A run that learned a picture of 2 x 3, with the tables that it drew."""
    folder = make_run(path, init, scene={"kind": "picture", "shape": [2, 3]})
    folder.figures.mkdir()
    x = np.linspace(0, 1, 6)
    prediction = pd.DataFrame({"x1": x, "x2": x, "channel": 0, "target": x, "before": 0 * x, "after": x**2})
    prediction.to_csv(folder.figures / "prediction.csv", index=False)
    spectra = [
        (state, layer, seed, frequency, 1 / frequency)
        for state in ("before", "after")
        for layer in (0, 1)
        for seed in (0, 1)
        for frequency in (1, 2, 3)
    ]
    columns = ["state", "layer", "seed", "frequency", "power"]
    pd.DataFrame(spectra, columns=columns).to_csv(folder.figures / "spectra.csv", index=False)


def test_pictures_and_spectra_stand_side_by_side(tmp_path):
    for init in ("default", "smooth"):
        picture_run(tmp_path / init, init)
    out, _ = written(tmp_path)
    pictures, spectra = (pd.read_csv(out / f"{name}.csv") for name in ("pictures", "spectra"))
    assert pictures.groupby("arm")["after"].size().tolist() == [6, 6]
    assert spectra.groupby(["arm", "state", "layer"]).size().tolist() == [3] * 8
    assert len(arm_figures.spectra(spectra).axes) == 4
    assert len(arm_figures.pictures(pictures, [(2, 3)] * 2).axes) == 6


def test_several_tasks_have_figures_each_and_profiles_together(tmp_path):
    for task in ("function", "feynman"):
        for i, init in enumerate(("default", "smooth")):
            make_run(tmp_path / f"{task}-{init}", init, (0.1 / 2**i, 0.2 / 2**i, 0.4 * (1 + i)), choices={"task": task})
    out, _ = written(tmp_path)
    for name in ("arms-function", "arms-feynman", "curves-function", "profiles"):
        assert (out / f"{name}.png").is_file()
    profile = pd.read_csv(out / "profiles.csv").groupby("arm")["share"]
    assert profile.first().round(3).to_dict() == {"default": 0.333, "smooth": 0.667}  # best in 2 and 4 of 6
    assert profile.last().tolist() == [1, 1]


def test_figures_of_many_arms_show_the_best_and_say_so(tmp_path):
    for i in range(50):
        make_run(tmp_path / str(i), mse=(0.1 + i, 0.2 + i, 0.3 + i), options={"frequencies": i})
    out, found = written(tmp_path)
    assert pd.read_csv(out / "curves.csv")["arm"].nunique() == 12
    assert pd.read_csv(out / "arms.csv")["arm"].nunique() == 40
    assert set(pd.read_csv(out / "curves.csv")["arm"]) == {f"frequencies={i}" for i in range(12)}
    assert "(the best 12 of 50 arms)" in (out / "report.html").read_text()
    assert len(found.summary) == 50


def test_the_front_holds_what_no_cheaper_one_beats(tmp_path):
    for i, (parameters, error) in enumerate([(10, 0.5), (20, 0.1), (30, 0.2), (40, 0.05)]):
        make_run(tmp_path / str(i), str(i), (error,) * 2, parameters=parameters, train_seconds=parameters)
    out, _ = written(tmp_path)
    front = pd.read_csv(out / "front.csv").set_index(["cost", "at"])["front"]
    assert front["parameters"].to_dict() == {10: True, 20: True, 30: False, 40: True}
    assert front["train_seconds"].tolist() == [True, True, False, True]


@pytest.mark.parametrize(
    ("values", "log"), [([1, 10, 100], True), ([1, 2, 3], False), ([0, 1, 10], False), ([1, 20], True), ([5, 6], False)]
)
def test_log_axes_are_for_values_that_are_spaced_so(values, log):
    assert axis_figures.log_spaced(np.array(values, float)) == log


def test_latex_is_bold_only_with_evidence(tmp_path):
    rng = np.random.default_rng(0)
    for init, level in (("default", -1), ("glorot", -3), ("glorot_fine", -3)):
        make_run(tmp_path / init, init, tuple(10 ** (level + 0.2 * rng.normal(size=10))))
    out, _ = written(tmp_path)
    text = (out / "table.tex").read_text()
    assert "glorot\\_fine & 99 & 10 & 0 & 1 & $\\mathbf{" in text
    assert "glorot & 99 & 10 & 0 & 1 & $\\mathbf{" in text
    assert "default & 99 & 10 & 0 & 1 & $0." in text
    for word in ("toprule", "midrule", "bottomrule"):
        assert text.count(f"\\{word}\n") == 1
    two, _ = report([tmp_path / "glorot", tmp_path / "glorot_fine"], tmp_path / "two")
    assert "mathbf" not in (two / "table.tex").read_text()
    few, _ = written(tmp_path, tmp_path / "few", baseline="init=default")
    assert "mathbf" not in (few / "table.tex").read_text()  # glorot and glorot_fine were not compared


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((0.0012, 0.0009, 0.0016), r"1.20\;[0.90,\,1.60] \cdot 10^{-3}"),
        ((19.96, 18, 21), r"20.0\;[18.0,\,21.0]"),
        ((0.5, 0.1, np.inf), r"0.500\;[0.100,\,\infty]"),
        ((np.inf, 1, np.inf), r"\mathrm{lost}"),
        ((0.0, 0.0, 0.0), r"0.00\;[0.00,\,0.00]"),
    ],
)
def test_latex_numbers(numbers, text):
    assert latex.interval(*numbers) == text


def test_latex_text_is_escaped():
    assert latex.escape(r"a_b & 5% \x {~}") == r"a\_b \& 5\% \textbackslash{}x \{\textasciitilde{}\}"


def test_lost_seeds_are_drawn_as_such():
    points = pd.DataFrame({"arm": ["a"] * 3, "value": [0.1, 0.2, np.nan], "ended_well": [True, True, False]})
    (axes,) = arm_figures.points(points, Metric(MSE.on("test"), True)).axes
    assert [text.get_text() for text in axes.texts] == ["1 lost"]
    points["ended_well"] = False
    (axes,) = arm_figures.points(points, Metric(MSE.on("test"), True)).axes
    assert [text.get_text() for text in axes.texts] == ["3 lost"]


def test_report_starts_without_torch(tmp_path):
    make_run(tmp_path / "a")
    code = "import sys; from kanexp.cli import main; main(['report', sys.argv[1]]); print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system says how much memory was used in /proc")
def test_two_thousand_runs_fit_into_a_gigabyte(tmp_path):
    """scripts/bench_report.py measures the time."""
    make_many(tmp_path / "runs")
    code = (
        "import pathlib, sys; from kanexp.cli import main; main(['report', *sys.argv[1:]]); "
        # Not ru_maxrss, which begins with what the process of the tests had when it made this one.
        "print('torch' in sys.modules, pathlib.Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    words = [sys.executable, "-c", code, tmp_path / "runs", "--by", "layer,init", "--out", tmp_path / "out"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=300, cwd=ROOT)
    torch, kilobytes = done.stdout.splitlines()[-1].split()
    assert torch == "False"
    assert int(kilobytes) < 1e6
    rows = pd.read_csv(tmp_path / "out" / "report.csv", usecols=["run", "arm", "compared"])
    assert (len(rows), rows["run"].nunique(), rows["arm"].nunique()) == (10_000, 2000, 20)
    summary = pd.read_csv(tmp_path / "out" / "summary.csv")
    assert summary["trials"].tolist() == [10] * 20
    assert rows["compared"].sum() == summary["seeds"].sum() == 20 * 50
    assert len(pd.read_csv(tmp_path / "out" / "comparisons.csv")) == 190
