from dataclasses import fields, replace

import pytest
import torch
from components import BASES, INITS, name
from torch.testing import assert_close

from kanexp.init.default import Default
from kanexp.layer.base import Basis
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.layer.fourier import Fourier
from kanexp.layer.gram import Gram
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.kan import KAN
from kanexp.model.mlp import MLP
from kanexp.model.network import Network
from kanexp.seeding import generator


def network_and_weights(basis, seeds=(0, 1, 2), widths=(2, 4, 3), dtype=torch.float64, model=None):
    network = (model or KAN()).network(widths, basis)
    return network, network.start(Default(), [generator(seed, "init") for seed in seeds], dtype)


@pytest.mark.parametrize("basis", BASES, ids=name)
def test_output_is_bias_plus_edge_functions(basis):
    """Against the sum written out edge by edge, as the definition says it."""
    network, theta = network_and_weights(basis, widths=(2, 3))
    theta = theta + 0.1  # so that no bias is zero
    x = torch.randn(1, 2, 7, dtype=torch.float64)
    (w,) = network.weights(theta)
    y = torch.zeros(3, 3, 7, dtype=torch.float64)
    for seed in range(3):
        for j in range(3):
            y[seed, j] += w.bias[seed, j]
            for i in range(2):
                seen = network.layers[0].seen(x, w.norm, w.span).expand(3, -1, -1)[seed]
                at = basis.features(seen, *(weight[seed] for weight in w.inner))  # (terms, [n_out,] n_in, batch)
                phi = w.coef[seed, j, :, i] @ (at[:, j, i] if basis.per_edge else at[:, i])
                y[seed, j] += phi * (1 if w.scale is None else w.scale[seed, j, i])
                if w.residual is not None:
                    residual = {"silu": torch.nn.functional.silu, "identity": torch.clone}[basis.residual]
                    y[seed, j] += w.residual[seed, j, i] * residual(x[0, i])
    assert_close(network(theta, x), y, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("basis", BASES, ids=name)
def test_gradients_equal_those_of_the_plain_path(basis):
    network, theta = network_and_weights(basis)
    theta.requires_grad_()
    x = torch.randn(1, 2, 11, dtype=torch.float64)
    gradients = []
    for outputs in (network(theta, x), network.plain(theta, x)):
        gradients.append(torch.autograd.grad(outputs.square().sum(), theta)[0])
    assert_close(*gradients, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("basis", BASES, ids=name)
@pytest.mark.parametrize("size", [1, 5, 40])  # of the grid or the degree: both the sparse and the dense way
def test_chunks_give_what_the_plain_path_gives(basis, size, monkeypatch):
    """Outputs and all gradients of one layer, in chunks of which the last is shorter, and on huge inputs."""
    monkeypatch.setattr("kanexp.model.edge_layer.CHUNK", 3 * 3 * 7 * basis.terms)
    sizes = {field.name for field in fields(basis)} & {"degree", "frequencies", "intervals", "centers", "nodes"}
    points = {"points": 4 * size} if isinstance(basis, Gram) else {}
    layer = EdgeLayer(
        replace(basis, **dict.fromkeys(sizes, size + (size == 1 and "degree" not in sizes)), **points), 3, 4
    )
    network = Network([layer])
    theta = network.start(Default(), [generator(seed, "init") for seed in range(3)], torch.float64).requires_grad_()
    x = 2 * torch.randn(3, 3, 29, dtype=torch.float64)
    x[..., :4] = torch.tensor([-1e30, -1e4, 1e4, 1e30])
    x.requires_grad_()
    (w,) = network.weights(theta)
    fast, plain = layer.forward(w, x), layer.plain(w, x)
    assert_close(fast, plain, rtol=1e-10, atol=1e-11)
    pulled = torch.randn_like(plain)
    for got, expected in zip(*(torch.autograd.grad(y, [x, theta], pulled) for y in (fast, plain)), strict=True):
        assert_close(got, expected, rtol=1e-9, atol=1e-9)


def test_an_input_that_is_no_number_stays_with_its_outputs():
    for basis in (BSpline(intervals=40), Chebyshev(), Fourier()):
        network, theta = network_and_weights(basis, widths=(2, 3))
        x = torch.randn(3, 2, 6, dtype=torch.float64)
        x[1, 0, 2] = torch.nan
        y = network.layers[0].forward(network.weights(theta)[0], x)
        assert y[1, :, 2].isnan().all()
        y[1, :, 2] = 0
        assert y.isfinite().all()


def test_long_recurrences_are_not_compiled():
    layers = KAN().network([2, 3, 1], Chebyshev(degree=120)).compile().layers
    assert all(layer.kernels.features == layer.fill for layer in layers)


def test_the_plain_path_has_second_derivatives():
    network, theta = network_and_weights(Chebyshev())
    x = torch.randn(1, 2, 5, dtype=torch.float64)
    assert torch.autograd.gradgradcheck(lambda t: network.plain(t, x), theta[:1].requires_grad_())


@pytest.mark.parametrize("basis", BASES, ids=name)
@pytest.mark.parametrize("init", INITS, ids=name)
def test_a_seed_starts_and_answers_as_it_does_alone(basis, init):
    network = KAN().network([2, 4, 3], basis)
    many = network.start(init, [generator(seed, "init") for seed in range(5)], torch.float64)
    alone = network.start(init, [generator(3, "init")], torch.float64)
    assert torch.equal(many[3:4], alone)
    x = torch.randn(1, 2, 9, dtype=torch.float64)
    assert_close(network(many, x)[3:4], network(alone, x), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("basis", BASES, ids=name)
def test_batch_order_and_size_do_not_matter(basis):
    network, theta = network_and_weights(basis)
    x = torch.randn(1, 2, 13, dtype=torch.float64)
    y = network(theta, x)
    order = torch.randperm(13)
    assert_close(network(theta, x[..., order]), y[..., order], rtol=1e-12, atol=1e-12)
    assert_close(network(theta, x[..., :1]), y[..., :1], rtol=1e-12, atol=1e-12)
    assert network(theta, x[..., :0]).shape == (3, 3, 0)


@pytest.mark.parametrize("basis", [Fourier(), BSpline(), Chebyshev()], ids=name)
def test_inputs_of_its_own_for_each_seed(basis):
    network, theta = network_and_weights(basis)
    x = torch.randn(3, 2, 6, dtype=torch.float64)
    together = network(theta, x)
    for i in range(3):
        assert_close(network(theta[i : i + 1], x[i : i + 1]), together[i : i + 1], rtol=1e-12, atol=1e-12)


def test_a_seed_that_is_not_finite_leaves_the_others_bit_identical():
    network, theta = network_and_weights(Fourier(), dtype=torch.float32)
    x = torch.randn(1, 2, 50)
    broken = theta.clone()
    broken[1] = torch.nan
    fine, beside = (t.requires_grad_() for t in (theta, broken))
    gradients = [torch.autograd.grad(network(t, x).square().sum(), t)[0] for t in (fine, beside)]
    assert torch.equal(network(fine, x)[[0, 2]], network(beside, x)[[0, 2]])
    assert torch.equal(gradients[0][[0, 2]], gradients[1][[0, 2]])


def test_named_weights_and_back():
    network, theta = network_and_weights(BSpline())
    named = network.unflatten(theta)
    assert list(named)[:4] == ["layers.0.coef", "layers.0.residual", "layers.0.scale", "layers.0.bias"]
    assert named["layers.0.coef"].shape == (3, 4, 8, 2)
    assert torch.equal(network.flatten(named), theta)
    # Per edge 8 coefficients, a residual weight and a scale; per node a bias.
    assert network.parameters == (2 * 4 + 4 * 3) * 10 + 4 + 3


@pytest.mark.parametrize("activation", ["silu", "relu", "gelu", "tanh"])
def test_mlp_is_torchs(activation):
    network, theta = network_and_weights(Fourier(), seeds=(0,), widths=(2, 5, 4, 1), model=MLP(activation=activation))
    between = {"silu": torch.nn.SiLU, "relu": torch.nn.ReLU, "gelu": torch.nn.GELU, "tanh": torch.nn.Tanh}[activation]
    modules = []
    for w in network.weights(theta):
        linear = torch.nn.Linear(w.coef.shape[-1], w.coef.shape[1], dtype=torch.float64)
        linear.weight.data, linear.bias.data = w.coef[0, :, 0], w.bias[0]
        modules += [linear, between()]
    reference = torch.nn.Sequential(*modules[:-1])
    x = torch.randn(2, 30, dtype=torch.float64)
    assert_close(network(theta, x[None])[0].T, reference(x.T))
    assert network.parameters == sum(p.numel() for p in reference.parameters())
    theta.requires_grad_()
    gradient = torch.autograd.grad(network(theta, x[None]).sum(), theta)[0]
    assert_close(gradient, torch.autograd.grad(network.plain(theta, x[None]).sum(), theta)[0])


class NoSlopes(Basis):
    """A user's layer: only what must be there."""

    terms = 2

    def features(self, x):
        return torch.stack([x.tanh(), x.tanh() ** 2], dim=-3)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the compiler's own
@pytest.mark.parametrize("basis", [Fourier(), BSpline(), Chebyshev(), Gram(), NoSlopes()], ids=name)
def test_compiled_functions_give_the_same(basis):
    network, theta = network_and_weights(basis, widths=(2, 4, 3, 1))
    theta.requires_grad_()
    x = torch.randn(1, 2, 40, dtype=torch.float64)
    gradients = []
    for each in (network, network.compile()):
        gradients.append(torch.autograd.grad(each(theta, x).square().sum(), theta)[0])
    assert_close(*gradients, rtol=1e-10, atol=1e-11)
