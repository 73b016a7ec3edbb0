"""Nothing is lost, and nothing said that is not so: locks, signals, damage, full disks, components that misbehave."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from helpers.runs import make_run
from helpers.sweeps import NAME, SMALL, record, results, start, start_and_rest, user_starts, wait_for
from helpers.training import TASK, experiment, train

from kanexp import cli
from kanexp.error import ConfigError
from kanexp.folder.file import UnreadableRun
from kanexp.folder.lock import Taken
from kanexp.folder.run_folder import RunFolder
from kanexp.report.compare import compare
from kanexp.report.report import report
from kanexp.run import run
from kanexp.seeding import generator

RUN = [*SMALL[:3], "steps=200", NAME, "checkpoint=0", "log_every=10"]
ENDLESS = [*SMALL, "steps=1000000", NAME, "log_every=1", "checkpoint=0.2"]
PLACE = "outputs/x/v001"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that is done, by the real command; to be copied."""
    return made(tmp_path_factory.mktemp("finished"), *RUN)


def made(root, *words):
    """The folder, with what a command left in it that ran in this process."""
    with contextlib.chdir(root):
        assert cli.main(list(words)) == 0
    return root


@pytest.fixture
def copy(finished, tmp_path, monkeypatch):
    """A copy of the finished run in a folder of its own, which is where we are."""
    shutil.copytree(finished / "outputs", tmp_path / "outputs", symlinks=True)
    monkeypatch.chdir(tmp_path)
    return RunFolder(Path(PLACE))


def ask(*words):
    """Exit code of a command, in this process."""
    return cli.main([*words])


# One writer


def test_a_run_that_is_under_way_is_not_resumed(kanexp, tmp_path, finished):
    process = start_and_rest(tmp_path, *RUN)
    before = (tmp_path / PLACE / "metrics.csv").read_bytes()
    for _ in range(2):
        done = kanexp("resume", PLACE)
        assert done.returncode == 2
        assert f"{PLACE}: another process is at work on it; wait for it or stop it" in done.stderr
    assert (tmp_path / PLACE / "metrics.csv").read_bytes() == before
    process.kill()
    process.communicate()
    # A killed process leaves no lock; of two that go on with its run, one does, whichever comes first.
    both = [start(tmp_path, "resume", PLACE) for _ in range(2)]
    ends = [(process.communicate(timeout=120)[1], process.returncode) for process in both]
    assert sorted(code for _, code in ends)[0] == 0, ends
    for err, code in ends:
        assert code == 0 or "another process is at work on it" in err
    assert results(tmp_path) == results(finished)


