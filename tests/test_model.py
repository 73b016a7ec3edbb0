from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from helpers.components import BASES, INITS, MODELS, name, square
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from kanexp.init.default import Default
from kanexp.layer.base import Basis, Bumps
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.layer.fourier import Fourier
from kanexp.layer.gram import Gram
from kanexp.layer.mlp_edge import MLPEdge
from kanexp.layer.piecewise_linear import PiecewiseLinear
from kanexp.layer.rbf import RBF
from kanexp.layer.relu import ReLU
from kanexp.layer.sine import Sine
from kanexp.layer.wavelet import Wavelet
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.gauss import Gauss
from kanexp.model.kan import KAN
from kanexp.model.layer_norm import layer_norm, layer_norm_start
from kanexp.model.mlp import MLP
from kanexp.model.network import Network
from kanexp.model.product import blocks, chunks
from kanexp.model.residual_kan import ResidualKAN
from kanexp.model.siren import Siren
from kanexp.model.sparse_product import suits
from kanexp.model.vit import ViT
from kanexp.model.wire import Wire
from kanexp.seeding import generator
from kanexp.testing import check_model

# Layers whose outputs and gradients have a way of their own; of all others, the plain one is the only one.
FAST = [basis for basis in BASES if EdgeLayer(basis, 3, 4).by_hand]


class OwnPerEdge(Basis):
    """A user's layer with functions on every edge: only what must be there."""

    per_edge = True
    terms = 2

    def draw_weights(self, n_out, n_in, generator):
        return {"rate": torch.randn((n_out, n_in), generator=generator, dtype=torch.float64)}

    def features(self, x, rate):
        moved = x.unsqueeze(-3) * rate[..., None]
        return torch.stack([moved.tanh(), moved.sin()], dim=-4)


def network_and_weights(basis, seeds=(0, 1, 2), widths=(2, 4, 3), dtype=torch.float64, model=None):
    network = (model or KAN()).network(widths, basis)
    return network, network.start(Default(), [generator(seed, "init") for seed in seeds], dtype)


@pytest.mark.parametrize("basis", BASES, ids=name)
def test_output_is_bias_plus_edge_functions(basis, randn):
    """Against the sum written out edge by edge, as the definition says it."""
    network, theta = network_and_weights(basis, widths=(2, 3))
    theta = theta + 0.1  # so that no bias is zero
    x = randn(1, 2, 7)
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


def test_layers_with_a_fast_path_were_found():
    assert {type(basis) for basis in FAST} >= {Fourier, Chebyshev, BSpline, RBF, Gram, Sine, Wavelet, MLPEdge}


@pytest.mark.parametrize("basis", FAST, ids=name)
def test_gradients_equal_those_of_the_plain_path(basis, randn):
    network, theta = network_and_weights(basis)
    theta.requires_grad_()
    x = randn(1, 2, 11)
    by_hand = {"ProductBackward", "EdgeProductBackward"}
    y = network.layers[0].forward(network.weights(theta)[0], x)
    assert by_hand & {y.grad_fn.name(), *(f.name() for f, _ in y.grad_fn.next_functions if f)}  # a residual comes after
    gradients = []
    for outputs in (network(theta, x), network.plain(theta, x)):
        gradients.append(torch.autograd.grad(outputs.square().sum(), theta)[0])
    assert_close(*gradients, rtol=1e-9, atol=1e-10)


def sized(basis, size):
    """The same of another size, where it has one; the smallest of a grid is two."""
    points = {"points": 4 * size} if isinstance(basis, Gram) else {}
    own = {basis.size: size + (size == 1 and basis.size != "degree")} if basis.size else {}
    return replace(basis, **own, **points)


# Of grids and degrees that make the sparse and the dense way; each once.
SIZES = list({name(basis): basis for size in (1, 5, 40) for basis in (sized(fast, size) for fast in FAST)}.values())
SIZES += [Wavelet(residual="silu", scale=True), MLPEdge(3, octaves=0), MLPEdge(2, residual="identity", scale=True)]
HUGE = [-1e30, -1e4, 1e4, 1e30]


