"""A user's own components are found again, wherever a run is taken up: `--config-dir` is recorded with it."""

import importlib.util
import json
import os
import signal
import sys

import pytest
import yaml

from kanexp import paths
from kanexp.config.catalog import find_catalog
from kanexp.config.compose import load
from kanexp.error import ConfigError

SMALL = ["--config-dir", "lab/conf", "task=function", "layer=power", "seeds=2", "steps=30", "widths=[in,3,out]"]
SMALL += ["task.train=50", "diagnostics=false", "name=x"]
HAS_SUBMITIT = importlib.util.find_spec("submitit") is not None
submitit = pytest.mark.skipif(not HAS_SUBMITIT, reason="needs pip install 'kanexp[slurm]'")

# Powers of tanh(x), which press Ctrl-C at their fiftieth call where a file beside them says so.
POWER = """\
import itertools, os, signal
from dataclasses import dataclass
from pathlib import Path
import torch
from kanexp.layer.base import Basis

STOP, CALLS = Path(__file__).with_name("stop"), itertools.count()

@dataclass(frozen=True)
class Power(Basis):
    degree: int = 3

    @property
    def terms(self):
        return self.degree

    def features(self, x):
        if next(CALLS) == 50 and STOP.exists():
            STOP.unlink()
            os.kill(os.getpid(), signal.SIGINT)
        t = torch.tanh(x)
        return torch.stack([t**m for m in range(1, self.degree + 1)], dim=-3)
"""


@pytest.fixture
def lab(tmp_path):
    """A layer of a user's own in two files, neither in the folder where one works; and another folder to work in."""
    (tmp_path / "lab/conf/layer").mkdir(parents=True)
    (tmp_path / "lab/power.py").write_text(POWER)
    (tmp_path / "lab/conf/layer/power.yaml").write_text("# Powers of tanh(x).\n_target_: power.Power\ndegree: 3\n")
    (tmp_path / "elsewhere").mkdir()
    return tmp_path


