import numpy as np
import pytest
import torch
from components import ACTIVATION_BASES, BASES, name
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import chebyshev
from scipy.interpolate import BSpline as ScipyBSpline
from torch.testing import assert_close

from kanexp.layer.base import RESIDUALS, Basis
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.layer.fourier import Fourier
from kanexp.model.network import EdgeLayer, Network
from kanexp.testing import check_basis


@pytest.mark.parametrize("basis", BASES + ACTIVATION_BASES, ids=name)
def test_battery(basis):
    check_basis(basis)


@pytest.mark.parametrize("basis", BASES, ids=name)
def test_slopes_equal_automatic_differentiation(basis):
    x = 2 * torch.randn(3, 4, 20, dtype=torch.float64)
    expected = Basis.slopes(basis, x, basis.features(x))
    assert_close(basis.slopes(x, basis.features(x)), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("degree", [1, 2, 7, 20])
def test_chebyshev_is_numpys(degree):
    x = torch.randn(1, 200, dtype=torch.float64)
    expected = chebyshev.chebvander(np.tanh(x[0].numpy()), degree)[:, 1:].T
    assert_close(Chebyshev(degree=degree).features(x)[:, 0], torch.from_numpy(expected), rtol=0, atol=1e-13)


@pytest.mark.parametrize("frequencies", [1, 2, 3, 5, 8, 31])
def test_fourier_is_cos_and_sin(frequencies):
    x = 5 * torch.randn(1, 200, dtype=torch.float64)
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


def published(case: dict) -> tuple[EdgeLayer, dict[str, torch.Tensor]]:
    """A published layer as ours: the layer and its named weights with one seed."""

    def tensor(key: str) -> torch.Tensor:
        return torch.tensor(case[key], dtype=torch.float64)

    if "coef_sin" in case:  # cosines and sines apart
        coef = torch.cat([tensor("coef").transpose(1, 2), tensor("coef_sin").transpose(1, 2)], dim=1)
        basis = Fourier(frequencies=case["frequencies"])
    elif "degree" in case:
        coef, basis = tensor("coef").transpose(1, 2), Chebyshev(degree=case["degree"])
    elif "spline_scaler" in case:
        coef, basis = tensor("spline_weight").transpose(1, 2), BSpline(order=case["order"], intervals=case["intervals"])
        named = {
            "coef": coef,
            "residual": tensor("base_weight"),
            "scale": tensor("spline_scaler"),
            "bias": torch.zeros(4),
        }
        return EdgeLayer(basis, 3, 4), {k: v.double()[None] for k, v in named.items()}
    elif "order" in case:
        low, high = case["grid_range"]
        basis = BSpline(order=case["order"], intervals=case["intervals"], low=low, high=high)
        coef = tensor("coef").transpose(1, 2)
    else:  # FourierKAN: coef[0] cosines, coef[1] sines
        both = tensor("coef")
        coef = torch.cat([both[0].transpose(1, 2), both[1].transpose(1, 2)], dim=1)
        basis = Fourier(frequencies=both.shape[-1])
    named = {"coef": coef, "bias": tensor("bias").reshape(4)}
    if "residual_coef" in case:
        named |= {"residual": tensor("residual_coef"), "scale": tensor("scale")}
    return EdgeLayer(basis, 3, 4), {k: v[None] for k, v in named.items()}


@pytest.mark.parametrize(
    ("case", "tolerance"),
    # jaxKAN's spline grid is float32, hence its tolerance.
    [
        ("chebyshev_bias", 1e-10),
        ("fourier", 1e-10),
        ("fourierkan_naive", 1e-10),
        ("efficient_kan", 1e-10),
        ("bspline_residual_scale", 2e-7),
    ],
)
def test_published_outputs_and_slopes(layers, case, tolerance):
    layer, named = published(layers["cases"][case])
    network = Network([layer])
    theta = network.flatten({f"layers.0.{k}": v for k, v in named.items()})
    x = torch.tensor(layers["x"], dtype=torch.float64).T[None].requires_grad_()
    y = network(theta, x)
    expected = torch.tensor(layers["cases"][case]["y"], dtype=torch.float64).T[None]
    assert_close(y, expected, rtol=0, atol=tolerance)
    (grad,) = torch.autograd.grad(y.sum(), x)
    slope = torch.tensor(layers["cases"][case]["grad_x_of_sum_y"], dtype=torch.float64).T[None]
    assert_close(grad, slope, rtol=0, atol=10 * tolerance)
