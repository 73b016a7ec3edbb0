"""Edges that go while a network trains: which ones, that they stay away, and that no other seed sees it."""

import contextlib
import io
import json

import pandas as pd
import pytest
import torch
from helpers.components import OPTIMIZERS, name
from helpers.training import experiment, train
from torch.testing import assert_close

import kanexp
from kanexp.cli import main
from kanexp.config.catalog import find_catalog
from kanexp.config.compose import load
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.layer.wavelet import Wavelet
from kanexp.measure.importance import importance
from kanexp.model.kan import KAN
from kanexp.optimizer.adam import Adam
from kanexp.optimizer.chain import Chain
from kanexp.optimizer.lbfgs import LBFGS
from kanexp.optimizer.levenberg_marquardt import LevenbergMarquardt
from kanexp.reg.group import Group
from kanexp.reg.none import NoPenalty
from kanexp.run.prune import retraining
from kanexp.run.pruning import Rule
from kanexp.task.function import Function
from kanexp.train.cut import all_edges, connected, count, without, without_faint
from kanexp.train.objective import Objective, view

TASK = Function(function="exp_sin_square")


def network_of(randn, basis=None):
    network = KAN().network([2, 3, 1], basis or Chebyshev(degree=3))
    return network, 0.3 * randn(2, network.length), randn(2, 60).clamp(-0.99, 0.99)


# -- which ones -----------------------------------------------------------------------------------------------------


def test_edges_below_a_share_of_the_most_important_in_their_layer_go(randn):
    network, theta, x = network_of(randn)
    named = network.unflatten(theta)
    named["layers.0.coef"][:, 1, :, 0] *= 1e-4
    theta = network.flatten(named)
    scores = importance(network, theta, x).edges
    left = without_faint(network, theta, all_edges(network, 2), x, 0.4)
    by_hand = [own >= 0.4 * own.amax((1, 2), keepdim=True) for own in scores]
    assert all(torch.equal(one, other) for one, other in zip(left, connected(by_hand), strict=True))
    assert not left[0][:, 1, 0].any()
    kept = without_faint(network, theta, left, x, 0.0)
    assert all(torch.equal(one, other) for one, other in zip(left, kept, strict=True))


def test_a_network_of_which_nothing_would_be_left_stays_whole(randn):
    network, theta, x = network_of(randn)
    named = network.unflatten(theta)
    named["layers.0.coef"][:, 1:] = 0.0  # only node 0 has a way in that says something ...
    named["layers.1.coef"][..., 0] *= 1e-3  # ... and the way out of it says nothing
    theta = network.flatten(named)
    theta[1] = torch.nan
    left = without_faint(network, theta, all_edges(network, 2), x, 0.5)
    assert count(left)[1] == 9
    assert count(left)[0] >= 2


# -- that they stay away --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=name)
def test_an_optimizer_goes_on_with_fewer_edges_of_one_seed(optimizer, randn):
    network, theta, x = network_of(randn)
    seen, y = view(TASK, network), TASK.solution(x)[None]
    kept = all_edges(network, 2)
    kept[0][0, 1:] = False
    kept = connected(kept)
    mask, rows = network.mask(kept), torch.tensor([True, False])

    def descend(theta, cut):
        objective = Objective(seen, TASK, NoPenalty(), None, x[None], seen.prepare(x[None]), y)
        stepper, given = optimizer.stepper_for(theta, network.matrices), torch.ones_like(mask)
        for step in range(6):
            if cut and step == 3:
                theta, given = torch.where(rows[:, None], without(network, theta, kept, x), theta), mask
                stepper.restrict(rows, mask)
                objective = Objective(*[getattr(objective, f) for f in list(vars(objective))[:8]], mask)
            new, loss, _ = stepper.step(theta, objective)
            theta = torch.where(given, new, theta)
        return theta, loss

    plain, cut = descend(theta, False), descend(theta, True)
    assert (cut[0][0][~mask[0]] == 0).sum() > 15
    assert (cut[0][0] != plain[0][0]).any()
    assert_close(cut[0][1], plain[0][1], rtol=1e-12, atol=1e-12)
    assert cut[1].isfinite().all()


@pytest.mark.parametrize("basis", [Chebyshev(), BSpline(scale=True), Wavelet()], ids=name)
def test_what_went_is_zero_in_all_states(basis):
    e = experiment(basis, Adam(learning_rate=0.02), Group(weight=0.01, threshold=0.3, threshold_every=10), seeds=3)
    result, metrics, network = train(e)
    mask = network.mask(result.kept)
    edges = metrics[metrics["metric"] == "edges"]
    for row in range(3):
        own = edges[edges["seed"] == row].sort_values("step")["value"]
        assert own.iloc[0] == 12 > own.iloc[-1] == count(result.kept)[row]
        assert own.is_monotonic_decreasing
    for theta in (result.best, result.last):
        named = network.unflatten(theta)
        for i, kept in enumerate(result.kept):
            assert (named[f"layers.{i}.coef"].permute(0, 1, 3, 2)[~kept] == 0).all()
    assert (~mask).sum() > 0
    assert result.best_val.isfinite().all()


