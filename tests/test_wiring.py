"""Networks whose layers are no plain row: each against its formula, written out sample by sample and node by node."""

from math import prod

import pytest
import torch
from helpers.components import name
from torch.testing import assert_close

from kanexp.init.default import Default
from kanexp.layer.chebyshev import Chebyshev
from kanexp.model.actnet import ActNet
from kanexp.model.conv_kan import ConvKAN
from kanexp.model.deeponet import DeepONet
from kanexp.model.embedding import Embedding
from kanexp.model.kkan import KKAN
from kanexp.model.layer_norm import layer_norm
from kanexp.model.mult_kan import MultKAN
from kanexp.model.pair_kan import PairKAN
from kanexp.model.piratenet import PirateNet
from kanexp.model.residual_mlp import ResidualMLP
from kanexp.model.rga_kan import RGAKAN
from kanexp.model.separable_kan import SeparableKAN
from kanexp.seeding import generator
from kanexp.task.jet import Jet
from kanexp.train import refine
from kanexp.train.carried import carried
from kanexp.train.derivatives import jacobian

# One of each model that equations are learned with, all of whose functions are smooth.
SMOOTH = [MultKAN(share=0.6, arity=3), PirateNet(width=4, blocks=2), RGAKAN(width=4, blocks=2, alpha=0.3)]
SMOOTH += [SeparableKAN(rank=3), DeepONet(trunk="mlp", rank=5, activation="tanh"), DeepONet(rank=2)]
SMOOTH += [KKAN(width=4, depth=1, functions=5), ActNet(omega=2.0), ResidualMLP(activation="tanh")]
SMOOTH += [PairKAN(rows=4, order=3)]
PARTIALS = ((), (0,), (1,), (0, 1), (1, 1))


def started(model, widths, basis=None, seeds=3):
    """A network, and weights at random around its start, so that none is zero."""
    network = model.network(widths, basis or Chebyshev(degree=3))
    generators = [generator(seed, "init") for seed in range(seeds)]
    theta = network.start(Default(), generators, torch.float64)
    moved = theta + 0.1 * torch.randn(theta.shape, generator=generator(seeds, "move"), dtype=torch.float64)
    trained = network.trained()
    return network, moved if trained is None else torch.where(trained, moved, theta)


def layers_of(network, theta, seed):
    """Each edge layer of one seed as a function from a list of numbers to a list, edge by edge."""

    def apply(layer, w):
        def function(numbers):
            at = layer.basis.features(torch.stack(numbers)[None, :, None], *(one[seed : seed + 1] for one in w.inner))
            weights, features = layer.edge_weights(w)[seed], at[0, :, :, 0]
            return [
                w.bias[seed, j] + sum(weights[j, :, i] @ features[:, i] for i in range(layer.n_in))
                for j in range(layer.n_out)
            ]

        return function

    return [apply(*pair) for pair in zip(network.layers, network.weights(theta), strict=True)]


def own_of(network, theta, seed):
    """The weights of one seed that are no edge's, by name."""
    return {name: network.unflatten(theta)[name][seed] for name in network.wiring.shapes}


def check(network, theta, x, formula):
    """Outputs are what the formula gives for each sample: formula(numbers, layers, own) -> numbers."""
    y = network(theta, x)
    for seed in range(len(theta)):
        layers, own = layers_of(network, theta, seed), own_of(network, theta, seed)
        for k in range(x.shape[-1]):
            expected = formula(list(x[0, :, k]), layers, own)
            assert_close(y[seed, :, k], torch.stack(expected), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("share", "arity"), [(0.6, 2), (1.0, 3), (0.25, 2)])
def test_some_nodes_multiply_their_sums(share, arity, randn):
    network, theta = started(MultKAN(share=share, arity=arity), [2, 4, 5, 3])

    def formula(numbers, layers, own):
        for width, layer in zip([4, 5], layers[:-1], strict=True):
            left, numbers = layer(numbers), []
            multiplied = round(share * width)
            numbers += left[: width - multiplied]
            factors = left[width - multiplied :]
            numbers += [prod(factors[i : i + arity]) for i in range(0, len(factors), arity)]
            assert len(numbers) == width
        return layers[-1](numbers)

    check(network, theta, randn(1, 2, 4), formula)


def test_without_products_it_is_a_kan(randn):
    network, theta = started(MultKAN(share=0.0), [2, 4, 3])
    first, second = layers_of(network, theta, 1)
    x = randn(1, 2, 1)
    assert_close(network(theta, x)[1, :, 0], torch.stack(second(first(list(x[0, :, 0])))))


