import math
from dataclasses import fields
from functools import partial

import numpy as np
import pytest
import torch
from helpers.components import ACTIVATION_BASES, BASES, name
from helpers.own_layers import Gaussians, HermiteWaves, Powers, Waves
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import chebyshev
from scipy.integrate import quad
from scipy.interpolate import BSpline as ScipyBSpline
from scipy.special import (
    eval_chebyt,
    eval_chebyu,
    eval_gegenbauer,
    eval_genlaguerre,
    eval_hermite,
    eval_jacobi,
    eval_legendre,
    factorial,
    kv,
)
from torch.testing import assert_close

from kanexp.layer.base import RESIDUALS, Basis
from kanexp.layer.bernstein import Bernstein
from kanexp.layer.bessel import Bessel
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.layer.chebyshev_second import ChebyshevSecond
from kanexp.layer.fibonacci import Fibonacci
from kanexp.layer.fourier import Fourier
from kanexp.layer.gegenbauer import Gegenbauer
from kanexp.layer.gram import Gram
from kanexp.layer.hermite import Hermite
from kanexp.layer.jacobi import Jacobi
from kanexp.layer.laguerre import Laguerre
from kanexp.layer.learned_fourier import LearnedFourier
from kanexp.layer.legendre import Legendre
from kanexp.layer.lucas import Lucas
from kanexp.layer.mlp_edge import MLPEdge
from kanexp.layer.piecewise_linear import PiecewiseLinear
from kanexp.layer.rational import Rational
from kanexp.layer.rbf import RBF
from kanexp.layer.relu import ReLU
from kanexp.layer.sinc import Sinc
from kanexp.layer.sine import Sine
from kanexp.layer.wavelet import Wavelet
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.network import Network
from kanexp.testing import check_basis

ORDERED = [HermiteWaves(), Waves(), Powers(), Powers(degree=20), Fourier(frequencies=50), Chebyshev(degree=300)]
ORDERED += [Gram(degree=63), Jacobi(degree=20, a=5.0, b=-0.9)]


@pytest.mark.parametrize("basis", BASES + ACTIVATION_BASES, ids=name)
def test_battery(basis):
    check_basis(basis)


class Halved(Fourier):
    """Slopes that are claimed to be half of what they are."""

    def closed_slopes(self, x):
        return tuple((a / 2, D) for a, D in super().closed_slopes(x))


def test_wrong_closed_slopes_are_seen():
    with pytest.raises(AssertionError, match=r"closed_slopes differ from slopes by 0\.5"):
        check_basis(Halved())


CLOSED = [Chebyshev, ChebyshevSecond, Legendre, Gegenbauer, Jacobi, Gram, Fourier, RBF, Bernstein]


@pytest.mark.parametrize("kind", CLOSED, ids=lambda kind: kind.__name__)
def test_closed_slopes_of_many_terms_in_single_precision(kind, randn):
    """As exact as slopes term by term are: a handful of outputs of a large basis."""
    basis = kind(**{kind.size: 60} | ({"points": 900} if kind is Gram else {}))
    # Where slopes are small, too: at the ends those of polynomials are much larger than in the middle.
    x, weight = torch.cat([randn(1, 2, 500), 0.2 * randn(1, 2, 500)], -1), randn(3, basis.terms)
    exact = torch.einsum("om,smib->soib", weight, basis.slopes(x, basis.features(x)))
    found = 0
    low = x.float()
    features = basis.features(low)
    for a, D in basis.closed_slopes(low):
        combined = weight.float() @ D.float()
        sums = torch.einsum("ok,skib->soib", combined[:, :-1], features) + combined[:, -1, None, None]
        found = found + a.reshape(-1, 1, *a.shape[1:]) * sums if a.dim() else found + a * sums
    for part in (slice(0, 500), slice(500, None)):
        assert (found - exact)[..., part].abs().max() < 1e-4 * exact[..., part].abs().max()


def test_gram_polynomials_of_nearly_as_many_degrees_as_points_have_no_closed_slopes():
    assert Gram(degree=16, points=64).closed_slopes(torch.zeros(1, 1))
    assert not Gram(degree=17, points=64).closed_slopes(torch.zeros(1, 1))


def test_closed_slopes_are_those_that_have_them():
    assert {type(basis) for basis in BASES if basis.closed_slopes(torch.zeros(1, 1))} == set(CLOSED)