def listen_to_ctrl_c() -> None:
    """In a child: tests that a shell runs in the background ignore the signal, and so would it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
def test_a_run_goes_on_and_is_diagnosed_from_another_folder(kanexp, lab):
    (lab / "lab/stop").touch()
    assert kanexp(*SMALL, preexec_fn=listen_to_ctrl_c).returncode == 130
    run = lab / "outputs/x/v001"
    assert json.loads((run / "run.json").read_text())["status"] == "interrupted"
    done = kanexp("resume", str(run), cwd=lab / "elsewhere")
    assert done.returncode == 0, done.stderr
    record = json.loads((run / "run.json").read_text())
    assert record["status"] == "done"
    assert record["config_dirs"] == [str(lab / "lab/conf")]
    done = kanexp("diagnose", "--seconds", "20", str(run), cwd=lab / "elsewhere")
    assert done.returncode == 0, done.stderr
    assert len(list(run.glob("diagnosis/v001/diagnosis.json"))) == 1


def test_a_sweep_goes_on_from_another_folder(kanexp, lab):
    words = ["-m", *SMALL, "init=default,glorot", "pack=false"]
    assert kanexp(*words).returncode == 0
    sweep = lab / "outputs/x/v001"
    record = sweep / "glorot/run.json"
    before = json.loads(record.read_text())["test"]
    record.unlink()  # as if the machine had been switched off before this job
    done = kanexp("resume", str(sweep), cwd=lab / "elsewhere")
    assert done.returncode == 0, done.stderr
    assert "2 jobs: 1 done, 1 to run" in done.stdout
    assert json.loads(record.read_text())["test"] == before
    for file in (record, sweep / "sweep.json"):
        assert json.loads(file.read_text())["config_dirs"] == [str(lab / "lab/conf")]


@pytest.mark.slow
def test_where_the_folder_is_gone_a_sentence_says_so(kanexp, lab):
    words = ["-m", *SMALL, "init=default,glorot"]
    assert kanexp(*words).returncode == 0
    (lab / "outputs/x/v001/glorot/run.json").unlink()
    (lab / "lab").rename(lab / "laboratory")
    for command in (["resume", "outputs/x/v001"], ["diagnose", "outputs/x/v001/default"]):
        done = kanexp(*command)
        assert done.returncode == 2
        assert f"error: --config-dir: '{lab / 'lab/conf'}', with which this was begun, is gone; put it" in done.stderr
        assert "Traceback" not in done.stderr
    moved = [word.replace("lab/conf", "laboratory/conf") for word in words]
    done = kanexp(*moved)  # a command that says where it is now goes on with the same sweep
    assert done.returncode == 0, done.stderr
    assert "2 jobs: 1 done, 1 to run" in done.stdout
    written = json.loads((lab / "outputs/x/v001/sweep.json").read_text())
    assert written["config_dirs"] == [str(lab / "laboratory/conf")]


@pytest.mark.parametrize("launcher", ["local", pytest.param("submitit_local", marks=submitit)])
@pytest.mark.slow
def test_a_published_result_about_a_layer_of_ones_own(kanexp, lab, launcher):
    (lab / "lab/conf/reproduce").mkdir()
    words = " ".join([*SMALL[2:-1], "init=default,glorot", f"launcher={launcher}"])
    claim = {"claim": "median", "metric": "mse", "published": 1, "within": [0, 100]}
    version = {"commands": {"all": words}, "claims": [claim | {"of": {"init": init}} for init in ("default", "glorot")]}
    row = {"number": 1, "title": "t", "source": "s", "figures": [], "full": version, "quick": version}
    (lab / "lab/conf/reproduce/mine.yaml").write_text(yaml.safe_dump(row))
    done = kanexp("reproduce", "mine", "--config-dir", "../lab/conf", cwd=lab / "elsewhere")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 rows met" in done.stdout


def test_where_an_option_comes_from_is_no_part_of_the_setting(lab):
    words = ["task=function", "layer=power"]
    own = lab / "lab/conf"
    (here,) = load(words, find_catalog([own]))
    assert here.folders == (str(own),)
    own.rename(lab / "lab/other")
    (there,) = load(words, find_catalog([lab / "lab/other"]))
    assert there.folders == (str(lab / "lab/other"),)
    assert there.hash == here.hash
    (plain,) = load(["task=function"], find_catalog())
    assert plain.folders == ()
    assert paths.recorded(plain.folders) == ()


def test_folders_recorded_are_told_to_this_process_and_to_those_it_starts(lab, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("PYTHONPATH", "first")
    folders = (str(lab / "lab/conf"),)
    for _ in range(2):
        assert paths.recorded(list(folders)) == folders
    assert sys.path.count(str(lab / "lab")) == 1
    assert os.environ["PYTHONPATH"].split(os.pathsep) == ["first", os.getcwd(), str(lab / "lab")]
    before = list(sys.path)
    assert paths.recorded(()) == ()
    assert sys.path == before
    with pytest.raises(ConfigError, match="is gone"):
        paths.recorded([str(lab / "nowhere")])


TABLE = [
    "task=tabular",
    "task.path=mine.csv",
    "task.target=y",
    "layer=chebyshev",
    "seeds=2",
    "steps=400",
    "log_every=1",
]
TABLE += ["widths=[in,3,out]", "diagnostics=false", "name=x"]


def write_table(folder):
    rows = "\n".join(f"{i % 7},{(i * i) % 11 + i / 10}" for i in range(40))
    (folder / "mine.csv").write_text(f"x,y\n{rows}\n")


@pytest.mark.parametrize("sweep", [[], ["-m", "init=default,glorot"]], ids=["run", "sweep"])
@pytest.mark.slow
def test_a_file_is_found_again_from_another_folder(sweep, kanexp, lab):
    """What is typed is relative; the record has where it was."""
    write_table(lab)
    words = [*sweep, *TABLE]
    assert "path: mine.csv\n" in kanexp(*words, "--cfg", cwd=lab).stdout
    done = kanexp(*words, cwd=lab)
    assert done.returncode == 0, done.stderr
    for file in lab.glob("outputs/x/v001/**/config.yaml"):
        assert yaml.safe_load(file.read_text())["task"]["path"] == str(lab / "mine.csv")
    if sweep:
        (lab / "outputs/x/v001/glorot/run.json").unlink()
        assert "2 jobs: 1 done, 1 to run" in kanexp(*words, "dry_run=true", cwd=lab).stdout
        done = kanexp("resume", str(lab / "outputs/x/v001"), cwd=lab / "elsewhere")
        assert (done.returncode, done.stderr) == (0, "")
        assert "2 of 2 jobs done" in done.stdout


def test_names_and_what_is_not_there_stay_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "china").touch()
    (tmp_path / "a.png").touch()
    catalog = find_catalog([])
    for typed, kept in {
        "china": "china",
        "a.png": str(tmp_path / "a.png"),
        "b.png": "b.png",
        "/a.png": "/a.png",
    }.items():
        (job,) = load([f"task.path={typed}"], catalog)
        assert job.anchored().values["task"]["path"] == kept
    (absolute,) = load([f"task.path={tmp_path / 'a.png'}"], catalog)
    assert absolute.anchored().hash == absolute.hash
