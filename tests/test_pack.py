"""What trains together, and that it trains as it would alone."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from helpers.training import TASK, experiment
from torch.testing import assert_close

from kanexp.config.catalog import Catalog, config_folder
from kanexp.config.compose import load
from kanexp.config.experiment import build_experiment
from kanexp.folder.logs import COLUMNS, Ledger
from kanexp.folder.run_folder import RunFolder
from kanexp.init.default import Default
from kanexp.init.glorot import Glorot
from kanexp.init.smooth import Smooth
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.optimizer.adam import Adam
from kanexp.optimizer.adamw import AdamW
from kanexp.optimizer.lbfgs import LBFGS
from kanexp.optimizer.sgd import SGD
from kanexp.reg.l1 import L1
from kanexp.seeding import generator
from kanexp.train import loop as training
from kanexp.train.ensemble import LARGE, Ensemble, packs


def run(*experiments, checkpoint=None, watch=lambda p: None):
    """Results and tables of the experiments, trained together."""
    ensemble = Ensemble(experiments)
    data = TASK.load(generator(0, "data"))
    network = ensemble.first.network()
    start = ensemble.start(network, data.train.x)
    with ExitStack() as stack:
        folders = [RunFolder(Path(stack.enter_context(TemporaryDirectory()))) for _ in experiments]
        logs = [stack.enter_context(folder.logs()) for folder in folders]
        ledger = Ledger(logs, [e.settings.seed_list for e in experiments])
        result = training.train(ensemble, network, start, data, ledger, watch, checkpoint)
        for own in logs:
            own.marks()
        tables = [{name: folder.read_table(name) for name in COLUMNS} for folder in folders]
    return [result.of(rows) for rows in ensemble.rows], tables


MEMBERS = {
    "starts": [experiment(init=Default(), seeds=2), experiment(init=Glorot(), seeds=[5]), experiment(init=Smooth())],
    "penalties": [experiment(reg=L1(weight=w), seeds=2) for w in (1e-4, 1e-1)],
    "thresholds": [
        experiment(optimizer=o, reg=L1(weight=w, threshold=0.3, threshold_every=10), seeds=2)
        for o, w in ((Adam(learning_rate=0.02), 1e-4), (Adam(learning_rate=0.02), 1e-1), (SGD(momentum=0.5), 1e-1))
    ],
    "optimizers": [
        experiment(optimizer=o, seeds=2) for o in (Adam(learning_rate=1e-2), AdamW(clip=0.1), SGD(momentum=0.5))
    ],
    "minibatches": [experiment(optimizer=Adam(learning_rate=r), batch_size=16, seeds=[3, 1]) for r in (1e-2, 1e-3)],
    "patience": [experiment(optimizer=Adam(learning_rate=r), patience=10, steps=200, seeds=2) for r in (0.5, 1e-3)],
    "line searches": [experiment(optimizer=LBFGS(), init=i, seeds=2, steps=15) for i in (Default(), Glorot())],
    "refinement": [
        experiment(BSpline(), optimizer=Adam(learning_rate=r), refine={20: 10}, seeds=2) for r in (1e-2, 1e-3)
    ],
}


@pytest.mark.parametrize("members", MEMBERS.values(), ids=MEMBERS)
def test_together_as_alone(members):
    members = [replace(e, settings=replace(e.settings, diagnostics=True)) for e in members]
    together, tables = run(*members)
    for e, result, table in zip(members, together, tables, strict=True):
        (alone,), (own,) = run(e)
        assert torch.equal(result.start, alone.start)
        assert_close(result.best, alone.best, rtol=1e-6, atol=1e-9)
        assert_close(result.test, alone.test, rtol=1e-6, atol=1e-12)
        assert result.status == alone.status
        assert [edges.tolist() for edges in result.kept or []] == [edges.tolist() for edges in alone.kept or []]
        assert torch.equal(result.evaluations, alone.evaluations)
        for name in ("metrics", "diagnostics", "spectra"):
            keys = [column for column in COLUMNS[name] if column not in ("value", "power")]
            assert table[name][keys].equals(own[name][keys]), name
        assert table["timings"][["step", "evaluations"]].equals(own["timings"][["step", "evaluations"]])


def test_seconds_are_shared():
    (first, second), _ = run(experiment(seeds=3), experiment(seeds=1, init=Default()))
    assert first.seconds == pytest.approx(3 * second.seconds)


def of(*words: str):
    return [build_experiment(job) for job in load(words, Catalog((config_folder(),)), sweep=True)]


SMALL = ["task=function", "layer=chebyshev", "seeds=2", "widths=[in,4,out]"]


def grouped(*words: str, at_least: int = 1, samples: int = 800):
    experiments = of(*SMALL, *words)
    return packs(experiments, [samples] * len(experiments), at_least)


def test_what_has_rows_of_its_own_trains_together():
    assert grouped("init=default,glorot", "seeds=2,3") == [[0, 1, 2, 3]]
    assert grouped("optimizer=adam,adamw,sgd", "optimizer.learning_rate=1e-2,1e-3") == [[0, 1, 2, 3, 4, 5]]
    assert grouped("reg=l1", "reg.weight=1e-3,1e-2") == [[0, 1]]
    assert grouped("init=power", "init.width_power=0.5,1") == [[0, 1]]


def test_what_has_not_trains_apart():
    assert grouped("layer=chebyshev,fourier") == [[0], [1]]
    assert grouped("layer.degree=3,5", "init=default,glorot") == [[0, 1], [2, 3]]
    assert grouped("reg=l1", "reg.weight=0,1e-3,1e-2") == [[0], [1, 2]]
    assert grouped("reg=l1,l2") == [[0], [1]]
    assert grouped("reg=l1", "reg.threshold=0,0.1,0.2") == [[0], [1], [2]]
    assert grouped("optimizer=lbfgs", "optimizer.history=5,10") == [[0], [1]]
    assert grouped("data_seed=0,1") == [[0], [1]]
    assert grouped("init=default,glorot", "budget={seconds: 1}") == [[0], [1]]


def test_packs_are_as_large_as_is_of_use_and_as_many_as_processes():
    assert grouped("init=default,glorot,lecun,power,smooth", at_least=2) == [[0, 1, 2], [3, 4]]
    assert grouped("init=default,glorot", at_least=5) == [[0], [1]]
    features = (2 + 4) * 5 * 2
    assert grouped("init=default,glorot,lecun,power", samples=LARGE // (2 * features)) == [[0, 1], [2, 3]]
    assert grouped("init=default,glorot", samples=LARGE) == [[0], [1]]


def test_the_first_is_what_all_share():
    ensemble = Ensemble((experiment(Chebyshev(), seeds=[4]), experiment(Chebyshev(), init=Default(), seeds=2)))
    assert ensemble.seeds == [4, 0, 1]
    assert ensemble.rows == [slice(0, 1), slice(1, 3)]
    assert ensemble.penalty_weight(0) is None
