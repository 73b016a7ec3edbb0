"""Pruning: what a mask takes away, that no optimizer brings it back, and the runs that kanexp prune leaves."""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import kanexp
from kanexp.attribution.learned import Learned
from kanexp.cli import main
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.layer.mlp_edge import MLPEdge
from kanexp.layer.wavelet import Wavelet
from kanexp.model.kan import KAN
from kanexp.optimizer.adam import Adam
from kanexp.optimizer.adamw import AdamW
from kanexp.optimizer.hessian_free import HessianFree
from kanexp.optimizer.lbfgs import LBFGS
from kanexp.optimizer.levenberg_marquardt import LevenbergMarquardt
from kanexp.optimizer.sgd import SGD
from kanexp.optimizer.ssbroyden import SSBroyden
from kanexp.reg.activation import Activation
from kanexp.reg.none import NoPenalty
from kanexp.task.function import Function
from kanexp.train.cut import all_edges, connected, count, least, trained_weights, without, without_least_node
from kanexp.train.objective import Objective, view

TASK = Function(function="exp_sin_square")


def ask(*words):
    """Exit code, what was said, and what was said to be wrong."""
    said, wrong = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(wrong):
        code = main(list(words))
    return code, said.getvalue(), wrong.getvalue()


def edges(*matrices):
    """Kept edges of one seed from a matrix (n_out, n_in) for each layer."""
    return [torch.tensor([matrix], dtype=torch.bool) for matrix in matrices]


# -- masks ----------------------------------------------------------------------------------------------------------


def test_dead_ends_and_constants_go_as_well():
    # Node 1 has no way in, node 2 none out; input 2 leads nowhere.
    kept = edges([[1, 0], [0, 0], [1, 1]], [[1, 1, 0]])
    assert [one[0].int().tolist() for one in connected(kept)] == [[[1, 0], [0, 0], [0, 0]], [[1, 0, 0]]]
    assert count(connected(edges([[1, 1]], [[0]]))).tolist() == [0]


@pytest.mark.parametrize("basis", [BSpline(), Chebyshev(degree=3), MLPEdge(hidden=3, octaves=1), Wavelet()])
def test_weights_are_counted_as_those_of_a_smaller_network(basis):
    """A network [2, 3, 1] without what leads to and from node 2 has as many weights as [2, 2, 1]."""
    network, smaller = KAN().network([2, 3, 1], basis), KAN().network([2, 2, 1], basis)
    kept = edges([[1, 1], [1, 1], [0, 0]], [[1, 1, 0]])
    assert trained_weights(network, kept).tolist() == [smaller.parameters]
    assert trained_weights(network, all_edges(network, 2)).tolist() == [network.parameters] * 2


@pytest.mark.parametrize("basis", [BSpline(), Chebyshev(degree=3), MLPEdge(hidden=3, octaves=1), Wavelet()])
def test_a_cut_keeps_the_mean_of_each_node(basis, randn):
    network = KAN().network([2, 3], basis)
    start = torch.stack([randn(network.length).abs() for _ in range(2)])
    x = randn(2, 100).clamp(-0.99, 0.99)
    kept = [torch.tensor([[[1, 0], [0, 0], [1, 1]], [[0, 1], [1, 1], [1, 0]]], dtype=torch.bool)]
    cut = without(network, start, kept, x)
    before, after = network(start, x[None]), network(cut, x[None])
    torch.testing.assert_close(before.mean(-1), after.mean(-1))
    assert after[0, 1].std() < 1e-12  # which has no edge left
    torch.testing.assert_close(before[1, 1], after[1, 1])  # which kept both


def test_the_least_important_edges_go_first(randn):
    network = KAN().network([3, 1], Chebyshev(degree=2))
    theta = randn(2, network.length)
    named = network.unflatten(theta)
    named["layers.0.coef"][0, 0, :, 1] *= 1e-3
    named["layers.0.coef"][1, 0, :, 2] *= 1e-3
    left = least(network, theta, all_edges(network, 2), randn(3, 100), [1, 1])
    assert left[0].int().tolist() == [[[1, 0, 1]], [[1, 1, 0]]]


