"""Searches by the real command: continued, pruned, failing; and what is chosen from."""

import importlib.util
import json
import math
from statistics import median

import pandas as pd
import pytest
from helpers.sweeps import NAME, assert_none_left, folders, record, start_and_rest, user_starts

from kanexp.config.catalog import Catalog, config_folder
from kanexp.error import ConfigError
from kanexp.folder.file import UnreadableRun
from kanexp.search.space import Range, Space, read
from kanexp.search.study import check_journal

CATALOG = Catalog((config_folder(),))
HAS_OPTUNA = importlib.util.find_spec("optuna") is not None
HAS_SUBMITIT = importlib.util.find_spec("submitit") is not None
optuna = pytest.mark.skipif(not HAS_OPTUNA, reason="needs pip install 'kanexp[optuna]'")
SMALL = ["-m", "task=function", "layer=chebyshev", "seeds=2", "widths=[in,3,out]", "task.train=50", NAME]
SMALL += ["diagnostics=false", "sweeper=optuna", "log_every=5"]
RATE = "optimizer.learning_rate=tag(log, interval(1e-4, 1e-1))"


def searched(word: str, *fixed: str):
    return read([word, *fixed], CATALOG).searched[word.split("=")[0]]


@pytest.mark.parametrize(
    ("word", "values"),
    [
        (RATE, Range(1e-4, 1e-1, log=True)),
        ("init.gain=interval(1, 2)", Range(1, 2)),
        ("layer.degree=interval(2, 9)", Range(2, 9, whole=True)),
        ("steps=int(interval(20, 30))", Range(20, 30, whole=True)),
        ("steps=range(10, 40, 10)", Range(10, 30, 10, whole=True)),
        ("init.gain=range(0.5, 2.1, 0.5)", Range(0.5, 2.0, 0.5)),
        ("layer=fourier,chebyshev", ["fourier", "chebyshev"]),
        ("widths=[in,3,out],[in,5,5,out]", ["[in,3,out]", "[in,5,5,out]"]),
    ],
)
def test_what_is_chosen_from(word, values):
    fixed = [] if word.startswith("layer=") else ["layer=chebyshev"]
    assert searched(word, *fixed, "init=glorot") == values


def test_every_choice_and_every_end_is_tried_once_before_a_search():
    space = Space((), {"init": ["default", "glorot", "lecun"], "layer.degree": Range(2, 9, whole=True)})
    tried = space.corners()
    assert len(tried) == 4
    assert {values["init"] for values in tried} == {"default", "glorot", "lecun"}
    assert {values["layer.degree"] for values in tried} == {2, 9}
    assert Space.of((), json.loads(json.dumps(space.plain))) == space


MISTAKES = [
    ([RATE.replace("1e-1", "1e-5")], "an interval must rise from a positive number, got 0.0001 to 1e-05"),
    (["seeds=2,3"], "seeds: is no setting to choose by the validation loss; give one"),
    ([], "sweeper: nothing to search; give several values or an interval, as in"),
    (["layer=interval(1, 2)"], "layer=interval(1, 2): options of layer have names: bernstein"),
    (["layer.degre=interval(1, 2)"], "layer=chebyshev has no option 'degre'; did you mean 'degree'?"),
    (["layer.degree=interval(0, 5)"], "layer: Chebyshev: degree must be at least 1, got 0"),
    (["init=default,gloro"], "there is no init 'gloro'; did you mean 'glorot'?"),
    ([RATE, "sweeper.n_trials=0"], "sweeper: optuna: n_trials must be at least 1, got 0"),
    ([RATE, "sweeper.pruner=hyperband"], "sweeper.pruner: must be one of median, asha, none, got 'hyperband'"),
    ([RATE, "sweeper.trials=3"], "sweeper=optuna has no option 'trials'; did you mean 'n_trials'?"),
    ([RATE, "sweeper.at_once=2", "launcher=ray"], "sweeper.at_once: launcher=ray alone decides how many run at once"),
]


@optuna
@pytest.mark.parametrize(("words", "sentence"), MISTAKES, ids=lambda v: "+".join(v) if isinstance(v, list) else "")
def test_mistakes(words, sentence, tmp_path):
    from kanexp.search.search import search

    with pytest.raises(ConfigError) as caught:
        search([*SMALL[1:], f"output_dir={tmp_path / 'outputs'}", *words], CATALOG)
    assert sentence in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_interval_without_a_search_is_a_sentence(kanexp, tmp_path):
    done = kanexp("-m", RATE)
    assert done.returncode == 2
    assert "an interval has no end of values; add sweeper=optuna to search it, or give the values" in done.stderr
    assert "add -m to run each" in kanexp(RATE).stderr
    assert list(tmp_path.iterdir()) == []


