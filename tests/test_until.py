"""Sweeps whose arms get seeds until they are decided, by the real command."""

import json

import pytest
from helpers.sweeps import NAME, SMALL, assert_none_left, folders, record, results, start, wait_for

UNTIL = "seeds={until: decided, most: 15}"
# Two good starts, and two bad ones; those of a kind are alike, but no partners.
GAINS = "init.gain=1,1.001,30,30.03"
WORDS = ["-m", *SMALL, "init=glorot", GAINS, UNTIL, "steps=100", NAME]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder where such a sweep came to its end, and what it said."""
    root = tmp_path_factory.mktemp("until")
    process = start(root, *WORDS)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return root, out


def test_arms_get_seeds_as_long_as_a_verdict_is_open(whole):
    root, said = whole
    names = folders(root)
    seeds = {name: record(root, name)["seeds"] for name in names}
    first = sorted(name for name in names if "seeds" not in name)
    assert len(first) == 4
    assert all(seeds[name] == [0, 1, 2, 3, 4] for name in first)
    assert seeds["gain=30-seeds=5-9"] == [5, 6, 7, 8, 9]
    assert "4 jobs: 0 done, 4 to run" in said
    assert "until all is decided, up to 12 jobs" in said
    assert "5 seeds: 4 of 6 comparisons are decided; 2 of 4 arms get more seeds" in said
    assert "seeds: 4 of 6 comparisons are decided; for the others 15 seeds would hardly be enough" in said
    assert "compare them: kanexp report outputs/x/v001" in said
    assert f"{len(names)} of {len(names)} jobs done" in said
    # What was added is what the same words make by themselves.
    words = record(root, "gain=30-seeds=5-9")["overrides"]
    assert "seeds={until: decided, most: 15, batch: 5, first: 5}" in words


def test_a_report_says_what_the_sweep_went_by(whole, asked):
    root, said = whole
    done = asked("report", "outputs/x/v001", cwd=root)
    assert done.returncode == 0, done.stderr
    verdicts = [line for line in done.stdout.splitlines() if "pairs of seeds" in line]
    told = [line for line in verdicts if "looks better" not in line and "no difference seen" not in line]
    assert len(verdicts) == 6
    last = [line for line in said.splitlines() if "comparisons are decided" in line][-1]
    assert f"{len(told)} of 6 comparisons are decided" in last
    assert len(told) >= 4
    assert all("after correction for 6 comparisons and 3 looks" in line for line in verdicts)
    assert "unequal seeds" not in done.stdout


def test_the_same_command_finds_it_done(whole, asked):
    root, _ = whole
    before = results(root)
    done = asked(*WORDS, cwd=root)
    assert done.returncode == 0, done.stderr
    assert f"{len(folders(root))} done, 0 to run" in done.stdout
    assert results(root) == before


def test_killed_in_a_later_batch_it_ends_with_the_same_files(whole, kanexp, tmp_path):
    root, _ = whole
    process = start(tmp_path, *WORDS)
    wait_for(tmp_path, "outputs/x/v001/*-seeds=5-9/metrics.csv", process)
    process.kill()
    process.communicate()
    assert_none_left(tmp_path)
    done = kanexp("resume", "outputs/x/v001")
    assert done.returncode == 0, done.stderr
    plan = json.loads((tmp_path / "outputs/x/v001/sweep.json").read_text())
    assert len(plan["jobs"]) == len(folders(root))
    whole_results = {place: data for place, data in results(root).items() if "/report/" not in place}
    assert results(tmp_path) == whole_results


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([UNTIL], "seeds: {until: decided, most: 40} is for the arms of a sweep, which are compared"),
        (["-m", UNTIL], "seeds: {until: decided, most: 40} compares 2 to 20 jobs with each other, got 1"),
        (["-m", "init=default,glorot", "data_seed=0,1", UNTIL], "takes each setting once, with one data_seed"),
        (["-m", "init=default,glorot", "seeds={until: done, most: 9}"], "seeds: must be a count, a list, or {until"),
        (["-m", "init=default,glorot", "seeds={until: decided}"], "seeds: must be a count, a list, or {until"),
        (["-m", "init=default,glorot", "seeds={until: decided, most: 4}"], "seeds: must have a batch of at least 2"),
        (["-m", "init=default,glorot", "seeds={until: decided, most: x}"], "seeds: must have whole numbers, got most"),
        (["-m", "init=default,glorot", "seeds=3,{until: decided, most: 9}"], "seeds: must be the same for all jobs"),
        (["-m", "tune={trials: 2, optimizer.learning_rate: [1e-3, 1e-2]}", UNTIL], "tune: does not go with seeds="),
    ],
)
def test_mistakes(asked, tmp_path, words, sentence):
    done = asked(*(word for word in SMALL if not word.startswith("seeds")), *words)
    assert done.returncode == 2, done.stdout
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