def test_slopes_of_products_are_finite_where_factors_are_zero():
    network, theta = started(MultKAN(share=1.0), [2, 3, 1])
    theta = torch.zeros_like(theta).requires_grad_()
    y = network(theta, torch.zeros(1, 2, 4, dtype=torch.float64))
    assert torch.autograd.grad(y.sum(), theta)[0].isfinite().all()


def between(opening, u, v):
    return [f * a + (1 - f) * b for f, a, b in zip(opening, u, v, strict=True)]


def mixed(share, one, other):
    return [share * a + (1 - share) * b for a, b in zip(one, other, strict=True)]


def test_a_piratenet_is_its_formula(randn):
    network, theta = started(PirateNet(width=4, blocks=2), [2, 3])

    def bent(numbers):
        return [number.tanh() for number in numbers]

    def formula(numbers, layers, own):
        x = layers[0](numbers)
        u, v = bent(layers[1](x)), bent(layers[2](x))
        for i in range(2):
            first, second, third = layers[3 + 3 * i : 6 + 3 * i]
            z = between(bent(first(x)), u, v)
            z = between(bent(second(z)), u, v)
            x = mixed(own[f"blocks.{i}.alpha"][0], bent(third(z)), x)
        return layers[-1](x)

    check(network, theta, randn(1, 2, 4), formula)


def test_an_rga_kan_is_its_formula(randn):
    network, theta = started(RGAKAN(width=4, blocks=2, alpha=0.2, beta=0.7), [2, 3])

    def formula(numbers, layers, own):
        x = layers[0](numbers)
        u, v = layers[1](x), layers[2](x)
        for i in range(2):
            first, second = layers[3 + 2 * i : 5 + 2 * i]
            z = mixed(own[f"blocks.{i}.beta"][0], between(first(x), u, v), x)
            x = mixed(own[f"blocks.{i}.alpha"][0], between(second(z), u, v), x)
        return layers[-1](x)

    check(network, theta, randn(1, 2, 4), formula)


@pytest.mark.parametrize("model", [PirateNet(blocks=4), RGAKAN(blocks=4)], ids=name)
def test_gated_blocks_start_as_if_they_were_not_there(model, randn):
    network = model.network([2, 1], Chebyshev())
    theta = network.start(Default(), [generator(0, "init")], torch.float64)
    first, *_, last = layers_of(network, theta, 0)
    x = randn(1, 2, 1)
    assert_close(network(theta, x)[0, :, 0], torch.stack(last(first(list(x[0, :, 0])))))


def through(numbers, layers):
    for layer in layers:
        numbers = layer(numbers)
    return numbers


def test_a_separable_kan_is_a_sum_of_products(randn):
    network, theta = started(SeparableKAN(rank=3), [3, 4, 2])

    def formula(numbers, layers, own):
        bodies = [through([number], layers[2 * i : 2 * i + 2]) for i, number in enumerate(numbers)]
        return [sum(prod(body[3 * o + r] for body in bodies) for r in range(3)) for o in range(2)]

    check(network, theta, randn(1, 3, 4), formula)


@pytest.mark.parametrize(("branch", "trunk"), [("kan", "mlp"), ("mlp", "kan"), ("mlp", "mlp")])
def test_a_deeponet_is_branch_times_trunk(branch, trunk, randn):
    network, theta = started(DeepONet(branch, trunk, coordinates=2, rank=3), [6, 4, 5, 2])

    def formula(numbers, layers, own):
        b, t = through(numbers[:4], layers[:3]), through(numbers[4:], layers[3:])
        return [sum(b[3 * o + r] * t[3 * o + r] for r in range(3)) for o in range(2)]

    check(network, theta, randn(1, 6, 4), formula)


def window(grid, row, column, size):
    """The numbers around a place of channels of rows of numbers, zeros beyond the edge, channel by channel."""
    zero, half = torch.zeros((), dtype=torch.float64), size // 2
    lines = range(-half, half + 1)
    side = len(grid[0])
    return [
        channel[row + i][column + j] if 0 <= row + i < side and 0 <= column + j < side else zero
        for channel in grid
        for i in lines
        for j in lines
    ]


