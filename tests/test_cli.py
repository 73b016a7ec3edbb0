"""The real command, end to end, in folders of its own."""

import ctypes
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from conftest import ROOT
from PIL import Image as Picture

from kanexp.cli import main
from kanexp.folder.logs import COLUMNS

FIGURES = ("loss", "prediction", "edges", "spectra", "layers", "training_spectra")
SMALL = ["task=function", "layer=chebyshev", "seeds=3", "steps=30", "widths=[in,3,out]", "task.train=50"]


def only(folder):
    (path,) = folder
    return path


def test_help_names_groups_options_and_three_examples(kanexp):
    for words in (["--help"], ["-h"]):
        text = kanexp(*words).stdout
        for word in (
            "layer=",
            "bessel, bspline, chebyshev",
            "experiment=",
            "kanexp report",
            "kanexp list",
            "--config-dir",
        ):
            assert word in text
        assert text.split("examples:")[1].count("\n  kanexp ") >= 3


def test_list_prints_every_group_and_option_with_defaults(kanexp):
    text = kanexp("list").stdout
    options = [file.stem for file in (ROOT / "conf").glob("*/[!_]*.yaml") if file.parent.name != "reproduce"]
    assert "fourier" in options
    assert [name for name in options if f"\n  {name} " not in text] == []
    assert "Fourier series with period 2 pi" in text
    assert "frequencies=5" in text
    assert "steps=2000" in text
    assert "chebyshev" not in kanexp("list", "task").stdout
    assert kanexp("list", "layrs").returncode == 2


def test_a_run_leaves_the_folder_it_promises(kanexp, tmp_path):
    done = kanexp(*SMALL, "init=glorot")
    assert (done.returncode, done.stderr) == (0, "")
    folder = tmp_path / "outputs" / "function-chebyshev-glorot" / "v001"
    assert done.stdout.rstrip().endswith("outputs/function-chebyshev-glorot/v001")
    assert "step 30/30" in done.stdout
    assert "signal at the start" not in done.stdout  # nothing is wrong with it
    assert re.search(r"test MSE .* \.\. .*\d", done.stdout)
    assert "on training data" in done.stdout
    assert "more of them, and PDF: kanexp figures outputs/function-chebyshev-glorot/v001\n" in done.stdout
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    figures = {f"figures/{n}.{s}" for n in FIGURES for s in ("png", "svg", "csv")}
    files = {"config.yaml", "run.json", "model.pt", ".lock", *(f"{t}.csv" for t in COLUMNS), "figures/signal.csv"}
    assert names == files | figures
    assert os.readlink(folder.parent / "latest") == "v001"

    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "done"
    assert record["seed_status"] == {"0": {"kind": "ok"}, "1": {"kind": "ok"}, "2": {"kind": "ok"}}
    assert record["scores"]["mse"] == {"better": "lower"}
    assert record["evaluations"] == {"0": 30, "1": 30, "2": 30}
    assert record["parameters"] == (2 * 3 + 3) * 5 + 4
    assert record["versions"]["torch"] == torch.__version__
    assert record["peak_memory_bytes"] > 1e7
    assert record["command"] == " ".join(["kanexp", *SMALL, "init=glorot"])
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["layer"]["degree"] == 5
    assert config["steps"] == 30

    metrics = pd.read_csv(folder / "metrics.csv")
    assert list(metrics) == ["step", "seed", "metric", "value"]
    assert metrics["step"].max() == 30
    assert metrics["value"].notna().all()
    scored = metrics[metrics["metric"] == "test_mse"].set_index("seed")["value"]
    assert scored.to_dict() == {int(k): pytest.approx(v, rel=1e-6) for k, v in record["test"]["mse"].items()}


def test_the_model_file_loads_and_answers_without_kanexp(kanexp, tmp_path):
    kanexp(*SMALL, "dtype=float64")
    folder = tmp_path / "outputs/function-chebyshev-default/latest"
    model = torch.load(folder / "model.pt", weights_only=True)
    assert model["widths"] == [2, 3, 1]
    assert model["seeds"] == [0, 1, 2]
    table = pd.read_csv(folder / "figures/prediction.csv")
    row = pd.read_csv(folder / "metrics.csv").query("metric == 'val_loss'").groupby("seed")["value"].min().argsort()[1]
    x = torch.tensor(table[["x1", "x2"]].to_numpy()).T
    for i in range(2):  # the definition of a Chebyshev KAN, written out
        t = torch.tanh(x)
        T = torch.stack([torch.cos(k * torch.arccos(t)) for k in range(1, 6)])
        x = torch.einsum("oti,tib->ob", model["state"][f"layers.{i}.coef"][row], T)
        x = x + model["state"][f"layers.{i}.bias"][row][:, None]
    assert torch.allclose(x[0], torch.tensor(table["after"].to_numpy()), atol=1e-5)