def test_orders_are_claimed_by_those_that_have_them():
    claimed = {type(basis) for basis in BASES + ACTIVATION_BASES if basis.orders is not None}
    polynomials = {Bessel, Chebyshev, ChebyshevSecond, Fibonacci, Gegenbauer, Gram, Hermite, Jacobi, Laguerre}
    assert claimed == {Fourier, Legendre, Lucas} | polynomials
    assert Gaussians().orders is None


@pytest.mark.parametrize("basis", ORDERED, ids=name)
def test_what_has_orders_may_claim_them(basis):
    check_basis(basis)


@pytest.mark.parametrize("basis", [b for b in [*BASES, Gaussians()] if b.orders is None and b.terms >= 5], ids=name)
@pytest.mark.parametrize("backwards", [False, True])
def test_local_and_trained_functions_cannot_claim_orders(basis, backwards):
    """Neither as they lie nor from the other end."""
    orders = tuple(range(1, basis.terms + 1))[:: -1 if backwards else 1]
    with pytest.raises(AssertionError, match="orders must be degrees or frequencies, but terms of order"):
        check_basis(claiming(basis, orders))


@pytest.mark.parametrize(
    ("orders", "text"),
    [
        ((1, 2, 3), "orders must have one entry per term"),
        ((0, 1, 2, 3, 1, 2), "orders must be 1 or more"),
        ((1, 3, 2, 1, 3, 2), "terms of order 3 change sign"),
        ((1, 1, 2, 1, 1, 2), "a term of order 1 holds higher frequencies of the period"),
    ],
)
def test_other_false_claims(orders, text):
    with pytest.raises(AssertionError, match=text):
        check_basis(claiming(Fourier(frequencies=3), orders))


def test_powers_cannot_claim_lower_degrees_than_they_have():
    with pytest.raises(AssertionError, match="terms of order 2 change sign 0"):
        check_basis(claiming(Powers(degree=4), (1, 2, 2, 3)))


def claiming(basis, orders):
    """The same basis with these orders."""
    kind = type("Claiming", (type(basis),), {"orders": property(lambda self: orders)})
    return kind(**{field.name: getattr(basis, field.name) for field in fields(basis)})


# Of the others, slopes are the default, which is automatic differentiation.
SLOPED = [
    basis for basis in BASES if type(basis).slopes is not Basis.slopes and getattr(basis, "grid", "") != "quantiles"
]


def test_bases_with_slopes_of_their_own_were_found():
    assert {type(basis) for basis in SLOPED} >= {Fourier, Chebyshev, BSpline, RBF}


