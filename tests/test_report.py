import json
import math
import shutil
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from kanexp.error import ConfigError
from kanexp.report import figures, table
from kanexp.report.page import report, summarize
from kanexp.report.stats import ended_well, median_interval
from kanexp.run_folder import RunFolder, find_runs


def make_run(path, init="default", mse=(0.1, 0.2, 0.3), status=None, **changes):
    """A run folder as a run leaves it, without training anything."""
    path.mkdir(parents=True)
    folder, seeds = RunFolder(path), list(range(len(mse)))
    folder.write_config(
        f"layer:\n  _target_: x\n  frequencies: 5\ninit:\n  _target_: {init}\nsteps: 20\nname: {path.name}\n"
    )
    record = {
        "status": "done",
        "choices": {
            "task": "function",
            "layer": "fourier",
            "init": init,
            "reg": "none",
            "optimizer": "adam",
            "model": "kan",
        },
        "seeds": seeds,
        "widths": [2, 3, 1],
        "parameters": 99,
        "command": "kanexp <test>",
        "started": "2026-01-01T00:00:00+00:00",
        "versions": {"torch": "2"},
        "config_hash": "abc",
        "steps": 20,
        "train_seconds": 1.5,
        "peak_memory_bytes": 10**9,
        "seed_status": {str(s): (status or {}).get(s, "ok") for s in seeds},
        "best_step": {str(s): 20 for s in seeds},
        "evaluations": {str(s): 20 for s in seeds},
        "test": {"mse": {str(s): value for s, value in zip(seeds, mse, strict=True)}},
    }
    folder.write_record({k: v for k, v in (record | changes).items() if v is not None})
    with folder.logs() as logs:
        for step in (0, 10, 20):
            for metric in ("train_loss", "val_loss"):
                logs.metrics(step, seeds, metric, [v * (3 - step / 10) for v in mse if v is not None])
            for metric, factor in {"evaluations": 2, "samples": 80}.items():
                logs.metrics(step, seeds, metric, [factor * step * (1 + s) for s in seeds])
            logs.timing(step, step / 4, 2 * step)
    return folder


def test_one_row_per_run_and_seed(tmp_path):
    make_run(tmp_path / "a")
    make_run(tmp_path / "b", init="smooth", mse=(0.01, 0.02), status={1: "diverged at step 3: x"})
    out, summary, problems = report([tmp_path], None)
    assert out == tmp_path / "report"
    assert problems == []
    rows = pd.read_csv(out / "report.csv")
    assert list(rows.columns[: len(table.COLUMNS)]) == list(table.COLUMNS)
    assert rows["test_mse"].tolist() == [0.1, 0.2, 0.3, 0.01, 0.02]
    assert rows["arm"].tolist() == ["default"] * 3 + ["smooth"] * 2
    assert summary["failed"].tolist() == [0, 1]
    assert summary["median"].tolist() == [0.2, 0.01]
    assert pd.read_csv(out / "summary.csv")["high"].tolist() == [0.3, 0.01]
    for name in ("arms", "curves"):
        assert (out / f"{name}.png").stat().st_size > 5000
        assert "<svg" in (out / f"{name}.svg").read_text()
    assert len(pd.read_csv(out / "curves.csv")) == 2 * 3 * 5


def test_curves_over_what_was_spent(tmp_path):
    """Seeds that spent more for a step reach its loss later; there is no value before a seed's first."""
    run = table.read([make_run(tmp_path / "a", mse=(0.1, 0.2))])[0]
    curves = table.curves(run)
    last = curves[(curves["step"] == 20) & (curves["metric"] == "val_loss")].set_index("seed")
    assert last["evaluations"].tolist() == [40, 80]
    assert last["samples"].tolist() == [1600, 3200]
    assert last["seconds"].tolist() == [5, 5]
    assert set(curves["metric"]) == {"train_loss", "val_loss"}
    by_seed = figures._over(curves[curves["metric"] == "val_loss"], "evaluations")
    assert 40 <= by_seed.index[0] < 40.2  # the second seed's first step took 40
    at = by_seed.loc[by_seed.index >= 79.9].iloc[0]
    assert at.tolist() == pytest.approx([0.1, 0.2])
    at = by_seed.loc[by_seed.index < 79].iloc[-1]
    assert at.tolist() == pytest.approx([0.1, 0.4])
    for over in table.OVER:
        out, _, _ = report([tmp_path / "a"], tmp_path / over, over)
        assert figures.SPENT[over] in (out / "curves.svg").read_text()


def test_the_page_stands_alone(tmp_path):
    make_run(tmp_path / "a")
    out, _, _ = report([tmp_path], tmp_path / "elsewhere")
    page = (out / "report.html").read_text()
    assert "kanexp &lt;test&gt;" in page  # escaped
    assert "data:image/png;base64," in page
    assert "http" not in page.replace("http-equiv", "")
    assert 'src="data:' in page
    assert page.count("src=") == page.count('src="data:')


def test_the_page_sorts_and_filters_in_a_browser(tmp_path):
    chromium = next((name for name in ("chromium", "chromium-browser", "google-chrome") if shutil.which(name)), None)
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    make_run(tmp_path / "a", mse=(0.3, 0.1, 0.02))
    out, _, _ = report([tmp_path], None)
    page = (out / "report.html").read_text()
    probe = """<script>
      const rows = () => [...document.querySelectorAll("#rows tbody tr")];
      const column = [...document.querySelectorAll("#rows th")].findIndex(th => th.textContent === "test_mse");
      const values = () => rows().filter(r => !r.hidden).map(r => r.cells[column].textContent).join(" ");
      const header = document.querySelectorAll("#rows th")[column];
      header.click(); const up = values(); header.click(); const down = values();
      const input = document.querySelector("[data-filter]");
      input.value = "0.02"; input.dispatchEvent(new Event("input"));
      document.title = "PROBE " + up + " | " + down + " | " + values();
    </script>"""
    (out / "probe.html").write_text(page.replace("</body>", probe + "</body>"))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    command = [
        chromium,
        *flags,
        f"--user-data-dir={tmp_path / 'profile'}",
        "--dump-dom",
        f"file://{out / 'probe.html'}",
    ]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "<title>PROBE 0.02 0.1 0.3 | 0.3 0.1 0.02 | 0.02</title>" in dom