def test_the_least_important_node_goes_with_its_edges_but_not_the_last_of_a_layer(randn):
    network = KAN().network([2, 3, 1], Chebyshev(degree=2))
    theta = randn(2, network.length)
    named = network.unflatten(theta)
    named["layers.1.coef"][0, 0, :, 1] *= 1e-3
    named["layers.0.coef"][1, :, :, 0] *= 1e-3
    left = without_least_node(network, theta, all_edges(network, 2), randn(2, 100))
    assert left[0].int().tolist() == [[[1, 1], [0, 0], [1, 1]], [[0, 1]] * 3]
    assert left[1].int().tolist() == [[[1, 0, 1]], [[1, 1, 1]]]
    alone = edges([[1, 0], [0, 0], [0, 0]], [[1, 0, 0]])
    again = without_least_node(network, theta[:1], alone, randn(2, 100))
    assert all(torch.equal(one, other) for one, other in zip(alone, again, strict=True))


# -- training -------------------------------------------------------------------------------------------------------


def problem(basis, reg, randn):
    """The objective of two seeds of [2, 3, 1] with edges missing, their theta and their mask."""
    network = KAN().network([2, 3, 1], basis)
    kept = [
        torch.tensor([[[1, 0], [1, 1], [0, 0]], [[0, 1], [1, 1], [1, 0]]], dtype=torch.bool),
        torch.tensor([[[1, 1, 0]], [[1, 1, 1]]], dtype=torch.bool),
    ]
    x = randn(2, 50).clamp(-0.99, 0.99)
    y = TASK.solution(x)[None]
    theta, mask = without(network, 0.3 * randn(2, network.length).abs(), kept, x), network.mask(kept)
    weight = None if isinstance(reg, NoPenalty) else torch.tensor([1e-2, 1e-2], dtype=torch.float64)
    seen = view(TASK, network)
    return Objective(seen, TASK, reg, weight, x[None], seen.prepare(x[None]), y, None, mask), theta, mask


OPTIMIZERS = [
    Adam(learning_rate=1e-2),
    AdamW(weight_decay=0.1),
    SGD(momentum=0.9),
    LBFGS(),
    SSBroyden(),
    HessianFree(),
    LevenbergMarquardt(),
]


@pytest.mark.parametrize("basis", [BSpline(), Chebyshev(degree=3), Wavelet()], ids=lambda b: type(b).__name__)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
def test_no_optimizer_brings_an_edge_back(optimizer, basis, randn):
    objective, theta, mask = problem(basis, NoPenalty(), randn)
    stepper, start, first = optimizer.stepper(theta), theta, objective(theta)[0]
    for _ in range(5):
        theta, _, _ = stepper.step(theta, objective)
    assert theta.isfinite().all()
    gone = ~mask & (start == 0)
    assert gone.sum() >= 6
    assert (theta[gone] == 0).all()
    assert (objective(theta)[0] < first).all()


def test_a_penalty_with_a_root_gives_no_nan(randn):
    objective, theta, mask = problem(BSpline(), Activation(), randn)
    loss, grad = objective(theta)
    assert loss.isfinite().all()
    assert grad.isfinite().all()
    assert (grad[~mask] == 0).all()


def test_derivatives_are_those_of_the_weights_that_are_left(randn):
    """The gradient is 2 J r of residuals r; J has no row of a pruned weight, by hand and by torch alike."""
    objective, theta, mask = problem(Chebyshev(degree=3), NoPenalty(), randn)
    residuals, jacobian = objective.jacobian(theta)
    by_torch = torch.func.jacrev(objective.residuals)(theta)
    for seed in range(2):
        torch.testing.assert_close(jacobian[seed], by_torch[seed, :, seed].T)
    torch.testing.assert_close(2 * (jacobian @ residuals.unsqueeze(-1)).squeeze(-1), objective(theta)[1])
    assert (jacobian[~mask] == 0).all()


# -- the command ----------------------------------------------------------------------------------------------------