@pytest.mark.parametrize("basis", SIZES, ids=name)
@pytest.mark.parametrize("kept", [0, 2**23])
def test_chunks_give_what_the_plain_path_gives(basis, kept, monkeypatch, randn):
    """Outputs and all gradients of one layer, in chunks of which the last is shorter, and on huge inputs."""
    monkeypatch.setattr("kanexp.model.product.CHUNK", 3 * 3 * 7 * basis.terms)
    monkeypatch.setattr("kanexp.model.product.KEPT", kept)
    monkeypatch.setattr("kanexp.model.product.BLOCK", 3 * 6 * 7 * basis.terms)
    monkeypatch.setattr("kanexp.model.product.COLUMNS", 7)
    layer = EdgeLayer(basis, 3, 4)
    assert len(chunks(layer, torch.empty(3, 3, 29))) > 1
    assert not basis.per_edge or len(list(blocks(layer, torch.empty(3, 3, 29)))) == 5 * 3
    network = Network([layer])
    theta = network.start(Default(), [generator(seed, "init") for seed in range(3)], torch.float64)
    theta = (theta + 0.1 * randn(theta.shape)).requires_grad_()
    x = 2 * randn(3, 3, 29)
    if not isinstance(basis, MLPEdge):  # which grows with its inputs, so that nothing else is left in sums
        x[..., :4] = torch.tensor(HUGE)
    x.requires_grad_()
    (w,) = network.weights(theta)
    fast, plain = layer.forward(w, x), layer.plain(w, x)
    assert_close(fast, plain, rtol=1e-10, atol=1e-11)
    pulled = randn(plain.shape)
    for got, expected in zip(*(torch.autograd.grad(y, [x, theta], pulled) for y in (fast, plain)), strict=True):
        assert_close(got, expected, rtol=1e-9, atol=1e-9)


LOCAL = [basis for basis in SIZES if isinstance(basis, Bumps) and basis.terms >= 2 * basis.live]


@pytest.mark.parametrize("basis", LOCAL, ids=name)
@pytest.mark.parametrize("inputs", ["shared", "own"])
def test_leaving_out_functions_that_are_zero_changes_nothing(basis, inputs, monkeypatch, randn):
    """Outputs and all gradients, of some samples at a time, beyond the grid and on its knots as well."""
    for constant, value in (("FULL", 1), ("FEW", 0), ("NEAR", 5), ("CHUNK", 3 * 3 * basis.live * 17)):
        monkeypatch.setattr(f"kanexp.model.sparse_product.{constant}", value)
    layer = EdgeLayer(basis, 3, 4)
    network = Network([layer])
    theta = network.start(Default(), [generator(seed, "init") for seed in range(3)], torch.float64)
    theta = (theta + 0.1 * randn(theta.shape)).requires_grad_()
    x = 2 * randn(1 if inputs == "shared" else 3, 3, 60)
    x[..., :6] = torch.tensor([*HUGE, basis.low, basis.high])
    x.requires_grad_()
    assert suits(layer, x)
    (w,) = network.weights(theta)
    sparse, plain = layer.forward(w, x), layer.plain(w, x)
    assert_close(sparse, plain, rtol=1e-10, atol=1e-11)
    pulled = randn(plain.shape)
    pulled[..., 4:6] *= not basis.kinks  # where there are two slopes, any is right
    for got, expected in zip(*(torch.autograd.grad(y, [x, theta], pulled) for y in (sparse, plain)), strict=True):
        assert_close(got, expected, rtol=1e-9, atol=1e-9)


def test_local_functions_were_found():
    assert {type(basis) for basis in LOCAL} == {BSpline, PiecewiseLinear, ReLU}


