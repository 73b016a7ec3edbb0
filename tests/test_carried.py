import gc
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from helpers.components import BASES, name
from torch.testing import assert_close

from kanexp.init.default import Default
from kanexp.layer.chebyshev import Chebyshev
from kanexp.layer.fourier import Fourier
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.mlp import MLP
from kanexp.model.network import Network
from kanexp.model.residual_kan import ResidualKAN
from kanexp.seeding import generator
from kanexp.task.burgers import Burgers
from kanexp.task.condition import Condition
from kanexp.task.differential import Equation
from kanexp.task.klein_gordon import KleinGordon
from kanexp.task.schroedinger import Schroedinger
from kanexp.task.wave import Wave
from kanexp.train.carried import ByLayers, sides, sides_jacobian, sides_traced
from kanexp.train.derivatives import is_fixed_row, jet


@dataclass(frozen=True, kw_only=True)
class Mixed(Equation):
    """Two sides of two answers, with products, an unknown number and derivatives up to the third order in any order.

    At the start of the first input both answers are known, and at both ends of the second a slope of one is the same.
    """

    partials: ClassVar = ((0,), (1,), (1, 0), (0, 0), (1, 1), (0, 1, 1), (1, 1, 1))
    answers: ClassVar = ("u", "v")
    equations: ClassVar = 2
    conditions: ClassVar = (Condition(0, 0, answers=(0, 1)), Condition(1, None, answers=(1,), partial=(1,)))
    unknowns: ClassVar = {"speed": 0.7}

    @property
    def ranges(self):
        return [(-1.0, 1.0)] * 2

    def left_side(self, jet, x):
        u, v = jet.value[:, :1], jet.value[:, 1:]
        one = jet.d(0)[:, :1] * v + jet.unknowns["speed"] * jet.d(1, 0)[:, 1:] + x[:, :1] * jet.d(0, 1, 1)[:, :1]
        return torch.cat([one, u * jet.d(1, 1)[:, 1:] - jet.d(0, 0)[:, :1].sin() + jet.d(1, 1, 1)[:, 1:]], dim=1)

    def solution(self, x):
        return torch.cat([x[:1], x[1:]])


MIXED = Mixed(points=7, edge_points=3)


def check(network, equation):
    draw = generator(0, "data")
    # Knots are measured on other points: at a knot a third derivative is that of its left or of its right.
    x, seen = (2 * torch.rand(2, 2, equation.made, dtype=torch.float64, generator=draw) - 1).split(1)
    theta = network.start(Default(), [generator(seed, "init") for seed in range(2)], torch.float64, seen[0])

    def plain(theta):
        return equation.prediction(jet(network, theta, x, equation.partials), x)

    found, derivatives = sides_jacobian(network, equation, theta, x)
    theta.requires_grad_()
    expected = plain(theta)
    weights = torch.rand(expected.shape, dtype=torch.float64, generator=draw)
    traced = sides_traced(network, equation, theta, x)
    gradients = [
        torch.autograd.grad((weights * side).sum(), theta, retain_graph=True)[0] for side in (traced, expected)
    ]
    assert_close(gradients[0], gradients[1], rtol=1e-8, atol=1e-9 * float(gradients[1].abs().max()))
    size = float(expected.detach().abs().max())
    assert_close(found, expected.detach(), rtol=1e-9, atol=1e-12 * size)
    assert torch.equal(sides(network, equation, theta, x), found)
    for row in range(expected.shape[1]):
        for point in range(expected.shape[2]):
            (slope,) = torch.autograd.grad(expected[:, row, point].sum(), theta, retain_graph=True)
            assert_close(derivatives[:, :, row, point], slope, rtol=1e-8, atol=1e-9 * size)


@pytest.mark.parametrize("basis", [basis for basis in BASES if not basis.kinks], ids=name)
def test_the_jacobian_of_an_equation_is_what_autograd_gives_row_by_row(basis):
    layers = [EdgeLayer(basis, 2, 3), EdgeLayer(basis, 3, 4), EdgeLayer(basis, 4, 2)]
    check(Network(layers).with_unknowns({"speed": 0.7}), MIXED)


@pytest.mark.parametrize("model", [MLP(activation="tanh"), ResidualKAN()], ids=name)
def test_networks_that_are_no_row_of_fixed_functions_have_it_too(model):
    check(model.network([2, 3, 3, 2], Chebyshev(degree=3)).with_unknowns({"speed": 0.7}), MIXED)


@pytest.mark.parametrize("equation", [Burgers, Wave, KleinGordon, Schroedinger], ids=lambda cls: cls.__name__)
def test_conditions_that_hold_by_construction_are_carried_too(equation):
    equation = equation(points=7, edge_points=3, hard=True)
    count = len(equation.answers)
    layers = [EdgeLayer(Chebyshev(degree=3), equation.inputs, 3), EdgeLayer(Chebyshev(degree=3), 3, count)]
    network = Network(layers).finished(equation.finish)
    assert is_fixed_row(network)
    check(network, equation)


def test_a_scale_and_a_residual_have_their_columns():
    basis = Fourier(frequencies=2, residual="silu", scale=True)
    check(Network([EdgeLayer(basis, 2, 3), EdgeLayer(basis, 3, 1)]), Burgers(points=7, edge_points=3))


def test_what_a_gradient_needed_is_freed_with_it():
    network = Network([EdgeLayer(Chebyshev(degree=3), 2, 2), EdgeLayer(Chebyshev(degree=3), 2, 1)])
    equation = Burgers(points=7, edge_points=3)
    x = 2 * torch.rand(1, 2, equation.made, dtype=torch.float64, generator=generator(0, "data")) - 1
    theta = network.start(Default(), [generator(0, "init")], torch.float64, x[0]).requires_grad_()
    gc.collect()
    gc.disable()
    try:
        torch.autograd.grad(sides_traced(network, equation, theta, x).sum(), theta)
        assert not [kept for kept in gc.get_objects() if type(kept) is ByLayers]
    finally:
        gc.enable()


def test_a_seed_that_is_no_number_leaves_the_others_as_they_were():
    network = Network([EdgeLayer(Chebyshev(degree=4), 2, 3), EdgeLayer(Chebyshev(degree=4), 3, 2)])
    network = network.with_unknowns({"speed": 0.7})
    x = 2 * torch.rand(1, 2, MIXED.made, dtype=torch.float64, generator=generator(0, "data")) - 1
    theta = network.start(Default(), [generator(seed, "init") for seed in range(3)], torch.float64, x[0])
    before = sides_jacobian(network, MIXED, theta, x)[1]
    theta[1] = torch.nan
    after = sides_jacobian(network, MIXED, theta, x)[1]
    assert torch.equal(after[[0, 2]], before[[0, 2]])
    assert after[1].isnan().any()