def test_a_lock_is_gone_with_the_process_that_held_it(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.held is False
    with folder.hold():
        assert folder.held is True
        with pytest.raises(Taken, match="another process is at work on it"), RunFolder(tmp_path).hold(0):
            pass
    assert folder.held is False
    code = "import sys, os; from kanexp.folder.run_folder import RunFolder as R; from pathlib import Path\n"
    code += "with R(Path(sys.argv[1])).hold(): os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code, tmp_path]).returncode == -signal.SIGKILL
    assert (tmp_path / ".lock").is_file()
    assert folder.held is False


def test_what_a_killed_process_left_half_written_is_cleared(tmp_path):
    (tmp_path / ".run.json.77.part").write_text("half")
    with RunFolder(tmp_path).hold():
        assert not list(tmp_path.glob("*.part"))
        assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize("number", ["ENOSYS", "ENOLCK"])
def test_a_file_system_without_locks_is_said(number, tmp_path, monkeypatch, capsys):
    import errno
    import fcntl

    def refuse(*given):
        raise OSError(getattr(errno, number), "no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    folder = RunFolder(tmp_path)
    with folder.hold():
        assert folder.held is None
    assert "this file system has no locks; keep other commands away from the folder" in capsys.readouterr().out


# Tables are what the run wrote


TABLES = {
    "missing": (lambda file: file.unlink(), "metrics.csv is missing"),
    "cut off": (lambda file: file.write_bytes(file.read_bytes()[:-40]), "metrics.csv is cut off: "),
    "empty": (lambda file: file.write_bytes(b""), "metrics.csv is cut off: 0 of its "),
    "garbled": (lambda file: file.write_bytes(bytes(file.stat().st_size)), "metrics.csv is damaged: it is not what"),
    "a digit": (lambda file: file.write_bytes(file.read_bytes().replace(b"1", b"2", 1)), "metrics.csv is damaged"),
    "longer": (lambda file: file.write_bytes(file.read_bytes() + b"1,0,val_loss,0\n"), "something was written behind"),
    "a folder": (lambda file: (file.unlink(), file.mkdir()), "metrics.csv cannot be read (Is a directory)"),
}


@pytest.mark.parametrize(("damage", "sentence"), TABLES.values(), ids=TABLES)
def test_a_damaged_table_of_a_run_that_is_done_is_named(damage, sentence, copy):
    make_run(Path("outputs/y/v001"))
    make_run(Path("outputs/z/v001"))
    damage(copy.metrics)
    _, found = report([Path("outputs")], None)
    (said,) = found.left_out
    assert said.startswith(f"{PLACE}: ")
    assert sentence in said
    assert len(found.runs) == 2
    with pytest.raises(ConfigError, match="holds no run that can be read") as raised:
        compare(Path("outputs/x"), Path("outputs/y"))
    assert sentence in str(raised.value)


@pytest.mark.parametrize(
    ("name", "damage"), [("metrics.csv", "missing"), ("metrics.csv", "cut off"), ("model.pt", "garbled")]
)
def test_resume_repairs_a_run_that_is_damaged(name, damage, copy, finished, capsys):
    TABLES[damage][0](copy.path / name)
    assert ask("resume", PLACE) == 0
    assert "the run is repeated from its start" in capsys.readouterr().out
    assert results(Path.cwd()) == results(finished)


def test_a_damaged_job_of_a_pack_is_repeated_with_the_same_bits(kanexp, tmp_path):
    words = ["-m", *RUN, "steps=400", "init=default,glorot,lecun", "launcher.workers=1"]
    assert kanexp(*words).returncode == 0
    before, others = results(tmp_path), [tmp_path / PLACE / job for job in ("default", "lecun")]
    written = {file: file.stat().st_mtime_ns for job in others for file in job.rglob("*") if file.name != ".lock"}
    (tmp_path / PLACE / "glorot/run.json").write_text("{")
    process = start_and_rest(tmp_path, "resume", PLACE)  # and killed while it is at that, too
    process.kill()
    process.communicate()
    assert record(tmp_path, "glorot")["status"] == "running"
    done = kanexp("resume", PLACE)
    assert "2 done, 1 to run in 1 pack of 3" in done.stdout
    assert done.returncode == 0
    assert results(tmp_path) == before
    assert written == {file: file.stat().st_mtime_ns for file in written}


def test_a_folder_in_the_place_of_a_record_is_one_sentence(swept, tmp_path, monkeypatch, capsys):
    shutil.copytree(swept / "outputs", tmp_path / "outputs", symlinks=True)
    monkeypatch.chdir(tmp_path)
    record = Path(PLACE) / "glorot/run.json"
    record.unlink()
    record.mkdir()
    assert ask("resume", PLACE) == 2
    assert f"error: {record.parent}: run.json is a folder; move it away, then go on" in capsys.readouterr().err
    record.rmdir()
    assert ask("resume", PLACE) == 0
    assert results(tmp_path) == results(swept)


def test_a_run_without_its_record_is_named(copy, finished):
    make_run(Path("outputs/y/v001"))
    (copy.path / "run.json").unlink()
    _, found = report([Path("outputs")], None)
    (said,) = found.left_out
    assert said.startswith(f"{PLACE}: no run.json")
    assert len(found.runs) == 1


def test_a_table_in_which_another_program_writes_is_no_result(tmp_path):
    folder = RunFolder(tmp_path)
    with folder.logs() as logs:
        logs.metrics(0, [0], "val_loss", [1.0])
        logs.marks()
        folder.metrics.write_text("step,seed,metric,value\n")
        with pytest.raises(UnreadableRun, match=r"metrics\.csv is cut off: 0 of its 1 rows are there"):
            logs.seal()


def test_rows_go_to_the_end_whoever_cuts_the_file(tmp_path):
    folder = RunFolder(tmp_path)
    with folder.logs() as logs:
        logs.metrics(0, [0], "val_loss", [1.0])
        logs.marks()
        folder.metrics.write_text("")
        logs.metrics(1, [0], "val_loss", [2.0])
    assert folder.metrics.read_bytes() == b"1,0,val_loss,2\r\n"  # and no bytes of nothing before it


# Who ends a run is known


ASKING = {"SIGTERM": 143, "SIGHUP": 129}


@pytest.mark.parametrize(("name", "code"), ASKING.items())
def test_a_signal_that_asks_for_the_end_is_as_good_as_ctrl_c(name, code, kanexp, tmp_path):
    process = start(tmp_path, *ENDLESS)
    wait_for(tmp_path, f"{PLACE}/checkpoint.pt", process)
    process.send_signal(getattr(signal, name))
    time.sleep(0.05)
    process.send_signal(getattr(signal, name))  # `timeout` and Slurm ask twice
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert f"interrupted; the best state so far is in {PLACE}; go on: kanexp resume {PLACE}" in out
    assert "Traceback" not in out + err
    folder = RunFolder(tmp_path / PLACE)
    assert folder.read_record().status == "interrupted"
    last = folder.read_table("metrics")["step"].max()
    again = start(tmp_path, "resume", PLACE)
    wait_for(tmp_path, f"{PLACE}/checkpoint.pt", again)
    time.sleep(1)
    again.send_signal(signal.SIGINT)
    again.communicate(timeout=60)
    steps = folder.read_table("metrics").query("metric == 'val_loss' and seed == 0")["step"].tolist()
    assert steps == list(range(len(steps)))  # nothing twice, nothing left out
    assert steps[-1] >= last


BACKWARDS = """\
import time

began, since = time.time(), time.monotonic()
time.time = lambda: began - 50 * (time.monotonic() - since)
"""


@pytest.mark.slow
def test_a_clock_that_goes_back_changes_nothing(kanexp, tmp_path):
    words = ["-m", *RUN, "init=default,glorot"]
    for name in ("usual", "backwards", "site"):
        (tmp_path / name).mkdir()
    assert kanexp(*words, cwd=tmp_path / "usual").returncode == 0
    (tmp_path / "site/sitecustomize.py").write_text(BACKWARDS)
    paths = os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])
    process = start(tmp_path / "backwards", *words, env=os.environ | {"PYTHONPATH": paths})
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert "2 of 2 jobs done" in out
    assert results(tmp_path / "backwards") == results(tmp_path / "usual")