@pytest.mark.parametrize(
    ("basis", "shape", "expected"),
    [
        (BSpline(intervals=117), (4096, 10, 10), True),
        (PiecewiseLinear(), (4096, 10, 10), True),
        (BSpline(), (4096, 10, 10), False),  # eight functions, of which half live
        (BSpline(intervals=117), (4096, 10, 512), False),  # long rows of weights
        (BSpline(intervals=117), (512, 64, 10), False),  # few samples on every interval
        (BSpline(intervals=117), (1024, 2, 10), False),  # quickly done anyway
        (BSpline(intervals=117, bound="tanh"), (4096, 10, 10), False),
        (BSpline(intervals=117, grid="quantiles"), (4096, 10, 10), False),
        (BSpline(intervals=117, grid="trained"), (4096, 10, 10), False),
        (Chebyshev(degree=120), (4096, 10, 10), False),
    ],
    ids=str,
)
def test_shapes_alone_say_where_zeros_are_left_out(basis, shape, expected):
    batch, n_in, n_out = shape
    assert suits(EdgeLayer(basis, n_in, n_out), torch.empty(1, n_in, batch)) == expected
    assert not suits(EdgeLayer(basis, n_in, n_out), torch.empty(1, n_in, batch, device="meta"))


def test_what_is_mostly_zero_is_not_kept(randn):
    """Inputs that never change: seeds together, one alone, and the plain path agree; one that is no number is alone."""
    network, theta = network_and_weights(PiecewiseLinear(residual="silu"), widths=(10, 3))
    x = randn(1, 10, 2048)
    prepared = network.prepare(x)
    assert prepared is x
    y = network.trace(theta, x, prepared)[0]
    assert_close(y, network.plain(theta, x), rtol=1e-10, atol=1e-10)
    assert_close(y[1:2], network.trace(theta[1:2], x, prepared)[0], rtol=1e-12, atol=1e-12)
    theta[1], x[0, 0, 5] = torch.nan, torch.nan
    broken = network.trace(theta, x, x)[0]
    assert broken[:, :, 5].isnan().all()
    assert broken[1].isnan().all()
    kept = torch.arange(2048) != 5
    assert torch.equal(broken[[0, 2]][..., kept], y[[0, 2]][..., kept])