def test_same_command_same_bytes(kanexp, tmp_path):
    for _ in range(2):
        assert kanexp(*SMALL).returncode == 0
    first, second = (tmp_path / f"outputs/function-chebyshev-default/v00{i}/metrics.csv" for i in (1, 2))
    assert first.read_bytes() == second.read_bytes()


def test_a_seed_alone_equals_the_seed_in_the_ensemble(kanexp, tmp_path):
    kanexp(*SMALL, "dtype=float64", "name=all")
    kanexp(*SMALL, "seeds=[2]", "dtype=float64", "name=one")
    tables = [pd.read_csv(tmp_path / f"outputs/{name}/v001/metrics.csv") for name in ("all", "one")]
    both = tables[0][tables[0]["seed"] == 2].merge(tables[1], on=["step", "seed", "metric"], suffixes=("_all", "_one"))
    assert len(both) == len(tables[1])
    pd.testing.assert_series_equal(both["value_all"], both["value_one"], check_names=False, rtol=1e-6)


def test_pictures_and_a_file_of_ones_own(kanexp, tmp_path, rng):
    Picture.fromarray(rng.integers(0, 256, (30, 40), dtype=np.uint8)).save(tmp_path / "noise.png")
    for path, channels in (("grace_hopper", 1), ("noise.png", 3)):
        words = [f"task.path={path}", "task.size=16", f"task.color={str(channels == 3).lower()}", "steps=5", "seeds=2"]
        done = kanexp(*words)
        assert done.returncode == 0, done.stderr
        table = pd.read_csv(tmp_path / "outputs/image-fourier-default/latest/figures/prediction.csv")
        assert len(table) == 256 * channels


def test_a_sweep_and_its_report(kanexp, tmp_path):
    done = kanexp("-m", *SMALL[:1], *SMALL[2:], "layer=fourier,chebyshev", "init=default,smooth", "name=compare")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "outputs/compare/v001"
    jobs = ["chebyshev-default", "chebyshev-smooth", "fourier-default", "fourier-smooth"]
    assert sorted(p.name for p in folder.iterdir()) == [".lock", ".packs", *jobs, "sweep.json"]
    assert "4 of 4 jobs done" in done.stdout
    done = kanexp("report", str(folder))
    assert done.returncode == 0, done.stderr
    rows = pd.read_csv(folder / "report/report.csv")
    assert len(rows) == 12
    assert rows["layer"].value_counts().to_dict() == {"fourier": 6, "chebyshev": 6}
    assert (folder / "report/report.html").stat().st_size > 1e5
    assert kanexp("report", str(folder / jobs[0]), str(folder / jobs[1])).returncode == 0
    assert (tmp_path / "outputs/report/v001/report.csv").is_file()


@pytest.mark.slow
def test_mlp_and_lbfgs_run_too(kanexp, tmp_path):
    for words in (["model=mlp"], ["optimizer=lbfgs"], ["reg=frequency", "batch_size=10"], ["layer=bspline", "reg=l1"]):
        done = kanexp(*SMALL, *words)
        assert (done.returncode, done.stderr) == (0, ""), words
    noted = kanexp(*SMALL, "model=mlp").stdout
    assert "note: MLP has no edge functions, so layer=chebyshev is not used" in noted


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["layer=forier", "sedes=3"], "error: sedes=3: there is no group or setting 'sedes'; did you mean 'seeds'?"),
        (["task.path=nowhere.png"], "error: task.path: cannot read a picture from 'nowhere.png' (no such file); give"),
        (["-m", "layer=fourier,chebyshev", "task.path=nowhere.png"], "error: task.path: cannot read a picture"),
        (["-m", "layer=fourier,chebyshev", "steps=0,5"], "error: steps: must be at least 1, got 0"),
        (["output_dir=taken"], "error: output_dir: cannot write to 'taken/image-fourier-default'"),
        (["layer=bspline", "reg=frequency"], "error: reg: Frequency does not go with BSpline"),
        (
            ["init=glorot", "layer=bspline", "layer.low=5", "layer.high=6"],
            "error: init: Glorot: measures the functions where",
        ),
        (["device=cuda"], "error: device: cuda was asked for, but torch finds no GPU"),
        (["--config-dir", "nowhere"], "error: --config-dir: no such folder 'nowhere'"),
        (["report", "nowhere"], "error: nowhere: no such folder"),
        (["reprot", "x"], "error: reprot: not of the form key=value"),
        (["--fast"], "unrecognized arguments: --fast"),
    ],
    ids=lambda v: "+".join(v) if isinstance(v, list) else "",
)
def test_mistakes_cost_nothing(kanexp, tmp_path, words, sentence):
    if "device=cuda" in words and torch.cuda.is_available():
        pytest.skip("there is a GPU, so this is no mistake")
    (tmp_path / "taken").write_text("a file where a folder should be")
    done = kanexp(*words)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