CAUGHT = "os.kill(os.getpid(), signal.SIG{}); time.sleep(1)"


@pytest.mark.parametrize(("name", "code"), [("INT", 130), ("TERM", 143)])
def test_a_signal_that_a_library_catches_ends_the_run_all_the_same(name, code, tmp_path):
    body = f"try: {CAUGHT.format(name)}\n        except BaseException: pass"
    user_starts(tmp_path, deaf=body)
    process = start(tmp_path, *RUN, "init=deaf", "--config-dir", "conf")
    _, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert RunFolder(tmp_path / PLACE).read_record().status == "interrupted"


@pytest.fixture
def usual_signals():
    """Signals as a command in a terminal has them, whatever this process inherited or was left with."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("usual_signals")
def test_a_mistake_that_a_signal_brought_about_is_none(tmp_path, monkeypatch, capsys):
    def half_imported(*given, **more):
        with contextlib.suppress(BaseException):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        raise ConfigError("")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("kanexp.config.compose.load", half_imported)
    assert ask(*RUN) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("usual_signals")
@pytest.mark.parametrize(("name", "code"), [("INT", 130), ("TERM", 143)])
def test_figures_that_a_signal_broke_are_drawn_again(name, code, tmp_path, monkeypatch, finished):
    def half_imported(*given):
        with contextlib.suppress(BaseException):
            os.kill(os.getpid(), getattr(signal, f"SIG{name}"))
            time.sleep(1)
        raise AttributeError("module 'sympy' has no attribute 'core'")

    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(run, "draw", half_imported)
        assert ask(*RUN) == code
    assert RunFolder(Path(PLACE)).read_record().status == "interrupted"
    assert ask("resume", PLACE) == 0
    assert results(tmp_path) == results(finished)


@pytest.mark.slow
def test_a_hangup_that_is_ignored_stays_so(tmp_path):
    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does

    words = [sys.executable, "-m", "kanexp.cli", *ENDLESS]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(words, cwd=tmp_path, preexec_fn=ignore, **pipes)
    wait_for(tmp_path, f"{PLACE}/checkpoint.pt", process)
    process.send_signal(signal.SIGHUP)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143


def test_a_sweep_ends_on_a_signal_as_on_ctrl_c(tmp_path):
    process = start(tmp_path, "-m", *ENDLESS, "init=default,glorot")
    wait_for(tmp_path, f"{PLACE}/.packs/*.pt", process)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert f"stopped; go on with the same command, or: kanexp resume {PLACE}" in out
    for job in ("default", "glorot"):
        assert record(tmp_path, job)["status"] == "interrupted"


def test_a_run_whose_process_is_gone_is_lost(kanexp, tmp_path):
    process = start_and_rest(tmp_path, *RUN)
    folder = RunFolder(tmp_path / PLACE)
    assert folder.read_record().status == "running"
    process.kill()
    process.communicate()
    assert folder.read_record().status == "lost"
    assert json.loads((tmp_path / PLACE / "run.json").read_text())["status"] == "running"  # written by itself
    out, found = report([tmp_path / "outputs"], None)
    assert pd.read_csv(out / "report.csv")["status"].unique().tolist() == ["lost"]
    assert any(warning.startswith("1 run is lost and not compared: ") for warning in found.warnings)


EXITS = {"leaving": "raise SystemExit(0)", "gone": "os._exit(0)", "vanished": "os._exit(7)"}


def test_components_that_end_their_process_are_failures(kanexp, tmp_path):
    user_starts(tmp_path, **EXITS)
    alone = kanexp("--config-dir", "conf", *SMALL, NAME, "init=leaving")
    assert alone.returncode == 1
    assert "RuntimeError: a component called sys.exit(0)" in alone.stderr
    together = kanexp("-m", "--config-dir", "conf", *SMALL, "init=glorot,leaving,gone,vanished", "name=y")
    assert together.returncode == 1
    assert "1 of 4 jobs done" in together.stdout
    causes = {}
    for job in ("leaving", "gone", "vanished"):
        known = RunFolder(tmp_path / "outputs/y/v001" / job).read_record()
        causes[job] = (known.status, known.cause)
    by_itself = ("failed", "given up by their process, which ended without a word")
    leaving = ("failed", "RuntimeError: a component called sys.exit(0)")
    assert causes == {"leaving": leaving, "gone": by_itself, "vanished": by_itself}


@pytest.mark.parametrize(
    ("body", "why"),
    [("import sys; sys.exit(0)", "SystemExit: 0"), ("def (", "SyntaxError: "), ("1 / 0", "ZeroDivisionError: ")],
)
def test_a_component_that_cannot_be_read_is_one_sentence(body, why, tmp_path, monkeypatch, capsys):
    module = f"mine_{why[:6].lower()}"
    (tmp_path / "conf/layer").mkdir(parents=True)
    (tmp_path / "conf/layer/mine.yaml").write_text(f"# Mine.\n_target_: {module}.Mine\n")
    (tmp_path / f"{module}.py").write_text(body + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert ask("--config-dir", "conf", "layer=mine", "task=function") == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: layer=mine: cannot import {module}.Mine ({why}")
    assert "Traceback" not in said


# Damage is a sentence, and only about what is damaged


VALUES = {
    "status": ["on fire", 3, None, [], {}],
    "choices": ["text", {"layer": 3}, None],
    "overrides": ["text", [3], {}],
    "seeds": ["0", [], ["zero"], {}, [None], True],
    "widths": ["text", [None], [1.5]],
    "seed_status": [[], {"zero": {"kind": "ok"}}, {"0": {"kind": "odd"}}, {"0": 3}, {"0": {"step": 3}}, {"0": "odd"}],
    "test": [[], {"mse": 3}, {"mse": {"zero": 1.0}}, {"mse": {"0": "low"}}],
    "scores": [[], {"mse": "lower"}, {"mse": {"better": "sideways"}}, {"mse": {}}],
    "best_val_loss": ["low", {"0": "low"}],
    "started": ["yesterday", 3],
    "ended": ["soon", []],
    "steps": ["many", 1.5],
    "parameters": [[], "many"],
    "train_seconds": ["long"],
    "files": [[], {"metrics.csv": 3}, {"metrics.csv": {"size": "x", "rows": 1, "sha256": ""}}],
    "tune": ["text", []],
    "scene": ["text"],
    "evaluations": [[1], {"0": "x"}],
    "config_dirs": ["text", [3]],
    "format": ["two", None, [], 99],
}
ODD = [(name, value) for name, values in VALUES.items() for value in values]


@pytest.mark.parametrize(("name", "value"), ODD, ids=[f"{name}={json.dumps(value)}" for name, value in ODD])
def test_an_odd_record_takes_no_other_run_down(name, value, tmp_path):
    for letter in "abc":
        make_run(tmp_path / letter, init=letter)
    file = tmp_path / "b" / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {name: value}))
    out, found = report([tmp_path], None)
    (sentence,) = found.left_out
    assert sentence.startswith(f"{tmp_path / 'b'}: ")
    assert sorted(set(pd.read_csv(out / "report.csv")["run"])) == [str(tmp_path / "a"), str(tmp_path / "c")]


DAMAGES = {
    "missing": lambda file: file.unlink(),
    "empty": lambda file: file.write_bytes(b""),
    "cut off": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "text": lambda file: file.write_text("just text"),
    "nothing": lambda file: file.write_bytes(bytes(file.stat().st_size)),
    "deep": lambda file: file.write_text("[" * 100_000),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
    "another's": lambda file: file.write_bytes((file.parents[2] / "other" / file.name).read_bytes()),
}
READ_BY = {
    "run.json": ("resume", "diagnose", "compare"),
    "config.yaml": ("resume", "diagnose", "compare"),
    "model.pt": ("diagnose",),
    "metrics.csv": ("compare",),
}


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A run of another kind, whose files are taken for those of the first."""
    words = [*SMALL[:1], "layer=fourier", "seeds=2", "steps=3", "task.train=50", NAME]
    return made(tmp_path_factory.mktemp("other"), *words) / PLACE


