"""Sweeps by the real command: planned, packed, broken off, continued; and what goes wrong in them."""

import json
import re
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
from helpers.runs import make_run
from helpers.sweeps import (
    NAME,
    SMALL,
    assert_none_left,
    folders,
    record,
    results,
    start,
    start_and_rest,
    user_starts,
    wait_for,
)

from kanexp.config.catalog import Catalog, config_folder
from kanexp.config.compose import load
from kanexp.config.run_config import RunConfig
from kanexp.folder.file import UnreadableRun
from kanexp.folder.run_folder import RunFolder
from kanexp.folder.sweep_folder import SweepFolder
from kanexp.run import run
from kanexp.run.prepare import prepare
from kanexp.sweep import plan, sweep
from kanexp.sweep.plan import Job, Plan


def test_a_plan_comes_first(kanexp, tmp_path):
    words = ["-m", *SMALL, "layer=chebyshev,fourier", "init=default,glorot", NAME]
    done = kanexp(*words, "dry_run=true")
    assert done.returncode == 0, done.stderr
    assert re.match(r"4 jobs: 0 done, 4 to run in 2 packs of 2, 2, about \d+ s\n$", done.stdout)
    assert list(tmp_path.iterdir()) == []
    one = kanexp(*SMALL, NAME, "dry_run=true")  # of one run as well
    assert re.match(r"1 job: 0 done, 1 to run, about \d+ s\n$", one.stdout), one.stdout
    assert "add -m and at least two jobs" in kanexp(*SMALL, "dry_run=true", "seeds={until: decided, most: 9}").stderr
    assert list(tmp_path.iterdir()) == []
    wrong = kanexp(*words, "layer.degree=5", "init.gain=-1,1", "steps=0")
    assert wrong.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_the_process_of_a_pack_reads_its_own_jobs_alone(tmp_path):
    number = 1
    jobs = load(["layer=rbf,gram,fourier", "init=glorot,lecun"], Catalog((config_folder(),)), sweep=True)
    whole = plan.new(SweepFolder(tmp_path / "sweep"), jobs)
    whole.packs, whole.threads = [[0, 1], [2, 5], [3], [4]], 1
    whole.folder.path.mkdir()
    whole.write("kanexp")
    (whole.jobs[0].folder.path / "config.yaml").write_text("of no matter: [")
    own = plan.read(whole.folder, pack=number)
    assert [job.name for job in own.members(number)] == [whole.jobs[i].name for i in (2, 5)]
    assert [job.config.hash for job in own.jobs] == [jobs[i].hash for i in (2, 5)]
    (whole.jobs[5].folder.path / "config.yaml").write_text("layer: other\n")
    with pytest.raises(UnreadableRun, match="is not what the sweep was begun with"):
        plan.read(whole.folder, pack=number)


def test_never_twice(kanexp, tmp_path):
    words = ["-m", *SMALL, "init=default,glorot", NAME]
    first = kanexp(*words)
    assert first.returncode == 0, first.stderr
    assert "2 of 2 jobs done, outputs/x/v001" in first.stdout
    before = results(tmp_path)
    again = kanexp(*words)
    assert again.returncode == 0
    assert "2 jobs: 2 done, 0 to run" in again.stdout
    assert results(tmp_path) == before
    repeated = kanexp(*words, "rerun=true")
    assert "2 of 2 jobs done, outputs/x/v002" in repeated.stdout
    scores = [record(tmp_path, "glorot", version)["test"] for version in ("v001", "v002")]
    assert scores[0] == scores[1]
    other = kanexp(*words, "steps=31")
    assert "2 of 2 jobs done, outputs/x/v003" in other.stdout