def known(root, version: str = "v001") -> dict:
    """Optuna's own account of the trials, by job."""
    from kanexp.folder.sweep_folder import SweepFolder
    from kanexp.search.study import Search, Study

    return Study(SweepFolder(root / f"outputs/x/{version}").study, Search(1, "tpe", "none", None, 0), 30).jobs()


@optuna
@pytest.mark.slow
def test_n_trials_is_a_total(kanexp, tmp_path):
    words = [*SMALL, RATE, "init=default,glorot", "steps=30"]
    done = kanexp(*words, "sweeper.n_trials=3")
    assert done.returncode == 0, done.stderr
    jobs = [f"trial-00{i}" for i in range(3)]
    assert folders(tmp_path) == jobs
    told = known(tmp_path)
    for i, job in enumerate(jobs):
        own = record(tmp_path, job)
        assert own["tune"] == {"over": ["optimizer.learning_rate", "init"], "trial": i, "trials": 3}
        assert own["choices"]["init"] == told[i].params["init"]
        assert f"optimizer.learning_rate={told[i].params['optimizer.learning_rate']}" in own["overrides"]
        assert told[i].value == pytest.approx(median(own["best_val_loss"].values()))
        assert sorted(told[i].intermediate_values) == [0, 5, 10, 15, 20, 25]
    best = min(told, key=lambda i: told[i].value)
    assert f"3 complete; best: trial-00{best} with validation loss {told[best].value:.4g}" in done.stdout
    table = pd.read_csv(tmp_path / "outputs/x/v001/trials.csv")
    assert table["best"].tolist() == pytest.approx([min(told[j].value for j in range(i + 1)) for i in range(3)])
    assert all((tmp_path / f"outputs/x/v001/figures/history.{kind}").is_file() for kind in ("png", "svg", "csv"))

    again = kanexp(*words, "sweeper.n_trials=3")
    assert again.returncode == 0, again.stderr
    assert "3 jobs: 3 done, 0 to run" in again.stdout
    more = kanexp(*words, "sweeper.n_trials=4")
    assert "4 jobs: 3 done, 1 to run" in more.stdout
    assert {i: t.value for i, t in known(tmp_path).items() if i < 3} == {i: t.value for i, t in told.items()}
    assert folders(tmp_path) == [*jobs, "trial-003"]

    report = kanexp("report", "outputs/x")
    assert report.returncode == 0, report.stderr
    summary = pd.read_csv(tmp_path / "outputs/x/report/summary.csv")
    assert summary["arm"].nunique() == 1
    assert set(summary["trials"]) == {4}

    (tmp_path / "outputs/x/v001/study.log").write_bytes(b"")
    damaged = kanexp("resume", "outputs/x/v001")
    assert damaged.returncode == 2
    assert "study.log is damaged: it knows nothing of trial-000, which has begun" in damaged.stderr


def test_a_damaged_journal_is_named_and_a_killed_one_is_not(tmp_path):
    file = tmp_path / "study.log"
    check_journal(file)
    file.write_text('{"op_code": 0}\n{"op_code": 4, "tri')
    check_journal(file)
    file.write_text('{"op_code": 0}\n{"op_code": 4, "tri\n{"op_code": 5}\n')
    with pytest.raises(UnreadableRun, match=r"study\.log is damaged: line 2 is no record of a trial"):
        check_journal(file)


@optuna
@pytest.mark.slow
def test_killed_it_goes_on_with_the_same_trials(kanexp, tmp_path):
    words = [*SMALL, RATE, "steps=200", "sweeper.n_trials=3", "checkpoint=0", "sweeper.pruner=none"]
    process = start_and_rest(tmp_path, *words)
    process.kill()
    process.communicate()
    assert_none_left(tmp_path)
    before = {i: t.params for i, t in known(tmp_path).items() if t.params}
    assert before
    assert not all(t.state.is_finished() for t in known(tmp_path).values())
    done = kanexp("resume", "outputs/x/v001")
    assert done.returncode == 0, done.stderr
    after = known(tmp_path)
    assert {i: after[i].params for i in before} == before
    assert len(after) == 3
    assert all(t.state.name == "COMPLETE" for t in after.values())