CASES = [(file, kind, word) for file, words in READ_BY.items() for word in words for kind in DAMAGES]


@pytest.mark.parametrize(("name", "kind", "word"), CASES, ids=["-".join(case) for case in CASES])
def test_every_damage_is_one_sentence(name, kind, word, copy, other, capsys):
    shutil.copytree(other, "outputs/other")
    make_run(Path("outputs/y/v001"))
    if word == "resume":  # of a run that is done nothing would be read
        copy.write_record(replace(copy.read_record(), status="interrupted"))
    DAMAGES[kind](copy.path / name)
    before = {path: path.read_bytes() for path in copy.path.rglob("*") if path.is_file()}
    code = ask(word, PLACE, *["outputs/y"] * (word == "compare"), *["--seconds", "1"] * (word == "diagnose"))
    said = capsys.readouterr()
    assert code == 2, said
    assert PLACE in said.err
    assert said.err.count("error: ") <= 2
    assert "Traceback" not in said.out + said.err
    after = {path: path.read_bytes() for path in copy.path.rglob("*") if path.is_file() and path.name != ".lock"}
    assert {path: held for path, held in before.items() if path.name != ".lock"} == after


def test_a_digit_that_changes_in_a_record_is_seen(tmp_path):
    for letter in "ab":
        make_run(tmp_path / letter, init=letter, mse=(0.125, 0.5))
    file = tmp_path / "a" / "run.json"
    assert "0.125" in file.read_text()
    file.write_text(file.read_text().replace("0.125", "0.025"))
    with pytest.raises(UnreadableRun, match=r"a: run\.json is damaged: it is not what the run wrote"):
        RunFolder(tmp_path / "a").read_record()
    (tmp_path / "b" / "run.json").write_text((tmp_path / "b" / "run.json").read_text().replace('"seal"', '"seel"'))
    assert RunFolder(tmp_path / "b").read_record().test == {"mse": {0: 0.125, 1: 0.5}}  # of before there were seals