def test_packed_and_apart_give_the_same(kanexp, tmp_path):
    words = ["-m", *SMALL, "init=default,glorot,lecun", "optimizer.learning_rate=1e-3,1e-2", "dtype=float64", NAME]
    assert kanexp(*words, "launcher.workers=1").returncode == 0
    assert kanexp(*words, "pack=false", "rerun=true").returncode == 0
    plans = [json.loads((tmp_path / f"outputs/x/{v}/sweep.json").read_text()) for v in ("v001", "v002")]
    assert [len(plan["packs"]) for plan in plans] == [1, 6]
    assert len(folders(tmp_path)) == 6
    for job in folders(tmp_path):
        together, alone = (record(tmp_path, job, version) for version in ("v001", "v002"))
        assert together["pack"] == {"jobs": 6, "networks": 18}
        assert "pack" not in alone
        for seed, mse in alone["test"]["mse"].items():
            assert together["test"]["mse"][seed] == pytest.approx(mse, rel=1e-6)
        tables = [pd.read_csv(tmp_path / f"outputs/x/{v}/{job}/metrics.csv") for v in ("v001", "v002")]
        assert tables[0].drop(columns="value").equals(tables[1].drop(columns="value"))


def test_nothing_takes_the_rest_down(kanexp, tmp_path):
    user_starts(
        tmp_path,
        raising="raise RuntimeError('out of patience')",
        dying="os.kill(os.getpid(), signal.SIGKILL)",
        greedy="torch.empty(2**60)",
    )
    inits = "init=glorot,raising,dying,greedy,default"
    words = ["-m", "--config-dir", "conf", *SMALL, inits, "optimizer.learning_rate=1e-3,1e30", NAME]
    done = kanexp(*words)
    assert done.returncode == 1
    names = folders(tmp_path)
    assert len(names) == 10
    found = {job: record(tmp_path, job) for job in names}
    for job, own in found.items():
        fails = any(name in job for name in ("raising", "dying", "greedy"))
        assert own["status"] == ("failed" if fails else "done"), job
        diverges = "1e+30" in job and not fails
        assert any(s["kind"] == "diverged" for s in own.get("seed_status", {}).values()) == diverges, job
    causes = {name: next(own["cause"] for job, own in found.items() if name in job) for name in ("raising", "greedy")}
    assert causes["raising"] == "RuntimeError: out of patience"
    assert "memory: there was no memory for 4.61 EB more" in causes["greedy"]
    assert "killed by SIGKILL, as the system does when memory runs out" in next(
        own["cause"] for job, own in found.items() if "dying" in job
    )
    assert done.stdout.count("\nfailed: ") == 6
    assert "4 of 10 jobs done" in done.stdout
    assert "out of patience" in done.stderr

    again = kanexp(*words)
    assert again.returncode == 1
    assert "10 jobs: 4 done, 6 failed before (rerun=failed repeats them), 0 to run" in again.stdout
    (tmp_path / "mine.py").write_text((tmp_path / "mine.py").read_text().replace("raise RuntimeError", "str"))
    mended = kanexp(*words, "rerun=failed")
    assert "6 to run" in mended.stdout
    assert record(tmp_path, next(job for job in names if "raising" in job and "001" in job))["status"] == "done"


@pytest.mark.slow
def test_a_sweep_of_some_combinations_is_a_sweep_like_others(kanexp, tmp_path):
    small = [word for word in SMALL if not word.startswith("layer=")]
    words = ["-m", *small, "layer=fourier,bspline", "layer.bspline.intervals=5,8", NAME]
    assert re.match("3 jobs: 0 done, 3 to run", kanexp(*words, "dry_run=true").stdout)
    done = kanexp(*words)
    assert done.returncode == 0, done.stderr
    jobs = ["bspline-intervals=5", "bspline-intervals=8", "fourier"]
    assert folders(tmp_path) == jobs
    assert record(tmp_path, jobs[1])["overrides"].count("layer.intervals=8") == 1
    (tmp_path / f"outputs/x/v001/{jobs[0]}/run.json").unlink()
    assert "3 jobs: 2 done, 1 to run" in kanexp("resume", "outputs/x/v001").stdout
    # The same jobs in other words are done already.
    sets = "sets={layer: fourier},{layer: bspline, layer.intervals: [5,8]}"
    assert "3 jobs: 3 done, 0 to run" in kanexp("-m", *small, sets, NAME).stdout
    assert kanexp("report", "outputs/x/v001").returncode == 0
    arms = pd.read_csv(tmp_path / "outputs/x/v001/report/report.csv")["arm"].unique()
    assert sorted(arms) == ["bspline intervals=5", "bspline intervals=8", "fourier"]


