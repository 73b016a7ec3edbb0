"""Live tracking: the rows of metrics.csv, elsewhere as well."""

import importlib.util
import os
import sqlite3
from pathlib import Path

import pandas as pd
import pytest
from helpers.components import classes

from kanexp.logger.mlflow import MLflow
from kanexp.logger.tensorboard import TensorBoard

SMALL = ["task=function", "layer=chebyshev", "seeds=[0,7]", "steps=20", "widths=[in,3,out]", "task.train=50"]
SMALL += ["diagnostics=false", "name=x"]
RUN = Path("outputs/x/v001")
NEEDS = {option: cls().needs for option, cls in classes("logger").items() if cls().needs}


def test_only_the_run_folder_alone_needs_nothing():
    assert set(classes("logger")) - set(NEEDS) == {"none"}


def extra(name: str):
    return pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"needs pip install 'kanexp[{name}]'")


@extra("tensorboard")
@pytest.mark.filterwarnings("default")  # TensorBoard's own
def test_tensorboard_gets_the_same_rows(kanexp, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    done = kanexp(*SMALL, "logger=tensorboard")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / RUN / "metrics.csv")
    assert set(table["seed"]) == {0, 7}
    for seed, own in table.groupby("seed"):
        found = EventAccumulator(str(tmp_path / RUN / f"tensorboard/seed_{seed}")).Reload()
        assert set(found.Tags()["scalars"]) == set(own["metric"])
        for metric, rows in own.groupby("metric"):
            events = found.Scalars(metric)
            assert [event.step for event in events] == rows["step"].tolist()
            assert [event.value for event in events] == pytest.approx(rows["value"].tolist(), rel=1e-6)


@extra("mlflow")
def test_mlflow_gets_the_same_rows(kanexp, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}  # SQLAlchemy's own
    done = kanexp(*SMALL, "logger=mlflow", env=environment)
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(tmp_path / "mlflow.db") as store:
        found = store.execute("select key, step, value from metrics").fetchall()
        runs = store.execute("select name, status from runs").fetchall()
        params = dict(store.execute("select key, value from params").fetchall())
    assert runs == [("outputs/x/v001", "FINISHED")]
    assert params["layer"] == "chebyshev"
    table = pd.read_csv(tmp_path / RUN / "metrics.csv")
    wanted = {(f"{row.metric}/seed_{row.seed}", row.step): row.value for row in table.itertuples()}
    assert {(key, step): value for key, step, value in found} == pytest.approx(wanted, rel=1e-6)


@extra("mlflow")
def test_jobs_that_begin_together_share_a_new_store(kanexp, tmp_path):
    """Its tables and its experiment are made once; each row is there."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}  # SQLAlchemy's own
    words = ["-m", *SMALL, "init=default,glorot,lecun", "pack=false", "log_every=1", "launcher.workers=3"]
    done = kanexp(*words, "logger=mlflow", "logger.flush=0.01", env=environment)
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(tmp_path / "mlflow.db") as store:
        found = dict(store.execute("select name, count(*) from runs natural join metrics group by name").fetchall())
        assert store.execute("select count(*) from experiments where name = 'kanexp'").fetchone() == (1,)
    jobs = ("default", "glorot", "lecun")
    assert found == {f"x/v001/{job}": len(pd.read_csv(tmp_path / RUN / job / "metrics.csv")) for job in jobs}


@pytest.mark.parametrize("option", [pytest.param(option, marks=extra(needs)) for option, needs in NEEDS.items()])
def test_a_run_is_the_same_with_and_without(kanexp, tmp_path, option):
    assert kanexp(*SMALL).returncode == 0
    before = set(tmp_path.rglob("*"))
    environment = os.environ | {"PYTHONWARNINGS": "default"}
    assert kanexp(*SMALL, f"logger={option}", env=environment).returncode == 0
    first, second = (tmp_path / f"outputs/x/{v}/metrics.csv" for v in ("v001", "v002"))
    assert first.read_bytes() == second.read_bytes()
    more = {path.relative_to(second.parent) for path in second.parent.rglob("*")}
    assert more >= {path.relative_to(first.parent) for path in before if first.parent in path.parents}


@pytest.mark.parametrize(
    ("logger", "changes", "sentence"),
    [
        (TensorBoard, {"flush": 0.0}, "flush must be positive, got 0.0"),
        (MLflow, {"uri": "mlflow.db"}, "uri must name a store, such as sqlite:///mlflow.db, got 'mlflow.db'"),
        (MLflow, {"flush": float("nan")}, "flush must be positive, got nan"),
    ],
)
def test_mistakes(logger, changes, sentence):
    with pytest.raises(ValueError, match="must") as caught:
        logger(**changes)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("option", NEEDS)
def test_where_the_extra_is_missing_one_sentence_says_so(option, monkeypatch):
    monkeypatch.setattr("kanexp.logger.base.find_spec", lambda name: None)
    name = NEEDS[option]
    said = classes("logger")[option]().missing()
    assert said == f"{name} is not installed; install it with: pip install 'kanexp[{name}]'"