PLANS = {
    "jobs": ["text", [], [3], [{"name": "a"}]],
    "packs": ["text", [3], [[99]], [[-1]]],
    "threads": ["many"],
    "command": [3],
    "search": ["text", {}],
    "config_dirs": ["text", [3]],
    "format": [99, "two"],
}
ODD_PLANS = [(name, value) for name, values in PLANS.items() for value in values]


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    # In a process of its own: in this one Hydra may have looked for launchers before ours could be found.
    root, words = tmp_path_factory.mktemp("swept"), ["-m", *SMALL, "steps=3", "init=default,glorot", NAME]
    done = subprocess.run([sys.executable, "-m", "kanexp.cli", *words], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return root


@pytest.mark.parametrize(("name", "value"), ODD_PLANS, ids=[f"{name}={json.dumps(value)}" for name, value in ODD_PLANS])
def test_an_odd_plan_is_one_sentence(name, value, swept, tmp_path, monkeypatch, capsys):
    shutil.copytree(swept / "outputs", tmp_path / "outputs", symlinks=True)
    monkeypatch.chdir(tmp_path)
    file = Path(PLACE) / "sweep.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {name: value}))
    assert ask("resume", PLACE) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"error: {PLACE}: ")
    assert "Traceback" not in said.err


@pytest.mark.parametrize("name", ["../../other", "/etc", "..", "", "."])
def test_a_plan_names_no_folder_elsewhere(name, swept, tmp_path, monkeypatch, capsys):
    shutil.copytree(swept / "outputs", tmp_path / "outputs", symlinks=True)
    monkeypatch.chdir(tmp_path)
    file = Path(PLACE) / "sweep.json"
    plan = json.loads(file.read_text())
    plan["jobs"][0]["name"] = name
    file.write_text(json.dumps(plan))
    assert ask("resume", PLACE) == 2
    assert "sweep.json is damaged: no jobs.0.name that can be understood" in capsys.readouterr().err