@pytest.mark.parametrize("basis", SLOPED, ids=name)
def test_slopes_equal_automatic_differentiation(basis, draws, randn):
    x = 2 * randn(3, 4, 20)
    inner = tuple((basis.draw_weights(2, 4, draws) | basis.fixed_weights(x.transpose(0, 1).flatten(1))).values())
    expected = Basis.slopes(basis, x, basis.features(x, *inner), *inner)
    assert_close(basis.slopes(x, basis.features(x, *inner), *inner), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("degree", [1, 2, 7, 20])
def test_chebyshev_is_numpys(degree, randn):
    x = randn(1, 200)
    expected = chebyshev.chebvander(np.tanh(x[0].numpy()), degree)[:, 1:].T
    assert_close(Chebyshev(degree=degree).features(x)[:, 0], torch.from_numpy(expected), rtol=0, atol=1e-13)


@pytest.mark.parametrize("degree", [1, 2, 9, 20])
def test_legendre_and_jacobi_are_scipys(degree, randn):
    x = randn(1, 200)
    t, orders = np.tanh(x[0].numpy()), range(1, degree + 1)
    expected = np.stack([eval_legendre(m, t) for m in orders])
    assert_close(Legendre(degree=degree).features(x)[:, 0], torch.from_numpy(expected), rtol=0, atol=1e-13)
    for a, b in [(0.0, 0.0), (1.0, 1.0), (-0.5, 2.3)]:
        expected = np.stack([eval_jacobi(m, a, b, t) for m in orders])
        assert_close(
            Jacobi(degree=degree, a=a, b=b).features(x)[:, 0], torch.from_numpy(expected), rtol=1e-11, atol=1e-12
        )


@pytest.mark.parametrize("degree", [1, 2, 9, 20])
@pytest.mark.parametrize(
    ("basis", "polynomial"),
    [
        (ChebyshevSecond, eval_chebyu),
        (partial(Gegenbauer, a=2.3), lambda m, t: eval_gegenbauer(m, 2.3, t) / eval_gegenbauer(m, 2.3, 1)),
        (partial(Gegenbauer, a=-0.3), lambda m, t: eval_gegenbauer(m, -0.3, t) / eval_gegenbauer(m, -0.3, 1)),
        (partial(Gegenbauer, a=0.0), eval_chebyt),
        (partial(Laguerre, a=0.7), lambda m, t: eval_genlaguerre(m, 0.7, t)),
        (Hermite, lambda m, t: eval_hermite(m, t) / np.sqrt(2.0**m * factorial(m))),
        (Lucas, lambda m, t: _roots(t)[0] ** m + _roots(t)[1] ** m),
        (Fibonacci, lambda m, t: np.subtract(*(r ** (m + 1) for r in _roots(t))) / np.subtract(*_roots(t))),
    ],
)
def test_polynomials_are_those_of_their_name(basis, polynomial, degree, randn):
    x = randn(1, 200)
    expected = torch.from_numpy(np.stack([polynomial(m, np.tanh(x[0].numpy())) for m in range(1, degree + 1)]))
    assert_close(basis(degree=degree).features(x)[:, 0], expected, rtol=1e-10, atol=1e-11)


def _roots(t):
    """Of r^2 = t r + 1: what Binet's formulas are made of."""
    return (t + np.sqrt(t * t + 4)) / 2, (t - np.sqrt(t * t + 4)) / 2


@pytest.mark.parametrize("degree", [1, 2, 6])
def test_bessel_is_the_bessel_function_of_half_orders(degree, randn):
    """y_m(t) = sqrt(2 / (pi t)) e^(1/t) K_(m+1/2)(1 / t), over its value at 1; t > 0."""
    x = randn(1, 100).abs() + 0.1
    t, orders = np.tanh(x[0].numpy()), range(1, degree + 1)

    def y(m, t):
        return np.sqrt(2 / (np.pi * t)) * np.exp(1 / t) * kv(m + 0.5, 1 / t)

    expected = torch.from_numpy(np.stack([y(m, t) / y(m, 1.0) for m in orders]))
    assert_close(Bessel(degree=degree).features(x)[:, 0], expected, rtol=1e-12, atol=0)


def test_sinc_interpolates_and_has_all_its_derivatives_in_the_middle():
    basis = Sinc(centers=7, low=-3.0, high=3.0)  # one apart
    at_places = basis.features(torch.linspace(-3, 3, 7, dtype=torch.float64)[None])[:, 0]
    assert_close(at_places, torch.eye(7, dtype=torch.float64), rtol=0, atol=1e-15)
    x = torch.linspace(-5, 5, 4001, dtype=torch.float64)[None]
    assert_close(basis.features(x)[3, 0], torch.sinc(x[0]), rtol=0, atol=1e-15)
    # sinc'' is -pi^2 / 3 in the middle, and its fourth derivative pi^4 / 5.
    middle = basis.derivatives(torch.zeros(1, 1, dtype=torch.float64), 4)
    values = [float(order[3, 0, 0]) for order in middle]
    assert values == pytest.approx([1, 0, -(math.pi**2) / 3, 0, math.pi**4 / 5], abs=1e-12)
    edge = torch.tensor([[0.3 / math.pi]], dtype=torch.float64)  # where the series ends
    for below, above in zip(basis.derivatives(edge * (1 - 1e-12), 2), basis.derivatives(edge, 2), strict=True):
        assert_close(below, above, rtol=0, atol=1e-10)


def test_rational_functions_have_any_numerator_over_a_denominator_of_one_or_more(randn):
    x, q = 2 * randn(1, 50), torch.tensor([0.3, -1.2, 0.5], dtype=torch.float64)
    found = Rational(degree=3, denominator=3).features(x, q)[:, 0]
    under = torch.sqrt(1 + (0.3 * x - 1.2 * x**2 + 0.5 * x**3).square())[0]
    expected = torch.stack([x[0] ** m / under for m in range(4)])
    assert_close(found, expected, rtol=1e-12, atol=1e-14)


def test_learned_fourier_starts_as_fourier(draws, randn):
    x, basis = 2 * randn(3, 40), LearnedFourier(frequencies=6)
    (frequency,) = basis.draw_weights(2, 3, draws).values()
    assert_close(basis.features(x, frequency), Fourier(frequencies=6).features(x), rtol=0, atol=1e-13)


def test_trained_knots_start_uniform_and_keep_their_order(draws, randn):
    x, basis = randn(3, 60), BSpline(grid="trained", intervals=6, order=3, low=-1.0, high=2.0)
    (spacing,) = basis.draw_weights(2, 3, draws).values()
    uniform = BSpline(intervals=6, order=3, low=-1.0, high=2.0).features(x)
    assert_close(basis.features(x, spacing), uniform, rtol=0, atol=1e-12)
    knots = basis.trained_knots(20 * randn(3, 6))
    assert (knots.diff(dim=-1) > 0).all()
    assert_close(knots[:, 3], torch.full((3,), -1.0, dtype=torch.float64))
    assert_close(knots[:, -4], torch.full((3,), 2.0, dtype=torch.float64))
    inside = torch.linspace(-1, 1.999, 50, dtype=torch.float64).expand(3, 50)
    assert_close(basis.features(inside, 20 * randn(3, 6)).sum(0), torch.ones(3, 50, dtype=torch.float64))


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_trained_knots_of_any_order_are_scipys_splines(order, randn):
    """After large moves, between which knots lie a hundredth of a spacing apart: ordered, and the splines on them."""
    basis = BSpline(grid="trained", intervals=5, order=order, low=-1.0, high=2.0)
    spacing, x = 4 * randn(1, 5), 1.5 * randn(1, 60).tanh() + 0.5
    knots = basis.trained_knots(spacing)[0]
    assert (knots.diff() > 0).all()
    expected = [ScipyBSpline.basis_element(knots[m : m + order + 2], extrapolate=False) for m in range(basis.terms)]
    values = torch.tensor(np.stack([np.nan_to_num(spline(x[0].numpy())) for spline in expected]))
    assert_close(basis.features(x, spacing)[:, 0], values, rtol=1e-8, atol=1e-10)


WAVELETS = {
    "hat": lambda u: 2 / (math.sqrt(3) * math.pi**0.25) * (1 - u**2) * np.exp(-(u**2) / 2),
    "morlet": lambda u: np.cos(5 * u) * np.exp(-(u**2) / 2),
    "derivative": lambda u: -u * np.exp(-(u**2) / 2),
    "difference": lambda u: np.exp(-(u**2) / 2) - np.exp(-(u**2) / 8) / 2,
}


@pytest.mark.parametrize("kind", WAVELETS)
def test_wavelets_are_those_of_their_name(kind, randn):
    x, shift, width = 2 * randn(3, 40), randn(4, 3), randn(4, 3)
    u = ((x - shift.unsqueeze(-1)) / width.unsqueeze(-1)).numpy()
    assert_close(Wavelet(kind=kind).features(x, shift, width)[0], torch.from_numpy(WAVELETS[kind](u)))
    integral = quad(WAVELETS[kind], -np.inf, np.inf)[0]
    assert abs(integral) < (1e-4 if kind == "morlet" else 1e-9)  # published without what would make Morlet's zero


@pytest.mark.parametrize(("degree", "points"), [(1, 2), (5, 64), (9, 12)])
def test_gram_is_orthonormal_on_its_points(degree, points):
    # atanh of +-1 is infinite; 40 is as close to 1 as a float64 tanh comes.
    x = torch.linspace(-1, 1, points, dtype=torch.float64).atanh().clamp(-40, 40)
    G = Gram(degree=degree, points=points).features(x[None])[:, 0]
    G = torch.cat([torch.ones(1, points, dtype=torch.float64), G])
    assert_close(G @ G.T / points, torch.eye(degree + 1, dtype=torch.float64), rtol=0, atol=1e-12)


def test_bernstein_sums_to_one_and_relu_bumps_reach_one():
    x = torch.linspace(-8, 8, 101, dtype=torch.float64)[None]
    assert_close(Bernstein(degree=7).features(x).sum(0), torch.ones_like(x), rtol=0, atol=1e-14)
    relu = ReLU(intervals=4, order=3)
    middles = torch.tensor([[-0.5 + 0.5 * m for m in range(3)]], dtype=torch.float64)  # of the three inner bumps
    assert_close(relu.features(middles)[[2, 3, 4], 0, [0, 1, 2]], torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize("frequencies", [1, 2, 3, 5, 8, 31])
def test_fourier_is_cos_and_sin(frequencies, randn):
    x = 5 * randn(1, 200)
    kx = torch.arange(1, frequencies + 1, dtype=torch.float64)[:, None] * x
    assert_close(
        Fourier(frequencies=frequencies).features(x)[:, 0], torch.cat([kx.cos(), kx.sin()]), rtol=0, atol=1e-12
    )


@given(
    intervals=st.integers(1, 30),
    order=st.integers(1, 5),
    low=st.floats(-5, 4),
    width=st.floats(0.1, 10),
    seed=st.integers(0),
)
@settings(deadline=None, max_examples=50)
def test_bspline_is_scipys_and_sums_to_one(intervals, order, low, width, seed):
    basis = BSpline(intervals=intervals, order=order, low=low, high=low + width)
    spacing = width / intervals
    knots = low + spacing * np.arange(-order, intervals + order + 1)
    inside = np.random.default_rng(seed).uniform(low, low + width, 100)
    expected = ScipyBSpline.design_matrix(inside, knots, order).toarray().T
    got = basis.features(torch.from_numpy(inside)[None])[:, 0].numpy()
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(got.sum(0), 1, rtol=0, atol=1e-12)


@pytest.mark.parametrize("basis", [BSpline(), PiecewiseLinear(), ReLU()], ids=name)
def test_bumps_are_the_same_whether_those_that_are_zero_are_computed_or_not(basis):
    basis = basis.resized(40)
    x = torch.cat([torch.linspace(1.3 * basis.low, 1.3 * basis.high, 211), torch.tensor([1e4, -1e4])]).double()[None]
    derivatives = []
    for at in (basis.features, lambda x: basis.bump(basis._moved(x))):
        x = x.detach().requires_grad_()
        values = at(x)
        (first,) = torch.autograd.grad((values * torch.arange(basis.terms)[:, None, None]).sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), x)
        derivatives.append([t.detach() for t in (values, first, second)])
    for sparse, dense in zip(*derivatives, strict=True):
        assert_close(sparse, dense, atol=1e-9 * float(dense.abs().max()), rtol=1e-9)


def test_bspline_is_zero_outside_the_extended_knots():
    basis = BSpline(intervals=4, order=3)  # spacing 0.5, three knots on each side
    x = torch.tensor([[-2.5001, 2.5001, -1e30, 1e30]], dtype=torch.float64)
    assert (basis.features(x) == 0).all()
    assert (basis.slopes(x, basis.features(x)) == 0).all()
    assert (basis.features(torch.tensor([[-2.4, 2.4]], dtype=torch.float64)).sum(0) > 0).all()


@pytest.mark.parametrize(
    "make", [lambda n: Fourier(frequencies=n), lambda n: BSpline(intervals=n), lambda n: Chebyshev(degree=n)]
)
def test_float32_keeps_its_digits_at_size_300(make):
    x = torch.rand(1, 5000, generator=torch.Generator().manual_seed(3)) * 2 - 1
    basis = make(300)
    exact = basis.features(x.double())
    # 5e-5 is what a value, bounded by one, may lose; a slope is up to 300 times steeper and loses no more of that.
    assert (basis.features(x) - exact).abs().max() < 5e-5
    slopes = basis.slopes(x.double(), exact)
    assert (basis.slopes(x, basis.features(x)) - slopes).abs().max() < 5e-5 * max(300.0, float(slopes.abs().max()))


def test_residual_slopes_are_those_of_the_functions():
    x = torch.linspace(-6, 6, 101, dtype=torch.float64)
    for value, slope in RESIDUALS.values():
        x.requires_grad_()
        (expected,) = torch.autograd.grad(value(x).sum(), x)
        assert_close(slope(x), expected)


def test_mistakes_in_numbers():
    for make, text in [
        (lambda: Fourier(frequencies=0), "frequencies must be at least 1, got 0"),
        (lambda: Chebyshev(degree=-2), "degree must be at least 1, got -2"),
        (lambda: BSpline(order=6), "order must be between 1 and 5, got 6"),
        (lambda: BSpline(low=1.0, high=1.0), "low must be below high, both finite, got low 1.0 and high 1.0"),
    ]:
        with pytest.raises(ValueError, match=text):
            make()


def published(name: str, case: dict) -> tuple[EdgeLayer, dict[str, torch.Tensor]]:
    """A published layer as ours: the layer and its named weights of one seed."""

    def get(key: str, *shape: int) -> torch.Tensor:
        t = torch.tensor(case[key], dtype=torch.float64)
        return t.reshape(shape) if shape else t

    def last(key: str) -> torch.Tensor:  # (n_out, n_in, terms) -> (n_out, terms, n_in)
        return get(key).transpose(1, 2)

    none = torch.zeros(4, dtype=torch.float64)
    match name:
        case "chebyshev_bias" | "legendre_bias":
            basis = (Chebyshev if "chebyshev" in name else Legendre)(degree=5)
            named = {"coef": last("coef"), "bias": get("bias")}
        case "chebyshev_constant_term" | "legendre_constant_term":
            # The constant of every edge adds up to the bias of its node.
            basis = (Chebyshev if "chebyshev" in name else Legendre)(degree=5)
            named = {"coef": last("coef")[:, 1:], "bias": get("coef")[..., 0].sum(1)}
        case "fourier":
            basis = Fourier(frequencies=5)
            named = {"coef": torch.cat([last("coef"), last("coef_sin")], dim=1), "bias": get("bias")}
        case "fourierkan_naive":
            cos, sin = get("coef")
            basis = Fourier(frequencies=cos.shape[-1])
            named = {"coef": torch.cat([cos.transpose(1, 2), sin.transpose(1, 2)], dim=1), "bias": get("bias", 4)}
        case "rbf_gaussian":
            low, high = case["grid_range"]
            basis = RBF(centers=5, low=low, high=high, width=case["std"] / ((high - low) / 4))
            named = {"coef": last("coef"), "bias": get("bias")}
        case "fastkan":
            basis = RBF(centers=8, width=0.5**0.5, residual="silu")
            coef = get("spline_weight", 4, 3, 8).transpose(1, 2)
            named = {"coef": coef, "residual": get("base_weight"), "bias": get("base_bias")}
        case "bspline_residual_scale":
            basis = BSpline(low=case["grid_range"][0], high=case["grid_range"][1])
            named = {"coef": last("coef"), "residual": get("residual_coef"), "scale": get("scale"), "bias": get("bias")}
        case "efficient_kan":
            basis = BSpline()
            named = {
                "coef": last("spline_weight"),
                "residual": get("base_weight"),
                "scale": get("spline_scaler"),
                "bias": none,
            }
        case "piecewise_linear":
            basis = PiecewiseLinear(nodes=9)
            named = {"coef": get("values").permute(1, 2, 0), "bias": none}
        case "sine":
            basis = Sine(degree=5)
            inner = {"frequency": get("omega"), "phase": get("phase")}
            named = {"coef": last("coef"), "bias": get("bias"), **inner}
        case "mlp_edge":  # W1[in, out, hidden, feature]; the edges' output biases add up to the node's
            basis = MLPEdge(hidden=8)
            inner = {"inner": get("W1").permute(2, 3, 1, 0), "inner_bias": get("B1").permute(2, 1, 0)}
            named = {"coef": get("W2")[:, :, 0].permute(1, 2, 0), "bias": get("B2")[..., 0].sum(0), **inner}
        case _:
            raise KeyError(name)
    return EdgeLayer(basis, 3, 4), {k: v[None] for k, v in named.items()}


PUBLISHED = {
    **dict.fromkeys(["chebyshev_bias", "chebyshev_constant_term", "legendre_bias", "legendre_constant_term"], 1e-10),
    **dict.fromkeys(
        [
            "fourier",
            "fourierkan_naive",
            "rbf_gaussian",
            "fastkan",
            "sine",
            "mlp_edge",
            "efficient_kan",
            "piecewise_linear",
        ],
        1e-10,
    ),
    "bspline_residual_scale": 2e-7,  # jaxKAN's spline grid is float32
}


def test_every_published_layer_is_compared(layers):
    assert set(layers["cases"]) == set(PUBLISHED)


@pytest.mark.parametrize(("case", "tolerance"), PUBLISHED.items())
def test_published_outputs_and_slopes(layers, case, tolerance):
    layer, named = published(case, layers["cases"][case])
    network = Network([layer])
    theta = network.flatten({f"layers.0.{k}": v for k, v in named.items()})
    x = torch.tensor(layers["x"], dtype=torch.float64).T[None].requires_grad_()
    y = network(theta, x)
    expected = torch.tensor(layers["cases"][case]["y"], dtype=torch.float64).T[None]
    assert_close(y, expected, rtol=0, atol=tolerance)
    (grad,) = torch.autograd.grad(y.sum(), x)
    slope = torch.tensor(layers["cases"][case]["grad_x_of_sum_y"], dtype=torch.float64).T[None]
    assert_close(grad, slope, rtol=0, atol=10 * tolerance)
