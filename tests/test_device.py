"""The same numbers on a GPU. Where none is, shapes alone go through (the meta device): a mix of devices is an error."""

from dataclasses import replace

import pytest
import torch
from helpers.components import BASES, MODELS, OPTIMIZERS, REGS, name, square
from helpers.training import experiment, train_with_tables
from torch.testing import assert_close

from kanexp.init.default import Default
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.network import Network
from kanexp.seeding import generator
from kanexp.train.objective import Objective, view

GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if GPU else "meta")
on_a_gpu = pytest.mark.skipif(not GPU, reason="torch finds no GPU")


def started(network, dtype=torch.float64):
    return network.start(Default(), [generator(seed, "init") for seed in range(3)], dtype)


# With grids and degrees of 40 too: both the sparse and the dense way.
LARGE = [basis.resized(40) for basis in BASES if basis.size and getattr(basis, "points", 64) > 40]
SIZES = {name(basis): basis for basis in [*BASES, *LARGE]}


@pytest.mark.parametrize("basis", SIZES.values(), ids=SIZES)
def test_layers(basis, randn):
    """Outputs and gradients of the fast path, and the plain one."""
    network = Network([EdgeLayer(basis, 3, 4), EdgeLayer(basis, 4, 2)])
    theta, x = started(network), randn(1, 3, 17)
    results = []
    for device in ("cpu", DEVICE):
        at, where = theta.to(device).requires_grad_(), x.to(device)
        y = network(at, where)
        (grad,) = torch.autograd.grad(y.square().sum(), at)
        results.append([y, grad, network.plain(at, where)])
    for ours, expected in zip(*reversed(results), strict=True):
        assert ours.device.type == DEVICE.type
        assert ours.shape == expected.shape
        if GPU:
            assert_close(ours.cpu(), expected, rtol=1e-9, atol=1e-9)


# Any other pair is a config error: the model has functions that the penalty cannot measure.
PENALIZED = {
    f"{name(reg)}-{name(model)}": (model, reg)
    for reg in REGS
    for model in MODELS
    if not any(reg.conflict(basis) for basis in model.bases([Chebyshev()], 3))
}


def test_every_model_and_penalty_is_in_a_pair():
    assert {name(model) for model, _ in PENALIZED.values()} == {name(model) for model in MODELS}
    assert {name(reg) for _, reg in PENALIZED.values()} == {name(reg) for reg in REGS}


@pytest.mark.parametrize(("model", "reg"), PENALIZED.values(), ids=PENALIZED)
def test_losses_of_models_and_penalties(model, reg, randn):
    network = model.network((square(model), 5, 5, 3), Chebyshev())
    theta, e = started(network), experiment()
    x, y = randn(1, square(model), 9), randn(1, 3, 9)
    results = []
    for device in ("cpu", DEVICE):
        where = x.to(device)
        objective = Objective(view(e.task, network), e.task, reg, 1e-2, where, network.prepare(where), y.to(device))
        results.append(objective(theta.to(device)))
    for ours, expected in zip(*reversed(results), strict=True):
        assert ours.device.type == DEVICE.type
        if GPU:
            assert_close(ours.cpu(), expected, rtol=1e-8, atol=1e-9)


@on_a_gpu
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=name)
def test_training(optimizer):
    """Every optimizer, with a refinement, minibatches where it takes them, diagnostics and a dead seed's restart."""
    e = experiment(layer=BSpline(grid="quantiles"), optimizer=optimizer, steps=12, refine={6: 9}, diagnostics=True)
    if optimizer.minibatches:
        e = replace(e, settings=replace(e.settings, batch_size=16))
    network = e.network()
    results = []
    for device in ("cpu", DEVICE):
        data = e.task.load(generator(0, "data")).to(torch.device(device), torch.float64)
        start = network.start(e.init, [generator(s, "init") for s in e.settings.seed_list], torch.float64, data.train.x)
        results.append(train_with_tables(e, network, start.to(device), data)[0])
    ours, expected = reversed(results)
    assert ours.best.device.type == "cuda"
    assert ours.status == expected.status
    assert_close(ours.test["mse"].cpu(), expected.test["mse"], rtol=1e-5, atol=1e-12)


@on_a_gpu
def test_the_command(kanexp):
    words = ["task=function", "layer=fourier", "steps=20", "seeds=2", "dtype=float64", "device=cuda", "compile=true"]
    done = kanexp(*words)
    assert done.returncode == 0, done.stderr
    assert "cuda" in done.stdout
