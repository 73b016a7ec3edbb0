"""Training that is broken off goes on as if it had not been."""

import importlib
import io
from contextlib import ExitStack
from dataclasses import replace
from itertools import product
from pathlib import Path
from pickle import UnpicklingError

import pytest
import torch
from helpers.components import classes
from helpers.training import TASK, experiment

from kanexp.folder.logs import Ledger
from kanexp.folder.run_folder import RunFolder
from kanexp.init.default import Default
from kanexp.layer.bspline import BSpline
from kanexp.model.kan import KAN
from kanexp.optimizer.adam import Adam
from kanexp.optimizer.adamw import AdamW
from kanexp.optimizer.chain import Chain
from kanexp.optimizer.lbfgs import LBFGS
from kanexp.optimizer.levenberg_marquardt import LevenbergMarquardt
from kanexp.optimizer.sgd import SGD
from kanexp.optimizer.ssbroyden import SSBroyden
from kanexp.reg.l1 import L1
from kanexp.seeding import generator
from kanexp.task.burgers import Burgers
from kanexp.task.poisson import Poisson
from kanexp.testing import check_optimizer
from kanexp.train import checkpoint as checkpoints
from kanexp.train import loop as training
from kanexp.train.checkpoint import Checkpoint
from kanexp.train.ensemble import Ensemble

POINTS = Poisson(points=20, edge_points=4, resample=3)
WEIGHED = Burgers(points=20, edge_points=4, resample=6, adapt="residual", reweigh=2)
WINDOWS = Burgers(points=20, edge_points=4, windows={0: 0.2, 4: 0.5, 10: 1.0})
RESIDUAL = replace(POINTS, adapt="residual", adapt_share=0.5)
SECOND_ORDER = {
    "levenberg_marquardt": LevenbergMarquardt(),
    "lbfgs": LBFGS(),
    "ssbroyden": SSBroyden(),
    "chain": Chain(parts={"adam": Adam(learning_rate=0.01), "lbfgs": LBFGS()}, switch=[5]),
}
WHOLE = {option: cls for option, cls in classes("optimizer").items() if cls is not Chain}
CASES = {
    **{option: [experiment(optimizer=cls(), steps=12)] for option, cls in WHOLE.items()},
    "diagnostics": [experiment(diagnostics=True)],
    "minibatches": [experiment(batch_size=16)],
    "refinement": [experiment(BSpline(grid="quantiles"), refine={4: 8, 30: 12}, optimizer=SGD(learning_rate=1e-3))],
    "threshold": [
        experiment(optimizer=Adam(learning_rate=0.02), reg=L1(weight=0.01, threshold=0.3, threshold_every=4), steps=12)
    ],
    "threshold, lbfgs": [experiment(optimizer=LBFGS(), reg=L1(threshold=0.3, threshold_every=4), steps=12)],
    "side by side": [experiment(optimizer=AdamW()), experiment(init=Default(), optimizer=SGD(), seeds=2)],
    "patience": [experiment(optimizer=Adam(learning_rate=0.5), patience=8, steps=60)],
    "float32": [experiment(dtype="float32")],
    **{
        f"{word}, {name}": [experiment(optimizer=o, task=replace(WEIGHED, weighing=word), steps=12)]
        for word, (name, o) in product(("causal", "attention", "balance"), SECOND_ORDER.items())
    },
    "embedding": [replace(experiment(task=replace(WEIGHED, periodic=["x"]), steps=12), model=KAN(frequencies=3))],
    **{f"windows, {name}": [experiment(optimizer=o, task=WINDOWS, steps=12)] for name, o in SECOND_ORDER.items()},
    "windows with diagnostics": [experiment(task=WINDOWS, diagnostics=True, steps=12, patience=3)],
    **{f"residual, {name}": [experiment(optimizer=o, task=RESIDUAL, steps=12)] for name, o in SECOND_ORDER.items()},
    "residual, float32": [experiment(task=RESIDUAL, steps=12, dtype="float32")],
    **{f"new points, {name}": [experiment(optimizer=o, task=POINTS, steps=12)] for name, o in SECOND_ORDER.items()},
}


class Killed(BaseException):
    """What no code of ours catches."""