@pytest.mark.parametrize("status", ["done", "waiting"])
def test_the_words_of_a_job_are_those_of_its_sweep(status, swept, tmp_path, monkeypatch, capsys):
    shutil.copytree(swept / "outputs", tmp_path / "outputs", symlinks=True)
    monkeypatch.chdir(tmp_path)
    job = RunFolder(Path(PLACE) / "glorot")
    if status == "waiting":
        job.forget()
    job.config.write_text(job.config.read_text().replace("steps: 3", "steps: 4"))
    assert ask("resume", PLACE) == 2
    assert f"{job.path}: its config.yaml, or a file that it names, is not what the sweep was" in capsys.readouterr().err


def test_resume_looks_at_the_words_of_a_run_that_is_done(copy, capsys):
    copy.config.write_text(copy.config.read_text().replace("steps: 200", "steps: 300"))
    assert ask("resume", PLACE) == 2
    said = capsys.readouterr()
    assert "config.yaml is damaged: it is not what the run was begun with" in said.err
    assert "repeated" not in said.out


def test_a_run_whose_data_changed_is_not_gone_on_with(kanexp, tmp_path):
    table = "a,b,y\n" + "".join(f"{i},{i % 7},{i % 5}\n" for i in range(60))
    (tmp_path / "data.csv").write_text(table)
    words = ["task=tabular", "task.path=data.csv", "task.target=y", *RUN[1:]]
    process = start_and_rest(tmp_path, *words)
    process.kill()
    process.communicate()
    (tmp_path / "data.csv").write_text(table.replace("3,3,3", "3,3,4"))
    done = kanexp("resume", PLACE)
    assert done.returncode == 2
    assert "a file that its config.yaml names was changed since the run began" in done.stderr