QUICK = ("task=function", "task.function=exp_sin_square", "layer=bspline", "widths=[2,5,1]", "seeds=2", "steps=300")
RUN, LEFT = "outputs/es/latest", "outputs/es-pruned/latest"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A folder with a run and the pruned one."""
    folder = tmp_path_factory.mktemp("pruned")
    with contextlib.chdir(folder):
        assert ask(*QUICK, "optimizer.learning_rate=1e-2", "name=es")[0] == 0
        code, said, wrong = ask("prune", RUN, "--steps", "100")
        assert code == 0, said + wrong
        (folder / "said").write_text(said)
    return folder


def test_pruning_ends_with_fewer_edges_and_the_loss_that_is_allowed(here):
    table = pd.read_csv(f"{LEFT}/figures/pruning.csv")
    record = json.loads((here / LEFT / "run.json").read_text())
    for seed, own in table.groupby("seed"):
        kept, back = own[own["kept"]], own[~own["kept"]]
        assert kept["edges"].iloc[0] == 15
        assert kept["edges"].iloc[-1] < 15
        assert kept["edges"].is_monotonic_decreasing
        assert (kept["val_loss"] <= kept["limit"]).all()
        assert own["limit"].tolist() == pytest.approx([1.1 * kept["val_loss"].iloc[0]] * len(own))
        assert ((back["val_loss"] > back["limit"]) | (back["edges"] == 0)).all()
        assert record["pruned"]["edges"][str(seed)] == kept["edges"].iloc[-1]
        assert record["pruned"]["weights"][str(seed)] == kept["weights"].iloc[-1] < 156
        assert record["best_val_loss"][str(seed)] == pytest.approx(kept["val_loss"].iloc[-1])
    assert record["parameters"] == max(record["pruned"]["weights"].values())
    assert record["command"] == "kanexp prune outputs/es/latest --tolerance 0.1 --cut 0.2 --steps 100 --optimizer own"


def test_what_was_pruned_is_zero_and_scored_as_it_is(here):
    run = kanexp.load(LEFT)
    restored = run.restored
    named = restored.network.unflatten(restored.theta)
    for i, kept in enumerate(restored.kept):
        assert (named[f"layers.{i}.coef"].permute(0, 1, 3, 2)[~kept] == 0).all()
        assert (named[f"layers.{i}.coef"].permute(0, 1, 3, 2)[kept].abs().sum(-1) > 0).all()
    data = Learned.of(Path(LEFT), "explain").data
    answers = run.predict(data.inputs_as().features(data.test.x).T, each_seed=True)[:, :, 0]
    mse = ((answers - data.own_units(data.test.y)[0].numpy()) ** 2).mean(1)
    assert mse.tolist() == pytest.approx(run.scores["test_mse"].tolist(), rel=1e-4)


def test_a_pruned_run_is_a_run_like_any_other(here):
    assert "done already" in ask("resume", LEFT)[1]
    assert ask("explain", LEFT)[::2] == (0, "")
    nodes = pd.read_csv(f"{LEFT}/figures/edge_importance.csv")
    assert (nodes["importance"] == 0).sum() == 30 - sum(kanexp.load(LEFT).record.pruned["edges"].values())
    code, said, wrong = ask("report", "outputs/es", "outputs/es-pruned")
    assert code == 0, wrong
    assert "pruned=tolerance" in " ".join(said.split())
    assert ask("predict", LEFT, "--grid", "3")[0] == 0
    assert ask("export", LEFT, "--format", "torch", "--out", "mine.pt2")[0] == 0
    assert "edges" in pd.read_csv(f"{LEFT}/metrics.csv")["metric"].unique()


def test_diagnose_leaves_pruned_edges_alone(here):
    run = kanexp.load(LEFT)
    code, _, wrong = ask("diagnose", LEFT, "--seconds", "2")
    assert (code, wrong) == (0, "")
    table = pd.read_csv(f"{LEFT}/diagnosis/latest/figures/diagnosis.csv")
    assert (table["loss_after"] < table["loss_before"]).all()
    assert (table["gradient_norm_after"] < table["gradient_norm_before"]).any()
    assert run.restored.mask.sum() < run.restored.theta.numel()


def test_what_was_pruned_can_be_pruned_again(here):
    before = kanexp.load(LEFT).record.pruned["edges"]
    code, _, wrong = ask("prune", LEFT, "--steps", "30", "--tolerance", "5", "--optimizer", "lbfgs")
    assert code == 0, wrong
    again = kanexp.load("outputs/es-pruned/latest")
    assert again.record.pruned["of"] == LEFT
    assert all(again.record.pruned["edges"][seed] <= count for seed, count in before.items())


def test_the_same_command_writes_the_same_bytes(here):
    assert ask("prune", RUN, "--steps", "100")[0] == 0
    first, second = (here / "outputs/es-pruned" / version for version in ("v001", "v002"))
    for name in ("metrics.csv", "config.yaml", "figures/pruning.csv", "figures/pruning.png", "figures/pruning.svg"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    assert torch.equal(kanexp.load(first).restored.theta, kanexp.load(second).restored.theta)


def test_a_damaged_pruned_run_says_how_to_make_it_anew(here):
    metrics = here / LEFT / "metrics.csv"
    metrics.write_bytes(metrics.read_bytes()[:-20])
    wrong = ask("resume", LEFT)[2]
    assert "pruning is not gone on with; do it anew: kanexp prune outputs/es/latest --tolerance 0.1" in wrong


def test_prune_says_what_is_wrong(here):
    code, _, wrong = ask("prune", RUN, "--tolerance", "-1", "--cut", "1", "--steps", "0", "--optimizer", "adam")
    assert (code, wrong.splitlines()) == (
        2,
        [
            "error: --tolerance: must be zero or more, got -1.0",
            "error: --cut: must be above 0 and below 1, got 1.0",
            "error: --steps: must be at least 1, got 0",
            "error: --optimizer: must be own or lbfgs or levenberg_marquardt, got adam",
        ],
    )
    assert ask("prune", "nowhere")[2] == "error: prune: nowhere: no run.json, so this is no run folder\n"
    assert ask("task=function", "model=residual_kan", "steps=2", "diagnostics=false", "name=around")[0] == 0
    assert "model=residual_kan: its layers are no row" in ask("prune", "outputs/around/latest")[2]
    assert ask("task=tabular", "task.dataset=iris", "layer=chebyshev", "steps=2", "diagnostics=false", "name=c")[0] == 0
    wrong = ask("prune", "outputs/c/latest", "--optimizer", "levenberg_marquardt")[2]
    assert "needs a loss that is a sum of squares" in wrong
    assert not (here / "outputs/c-pruned").exists()
    assert "pruned" in ask("task=function", "pruned=yes")[2]  # it is no word


KINDS = {
    "kept": ("layer=bspline", "layer.bound=affine"),  # numbers that are measured and not trained
    "minibatches": ("layer=chebyshev", "batch_size=50"),
    "per-edge": ("layer=wavelet",),
    "mlp": ("model=mlp",),
}


@pytest.mark.parametrize("kind", KINDS)
def test_other_networks_are_pruned_too(here, kind):
    words = ("task=function", "widths=[2,4,1]", "seeds=2", "steps=60", "diagnostics=false", "name=other")
    assert ask(*words, *KINDS[kind])[0] == 0
    code, said, wrong = ask("prune", "outputs/other/latest", "--tolerance", "1")
    assert code == 0, wrong
    run = kanexp.load("outputs/other-pruned/latest")
    assert run.scores["status"].tolist() == ["ok", "ok"]
    assert np.isfinite(run.scores["test_mse"]).all()
    assert max(run.record.pruned["edges"].values()) < 12
    assert "nan" not in said


def test_an_equation_is_pruned_too(here):
    assert (
        ask("task=poisson", "layer=chebyshev", "widths=[in,4,out]", "steps=40", "diagnostics=false", "name=p")[0] == 0
    )
    assert ask("prune", "outputs/p/latest", "--steps", "10")[0] == 0
    assert max(kanexp.load("outputs/p-pruned/latest").record.pruned["edges"].values()) < 12


def test_a_seed_that_was_lost_stays_as_it_was(here):
    file = here / "outputs/es/latest/run.json"
    record = json.loads(file.read_text())
    record["seed_status"]["1"] = {"kind": "diverged", "step": 7, "cause": "its loss is not finite"}
    record.pop("seal")
    file.write_text(json.dumps(record))
    assert ask("prune", RUN, "--steps", "20")[0] == 1
    run = kanexp.load(LEFT)
    assert run.seeds == [0]
    assert run.record.pruned["edges"][1] == 15
    assert set(pd.read_csv(f"{LEFT}/figures/pruning.csv")["seed"]) == {0}


def test_classes_are_pruned_too(here):
    words = ("task=tabular", "task.dataset=iris", "layer=chebyshev", "steps=100", "diagnostics=false", "name=iris")
    assert ask(*words, "seeds=2", "optimizer.learning_rate=1e-2")[0] == 0
    assert ask("prune", "outputs/iris/latest")[0] == 0
    run = kanexp.load("outputs/iris-pruned/latest")
    assert np.isfinite(run.scores["test_accuracy"]).all()