def train(members, folder, stop_at=None, hashes=()):
    """One process' share of training in a folder, killed after that step if one is given."""

    def watch(progress):
        if progress.step == stop_at:
            raise Killed

    ensemble = Ensemble(tuple(members))
    data = ensemble.first.task.load(generator(0, "data"))
    dtype = getattr(torch, ensemble.first.settings.dtype)
    data = replace(data, **{n: replace(s, x=s.x.to(dtype), y=s.y.to(dtype)) for n, s in splits(data).items()})
    network = ensemble.first.network()
    folders = [RunFolder(folder / str(i)) for i in range(len(members))]
    for run_folder in folders:
        run_folder.path.mkdir(parents=True, exist_ok=True)
    file = folder / "state.pt"
    with ExitStack() as stack:
        logs = [stack.enter_context(run_folder.logs(file.is_file())) for run_folder in folders]
        ledger = Ledger(logs, [e.settings.seed_list for e in members])
        kept = Checkpoint(file, logs, seconds=0, runs=hashes)
        return training.train(ensemble, network, ensemble.start(network, data.train.x), data, ledger, watch, kept)


def splits(data):
    return {"train": data.train, "val": data.val, "test": data.test}


def tables(folder):
    names = ("metrics.csv", "diagnostics.csv", "spectra.csv")
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for name in names for path in folder.glob(f"*/{name}")}


@pytest.mark.parametrize("members", CASES.values(), ids=CASES)
def test_killed_twice_and_continued_it_ends_with_the_same_bits(members, tmp_path):
    whole = train(members, tmp_path / "whole")
    for stop in (3, 9):
        with pytest.raises(Killed):
            train(members, tmp_path / "broken", stop)
    broken = train(members, tmp_path / "broken")
    for name in ("start", "best", "last", "best_step", "best_val", "evaluations"):
        assert torch.equal(getattr(whole, name), getattr(broken, name)), name
    assert (whole.status, whole.steps) == (broken.status, broken.steps)
    assert whole.test.keys() == broken.test.keys() == TASK.metrics(*torch.zeros(2, 1, 1, 1)).keys()
    assert all(torch.equal(whole.test[name], broken.test[name]) for name in whole.test)
    assert tables(tmp_path / "whole") == tables(tmp_path / "broken")
    assert len(tables(tmp_path / "whole")) == 3 * len(members)


OLDER = ["adam", *(f"new points, {name}" for name in SECOND_ORDER)]


@pytest.mark.parametrize("case", OLDER)
def test_a_checkpoint_from_before_edges_could_go_and_seeds_retire_is_gone_on_with(case, tmp_path, capsys):
    members = CASES[case]
    whole = train(members, tmp_path / "whole")
    with pytest.raises(Killed):
        train(members, tmp_path, 5)
    values = torch.load(tmp_path / "state.pt", weights_only=False)
    assert values.pop("kept") == []
    for stepper in (values["stepper"], getattr(values["stepper"], "at_work", None)):
        known = vars(stepper) if stepper else {}
        known.pop("retired", None)
        if "scale" in known and "inverse" in known:  # the matrices had theirs in them, as here up to rounding
            known["inverse"] = known.pop("scale")[:, None, None] * known["inverse"]
            known.pop("of")
    (tmp_path / "state.pt").write_bytes(saved(values))
    best = train(members, tmp_path).best
    if "ssbroyden" in case:
        torch.testing.assert_close(best, whole.best, rtol=1e-6, atol=1e-9)
    else:
        assert torch.equal(best, whole.best)
    assert "ignored" not in capsys.readouterr().out


def test_a_finished_training_is_not_done_again(tmp_path):
    members = CASES["adam"]
    first = train(members, tmp_path)
    before = tables(tmp_path)
    again = train(members, tmp_path, stop_at=0)
    assert torch.equal(first.best, again.best)
    assert tables(tmp_path) == before


def test_a_checkpoint_is_no_program(tmp_path, capsys):
    class Trap:
        def __reduce__(self):
            return print, ("sprung",)

    (tmp_path / "0").mkdir()
    torch.save({"theta": Trap()}, tmp_path / "state.pt")
    train(CASES["adam"], tmp_path)
    out = capsys.readouterr().out
    assert "state.pt is damaged (Weights only load failed); it is ignored, and training goes on from step 0" in out
    assert "sprung" not in out


def of_another_start(file):
    train([experiment(init=Default(), optimizer=Adam(), steps=12)], file.parent / "other", hashes=["other"])
    return (file.parent / "other" / "state.pt").read_bytes()


DAMAGED_CHECKPOINTS = {
    "cut off": (lambda file: file.read_bytes()[:-1000], "is damaged"),
    "empty": (lambda file: b"", "is damaged (it is empty)"),
    "text": (lambda file: b"just text", "is damaged"),
    "a byte": (lambda file: file.read_bytes()[:3000] + b"x" + file.read_bytes()[3001:], "is damaged"),
    "of another run": (of_another_start, "is the checkpoint of another run"),
    "of other things": (lambda file: saved({"theta": torch.zeros(2)}), "is the checkpoint of another run"),
    "a list": (lambda file: saved([1, 2]), "is damaged (it holds no pairs)"),
    "of other networks": (lambda file: saved(changed(file, theta=torch.zeros(3, 4))), "its theta is of other networks"),
    "of words": (lambda file: saved(changed(file, step="three")), "its step is no int"),
    "of odd batches": (lambda file: saved(changed(file, batches={"taken": 3})), "is damaged"),
}