# Full disks and folders that vanish


def on_a_small_disk(root: Path, size: str, then: str, *words: str) -> subprocess.CompletedProcess:
    """The command with so much room for its outputs, in a namespace of its own; then a shell's commands there."""
    (root / "outputs").mkdir()
    command = f"mount -t tmpfs -o size={size} tmpfs outputs; {sys.executable} -m kanexp.cli {' '.join(words)}; "
    command += f"echo exit code $?; {then}"
    return subprocess.run(["unshare", "-rm", "sh", "-c", command], cwd=root, capture_output=True, text=True)


def can_unshare() -> bool:
    try:
        words = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
        return subprocess.run(words, capture_output=True).returncode == 0
    except OSError:
        return False


small_disks = pytest.mark.skipif(not can_unshare(), reason="no small disk can be made here (unshare)")


@small_disks
@pytest.mark.slow
def test_a_full_disk_is_one_sentence_and_the_run_goes_on_once_there_is_room(tmp_path):
    resume = f"mount -o remount,size=32m outputs; {sys.executable} -m kanexp.cli resume {PLACE}; echo exit code $?"
    look = f"ls -A {PLACE}; grep -E 'status\\\"|cause' {PLACE}/run.json; {resume}"
    done = on_a_small_disk(tmp_path, "200k", look, *RUN, "steps=900", "log_every=1", "checkpoint=0.2")
    assert "exit code 1\n" in done.stdout, done.stdout + done.stderr
    assert "the disk is full" in done.stderr
    assert f"then go on: kanexp resume {PLACE}" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert '"status": "interrupted"' in done.stdout
    assert '"cause": "the disk is full' in done.stdout
    assert ".part" not in done.stdout
    assert done.stdout.rstrip().endswith("exit code 0")


@small_disks
@pytest.mark.slow
def test_a_sweep_on_a_full_disk_ends_and_loses_nothing(tmp_path):
    resume = f"mount -o remount,size=64m outputs; {sys.executable} -m kanexp.cli resume {PLACE}; echo exit code $?"
    words = ["-m", *RUN, "steps=900", "log_every=1", "checkpoint=0.2", "init=default,glorot"]
    done = on_a_small_disk(tmp_path, "400k", resume, *words)
    first, _, second = done.stdout.partition("exit code 1\n")
    assert "0 of 2 jobs done" in first, done.stdout + done.stderr
    assert "interrupted: default: the disk is full" in first
    assert "2 of 2 jobs done" in second
    assert second.rstrip().endswith("exit code 0")