@optuna
@pytest.mark.skipif(not HAS_SUBMITIT, reason="needs pip install 'kanexp[slurm]'")
@pytest.mark.slow
def test_through_submitit_it_begins_and_goes_on(kanexp, tmp_path):
    words = [*SMALL, RATE, "init=default,glorot", "steps=30", "sweeper.pruner=none", "launcher=submitit_local"]
    for trials in (2, 3):
        done = kanexp(*words, f"sweeper.n_trials={trials}")
        assert done.returncode == 0, done.stderr
        assert f"{trials} of {trials} jobs done, outputs/x/v001" in done.stdout
    assert folders(tmp_path) == ["trial-000", "trial-001", "trial-002"]
    for number, trial in known(tmp_path).items():
        own = record(tmp_path, f"trial-00{number}")
        assert trial.state.name == "COMPLETE"
        assert own["choices"]["init"] == trial.params["init"]


@optuna
def test_bad_trials_are_pruned_and_finished_properly(kanexp, tmp_path):
    rates = "optimizer.learning_rate=1e-2,1e-9"
    how = ["sweeper.n_trials=6", "sweeper.pruner=asha", "sweeper.sampler=random", "sweeper.at_once=1"]
    done = kanexp(*SMALL, rates, "steps=160", *how)
    assert done.returncode == 0, done.stderr
    told = known(tmp_path)
    assert told[0].state.name == "COMPLETE", "the first has none to be behind"
    pruned = [i for i, trial in told.items() if trial.state.name == "PRUNED"]
    assert pruned
    for i in pruned:
        own = record(tmp_path, f"trial-00{i}")
        assert own["status"] == "done"
        assert own["steps"] in (10, 40)
        behind = {"kind": "pruned", "step": own["steps"], "cause": "its validation loss is behind that of other trials"}
        assert all(status == behind for status in own["seed_status"].values())
    table = pd.read_csv(tmp_path / "outputs/x/v001/trials.csv")
    assert table.loc[table["status"] == "pruned", "trial"].tolist() == pruned
    good = [trial.value for trial in told.values() if float(trial.params["optimizer.learning_rate"]) == 0.01]
    assert table["best"].iloc[-1] == pytest.approx(min(good))


@optuna
def test_the_median_pruner_knows_what_other_processes_told(tmp_path):
    from kanexp.search.study import Search, Study

    search, space = Search(7, "random", "median", None, 0), Space((), {"x": Range(0, 1)})
    for job in range(7):
        study = Study(tmp_path / "study.log", search, 100, job)
        study.ask(job)
        study.choose(job, space)
        watch = study.watch(job)
        worth = 9.0 if job == 6 else 2.0 - job / 10
        assert watch(10, worth) == (job == 6)
        assert watch(10, worth) == (job == 6), "told twice, as a continued trial does"
        study.tell(job, worth, pruned=job == 6)
    states = [Study(tmp_path / "study.log", search, 100).trial(job).state.name for job in range(7)]
    assert states == ["COMPLETE"] * 6 + ["PRUNED"]
    values = [Study(tmp_path / "study.log", search, 100).trial(job).params["x"] for job in range(7)]
    assert max(values) - min(values) > 0.3, "each process draws numbers of its own"


@optuna
@pytest.mark.slow
def test_failed_trials_never_stop_a_search(kanexp, tmp_path):
    user_starts(tmp_path, dying="os.kill(os.getpid(), signal.SIGKILL)", raising="raise RuntimeError('no more')")
    words = ["--config-dir", "conf", *SMALL, "init=dying,raising,glorot", "steps=30", "sweeper.n_trials=6"]
    words += ["sweeper.sampler=random", "sweeper.seed=1"]
    done = kanexp(*words)
    assert done.returncode == 1
    told = known(tmp_path)
    chosen = {i: trial.params["init"] for i, trial in told.items()}
    assert set(chosen.values()) == {"dying", "raising", "glorot"}
    causes = {"dying": "killed by SIGKILL, as the system does", "raising": "RuntimeError: no more"}
    for i, init in chosen.items():
        own = record(tmp_path, f"trial-00{i}")
        assert own["choices"]["init"] == init
        assert own["tune"]["trial"] == i
        assert told[i].state.name == ("COMPLETE" if init == "glorot" else "FAIL")
        assert init == "glorot" or own["cause"].startswith(causes[init])

    (tmp_path / "mine.py").write_text((tmp_path / "mine.py").read_text().replace("raise RuntimeError", "str"))
    again = kanexp(*words, "rerun=failed")
    assert f"{sum(init != 'glorot' for init in chosen.values())} to run" in again.stdout
    mended = known(tmp_path)
    assert {i: trial.params["init"] for i, trial in mended.items()} == chosen
    for i, init in chosen.items():
        assert (mended[i].state.name == "FAIL") == (init == "dying")
        assert init == "dying" or math.isfinite(mended[i].value)