@pytest.mark.parametrize(("stride", "bottleneck"), [(1, 1), (2, 1), (2, 2)])
def test_a_convolutional_kan_is_its_formula(stride, bottleneck, randn):
    model = ConvKAN(channels=2, stages=2, stride=stride, bottleneck=bottleneck, norm="none", head="kan")
    network, theta = started(model, [3 * 4 * 4, 2], seeds=1)

    def formula(numbers, layers, own):
        grid = [[numbers[16 * c + 4 * i : 16 * c + 4 * i + 4] for i in range(4)] for c in range(3)]
        count = (len(layers) - 1) // 2
        for k in range(2):
            stage = layers[count * k : count * (k + 1)]
            places = range(0, len(grid[0]), stride)

            def at(i, j, grid=grid, stage=stage):
                if bottleneck == 1:
                    return stage[0](window(grid, i, j, 3))
                side = len(grid[0])
                inside = [[stage[0]([channel[r][c] for channel in grid]) for c in range(side)] for r in range(side)]
                squeezed = [[[place[k] for place in line] for line in inside] for k in range(len(inside[0][0]))]
                left = stage[2](stage[1](window(squeezed, i, j, 3)))
                return [a + b for a, b in zip(left, stage[3](window(grid, i, j, 3)), strict=True)]

            found = [[at(i, j) for j in places] for i in places]
            grid = [[[place[c] for place in line] for line in found] for c in range(len(found[0][0]))]
        return layers[-1]([sum(sum(line) for line in channel) / len(channel) ** 2 for channel in grid])

    check(network, theta, randn(1, 48, 1), formula)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_linear_convolutions_are_torchs(stride, kernel, randn):
    model = ConvKAN(convolutions="linear", channels=4, kernel=kernel, stride=stride)
    network, theta = started(model, [3 * 7 * 7, 10], seeds=2)
    x, named = randn(1, 3 * 7 * 7, 5), network.unflatten(theta)
    for seed in range(2):
        z = x[0].T.reshape(5, 3, 7, 7)
        for i in range(2):
            weight = named[f"layers.{i}.coef"][seed, :, 0].unflatten(1, (-1, kernel, kernel))
            z = torch.nn.functional.silu(z) if i else z
            z = torch.nn.functional.conv2d(z, weight, named[f"layers.{i}.bias"][seed], stride, kernel // 2)
            z = layer_norm(z.permute(1, 0, 2, 3).flatten(1)[None], named[f"norm.{i}"][seed : seed + 1])[0].unflatten(
                1, (5, *z.shape[2:])
            )
            z = z.permute(1, 0, 2, 3)
        last = torch.nn.functional.silu(z.mean((2, 3))) @ named["layers.2.coef"][seed, :, 0].T
        assert_close(network(theta, x)[seed].T, last + named["layers.2.bias"][seed])


@pytest.mark.parametrize("norm", ["none", "layer"])
@pytest.mark.parametrize("skip", ["identity", "linear", "none"])
def test_a_residual_mlp_adds_what_goes_around(skip, norm, randn):
    network, theta = started(ResidualMLP(skip=skip, norm=norm), [3, 4, 4, 2])

    def formula(numbers, layers, own):
        x = torch.stack(numbers)
        for i, layer in enumerate(layers):
            gain, offset = own.get(f"norm.{i}", (None, None))
            seen = x if gain is None else torch.nn.functional.layer_norm(x, x.shape, gain, offset)
            y, matrix = torch.stack(layer(list(seen))), own.get(f"skip.{i}")
            around = x if matrix is None else matrix @ x
            x = y if skip == "none" else around + y
        return list(x)

    check(network, theta, randn(1, 3, 4), formula)


def test_an_actnet_mixes_functions_of_its_nodes(randn):
    network, theta = started(ActNet(omega=3.0), [2, 4, 3])

    def formula(numbers, layers, own):
        numbers = [3.0 * number for number in numbers]
        for i, layer in enumerate(layers):
            each = [layer([number]) for number in numbers]  # by input, then by node
            mix, bias = own[f"mix.{i}"], own[f"bias.{i}"]
            nodes, inputs = range(len(bias)), range(len(numbers))
            numbers = [bias[k] + sum(mix[k, p] * each[p][k] for p in inputs) for k in nodes]
        return numbers

    check(network, theta, randn(1, 2, 4), formula)


def test_a_kkan_is_outer_functions_of_sums_of_inner_ones(randn):
    network, theta = started(KKAN(width=4, depth=2, functions=3), [3, 2])

    def formula(numbers, layers, own):
        sums = [0.0] * 3
        for p, number in enumerate(numbers):
            *before, last = layers[4 * p : 4 * p + 4]
            inner = last([value.tanh() for value in through([number], before)])
            sums = [a + b for a, b in zip(sums, inner, strict=True)]
        return layers[-1](sums)

    check(network, theta, randn(1, 3, 3), formula)


@pytest.mark.parametrize("order", [1, 2])
def test_a_pair_kan_sums_functions_of_two_neighbours(order, randn):
    """Three inputs are two pairs, of which the last is the third input with the first."""
    network, theta = started(PairKAN(rows=4, order=order), [3, 4, 2])
    knots = [-1 + (k - order) / 2 for k in range(4 + 2 * order + 1)]

    def spline(k, at, order):
        if order == 0:
            return float(knots[k] <= at < knots[k + 1])
        left = (at - knots[k]) / (order / 2) * spline(k, at, order - 1)
        return left + (knots[k + order + 1] - at) / (order / 2) * spline(k + 1, at, order - 1)

    def formula(numbers, layers, own):
        layers = iter(layers)
        for outputs in (4, 2):
            pairs = [(i, (i + 1) % len(numbers)) for i in range(0, len(numbers), 2)]
            sums = [0.0] * outputs
            for a, b in pairs:
                rows = [spline(k, numbers[a].tanh(), order) for k in range(4 + order)]
                along = next(layers)([numbers[b]])
                for q in range(outputs):
                    sums[q] = sums[q] + sum(row * along[q * len(rows) + r] for r, row in enumerate(rows))
            numbers = [value / len(pairs) ** 0.5 for value in sums]
        return numbers

    check(network, theta, randn(1, 3, 3), formula)


@pytest.mark.parametrize("embedded", [False, True])
@pytest.mark.parametrize("model", SMOOTH, ids=name)
def test_derivatives_in_inputs_and_weights_are_those_of_differences(model, embedded, randn):
    """Also with inputs that enter as cosines and sines, and with a finish: an equation's two ways to get them."""
    width = 3 if embedded else 2
    network, theta = started(model, [width, 4, 4, 2])
    if embedded:
        network = network.embedded(Embedding(2, {1: 2.0}))
    network = network.finished(lambda x, y: x[:, :1] + (1 - x[:, :1] ** 2) * y)
    x = 0.5 * randn(1, 2, 5).tanh()
    channels = carried(network, theta, x, PARTIALS).channels
    known = Jet.of(lambda at: network.plain(theta, at), x.expand(3, -1, -1), PARTIALS, {})
    assert_close(channels[()], network(theta, x))
    h = 1e-4
    for k in (0, 1):
        step = h * torch.eye(2, dtype=torch.float64)[k][None, :, None]
        difference = (network(theta, x + step) - network(theta, x - step)) / (2 * h)
        assert_close(channels[k,], known.partials[k,])
        assert (channels[k,] - difference).abs().max() < 1e-5 * difference.abs().max()
        if k == 1:
            second = (network(theta, x + step) - 2 * network(theta, x) + network(theta, x - step)) / h**2
            assert (channels[1, 1] - second).abs().max() < 1e-5 * second.abs().max()
    y, slopes = jacobian(network, theta, x, network.prepare(x))
    each = torch.func.jacrev(lambda row: network.plain(row[None], x)[0, 1])(theta[2])
    assert_close(y, network(theta, x))
    assert_close(slopes[2, :, 1], each.T)


@pytest.mark.parametrize("model", [model for model in SMOOTH if model.uses_layer], ids=name)
def test_refinement_keeps_what_they_compute(model, randn):
    old, theta = started(model, [2, 4, 4, 1])
    new, x = refine.refine(old, 6), randn(1, 2, 50)
    assert new.length > old.length
    assert_close(new(refine.refit(old, theta, new, x), x), old(theta, x), rtol=1e-9, atol=1e-9)
    state = refine.carry(old, new, theta)
    assert state.shape == (3, new.length)


@pytest.mark.parametrize("model", SMOOTH, ids=name)
def test_they_learn(model):
    """A product of two inputs, from one start: the loss falls to a hundredth by plain L-BFGS steps of torch's own."""
    network, theta = started(model, [2, 4, 4, 1], seeds=1)
    x = 2 * torch.rand((1, 2, 64), generator=generator(0, "data"), dtype=torch.float64) - 1
    theta.requires_grad_()
    optimizer = torch.optim.LBFGS([theta], max_iter=60, line_search_fn="strong_wolfe")

    def loss():
        return (network(theta, x)[:, 0] - x[:, 0] * x[:, 1]).square().mean()

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    before = loss().item()
    optimizer.step(closure)
    assert loss().item() < 0.01 * before