def test_folders_that_cannot_be_read_are_named_and_left_out(tmp_path):
    make_run(tmp_path / "good")
    make_run(tmp_path / "newer", format=99)
    for name, content in (("half", '{"format": 1, "st'), ("empty", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(content)
    make_run(tmp_path / "no_config")
    (tmp_path / "no_config" / "config.yaml").unlink()
    out, _, problems = report([tmp_path], None)
    assert len(problems) == 4
    assert len(pd.read_csv(out / "report.csv")) == 3
    page = (out / "report.html").read_text()
    for name in ("newer", "half", "empty", "no_config"):
        assert any(name in problem for problem in problems)
        assert f"/{name}: " in page


def test_runs_that_did_not_end_are_listed_as_they_are(tmp_path):
    gone = {"seed_status": None, "test": None, "best_step": None, "evaluations": None}
    folder = make_run(tmp_path / "killed", **gone)
    record = json.loads((folder.path / "run.json").read_text()) | {"status": "running"}
    (folder.path / "run.json").write_text(json.dumps(record))
    folder.metrics.write_text(folder.metrics.read_text() + "30,1,val_lo")  # cut in the middle of a line
    out, _, _ = report([tmp_path], None)
    rows = pd.read_csv(out / "report.csv")
    assert rows["status"].tolist() == ["running"]
    assert rows["seed"].isna().all()


def test_nothing_to_report(tmp_path):
    with pytest.raises(ConfigError, match="holds no run that can be read; make one with"):
        report([tmp_path], None)
    with pytest.raises(ConfigError, match="no such folder"):
        report([tmp_path / "nowhere"], None)


def test_arms_are_named_by_what_differs(tmp_path):
    for i, (init, frequencies) in enumerate([("default", 5), ("default", 9), ("smooth", 5)]):
        folder = make_run(tmp_path / str(i), init=init)
        text = (folder.path / "config.yaml").read_text().replace("frequencies: 5", f"frequencies: {frequencies}")
        (folder.path / "config.yaml").write_text(text)
    runs, _ = table.read(find_runs(tmp_path))
    assert table.arms(runs) == ["default frequencies=5", "default frequencies=9", "smooth frequencies=5"]
    assert table.arms(runs[:1]) == ["function-fourier-default"]


@pytest.mark.parametrize("n", [1, 2, 5, 6, 9, 10, 20, 31])
def test_median_interval_is_exact(n):
    x = np.arange(n, dtype=float)[::-1]
    m = median_interval(x)
    assert m.median == np.median(x)
    k = int(m.low)
    assert m.high == n - 1 - k
    # P(true median outside) = 2 P(Binomial(n, 1/2) <= k), by another road.
    outside = 2 * sum(pmf(n, i) for i in range(k + 1))
    assert m.coverage == pytest.approx(1 - outside)
    assert m.coverage >= 0.95 or k == 0
    if k + 1 < (n + 1) // 2:
        assert 1 - 2 * sum(pmf(n, i) for i in range(k + 2)) < 0.95  # no narrower one would do


def pmf(n, i):
    return math.comb(n, i) / 2**n


def test_median_interval_covers_the_median_as_often_as_it_says():
    rng = np.random.default_rng(0)
    samples = rng.lognormal(size=(4000, 10))  # true median 1
    intervals = [median_interval(row) for row in samples]
    covered = np.mean([m.low <= 1 <= m.high for m in intervals])
    assert covered == pytest.approx(intervals[0].coverage, abs=0.012)


def test_nothing_known_is_said_as_such():
    assert np.isnan(median_interval([]).median)
    rows = pd.DataFrame({"arm": ["a"], "status": ["failed"], "test_mse": [np.nan]})
    assert summarize(rows).empty


def test_figures_leave_the_style_of_their_user_alone():
    before = dict(mpl.rcParams)
    steps = pd.DataFrame({"step": [0, 1], "seed": 0, "metric": "train_loss", "value": [1.0, 0.5]})
    figures.curves(steps, ["train_loss"])
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("kind", "shape", "axes"), [("picture", (2, 3), 3), ("surface", (2, 3), 6), ("curve", (6,), 1)]
)
def test_predictions_are_drawn_for_every_kind(kind, shape, axes):
    x = np.linspace(0, 1, 6)
    values = pd.DataFrame({"x1": x, "x2": x, "channel": 0, "target": x, "before": 0 * x, "after": x**2})
    assert len(figures.prediction(values, kind, shape, "t").axes) == axes


def test_report_starts_without_torch(tmp_path):
    make_run(tmp_path / "a")
    code = "import sys; from kanexp.cli import main; main(['report', sys.argv[1]]); print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "False"


def test_only_lost_seeds_are_left_out():
    status = ["ok", "stalled", "stopped at step 7: its budget is spent", "restarted at step 3: its loss is not finite"]
    lost = ["diverged at step 7: its loss is not finite", "failed", "running", "interrupted"]
    assert ended_well(pd.Series(status + lost)).tolist() == [True] * 4 + [False] * 4