def saved(values):
    content = io.BytesIO()
    torch.save(values, content)
    return content.getvalue()


def changed(file, **changes):
    return torch.load(file, weights_only=False) | changes


@pytest.mark.parametrize(("damage", "sentence"), DAMAGED_CHECKPOINTS.values(), ids=DAMAGED_CHECKPOINTS)
def test_a_damaged_checkpoint_is_named_and_ignored(damage, sentence, tmp_path, capsys):
    members = CASES["minibatches"]
    train(members, tmp_path / "whole")
    with pytest.raises(Killed):
        train(members, tmp_path / "broken", stop_at=9)
    file = tmp_path / "broken" / "state.pt"
    file.write_bytes(damage(file))
    capsys.readouterr()
    train(members, tmp_path / "broken")
    out = capsys.readouterr().out
    assert sentence in out
    assert "it is ignored, and training goes on from step 0" in out
    assert tables(tmp_path / "whole") == tables(tmp_path / "broken")


DAMAGED_TABLES = {
    "missing": (lambda file: file.unlink(), "metrics.csv is cut off: 0 of its"),  # opened, it is there and empty
    "cut off": (lambda file: file.write_bytes(file.read_bytes()[:100]), "metrics.csv is cut off: 2 of its"),
    "garbled": (lambda file: file.write_bytes(bytes(file.stat().st_size)), "metrics.csv is damaged"),
}


@pytest.mark.parametrize(("damage", "sentence"), DAMAGED_TABLES.values(), ids=DAMAGED_TABLES)
def test_a_table_that_is_not_what_its_checkpoint_knows(damage, sentence, tmp_path, capsys):
    train(CASES["adam"], tmp_path / "whole")
    with pytest.raises(Killed):
        train(CASES["adam"], tmp_path / "broken", stop_at=9)
    damage(tmp_path / "broken" / "0" / "metrics.csv")
    train(CASES["adam"], tmp_path / "broken")
    out = capsys.readouterr().out
    assert sentence in out
    assert "it is ignored, and training goes on from step 0" in out
    assert tables(tmp_path / "whole") == tables(tmp_path / "broken")


def test_how_often_is_asked_for(monkeypatch, tmp_path):
    now = [0.0]
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now[0])
    kept, never = Checkpoint(tmp_path / "a", [], 60), Checkpoint(tmp_path / "a", [], None)
    assert not kept.due()
    now[0] = 61.0
    assert kept.due()
    assert not never.due()


MINE = """
from dataclasses import dataclass

from kanexp.optimizer.base import Optimizer, Stepper
from past import Past


@dataclass(frozen=True, kw_only=True)
class Mine(Optimizer):
    rate: float = 0.01

    def stepper(self, theta):
        return MyStepper(self)


class MyStepper(Stepper):
    def __init__(self, settings):
        self.settings, self.past, self.losses = settings, Past(), []

    def step(self, theta, problem):
        loss, grad = problem(theta)
        self.past.see(grad)
        self.losses.append(loss)
        return theta - self.settings.rate * self.past.mean, loss, loss.new_ones(len(loss)).long()
"""
PAST = """
class Past:
    mean = 0.0

    def see(self, grad):
        self.mean = 0.5 * self.mean + 0.5 * grad
"""


def test_a_users_optimizer_is_read_from_a_checkpoint(tmp_path, monkeypatch):
    """What it remembers may be of a file beside its own, which is not kanexp's."""
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "past.py").write_text(PAST)
    monkeypatch.syspath_prepend(str(tmp_path))
    check_optimizer(importlib.import_module("mine").Mine())


def test_a_checkpoint_holds_what_the_optimizers_files_define_and_nothing_else(tmp_path):
    """A class that the optimizer's files do not define is not made, whatever a file asks for."""
    stepper = Adam().stepper(torch.zeros(1, 2))
    assert Path not in checkpoints.classes(stepper)
    stepper.smuggled = Path("x")
    torch.save(stepper, tmp_path / "state.pt")
    with (
        torch.serialization.safe_globals(checkpoints.classes(Adam().stepper(torch.zeros(1, 2)))),
        pytest.raises(UnpicklingError, match="Unsupported"),
    ):
        torch.load(tmp_path / "state.pt", weights_only=True)