LONG = ["-m", *SMALL[:3], "widths=[in,6,6,out]", "init=default,glorot,lecun", NAME, "checkpoint=0.05"]


# Read by every Python before anything else: training rests at its hundredth checkpoint, whatever time that takes.


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks for processes in /proc")
@pytest.mark.slow
def test_killed_and_continued_it_ends_with_the_same_files(kanexp, tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "broken").mkdir()
    words = [*LONG, "checkpoint=0", "steps=200"]
    assert kanexp(*words, cwd=tmp_path / "whole").returncode == 0
    process = start_and_rest(tmp_path / "broken", *words)
    process.kill()
    process.communicate()
    assert_none_left(tmp_path / "broken")
    assert "running" in {record(tmp_path / "broken", job)["status"] for job in folders(tmp_path / "broken")}
    done = kanexp("resume", "outputs/x/v001", cwd=tmp_path / "broken")
    assert done.returncode == 0, done.stderr
    assert "3 of 3 jobs done" in done.stdout
    assert results(tmp_path / "broken") == results(tmp_path / "whole")


@pytest.mark.slow
def test_killed_five_times_at_random_moments(kanexp, tmp_path, rng):
    words = [*LONG, "init=default,glorot,lecun,power,smooth", "seeds=10", "steps=1500"]
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    assert kanexp(*words, cwd=tmp_path / "whole").returncode == 0
    ended = []
    for seconds in rng.uniform(4, 15, 5):
        process = start(tmp_path / "broken", *words)
        time.sleep(seconds)
        ended.append(process.poll() is not None)
        process.kill()
        process.communicate()
    assert not all(ended)
    done = kanexp(*words, cwd=tmp_path / "broken")
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "broken") == results(tmp_path / "whole")


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks for processes in /proc")
def test_ctrl_c_stops_cleanly_and_leaves_everything_to_go_on_with(kanexp, tmp_path):
    words = [*LONG, "steps=1000000"]
    process = start(tmp_path, *words)
    wait_for(tmp_path, "outputs/x/v001/.packs/*.pt", process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "stopped; go on with the same command, or: kanexp resume outputs/x/v001" in out
    assert_none_left(tmp_path)
    assert {record(tmp_path, job)["status"] for job in folders(tmp_path)} == {"interrupted"}
    assert "3 jobs: 0 done, 3 to run" in kanexp(*words, "dry_run=true").stdout


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt(), "interrupted"), (ValueError("no"), "failed")])
def test_whatever_ends_it_before_the_first_step_is_recorded(error, status, tmp_path, monkeypatch):
    def end(*given, **words):
        raise error

    monkeypatch.setattr(run, "train", end)
    jobs = load([*SMALL, "init=default,glorot"], Catalog((config_folder(),)), sweep=True)
    folders = [RunFolder(tmp_path / name) for name in ("default", "glorot")]
    for folder in folders:
        folder.path.mkdir()
    with pytest.raises(type(error)):
        run.carry_out(prepare(jobs), folders, tmp_path / "pack.pt", lambda progress: None, brief=True)
    assert [folder.read_record().status for folder in folders] == [status, status]
    assert all(folder.read_record().ended for folder in folders)