def test_finer_layers_lack_the_same_edges():
    reg = Group(weight=0.01, threshold=0.3, threshold_every=10)
    result, _, network = train(experiment(BSpline(), Adam(learning_rate=0.02), reg, seeds=2, refine={25: 10}))
    named = result.network.unflatten(result.last)
    assert named["layers.0.coef"].shape[2] > network.unflatten(result.start)["layers.0.coef"].shape[2]
    gone = ~result.kept[0]
    assert gone.any()
    assert (named["layers.0.coef"].permute(0, 1, 3, 2)[gone] == 0).all()
    assert (named["layers.0.coef"].permute(0, 1, 3, 2)[~gone].abs().sum(-1) > 0).all()


STUCK = [LevenbergMarquardt(damping=1e18), LBFGS(max_evaluations=1)]  # after a few steps they find no better one


@pytest.mark.parametrize("optimizer", STUCK, ids=name)
def test_a_seed_that_would_end_loses_edges_and_goes_on(optimizer):
    reg = NoPenalty(threshold=0.4, threshold_every=99)
    result, metrics, _ = train(experiment(BSpline(), optimizer, reg, steps=100, seeds=2, log_every=1))
    assert [status.kind for status in result.status] == ["stalled"] * 2
    for seed in range(2):
        edges = metrics[(metrics["metric"] == "edges") & (metrics["seed"] == seed)].set_index("step")["value"]
        went = edges.index[edges < 12].min()
        assert 0 < went < 99
        assert edges.index.max() > went


CASES = {
    "adam": Adam(learning_rate=0.02),
    "lbfgs": LBFGS(),
    "chain": Chain(parts={"adam": Adam(learning_rate=0.02), "lbfgs": LBFGS()}, switch=[15]),
}


@pytest.mark.parametrize("optimizer", CASES.values(), ids=CASES)
def test_a_seed_alone_loses_what_it_loses_among_others(optimizer):
    reg = Group(weight=0.003, threshold=0.2, threshold_every=10)
    many, _, _ = train(experiment(optimizer=optimizer, reg=reg, steps=35))
    alone, _, _ = train(experiment(optimizer=optimizer, reg=reg, steps=35, seeds=[2]))
    assert [edges[2].tolist() for edges in many.kept] == [edges[0].tolist() for edges in alone.kept]
    assert len(set(count(many.kept).tolist())) > 1
    assert_close(alone.last[0], many.last[2], rtol=1e-6, atol=1e-8)


# -- the command ----------------------------------------------------------------------------------------------------


def test_a_run_with_a_threshold_is_a_run_like_any_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["task=function", "layer=chebyshev", "widths=[2,3,1]", "seeds=2", "steps=60", "diagnostics=false"]
    words += ["reg=group", "reg.threshold=0.3", "reg.threshold_every=20", "optimizer.learning_rate=0.05", "name=a"]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert main(words) == 0
    run = kanexp.load("outputs/a/latest")
    record = json.loads((tmp_path / "outputs/a/latest/run.json").read_text())
    assert record["left"]["edges"] == {str(seed): int(n) for seed, n in enumerate(count(run.restored.kept))}
    fewest, *_, most = sorted(record["left"]["edges"].values())
    assert fewest <= most < 9
    assert f"edges left: {fewest if fewest == most else f'{fewest} to {most}'} of 9" in said.getvalue()
    assert record["parameters"] == max(record["left"]["weights"].values()) == int(run.restored.mask.sum(1).max())
    again = retraining(run.restored.experiment, Rule(0.1, 0.2, 5, "own"), run.restored.network)
    assert again.reg == Group(threshold_every=20)  # which edges go is pruning's to say


@pytest.mark.parametrize(
    ("words", "digest"),
    [
        (["task=function", "reg=l1"], "dbd56684eb3e840a"),
        (["reg=sum", "reg.parts={l1: 1e-3, smooth: 1e-2}"], "5f30c88d1320d787"),
    ],
)
def test_digests_are_those_of_runs_from_before_there_were_thresholds(words, digest):
    """As computed on revision e90383f."""
    assert load(words, find_catalog())[0].hash == digest
    assert load([*words, "reg.threshold=0.1"], find_catalog())[0].hash != digest


def test_diagnose_leaves_alone_what_a_threshold_took(asked):
    words = ["task=function", "task.function=exp_sin_square", "layer=bspline", "widths=[2,5,1]", "seeds=2", "steps=60"]
    words += [
        "optimizer.learning_rate=0.02",
        "reg=l1",
        "reg.weight=0.01",
        "reg.threshold=0.3",
        "reg.threshold_every=20",
    ]
    assert asked(*words, "diagnostics=false", "figures=false", "name=thin").returncode == 0
    run = kanexp.load("outputs/thin/latest")
    left = sum(run.record.left["edges"].values())
    assert left < 2 * 15
    assert asked("diagnose", "outputs/thin/latest", "--seconds", "2").returncode == 0
    rows = pd.read_csv("outputs/thin/latest/diagnosis/latest/metrics.csv")
    assert not (rows["metric"] == "edges").any()  # which a training writes whose edges may go
    table = pd.read_csv("outputs/thin/latest/diagnosis/latest/figures/diagnosis.csv")
    assert (table["loss_after"] <= table["loss_before"]).all()