class Largest(TorchDispatchMode):
    """Numbers in the largest tensor that is made meanwhile."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor):
            self.numbers = max(self.numbers, made.untyped_storage().nbytes() // made.element_size())
        return made


@pytest.mark.parametrize("basis", [Wavelet(), MLPEdge(4), OwnPerEdge()], ids=name)
def test_nothing_of_all_edges_and_the_batch_exists(basis, monkeypatch, randn):
    monkeypatch.setattr("kanexp.model.product.BLOCK", 2**12)
    network, theta = network_and_weights(basis, seeds=(0, 1), widths=(20, 30))
    theta, x = theta.requires_grad_(), randn(2, 20, 200).requires_grad_()
    with Largest() as made:
        torch.autograd.grad(network(theta, x).square().sum(), [theta, x])
    assert 2**12 <= made.numbers <= max(1.25 * 2**12, theta.numel(), x.numel() * (2 * 3 + 2))
    assert made.numbers < 2 * 20 * 30 * 200 / 4
    with Largest() as made:
        network.plain(theta, x)
    assert made.numbers >= 2 * 20 * 30 * 200


@pytest.mark.parametrize("basis", [Wavelet(), Sine(), MLPEdge(3)], ids=name)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_trained_functions_have_finite_gradients_anywhere(basis, dtype, randn):
    """At huge inputs, and with widths and frequencies that are almost zero."""
    network, theta = network_and_weights(basis, widths=(4, 3), dtype=dtype)
    named = network.unflatten(theta)
    for inner in ("width", "frequency"):
        if f"layers.0.{inner}" in named:
            tiny = torch.tensor([1e-18, -1e-9, 1e-12], dtype=dtype)
            named[f"layers.0.{inner}"] = tiny.reshape(3, *[1] * (named[f"layers.0.{inner}"].dim() - 1)).expand_as(
                named[f"layers.0.{inner}"]
            )
    theta = network.flatten(named).requires_grad_()
    x = torch.tensor([*HUGE, 0.0, 1e-3], dtype=dtype).expand(3, 4, 6).clone().requires_grad_()
    y = network.layers[0].forward(network.weights(theta)[0], x)
    assert y.isfinite().all()
    for gradient in torch.autograd.grad(y, [x, theta], torch.ones_like(y)):
        assert gradient.isfinite().all()


def test_an_input_that_is_no_number_stays_with_its_outputs(randn):
    for basis in (BSpline(intervals=40), Chebyshev(), Fourier()):
        network, theta = network_and_weights(basis, widths=(2, 3))
        x = randn(3, 2, 6)
        x[1, 0, 2] = torch.nan
        y = network.layers[0].forward(network.weights(theta)[0], x)
        assert y[1, :, 2].isnan().all()
        y[1, :, 2] = 0
        assert y.isfinite().all()


def test_long_recurrences_are_not_compiled():
    layers = KAN().network([2, 3, 1], Chebyshev(degree=120)).compile().layers
    assert all(layer.kernels.features == layer.fill for layer in layers)


def test_the_plain_path_has_second_derivatives(randn):
    network, theta = network_and_weights(Chebyshev())
    x = randn(1, 2, 5)
    assert torch.autograd.gradgradcheck(lambda t: network.plain(t, x), theta[:1].requires_grad_())


@pytest.mark.parametrize("basis", BASES, ids=name)
@pytest.mark.parametrize("init", INITS, ids=name)
def test_a_seed_starts_and_answers_as_it_does_alone(basis, init, randn):
    network = KAN().network([2, 4, 3], basis)
    many = network.start(init, [generator(seed, "init") for seed in range(5)], torch.float64)
    alone = network.start(init, [generator(3, "init")], torch.float64)
    assert torch.equal(many[3:4], alone)
    x = randn(1, 2, 9)
    assert_close(network(many, x)[3:4], network(alone, x), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("basis", BASES, ids=name)
def test_batch_order_and_size_do_not_matter(basis, draws, randn):
    network, theta = network_and_weights(basis)
    x = randn(1, 2, 13)
    y = network(theta, x)
    order = torch.randperm(13, generator=draws)
    assert_close(network(theta, x[..., order]), y[..., order], rtol=1e-12, atol=1e-12)
    assert_close(network(theta, x[..., :1]), y[..., :1], rtol=1e-12, atol=1e-12)
    assert network(theta, x[..., :0]).shape == (3, 3, 0)


@pytest.mark.parametrize("basis", [Fourier(), BSpline(), Chebyshev()], ids=name)
def test_inputs_of_its_own_for_each_seed(basis, randn):
    network, theta = network_and_weights(basis)
    x = randn(3, 2, 6)
    together = network(theta, x)
    for i in range(3):
        assert_close(network(theta[i : i + 1], x[i : i + 1]), together[i : i + 1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("basis", [Fourier(), Wavelet(), Sine(), MLPEdge(3)], ids=name)
def test_a_seed_that_is_not_finite_leaves_the_others_bit_identical(basis, randn):
    network, theta = network_and_weights(basis, dtype=torch.float32)
    x = randn(1, 2, 50).float()
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
def test_mlp_is_torchs(activation, randn):
    network, theta = network_and_weights(Fourier(), seeds=(0,), widths=(2, 5, 4, 1), model=MLP(activation=activation))
    between = {"silu": torch.nn.SiLU, "relu": torch.nn.ReLU, "gelu": torch.nn.GELU, "tanh": torch.nn.Tanh}[activation]
    modules = []
    for w in network.weights(theta):
        linear = torch.nn.Linear(w.coef.shape[-1], w.coef.shape[1], dtype=torch.float64)
        linear.weight.data, linear.bias.data = w.coef[0, :, 0], w.bias[0]
        modules += [linear, between()]
    reference = torch.nn.Sequential(*modules[:-1])
    x = randn(2, 30)
    assert_close(network(theta, x[None])[0].T, reference(x.T))
    assert network.parameters == sum(p.numel() for p in reference.parameters())
    theta.requires_grad_()
    gradient = torch.autograd.grad(network(theta, x[None]).sum(), theta)[0]
    assert_close(gradient, torch.autograd.grad(network.plain(theta, x[None]).sum(), theta)[0])


def test_siren_is_the_published_one(randn):
    """Sines of linear layers, and the sizes of their start: all sines but the first see inputs of one size."""
    model = Siren(first=25.0, omega=20.0)
    network, theta = network_and_weights(Fourier(), seeds=(0,), widths=(2, 64, 64, 3), model=model)
    x = randn(2, 30)
    a, b, c = network.weights(theta)
    y = torch.sin(25 * (a.coef[0, :, 0] @ x + a.bias[0][:, None]))
    y = torch.sin(20 * (b.coef[0, :, 0] @ y + b.bias[0][:, None]))
    assert_close(network(theta, x[None])[0], c.coef[0, :, 0] @ y + c.bias[0][:, None])
    for w, bound, bias in [(a, 1 / 2, 2**-0.5), (b, (6 / 64) ** 0.5 / 20, 1 / 8), (c, (6 / 64) ** 0.5 / 20, 1 / 8)]:
        assert 0.95 * bound < w.coef.abs().max() <= bound
        assert 0.5 * bias < w.bias.abs().max() <= bias


def test_gauss_is_bells_of_linear_layers(randn):
    network, theta = network_and_weights(Fourier(), seeds=(0,), widths=(2, 64, 3), model=Gauss(sharpness=3.0))
    x = randn(2, 30)
    a, b = network.weights(theta)
    y = torch.exp(-((3 * (a.coef[0, :, 0] @ x + a.bias[0][:, None])) ** 2))
    assert_close(network(theta, x[None])[0], b.coef[0, :, 0] @ y + b.bias[0][:, None])
    assert 0.95 / 8 < b.coef.abs().max() <= 1 / 8


@pytest.mark.parametrize("widths", [(2, 3), (2, 5, 3), (2, 5, 4, 6, 3)])
def test_wire_is_a_network_of_complex_numbers(widths, randn):
    """Against torch's own complex numbers; first weights and outputs are real."""
    model = Wire(omega=7.0, sharpness=1.5)
    network, theta = network_and_weights(Fourier(), seeds=(0,), widths=widths, model=model)
    x, named = randn(2, 30), network.unflatten(theta)
    z = named["layers.0.coef"][0, :, 0] @ x + named["layers.0.bias"][0][:, None]
    for i in range(1, len(widths) - 1):
        z = torch.exp(7j * z - (1.5 * z.abs()) ** 2)
        weight, bias = named[f"layers.{i}.coef"][0, :, 0], named[f"bias.{i + 1}"][0]
        if i == len(widths) - 2:
            a, b = weight.chunk(2, dim=1)
            z = (torch.complex(a, -b) @ z).real + bias[0][:, None]
        else:
            z = torch.complex(*weight.chunk(2, dim=0)) @ z + torch.complex(*bias)[:, None]
        assert 0 < weight.abs().max() <= widths[i] ** -0.5
    assert_close(network(theta, x[None])[0], z)
    complexes = [(a + 1) * b for a, b in pairwise(widths[1:-1])]
    last = 2 * widths[-2] * widths[-1] + widths[-1] if len(widths) > 2 else 0
    assert network.parameters == 3 * widths[1] + 2 * sum(complexes) + last


