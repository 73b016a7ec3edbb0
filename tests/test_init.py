import json
import math

import numpy as np
import pytest
import torch
from conftest import REFERENCE
from helpers.components import BASES, INITS, name
from helpers.own_layers import Gaussians

from kanexp.init.base import Fitted, normal_quadrature, uniform_quadrature
from kanexp.init.constant import Constant
from kanexp.init.custom import Custom
from kanexp.init.default import Default
from kanexp.init.efficient import Efficient
from kanexp.init.glorot import Glorot
from kanexp.init.glorot_fine import GlorotFine
from kanexp.init.lecun import LeCun
from kanexp.init.lecun_norm import LeCunNorm
from kanexp.init.power import Power
from kanexp.init.pykan import Pykan
from kanexp.init.pykan_v0 import PykanV0
from kanexp.init.smooth import Smooth
from kanexp.init.xavier import Xavier
from kanexp.layer.bernstein import Bernstein
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.layer.fourier import Fourier
from kanexp.layer.legendre import Legendre
from kanexp.layer.mlp_edge import MLPEdge
from kanexp.layer.rbf import RBF
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.kan import KAN
from kanexp.model.pair_kan import PairKAN
from kanexp.seeding import generator
from kanexp.testing import check_init


@pytest.mark.parametrize("basis", BASES, ids=name)
@pytest.mark.parametrize("init", INITS, ids=name)
def test_battery(init, basis):
    if basis.terms < 2 and (isinstance(init, Fitted) or (isinstance(init, Smooth) and basis.orders is None)):
        # The pairs without meaning, which are config errors.
        assert init.conflict(basis.orders, basis.terms).startswith("one function per edge")
    else:
        assert init.conflict(basis.orders, basis.terms) == ""
        check_init(init, basis)


@pytest.mark.parametrize("init", [Glorot(), GlorotFine(), Xavier()], ids=name)
def test_the_rows_of_a_function_count_as_one_output(init):
    """A layer whose outputs are the rows of functions of two inputs starts as one with as many outputs as functions."""
    rows = PairKAN(rows=4, order=2).network([2, 6], Chebyshev()).layers[0]
    assert (rows.n_out, rows.fan_out) == (36, 6)

    def std(layer):  # of each term
        edges = layer.edges()
        return (init.coef(edges, generator(0, "init")) / edges.normal(generator(0, "init")))[0, :, 0]

    assert torch.allclose(std(rows), std(EdgeLayer(Chebyshev(), 1, 6)), rtol=1e-12)
    assert (std(rows) > std(EdgeLayer(Chebyshev(), 1, 36))).all()


STDS = json.loads((REFERENCE / "init_std.json").read_text())


@pytest.mark.parametrize("scheme", ["default", "lecun", "glorot", "glorot_fine", "power"])
@pytest.mark.parametrize("layer", ["chebyshev", "legendre", "rbf", "bspline"])
def test_standard_deviations_are_jaxkans(layer, scheme):
    bases = {"chebyshev": Chebyshev(), "legendre": Legendre(), "rbf": RBF(), "bspline": BSpline(scale=False)}
    inits = {"default": Default(), "lecun": LeCun(), "glorot": Glorot(), "glorot_fine": GlorotFine(), "power": Power()}
    basis, init = bases[layer], inits[scheme]
    edges = EdgeLayer(basis, STDS["n_in"], STDS["n_out"]).edges()
    # Many draws of ours, so that the only sampling error is theirs: 1 % a term, 0.5 % over all; three times that.
    starts = [init.start(edges, generator(seed, "init")) for seed in range(40)]
    coef = torch.stack([start.coef for start in starts])
    expected = STDS["std"][layer][scheme]
    # jaxKAN samples its moments at 10,000 points. That is another 1.9 % for glorot_fine's outermost B-spline, whose
    # squared slope lives on a twentieth of them: sqrt(E[B'^4] / E[B'^2]^2 / 10,000) / 2.
    fine = scheme == "glorot_fine"
    ours = coef.std(dim=(0, 1, 3)).numpy() * shared_error(layer, scheme)
    np.testing.assert_allclose(ours, expected["std_per_term"], rtol=0.05 if fine else 0.03)
    np.testing.assert_allclose(coef.std(), expected["std_all"], rtol=0.025 if fine else 0.015)
    if "std_residual" in expected:
        residual = torch.stack([start.residual for start in starts])
        np.testing.assert_allclose(residual.std(), expected["std_residual"], rtol=0.03)