def lock_out_root() -> None:
    """In a child: root may write only where a folder's mode lets it, as anyone else."""
    drop_from_bounding_set, dac_override = 24, 1  # of Linux' prctl and capabilities
    if os.geteuid() == 0 and ctypes.CDLL(None).prctl(drop_from_bounding_set, dac_override, 0, 0, 0):
        raise OSError("root cannot give up its right to write everywhere")


def test_a_folder_that_cannot_be_written(kanexp, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    done = kanexp("output_dir=locked", preexec_fn=lock_out_root)
    assert done.returncode == 2
    assert "cannot write to 'locked/image-fourier-default' (Permission denied)" in done.stderr


def listen_to_ctrl_c() -> None:
    """In a child: tests that a shell runs in the background ignore the signal, and so would it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_keeps_the_best_state_so_far(tmp_path):
    command = [sys.executable, "-m", "kanexp.cli", *SMALL, "steps=1000000", "log_every=1"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=listen_to_ctrl_c,
    )
    metrics = tmp_path / "outputs/function-chebyshev-default/v001/metrics.csv"
    deadline = time.monotonic() + 60
    while not (metrics.is_file() and metrics.stat().st_size > 20_000) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert json.loads(metrics.with_name("run.json").read_text())["status"] == "running"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in out + err
    assert "interrupted; the best state so far is in" in out
    record = json.loads(metrics.with_name("run.json").read_text())
    assert record["status"] == "interrupted"
    model = torch.load(metrics.with_name("model.pt"), weights_only=True)
    table = pd.read_csv(metrics).query("metric == 'val_loss'")
    best = table.loc[table.groupby("seed")["value"].idxmin()]
    assert record["best_step"] == {str(s): n for s, n in zip(best["seed"], best["step"], strict=True)}
    assert model["state"]["layers.0.coef"].shape == (3, 3, 5, 2)


def test_a_run_that_breaks_is_recorded_with_its_cause(kanexp, tmp_path):
    (tmp_path / "broken.py").write_text(
        "from kanexp.layer.chebyshev import Chebyshev\n"
        "class Broken(Chebyshev):\n"
        "    def features(self, x):\n"
        "        raise RuntimeError('out of patience')\n"
    )
    (tmp_path / "conf" / "layer").mkdir(parents=True)
    (tmp_path / "conf" / "layer" / "broken.yaml").write_text("# Breaks.\n_target_: broken.Broken\ndegree: 3\n")
    done = kanexp("-m", "--config-dir", "conf", *SMALL[:1], *SMALL[2:], "layer=broken,chebyshev", "name=x")
    assert done.returncode == 1
    assert "RuntimeError: out of patience" in done.stderr
    assert "failed: broken: RuntimeError: out of patience" in done.stdout
    assert "1 of 2 jobs done" in done.stdout
    record = json.loads((tmp_path / "outputs/x/v001/broken/run.json").read_text())
    assert record["status"] == "failed"
    assert record["cause"] == "RuntimeError: out of patience"
    assert "Traceback" in record["traceback"]
    kanexp("report", "outputs/x/v001")
    rows = pd.read_csv(tmp_path / "outputs/x/v001/report/report.csv")
    assert rows["status"].value_counts().to_dict() == {"ok": 3, "failed": 3}


def test_a_diverging_seed_is_marked_in_the_folder_and_by_the_exit_code(kanexp, tmp_path):
    # Cubic splines on a tiny range explode at this rate in float32: x leaves the range of numbers within some steps.
    done = kanexp(*SMALL, "layer.residual=identity", "optimizer.learning_rate=1e12", "steps=40")
    assert done.returncode == 1
    record = json.loads(only((tmp_path / "outputs").glob("*/v001/run.json")).read_text())
    assert record["status"] == "done"
    assert {status["kind"] for status in record["seed_status"].values()} == {"diverged"}
    assert "diverged at step" in done.stdout
    assert set(record["best_step"].values()) == {0}
    assert "no step was better on validation than the start, so the scores are those of the start" in done.stdout


def test_the_composed_configuration_can_be_shown_alone(kanexp, tmp_path):
    done = kanexp("--cfg", "layer=bspline", "layer.intervals=9")
    assert yaml.safe_load(done.stdout)["layer"]["intervals"] == 9
    assert list(tmp_path.iterdir()) == []


REFUSED = [
    ["task=function", "task.expression=x1/0"],
    ["task=function", "task.expression=9**9**9"],
    ["task=function", "refine={10: 11, 10: 12}"],
    ["task=function", "seeds=1000000000"],
    ["task=tabular", "task.path=nowhere.csv", "task.target=y"],
    ["task=image", "task.path=nowhere.png"],
    ["optimizer=levenberg_marquardt", "dtype=float64", "widths=[in,100,100,out]"],
    ["task=function", "model=pair_kan", "layer=rbf", "layer.layer_norm=true"],
    ["sweeper=optuna"],
    ["launcher=slurm"],
    ["launcher.workers=2"],
    *([] if torch.cuda.is_available() else [["device=cuda"]]),
    ["-m", "launcher.workers=0"],
    ["-m", "launcher.workers=junk"],
    ["-m", "seeds=2,1000000000"],
    ["-m", "task=function", "task.low=0,1", "task.high=0.5"],
    ["-m", "sweeper=optuna", "layer=chebyshev,fourier", "task=function", "task.expression=x1/0"],
    ["-m", "sweeper=optuna", "task=function"],
]


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_what_a_run_refuses_its_configuration_does_too(words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = []
    for extra in ([], ["--cfg"]):
        assert main([*words, *extra, "steps=20"]) == 2
        said.append(capsys.readouterr())
    free = re.compile(r"[\d.]+ GB are free")  # which changes from one moment to the next
    assert free.sub("", said[0].err) == free.sub("", said[1].err) != ""
    assert (said[0].out, said[1].out) == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_words_of_sweeps_are_none_of_a_run(capsys):
    words = ["launcher=slurm", "sweeper=optuna", "sweeper.n_trials=3"]
    assert main(words) == 2
    expected = [f"error: {word}: is for the jobs of a sweep, but this is one run; add -m" for word in words]
    assert capsys.readouterr().err.splitlines() == expected


def test_the_configuration_of_a_search_is_a_run_and_what_is_searched(capsys):
    pytest.importorskip("optuna")
    rate = "optimizer.learning_rate=tag(log, interval(1e-4, 1e-1))"
    assert main(["-m", "--cfg", "sweeper=optuna", "task=function", rate, "init=default,glorot"]) == 0
    text = capsys.readouterr().out
    assert text.splitlines()[:2] == [
        "# optimizer.learning_rate: 0.0001 .. 0.1 by ratios",
        "# init: default, glorot",
    ]
    assert yaml.safe_load(text)["optimizer"]["learning_rate"] == 1e-4


def shell(words, tail: str, cwd, **environment: str) -> subprocess.CompletedProcess:
    """kanexp with these words and, by a shell, what is done with its streams; its own exit code is printed."""
    command = f"{sys.executable} -m kanexp.cli {shlex.join(words)} {tail}; echo ${{PIPESTATUS[0]}} > code"
    env = os.environ | environment
    return subprocess.run(["bash", "-c", command], capture_output=True, check=True, cwd=cwd, timeout=300, env=env)


@pytest.mark.parametrize("tail", ["| head -1", "| true", ">&-", "2>&-", ">&- 2>&- <&-", "> /dev/full", "2>&1 | true"])
def test_a_run_goes_on_when_nobody_reads(tail, tmp_path):
    if "full" in tail and not os.path.exists("/dev/full"):
        pytest.skip("no device that is full")
    shell([*SMALL, "name=x"], tail, tmp_path)
    assert (tmp_path / "code").read_text() == "0\n"
    folder = tmp_path / "outputs" / "x" / "v001"
    assert json.loads((folder / "run.json").read_text())["status"] == "done"
    assert {f"{name}.png" for name in FIGURES} <= {path.name for path in (folder / "figures").iterdir()}


@pytest.mark.parametrize("tail", [">&- 2>&-", "| true"])
def test_a_sweep_goes_on_when_nobody_reads(tail, tmp_path):
    shell(["-m", *SMALL, "name=x", "init=default,glorot"], tail, tmp_path)
    assert (tmp_path / "code").read_text() == "0\n"
    records = (tmp_path / "outputs").glob("x/v001/*/run.json")
    assert [json.loads(path.read_text())["status"] for path in records] == ["done", "done"]


@pytest.mark.parametrize("words", [["--cfg", *SMALL], ["--help"], ["list"]])
def test_pages_end_quietly_when_nobody_reads(words, tmp_path):
    assert shell(words, "| true", tmp_path).stderr == b""


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"},
    ],
    ids=lambda environment: " ".join(f"{k}={v}" for k, v in environment.items()),
)
def test_any_script_in_any_locale(environment, tmp_path):
    rows = "\n".join(f"{i % 7},{i}" for i in range(30))
    (tmp_path / "t_ä.csv").write_text(f"größe,λ x\n{rows}\n", "utf-8")
    words = ["task=tabular", "task.path=t_ä.csv", "task.target=größe", "task.kind=regression", "name=ünï — код"]
    words += ["output_dir=aus gänge", "layer=chebyshev", "widths=[in,3,out]", "seeds=2", "steps=5"]
    done = shell(words, "", tmp_path, **environment)
    assert (tmp_path / "code").read_text() == "0\n", done.stderr
    folder = tmp_path / "aus gänge" / "ünï — код" / "v001"
    assert yaml.safe_load((folder / "config.yaml").read_text("utf-8"))["task"]["target"] == "größe"
    ascii_only = "PYTHONIOENCODING" in environment
    assert (r"'gr\xf6\xdfe' is a number" if ascii_only else "'größe' is a number").encode() in done.stdout


def test_words_of_another_encoding_are_a_mistake(capsys):
    assert main(["name=gr\udcf6\udcdf"]) == 2
    assert capsys.readouterr().err.startswith(r"error: 'name=gr\udcf6\udcdf': is no text in UTF-8")


@pytest.mark.parametrize(
    "error", [MemoryError(), ImportError("libtorch_cpu.so: failed to map segment from shared object")]
)
def test_too_little_memory_to_start_with_is_one_sentence(error, capsys, monkeypatch):
    def fail(words):
        raise error

    monkeypatch.setattr("kanexp.command.list.command", fail)
    assert main(["list"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: memory: there is not enough to start with or to go on; ")
    error.args = ("no module of that name",)
    if isinstance(error, ImportError):
        error.msg = "no module of that name"
        with pytest.raises(ImportError):
            main(["list"])


def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    command = f"{sys.executable} -m kanexp.cli list | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "task=\n"
    assert done.stderr == ""


@pytest.mark.slow
def test_an_installed_wheel_works_from_any_folder(tmp_path):
    """Built from the sdist, unpacked beside the dependencies of this environment, far from the source tree."""
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "-w", tmp_path, ROOT]
    subprocess.run(build, check=True, timeout=300, capture_output=True)
    target = [sys.executable, "-m", "pip", "install", "--no-deps", "--quiet", "--target", tmp_path / "site"]
    subprocess.run([*target, *tmp_path.glob("*.whl")], check=True, timeout=300, capture_output=True)
    (tmp_path / "work").mkdir()
    # -P and -S-like isolation are not needed: PYTHONPATH comes before the editable install.
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    where = [sys.executable, "-c", "import kanexp.config.catalog as c; print(c.config_folder())"]
    found = subprocess.run(where, env=environment, cwd=tmp_path / "work", capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str(tmp_path / "site" / "kanexp" / "conf")
    run = [sys.executable, "-m", "kanexp.cli", *SMALL]
    done = subprocess.run(run, env=environment, cwd=tmp_path / "work", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "work/outputs/function-chebyshev-default/v001/model.pt").is_file()
