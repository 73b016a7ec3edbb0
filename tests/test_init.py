import json
import math

import numpy as np
import pytest
import torch
from components import BASES, INITS, name
from conftest import REFERENCE

from kanexp.init.base import uniform_quadrature
from kanexp.init.default import Default
from kanexp.init.glorot import Glorot
from kanexp.init.smooth import Smooth
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.layer.fourier import Fourier
from kanexp.model.network import EdgeLayer
from kanexp.seeding import generator
from kanexp.testing import check_init


@pytest.mark.parametrize("basis", BASES, ids=name)
@pytest.mark.parametrize("init", INITS, ids=name)
def test_battery(init, basis):
    check_init(init, basis)


STDS = json.loads((REFERENCE / "init_std.json").read_text())


@pytest.mark.parametrize("scheme", ["default", "glorot"])
@pytest.mark.parametrize("layer", ["chebyshev", "bspline"])
def test_standard_deviations_are_jaxkans(layer, scheme):
    basis = {"chebyshev": Chebyshev(), "bspline": BSpline(scale=False)}[layer]
    init = {"default": Default(), "glorot": Glorot()}[scheme]
    edges = EdgeLayer(basis, STDS["n_in"], STDS["n_out"]).edges()
    # Many draws of ours, so that the only sampling error is theirs: 1 % a term, 0.5 % over all; three times that.
    starts = [init.start(edges, generator(seed, "init")) for seed in range(40)]
    coef = torch.stack([start.coef for start in starts])
    expected = STDS["std"][layer][scheme]
    np.testing.assert_allclose(coef.std(dim=(0, 1, 3)), expected["std_per_term"], rtol=0.03)
    np.testing.assert_allclose(coef.std(), expected["std_all"], rtol=0.015)
    if "std_residual" in expected:
        residual = torch.stack([start.residual for start in starts])
        np.testing.assert_allclose(residual.std(), expected["std_residual"], rtol=0.03)


def test_quadrature_is_exact():
    points, weights = uniform_quadrature(-1.0, 2.0)
    for degree in range(8):
        exact = (2 ** (degree + 1) - (-1) ** (degree + 1)) / (degree + 1) / 3
        assert (points**degree @ weights).item() == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize(("init", "slope"), [(Default(), 69.7), (Smooth(), 1.28)])
def test_fourier_start_has_its_known_variance_and_slope(init, slope):
    """A default start has output variance 1 and slope sqrt(sum k^2 / G); smooth has sum k^-4 and sqrt(sum k^-2)."""
    layer = EdgeLayer(Fourier(frequencies=120), 10, 200)
    edges = layer.edges()
    coef = init.start(edges, generator(0, "init")).coef
    x = math.pi * (2 * torch.rand((10, 200), generator=generator(0, "check"), dtype=torch.float64) - 1)
    features = layer.features(x[None])[0]
    output = torch.einsum("oti,tib->ob", coef, features)
    slopes = torch.einsum("oti,tib->ob", coef, layer.slopes(x[None], features[None])[0])
    variance = 1.0 if isinstance(init, Default) else 1.082
    assert output.var().item() == pytest.approx(variance, rel=0.1)
    assert slopes.std().item() == pytest.approx(slope, rel=0.05)


def test_smooth_means_the_same_on_a_local_basis():
    """B-splines fitted to smooth functions: neighbouring coefficients are close, unlike those of the default start."""
    layer = EdgeLayer(BSpline(intervals=40), 5, 200)
    rough, smooth = (i.start(layer.edges(), generator(0, "init")).coef for i in (Default(), Smooth()))
    jumps = [float(c.diff(dim=1).std() / c.std()) for c in (rough, smooth)]
    assert jumps[0] == pytest.approx(math.sqrt(2), rel=0.05)
    assert jumps[1] < 0.2
    x = torch.linspace(-1, 1, 500, dtype=torch.float64)[None]
    values = torch.einsum("oti,tp->oip", smooth, layer.basis.features(x)[:, 0])
    # Each edge starts as sum_k (a_k cos + b_k sin) / k^2 with variance 1/n_in each: sum k^-4 / n_in in all.
    assert values.square().mean().item() == pytest.approx(1.08 / 5, rel=0.15)


def test_equal_shaped_layers_start_different():
    from kanexp.model.kan import KAN

    network = KAN().network([3, 3, 3], Chebyshev())
    named = network.unflatten(network.start(Default(), [generator(0, "init")], torch.float64))
    assert not torch.equal(named["layers.0.coef"], named["layers.1.coef"])