def shared_error(layer, scheme):
    """jaxKAN scales the same normal draws in every scheme; power, whose deviations are known, tells their error."""
    if scheme == "default" and layer != "bspline":
        return 1.0  # drawn from a truncated normal instead
    drawn = np.array(STDS["std"][layer]["power"]["std_per_term"])
    terms = len(drawn) + (layer == "bspline")
    return drawn * (STDS["n_in"] * terms) ** 1.75


def test_quadrature_is_exact():
    points, weights = uniform_quadrature(-1.0, 2.0)
    for degree in range(8):
        exact = (2 ** (degree + 1) - (-1) ** (degree + 1)) / (degree + 1) / 3
        assert (points**degree @ weights).item() == pytest.approx(exact, rel=1e-13)


def test_normal_quadrature_has_the_moments_of_the_normal_distribution():
    points, weights = normal_quadrature()
    for degree, moment in [(0, 1), (1, 0), (2, 1), (3, 0), (4, 3), (6, 15), (8, 105)]:
        assert (points**degree @ weights).item() == pytest.approx(moment, abs=1e-9)


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


def test_a_users_local_basis_is_fitted_as_ours_are():
    """Taken for frequencies, its bumps would start the smaller the further to the right they lie."""
    edges = EdgeLayer(Gaussians(centers=12), 5, 200).edges()
    coef = Smooth().start(edges, generator(0, "init")).coef
    x = torch.linspace(-1, 1, 500, dtype=torch.float64)[None]
    values = torch.einsum("oti,tp->oip", coef, Gaussians(centers=12).features(x)[:, 0])
    assert values.square().mean().item() == pytest.approx(1.08 / 5, rel=0.15)
    left, right = (half.square().mean().item() for half in values.chunk(2, dim=-1))
    assert left == pytest.approx(right, rel=0.15)
    alone = Gaussians(centers=1)
    assert Smooth().conflict(alone.orders, alone.terms).startswith("one function per edge has no frequencies to smooth")


def test_equal_shaped_layers_start_different():
    network = KAN().network([3, 3, 3], Chebyshev())
    named = network.unflatten(network.start(Default(), [generator(0, "init")], torch.float64))
    assert not torch.equal(named["layers.0.coef"], named["layers.1.coef"])


def test_pykan_v0_can_start_exactly_linear_and_exactly_degenerate(randn):
    """pykan's tutorial: no noise and an identity residual make every edge linear; equal residuals make nodes alike."""
    network = KAN().network([2, 5, 1], BSpline(residual="identity"))
    linear = PykanV0(noise_scale=0.0, noise_scale_base=0.0)
    theta = network.start(linear, [generator(0, "init")], torch.float64)
    x = randn(1, 2, 50)
    hidden = network.inputs(theta, x)[1]
    torch.testing.assert_close(hidden, x.sum(1, keepdim=True).expand(1, 5, 50) / 2**0.5)
    broken = network.start(PykanV0(noise_scale=0.0, noise_scale_base=1.0), [generator(0, "init")], torch.float64)
    assert network.inputs(broken, x)[1].std(dim=1).mean() > 0.1