class NoSlopes(Basis):
    """A user's layer: only what must be there."""

    terms = 2

    def features(self, x):
        return torch.stack([x.tanh(), x.tanh() ** 2], dim=-3)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the compiler's own
@pytest.mark.parametrize("basis", [Fourier(), BSpline(), Chebyshev(), Gram(), NoSlopes(), Wavelet(), Sine()], ids=name)
def test_compiled_functions_give_the_same(basis, randn):
    network, theta = network_and_weights(basis, widths=(2, 4, 3, 1))
    theta.requires_grad_()
    x = randn(1, 2, 40)
    gradients = []
    for each in (network, network.compile()):
        gradients.append(torch.autograd.grad(each(theta, x).square().sum(), theta)[0])
    assert_close(*gradients, rtol=1e-10, atol=1e-11)


MIXED = [Fourier(), BSpline(), BSpline(grid="quantiles"), Chebyshev(), RBF(layer_norm=True, bound="affine"), MLPEdge(3)]


@pytest.mark.parametrize("basis", MIXED, ids=name)
@pytest.mark.parametrize("model", MODELS, ids=name)
def test_models_keep_the_contract(model, basis):
    for channels in (1, 3):  # a picture in gray and one in color
        check_model(model, basis, inputs=channels * square(model))


@pytest.mark.parametrize("basis", [*MIXED, Wavelet(residual="silu", scale=True)], ids=name)
@pytest.mark.parametrize("model", MODELS, ids=name)
def test_flops_are_those_that_torch_counts(model, basis, randn):
    inputs = square(model)
    network = model.network([inputs, 4, 5, 3], basis)
    theta = network.start(Default(), [generator(0, "init")], torch.float64)
    for samples in (1, 7):
        with FlopCounterMode(display=False) as counter:
            network.plain(theta, randn(1, inputs, samples))
        assert counter.get_total_flops() == samples * network.flops