def test_a_folder_that_vanishes_is_one_sentence(tmp_path):
    process = start(tmp_path, *ENDLESS)
    wait_for(tmp_path, f"{PLACE}/checkpoint.pt", process)
    shutil.rmtree(tmp_path / "outputs")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    assert "a file or folder has vanished" in err
    assert "Traceback" not in out + err


def test_nothing_half_written_is_left(tmp_path, monkeypatch):
    folder = make_run(tmp_path / "a")

    def refuse(*given):
        raise OSError(28, "No space left on device")

    before = sorted(os.listdir(folder.path))
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="No space left"):
        folder.write_record(folder.read_record())
    with pytest.raises(OSError, match="No space left"):
        folder.write_model({"a": 1})
    assert sorted(os.listdir(folder.path)) == before


# Numbers that are none


SPOILED = """\
from dataclasses import replace
import torch
from kanexp.init.glorot import Glorot
from kanexp.task.function import Function

class Void(Glorot):
    def coef(self, *given):
        return torch.full_like(super().coef(*given), float("nan"))

class Spoiled(Function):
    def load(self, generator):
        data = super().load(generator)
        y = data.{part}.y.clone()
        y[0, 3] = {value}
        return replace(data, {part}=replace(data.{part}, y=y))
"""


def spoil(root, part="train", value="float('nan')"):
    for group, name in (("init", "void"), ("task", "spoiled")):
        (root / "conf" / group).mkdir(parents=True, exist_ok=True)
        (root / "conf" / group / f"{name}.yaml").write_text(f"# Mine.\n_target_: mine.{name.title()}\n")
    (root / "mine.py").write_text(SPOILED.format(part=part, value=value))


@pytest.mark.parametrize("words", [["layer=fourier", "task=image"], ["layer=chebyshev", "task=function"]])
def test_a_start_of_no_numbers_is_a_lost_seed_with_all_its_figures(words, kanexp, tmp_path):
    spoil(tmp_path)
    done = kanexp("--config-dir", "conf", "init=void", "seeds=2", "steps=5", NAME, *words)
    assert done.returncode == 1
    assert done.stderr == ""
    assert "seed 1: diverged at step 1: its loss is not finite" in done.stdout
    folder = RunFolder(tmp_path / PLACE)
    assert folder.read_record().status == "done"
    assert (folder.figures / "edges.png").is_file()


@pytest.mark.parametrize(("part", "value"), [("train", "1e308"), ("val", "float('nan')"), ("test", "float('inf')")])
def test_data_that_are_no_numbers_are_refused(part, value, kanexp, tmp_path):
    spoil(tmp_path, part, value)
    done = kanexp("--config-dir", "conf", "task=spoiled", "seeds=2", "steps=5", NAME)
    assert done.returncode == 2
    assert f"targets of the {part} data are infinite or no numbers, as float32 has them" in done.stderr
    assert not (tmp_path / "outputs").exists()


def test_a_network_whose_validation_loss_is_never_finite_is_lost():
    data = TASK.load(generator(0, "data"))
    blind = replace(data, val=replace(data.val, y=torch.full_like(data.val.y, torch.nan)))
    result, _, _ = train(experiment(seeds=2, steps=5), data=blind)
    assert [str(status) for status in result.status] == ["diverged at step 5: its validation loss was never finite"] * 2


def test_a_figure_that_cannot_be_drawn_costs_no_result(tmp_path, monkeypatch, capsys):
    def fail(*given):
        raise ValueError("no ink")

    monkeypatch.setattr(run, "draw", fail)
    monkeypatch.chdir(tmp_path)
    assert ask(*SMALL, NAME) == 1
    assert f"{PLACE}: not all figures are drawn (ValueError: no ink)" in capsys.readouterr().err
    known = RunFolder(Path(PLACE)).read_record()
    assert (known.status, known.warnings) == ("done", ["not all figures are drawn (ValueError: no ink)"])
    assert known.test["mse"][0] > 0