@pytest.mark.parametrize("cls", [Efficient, Constant, Pykan])
def test_fitted_starts_take_their_values_at_the_grid_points(cls):
    basis = BSpline(intervals=6, low=-2.0, high=1.0)
    edges = EdgeLayer(basis, 3, 400).edges()
    start = cls(noise_scale=0.5).start(edges, generator(0, "init"))
    points = torch.linspace(-2, 1, 7, dtype=torch.float64)
    values = torch.einsum("oti,tp->opi", start.coef, basis.features(points[None])[:, 0])
    assert values.abs().max() <= 0.25 / 6 + 1e-12  # U(+-1/2) 0.5 / 6 intervals
    assert values.std().item() == pytest.approx(0.5 / 6 / 12**0.5, rel=0.03)
    assert abs(values.mean().item()) < 1e-3


def test_nearly_dependent_functions_do_not_explode_a_fitted_start():
    network = KAN().network([2, 10, 10, 1], MLPEdge())
    for init in (Smooth(), Pykan(), Efficient()):
        theta = network.start(init, [generator(0, "init")], torch.float64)
        x = torch.rand(1, 2, 200, generator=generator(0, "check"), dtype=torch.float64) * 2 - 1
        assert all(values.abs().max() < 20 for values in network.inputs(theta, x)), init


def test_constant_and_efficient_scales():
    edges = EdgeLayer(BSpline(), 4, 300).edges()
    constant = Constant(value=0.7).start(edges, generator(0, "init"))
    assert (constant.scale == 0.7).all()
    assert (constant.residual == 0.7).all()
    efficient = Efficient(gain=2.0).start(edges, generator(0, "init"))
    for drawn in (efficient.scale, efficient.residual):
        assert drawn.abs().max() <= 1.0  # gain / sqrt(4)
        assert drawn.std().item() == pytest.approx(1 / 3**0.5, rel=0.05)


def test_lecun_norm_starts_with_centred_outputs_of_equal_size():
    basis = Bernstein()  # positive functions: without the bias outputs are far from centred
    edges = EdgeLayer(basis, 50, 2000).edges()
    start = LeCunNorm().start(edges, generator(0, "init"))
    x = 2 * torch.rand((50, 200), generator=generator(0, "check"), dtype=torch.float64) - 1
    y = torch.einsum("oti,tib->ob", start.coef, basis.features(x)) + start.bias[:, None]
    assert y.mean(dim=1).abs().mean() < 0.1
    each = start.coef.std(dim=(0, 2))
    moments = edges.moments("uniform")
    deviations = each * (moments.value - moments.mean**2).sqrt()
    torch.testing.assert_close(deviations, deviations.mean().expand(6), rtol=0.05, atol=0)


def test_starts_from_a_file(tmp_path):
    network = KAN().network([2, 3, 1], Chebyshev(residual="silu"))
    theta = network.start(Default(), [generator(0, "init")], torch.float64)
    named = {k: v[0].numpy() for k, v in network.unflatten(theta).items()}
    np.savez(tmp_path / "start.npz", **named)
    again = network.start(Custom(path=str(tmp_path / "start.npz")), [generator(7, "init")], torch.float64)
    assert torch.equal(again, theta)

    np.savez(tmp_path / "part.npz", **{"layers.0.coef": named["layers.0.coef"]})
    with pytest.raises(ValueError, match=r"has no array layers\.1\.coef"):
        network.start(Custom(path=str(tmp_path / "part.npz")), [generator(0, "init")], torch.float64)
    np.savez(tmp_path / "wrong.npz", **{"layers.0.coef": np.zeros((3, 4, 2))})
    with pytest.raises(ValueError, match=r"must have shape \(3, 5, 2\), got \(3, 4, 2\)"):
        network.start(Custom(path=str(tmp_path / "wrong.npz")), [generator(0, "init")], torch.float64)
    with pytest.raises(ValueError, match=r"path must name an \.npz file of start weights, got 'nowhere'"):
        Custom(path="nowhere")
    (tmp_path / "text.npz").write_text("no arrays")
    with pytest.raises(ValueError, match="cannot read"):
        Custom(path=str(tmp_path / "text.npz"))