def test_a_single_run_is_resumed_too(kanexp, tmp_path):
    words = [*SMALL[:3], "steps=200", NAME, "checkpoint=0", "log_every=50"]
    (tmp_path / "whole").mkdir()
    (tmp_path / "broken").mkdir()
    assert kanexp(*words, cwd=tmp_path / "whole").returncode == 0
    process = start_and_rest(tmp_path / "broken", *words)
    process.kill()
    process.communicate()
    assert (tmp_path / "broken/outputs/x/v001/checkpoint.pt").is_file()
    done = kanexp("resume", "outputs/x/latest", cwd=tmp_path / "broken")
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "broken") == results(tmp_path / "whole")
    assert "done already" in kanexp("resume", "outputs/x/v001", cwd=tmp_path / "broken").stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["resume", "nowhere"], "error: nowhere: no such folder; give that of a run or of a sweep"),
        (["resume", "."], "error: .: no run.json, so this is no run folder; give the folder of a run or of a sweep"),
        (
            ["tune={trials: 3, optimizer.learning_rate: [1e-3, 1e-2]}"],
            "error: tune: makes several jobs, but this is one",
        ),
        (["-m", "tune={trials: 1}"], "error: tune: must give 2 to 10000 trials and ranges of options, as in"),
        (
            ["-m", "tune={trials: 2, optimizer.rate: [1e-3, 1e-2]}"],
            "error: tune: optimizer.rate=0.001: optimizer=adam has no option 'rate'",
        ),
        (["-m", "launcher=slrum"], "error: launcher=slrum: there is no launcher 'slrum'; did you mean 'slurm'?"),
    ],
)
def test_mistakes(kanexp, tmp_path, words, sentence):
    done = kanexp(*words)
    assert done.returncode == 2
    assert done.stderr.startswith(sentence)
    assert list(tmp_path.iterdir()) == []


def test_the_same_trials_for_every_arm(kanexp, tmp_path):
    words = ["-m", *SMALL, "init=default,glorot", "tune={trials: 3, optimizer.learning_rate: [1e-4, 1e-2]}", NAME]
    done = kanexp(*words)
    assert done.returncode == 0, done.stderr
    rates = {"0.0001", "0.001", "0.01"}
    assert set(folders(tmp_path)) == {f"{init}-learning_rate={r}" for init in ("default", "glorot") for r in rates}
    own = record(tmp_path, "glorot-learning_rate=0.001")
    assert own["tune"] == {"over": ["optimizer.learning_rate"], "trial": 1, "trials": 3}


def test_it_is_said_whether_all_seeds_of_a_job_diverged(tmp_path, capsys):
    lost = "diverged at step 7: its loss is not finite"
    made = {"some": {1: lost}, "every": dict.fromkeys(range(3), lost), "none": {}}
    runs = [make_run(tmp_path / name, status=status) for name, status in made.items()]
    jobs = [Job(run.path.name, RunConfig({}, {}, ()), run) for run in runs]
    assert sweep._summarize(Plan(SweepFolder(tmp_path), jobs), 0) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[:3] == ["diverged, in part: some", "diverged in all seeds: every", f"3 of 3 jobs done, {tmp_path}"]


@pytest.mark.slow
def test_ten_runs_at_once_get_ten_versions(tmp_path):
    words = [*SMALL, NAME, "steps=1", "diagnostics=false", "seeds=1"]
    processes = [start(tmp_path, *words) for _ in range(10)]
    assert [process.wait(timeout=300) for process in processes] == [0] * 10
    assert sorted(p.name for p in (tmp_path / "outputs/x").glob("v*")) == [f"v{i:03d}" for i in range(1, 11)]
    for process in processes:
        process.communicate()


@pytest.mark.slow
def test_two_of_the_same_sweep_at_once_write_no_file_together(tmp_path):
    words = [*LONG, "steps=300"]
    processes = [start(tmp_path, *words) for _ in range(2)]
    for process in processes:
        process.communicate(timeout=300)
    assert [process.returncode for process in processes] == [0, 0]
    assert folders(tmp_path) == ["default", "glorot", "lecun"]


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks for processes in /proc")
@pytest.mark.slow
def test_the_same_sweep_beside_one_at_work_makes_another_version(kanexp, tmp_path):
    words = [*LONG, "checkpoint=0", "steps=200"]
    (tmp_path / "here").mkdir()
    process = start_and_rest(tmp_path / "here", *words)
    beside = kanexp(*words, cwd=tmp_path / "here")
    process.kill()
    process.communicate()
    assert_none_left(tmp_path / "here")
    assert beside.returncode == 0, beside.stderr
    assert "v001: another command is at work on the same sweep; this one makes another version" in beside.stdout
    assert folders(tmp_path / "here", "v002") == ["default", "glorot", "lecun"]
    assert {record(tmp_path / "here", job)["status"] for job in folders(tmp_path / "here")} == {"running"}
