import math

import pytest
import torch
from torch.testing import assert_close

from kanexp.calculus import derivative, gauss_hermite, gauss_legendre

X = torch.linspace(-2, 2, 41, dtype=torch.float64)[None]


def several(x):
    """sin(2x), x^3, x and a constant, (4, 1, points): one is straight, one does not depend on x at all."""
    return torch.stack([torch.sin(2 * x), x**3, x, torch.ones_like(x)], dim=-3)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (1, lambda x: [2 * torch.cos(2 * x), 3 * x**2, torch.ones_like(x), torch.zeros_like(x)]),
        (2, lambda x: [-4 * torch.sin(2 * x), 6 * x, torch.zeros_like(x), torch.zeros_like(x)]),
        (3, lambda x: [-8 * torch.cos(2 * x), torch.full_like(x, 6), torch.zeros_like(x), torch.zeros_like(x)]),
    ],
)
def test_derivatives_are_those_of_calculus(order, expected):
    assert_close(derivative(several, X, order), torch.stack(expected(X)), rtol=1e-13, atol=1e-13)


def test_functions_without_any_slope_have_slope_zero():
    for constant in (torch.ones_like, lambda x: torch.ones_like(x) + 0 * x, torch.sign):
        assert torch.equal(derivative(constant, X), torch.zeros_like(X))
    assert torch.equal(derivative(torch.clone, X, order=2), torch.zeros_like(X))


def test_inputs_that_are_summed_move_together():
    y = torch.stack([X[0], 3 * X[0]])
    moved = derivative(lambda x: (x.square()).sum(0, keepdim=True), y)
    assert_close(moved, 2 * y.sum(0, keepdim=True), rtol=1e-14, atol=1e-14)


def test_a_derivative_can_be_differentiated_where_asked():
    scale = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    slopes = derivative(lambda x: scale * x**2, X, again=True)
    (grad,) = torch.autograd.grad(slopes.sum(), scale)
    assert_close(grad, (2 * X).sum(), rtol=1e-14, atol=1e-12)
    assert not derivative(lambda x: scale * x**2, X).requires_grad
    with torch.no_grad():
        assert_close(derivative(torch.sin, X.clone().requires_grad_()), torch.cos(X))


@pytest.mark.parametrize(("panels", "nodes"), [(1, 1), (3, 2), (7, 10), (512, 4)])
def test_gauss_legendre_is_exact_for_polynomials_on_each_panel(panels, nodes):
    points, weights = gauss_legendre(panels, nodes)
    assert points.shape == weights.shape == (panels * nodes,)
    assert points.dtype == weights.dtype == torch.float64
    rest = 1 - 1 / panels  # what lies behind the first panel
    for degree in range(2 * nodes):
        assert (weights @ points**degree).item() == pytest.approx(1 / (degree + 1), rel=1e-13)
        jumps = (points > 1 / panels) * (points - 1 / panels) ** degree
        assert (weights @ jumps).item() == pytest.approx(rest ** (degree + 1) / (degree + 1), rel=1e-12)


def test_gauss_hermite_has_the_moments_of_its_weight():
    points, weights = gauss_hermite(8)
    for degree, moment in [(0, 1), (1, 0), (2, 1 / 2), (3, 0), (4, 3 / 4), (14, math.prod(range(1, 14, 2)) / 2**7)]:
        assert (weights @ points**degree).item() == pytest.approx(moment * math.sqrt(math.pi), rel=1e-12, abs=1e-12)
