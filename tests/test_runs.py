"""kanexp runs: what there is, chosen, sorted, written and removed."""

import json
import os
import pty
import subprocess
import sys
import time

import pandas as pd
import pytest
from helpers.runs import make_many, make_run, never_ended

from kanexp import console
from kanexp.cli import main
from kanexp.folder.sweep_folder import SweepFolder


@pytest.fixture
def outputs(tmp_path, monkeypatch):
    """Three runs of one name, one of them failed, one of another, a sweep of two, and one that is damaged."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(console.out, "_width", 200)  # where it was made before
    place = tmp_path / "outputs"
    make_run(place / "a/v001", mse=(0.3, 0.2, 0.1), options={"frequencies": 7})
    make_run(place / "a/v002", mse=(1e-3, 2e-3, 9.0), started="2026-02-01T00:00:00+00:00")
    never_ended(place / "a/v003", "failed")
    (place / "a/latest").symlink_to("v003")
    make_run(place / "b/v001", init="glorot", mse=(0.5,), choices={"layer": "bspline"})
    (place / "b/latest").symlink_to("v001")
    for job in ("one", "two"):
        make_run(place / f"s/v001/{job}", mse=(0.4,), init="smooth", started="2025-01-01T00:00:00+00:00")
    write_plan(place / "s/v001", "one", "two")
    (place / "s/latest").symlink_to("v001")
    return place


def write_plan(path, *jobs):
    each = [{"name": name, "hash": "", "choices": {}, "overrides": []} for name in jobs]
    SweepFolder(path).write_plan({"command": "", "jobs": each, "packs": [[i] for i in range(len(jobs))]})


def listed(capsys, *words) -> list[str]:
    """The runs that a command shows, in its order."""
    assert main(["runs", *words]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    return [row[0].removeprefix("outputs/") for row in rows if row and row[0].startswith("outputs/")]


def test_the_list_says_what_there_is(outputs, capsys):
    (outputs / "s/v001/two/run.json").write_text("{")
    assert main(["runs"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines[0] == "run status what differs score age size"
    assert lines[2].startswith("outputs/a/v001 done fourier default frequencies=7 seeds=3 test_mse 0.2 ")
    assert lines[4].startswith("outputs/a/v003 failed fourier default frequencies=5 ")
    assert "test_mse" not in lines[4]
    assert lines[5].startswith("outputs/b/v001 done bspline glorot frequencies=5 seeds=1 test_mse 0.5 ")
    assert lines[7].startswith("outputs/s/v001/two damaged ")
    assert lines[-1].startswith("6 runs: 4 done, 1 failed, 1 damaged, ")
    assert lines[2].endswith(" KB")


def test_a_run_that_is_gone_is_lost_and_one_at_work_is_running(outputs, capsys):
    run = make_run(outputs / "c/v001", ended="running")
    assert listed(capsys, "--where", "status=lost") == ["c/v001"]
    with run.hold():
        assert listed(capsys, "--where", "status=running") == ["c/v001"]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("layer=bspline", ["b/v001"]),
        ("task=function,init=smooth", ["s/v001/one", "s/v001/two"]),
        ("frequencies=7", ["a/v001"]),
        ("layer.frequencies=7.0,status=done", ["a/v001"]),
        ("status=failed", ["a/v003"]),
        ("seeds=1,layer=fourier", ["s/v001/one", "s/v001/two"]),
        ("layer=rbf", []),
    ],
)
def test_where(where, found, outputs, capsys):
    assert listed(capsys, "--where", where) == found


@pytest.mark.parametrize(
    ("by", "first"),
    [("test_mse", "a/v002"), ("mse", "a/v002"), ("age", "a/v002"), ("name", "a/v001"), ("size", "z/v001")],
)
def test_sort(by, first, outputs, capsys):
    big = make_run(outputs / "z/v001", mse=(0.9,), started="2024-01-01T00:00:00+00:00")
    (big.path / "model.pt").write_bytes(bytes(10**6))
    found = listed(capsys, "--sort", by)
    assert found[0] == first
    if by == "mse":
        assert found[-1] == "a/v003", "what has no score comes last"
    if by == "age":
        assert found[-1] == "z/v001"


def test_higher_is_better_where_the_task_says_so(outputs, capsys):
    for name, value in (("low", 0.5), ("high", 0.9)):
        make_run(
            outputs / name / "v001",
            mse=(1.0,),
            test={"accuracy": {"0": value}},
            scores={"accuracy": {"better": "higher"}},
        )
    assert listed(capsys, "--sort", "accuracy")[:2] == ["high/v001", "low/v001"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere"], "nowhere: no such folder; give one with runs below it"),
        (["--where", "lyer=x"], "--where: no run has a group, option or setting 'lyer'; did you mean 'layer'?"),
        (["--where", "status=don"], "--where: there is no status 'don'; did you mean 'done'? it is one of running, d"),
        (["--where", "bspline"], "--where: 'bspline' is not of the form KEY=VALUE, as in layer=bspline,status=done"),
        (
            ["--sort", "test_mes"],
            "--sort: no run has a score 'test_mes'; did you mean 'test_mse'? there are test_mse, a",
        ),
        (["--yes"], "--yes: answers what --remove asks; add --remove"),
        (["--csv", "no/such/file.csv"], "--csv: cannot write to 'no/such/file.csv' (no such folder)"),
        (["--remove"], "--remove: asks on the terminal, and this is none; add --yes to answer it beforehand"),
    ],
)
def test_mistakes(words, sentence, outputs, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["runs", *words]) == 2
    assert sentence in capsys.readouterr().err
    assert (outputs / "a/v001").is_dir()


def test_the_table_as_a_file(outputs, capsys):
    assert main(["runs", "--csv", "runs.csv", "--where", "task=function"]) == 0
    table = pd.read_csv("runs.csv").set_index("run")
    assert len(table) == 6
    assert table.loc["outputs/a/v002", "test_mse"] == 2e-3
    assert table.loc["outputs/a/v001", ["status", "layer", "layer.frequencies"]].tolist() == ["done", "fourier", 7]
    assert (table["bytes"] > 1000).all()


def test_what_is_removed_leaves_latest_right(outputs, capsys):
    assert main(["runs", "--where", "status=failed", "--remove", "--yes"]) == 0
    assert f"to remove: {outputs}/a/v003\nremoved 1 folder\n" in capsys.readouterr().out
    assert os.readlink(outputs / "a/latest") == "v002"
    assert sorted(os.listdir(outputs / "a")) == ["latest", "v001", "v002"]
    assert main(["runs", "outputs/b", "--remove", "--yes"]) == 0
    assert not (outputs / "b").exists()
    (outputs / "s/report").mkdir()
    assert main(["runs", "outputs/s", "--remove", "--yes"]) == 0
    assert os.listdir(outputs / "s") == ["report"], "what no run left stays"


def test_a_link_is_followed_before_anything_goes(outputs, capsys):
    assert main(["runs", "outputs/a/latest", "--remove", "--yes"]) == 0
    assert os.readlink(outputs / "a/latest") == "v002"


def test_a_sweep_goes_as_a_whole(outputs, capsys):
    make_run(outputs / "s/v001/three", mse=(0.4,), init="lecun")
    write_plan(outputs / "s/v001", "one", "two", "three", "waiting")
    assert main(["runs", "--where", "init=smooth", "--remove", "--yes"]) == 0
    kept = "is a sweep of which 2 of 4 jobs were chosen; it goes as a whole or not at all"
    assert f"kept: outputs/s/v001: {kept}" in capsys.readouterr().out
    assert main(["runs", "outputs/s", "--where", "task=function", "--remove", "--yes"]) == 0
    assert "3 of 4 jobs were chosen" in capsys.readouterr().out
    assert (outputs / "s/v001/one/run.json").is_file()
    assert main(["runs", "outputs/s", "--remove", "--yes"]) == 0
    assert not (outputs / "s").exists()


def test_what_is_under_way_stays(outputs, capsys):
    run = make_run(outputs / "c/v001", ended="running")
    (outputs / "s/v001/.lock").touch()
    with run.hold(), SweepFolder(outputs / "s/v001").hold():
        assert main(["runs", "--remove", "--yes"]) == 0
    told = capsys.readouterr().out
    assert "kept: outputs/c/v001: is under way; stop it, or wait for its end" in told
    assert "kept: outputs/s/v001: is under way" in told
    assert {path.name for path in outputs.iterdir()} == {"c", "s"}


@pytest.mark.parametrize(("answer", "left"), [("y", ["v001"]), ("n", ["v001", "v002"]), ("", ["v001", "v002"])])
def test_the_terminal_is_asked(answer, left, tmp_path):
    for name in ("v001", "v002"):
        make_run(tmp_path / f"outputs/a/{name}", mse=(0.1,), ended="failed" if name == "v002" else "done")
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "kanexp.cli", "runs", "--where", "status=failed", "--remove"]
    process = subprocess.Popen(command, cwd=tmp_path, stdin=slave, stdout=subprocess.PIPE, text=True)
    os.write(master, f"{answer}\n".encode())
    told, _ = process.communicate(timeout=60)
    assert "remove 1 folder for good? [y/N]" in told
    assert sorted(path.name for path in (tmp_path / "outputs/a").iterdir() if path.name != "latest") == left


def test_a_thousand_runs_are_listed_in_seconds(tmp_path, monkeypatch, capsys):
    make_many(tmp_path / "outputs", 1000, seeds=2)
    monkeypatch.chdir(tmp_path)
    began = time.monotonic()
    assert len(listed(capsys, "--sort", "mse")) == 1000
    assert time.monotonic() - began < 20


def test_it_needs_no_torch(outputs):
    code = "import sys; from kanexp.cli import main; main(['runs']); print(json.dumps('torch' in sys.modules))"
    done = subprocess.run([sys.executable, "-c", f"import json; {code}"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) is False
