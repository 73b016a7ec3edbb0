"""The same numbers on a GPU. Where none is, shapes alone go through (the meta device): a mix of devices is an error."""

from dataclasses import replace

import pytest
import torch
from components import BASES, MODELS, OPTIMIZERS, REGS, name
from test_train import experiment, train_with_tables
from torch.testing import assert_close

from kanexp.init.default import Default
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.network import Network
from kanexp.run.run import to_device
from kanexp.seeding import generator
from kanexp.train.objective import Objective, view

GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if GPU else "meta")
on_a_gpu = pytest.mark.skipif(not GPU, reason="torch finds no GPU")


def started(network, dtype=torch.float64):
    return network.start(Default(), [generator(seed, "init") for seed in range(3)], dtype)


@pytest.mark.parametrize("size", [None, 40])  # of the grid or the degree: both the sparse and the dense way
@pytest.mark.parametrize("basis", BASES, ids=name)
def test_layers(basis, size):
    """Outputs and gradients of the fast path, and the plain one."""
    if size is not None:
        if not basis.size or basis.size == "points" or hasattr(basis, "points"):
            pytest.skip("its size says nothing about the way it is computed")
        basis = basis.resized(size)
    network = Network([EdgeLayer(basis, 3, 4), EdgeLayer(basis, 4, 2)])
    theta, x = started(network), torch.randn(1, 3, 17, dtype=torch.float64)
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


@pytest.mark.parametrize("model", MODELS, ids=name)
@pytest.mark.parametrize("reg", REGS, ids=name)
def test_losses_of_models_and_penalties(model, reg):
    network = model.network((16, 5, 5, 3), Chebyshev())
    if all(reg.conflict(layer.basis) for layer in network.layers):
        pytest.skip("a config error: the network has nothing that this penalty measures")
    theta, e = started(network), experiment()
    x, y = torch.randn(1, 16, 9, dtype=torch.float64), torch.randn(1, 3, 9, dtype=torch.float64)
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
        data = to_device(e.task.load(generator(0, "data")), torch.device(device), torch.float64)
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