def test_one_option_for_each_layer():
    network = KAN().network([2, 4, 3], Fourier(frequencies=2), BSpline())
    assert [layer.basis for layer in network.layers] == [Fourier(frequencies=2), BSpline()]
    with pytest.raises(ValueError, match="zip"):
        KAN().network([2, 4, 3], Fourier(), BSpline(), BSpline())


@pytest.mark.parametrize("model", [ResidualKAN(), ResidualKAN(skip="linear"), ResidualKAN(norm="layer")], ids=name)
def test_residuals_go_around_layers_that_start_as_those_of_a_kan(model, randn):
    network, theta = network_and_weights(Fourier(), widths=(2, 4, 4, 3), model=model)
    plain, of_kan = network_and_weights(Fourier(), widths=(2, 4, 4, 3))
    assert torch.equal(theta[:, : plain.length], of_kan)
    named = network.unflatten(theta)
    linear = {"skip.0", "skip.1", "skip.2"} if model.skip == "linear" else {"skip.0", "skip.2"}
    assert {key for key in named if key.startswith("skip")} == linear
    x = randn(3, 2, 9)
    y = x
    for i, (layer, w) in enumerate(zip(network.layers, network.weights(theta), strict=True)):
        seen = torch.nn.functional.layer_norm(y.mT, y.shape[1:2]).mT if model.norm == "layer" and i else y
        around = torch.einsum("sji,sib->sjb", named[f"skip.{i}"], y) if f"skip.{i}" in named else y
        y = around + layer.plain(w, seen)
    assert_close(network(theta, x), y, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("epsilon", [1e-5, 1e-6])
@pytest.mark.parametrize("size", [1.0, 1e-3])  # of what is normalized: where epsilon matters, and where not
def test_layer_normalization_is_torchs(size, epsilon):
    g = generator(0, "check")
    x = size * torch.randn((2, 5, 7), generator=g, dtype=torch.float64)
    gain, offset = weights = torch.randn((2, 5), generator=g, dtype=torch.float64)
    expected = torch.nn.functional.layer_norm(x.mT, (5,), gain, offset, epsilon).mT
    assert_close(layer_norm(x, weights.expand(2, 2, 5), epsilon), expected, rtol=1e-12, atol=1e-12)
    assert_close(layer_norm(x, layer_norm_start(5)[None], epsilon).mean(1), torch.zeros(2, 7, dtype=torch.float64))


def test_functions_see_inputs_normalized_over_the_features_of_their_layer():
    network, theta = network_and_weights(RBF(layer_norm=True), widths=(4, 3))
    move, x = (torch.randn(shape, generator=generator(1, "check"), dtype=torch.float64) for shape in ((), (1, 4, 9)))
    (layer,), (w,) = network.layers, network.weights(theta + move)
    seen = torch.stack([torch.nn.functional.layer_norm(x[0].T, (4,), *norm).T for norm in w.norm])
    assert_close(network(theta + move, x), layer.combine(w, layer.basis.features(seen)), rtol=1e-12, atol=1e-12)


def test_a_residual_network_without_residuals_is_a_kan(randn):
    network, theta = network_and_weights(BSpline(), model=ResidualKAN(skip="none"))
    kan, of_kan = network_and_weights(BSpline())
    x = randn(1, 2, 20)
    assert torch.equal(theta, of_kan)
    assert_close(network(theta, x), kan(of_kan, x), rtol=1e-13, atol=1e-13)


def test_parameters_of_the_matched_pair_of_vision_transformers():
    assert ViT().network([784, 10], BSpline()).parameters == 105_482
    assert ViT(hidden=26).network([784, 10], BSpline()).parameters == 105_482
    assert ViT(ffn="mlp").network([784, 10], BSpline()).parameters == 105_098


class Reference(torch.nn.Module):
    """The pre-norm transformer of torch.nn's parts, patches by a convolution."""

    def __init__(self, channels, side, patch, dim, depth, heads, classes):
        super().__init__()
        self.embed = torch.nn.Conv2d(channels, dim, patch, stride=patch)
        self.token = torch.nn.Parameter(torch.zeros(1, 1, dim))
        self.positions = torch.nn.Parameter(torch.zeros(1, (side // patch) ** 2 + 1, dim))
        self.norms = torch.nn.ModuleList([torch.nn.LayerNorm(dim, eps=1e-6) for _ in range(2 * depth + 1)])
        self.attention = torch.nn.ModuleList(
            [torch.nn.MultiheadAttention(dim, heads, batch_first=True) for _ in range(depth)]
        )
        linear = torch.nn.Linear
        self.ffn = torch.nn.ModuleList(
            [torch.nn.Sequential(linear(dim, 4 * dim), torch.nn.GELU(), linear(4 * dim, dim)) for _ in range(depth)]
        )
        self.head = linear(dim, classes)

    def forward(self, pictures):
        x = self.embed(pictures).flatten(2).mT
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1) + self.positions
        for i, (attention, ffn) in enumerate(zip(self.attention, self.ffn, strict=True)):
            z = self.norms[2 * i](x)
            x = x + attention(z, z, z, need_weights=False)[0]
            x = x + ffn(self.norms[2 * i + 1](x))
        return self.head(self.norms[-1](x)[:, 0])

    def weights(self, of):
        """In the order and shapes of our flat row; `of` takes the weight or its gradient of a parameter."""
        for module in (self.embed, *self._blocks(), self.head):
            yield from ((of(module.weight).flatten(1)), of(module.bias))
        yield from (of(self.token).flatten(), of(self.positions)[0].T)
        for norm in self.norms:
            yield from (of(norm.weight), of(norm.bias))

    def _blocks(self):
        for attention, ffn in zip(self.attention, self.ffn, strict=True):
            yield torch.nn.ParameterDict({"weight": attention.in_proj_weight, "bias": attention.in_proj_bias})
            yield from (attention.out_proj, ffn[0], ffn[2])


def test_the_vision_transformer_is_torchs(draws, randn):
    model = ViT(ffn="mlp", patch=2, dim=12, depth=3, heads=3)
    reference = Reference(3, 6, 2, 12, 3, 3, 5).double()
    for parameter in reference.parameters():
        torch.nn.init.normal_(parameter, std=0.5, generator=draws)
    network = model.network([3 * 6 * 6, 5], Fourier())
    theta = torch.cat([w.detach().flatten() for w in reference.weights(lambda p: p)])[None].requires_grad_()
    assert theta.shape[1] == network.length == sum(p.numel() for p in reference.parameters())
    pictures = randn(7, 3, 6, 6)
    expected = reference(pictures).T
    pulled = randn(expected.shape)
    expected.backward(pulled)
    gradient = torch.cat([g.flatten() for g in reference.weights(lambda p: p.grad)])
    for outputs in (network(theta, pictures.flatten(1).T[None]), network.plain(theta, pictures.flatten(1).T[None])):
        assert_close(outputs[0], expected, rtol=1e-10, atol=1e-10)
        assert_close(torch.autograd.grad(outputs[0], theta, pulled)[0][0], gradient, rtol=1e-9, atol=1e-9)
