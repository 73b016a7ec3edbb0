import math

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.components import BASES, name
from helpers.own_layers import Waves

from kanexp.init.default import Default
from kanexp.init.smooth import Smooth
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.layer.fourier import Fourier
from kanexp.layer.mlp_edge import MLPEdge
from kanexp.layer.sine import Sine
from kanexp.layer.wavelet import Wavelet
from kanexp.measure import tables
from kanexp.measure.held_out import in_own_units
from kanexp.measure.pairs import pairs
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.kan import KAN
from kanexp.model.network import Network
from kanexp.model.pair_kan import PairKAN
from kanexp.seeding import generator
from kanexp.task.base import Data, Scene, Split, location
from kanexp.task.function import Function
from kanexp.task.tabular import Tabular

X = 2 * torch.rand((2, 300), generator=generator(0, "check"), dtype=torch.float64) - 1

PLAIN = Data(*(3 * [Split(X, X)]))


def states(basis, seeds=2, widths=(2, 3, 1)):
    network = KAN().network(widths, basis)
    thetas = [network.start(Default(), [generator(s + k, "init") for s in range(seeds)], torch.float64) for k in (0, 9)]
    return network, {"before": (network, thetas[0]), "after": (network, thetas[1])}


def test_power_of_a_fourier_layer_is_that_of_its_coefficients():
    network, both = states(Fourier(frequencies=6))
    table = tables.spectra(both, X, [3, 7])
    cos, sin = network.unflatten(both["after"][1])["layers.0.coef"].split(6, dim=2)
    expected = ((cos**2 + sin**2) / 2).mean(dim=(1, 3))[1]
    here = table.query("state == 'after' and seed == 7 and layer == 0")
    assert here["frequency"].tolist() == list(range(1, 7))
    np.testing.assert_allclose(here["power"], expected, rtol=1e-10)


def test_power_of_periodic_functions_without_orders_is_sampled_as_of_others():
    """Nobody says how fast they vary, so no grid over the period is known to be fine enough."""
    silent = type("Silent", (Waves,), {"orders": None})
    _, both = states(silent(frequencies=6))
    table = tables.spectra(both, X, [0, 1])
    assert len(table["frequency"].unique()) == tables.SPECTRUM_POINTS // 8 - 1


def test_power_of_other_layers_is_that_of_the_sampled_functions():
    """Against the FFT of every edge function, sampled, detrended and tapered one by one."""
    network, both = states(BSpline(intervals=9))
    table = tables.spectra(both, X, [0, 1])
    points = torch.linspace(-1, 1, tables.SPECTRUM_POINTS, dtype=torch.float64)
    w = network.weights(both["before"][1])[1]
    phi = torch.einsum(
        "soti,tp->soip", network.layers[1].edge_weights(w), network.layers[1].features(points[None, None])[0, :, 0]
    )
    line = np.polynomial.Polynomial.fit
    power = 0.0
    for values in phi[1].flatten(0, 1).numpy():
        window = torch.hann_window(tables.SPECTRUM_POINTS, dtype=torch.float64).numpy()
        flat = (values - line(points.numpy(), values, 1)(points.numpy())) * window / window.mean()
        power = power + 2 * np.abs(np.fft.rfft(flat, norm="forward")) ** 2 / 3
    here = table.query("state == 'before' and seed == 1 and layer == 1")
    np.testing.assert_allclose(here["power"], power[1 : len(here) + 1], rtol=1e-6, atol=1e-14)


def test_a_smooth_start_has_a_steeper_spectrum():
    network = KAN().network([2, 40, 1], Fourier(frequencies=20))
    thetas = {
        s: (network, network.start(init, [generator(0, "init")], torch.float64))
        for s, init in (("before", Default()), ("after", Smooth()))
    }
    table = tables.spectra(thetas, X, [0]).query("layer == 0")
    slopes = {s: np.polyfit(np.log(t["frequency"]), np.log(t["power"]), 1)[0] for s, t in table.groupby("state")}
    assert slopes["before"] == pytest.approx(0, abs=0.3)
    assert slopes["after"] == pytest.approx(-4, abs=0.3)


def test_signal_of_a_known_layer():
    """y = sin(x1) + sin(x2) on half of whose inputs a spline's domain ends."""
    network = Network([EdgeLayer(Fourier(frequencies=1), 2, 1)])
    theta = network.flatten(
        {
            "layers.0.coef": torch.tensor([[[[0.0, 0.0], [1.0, 1.0]]]]).double(),
            "layers.0.bias": torch.full((1, 1), 5.0).double(),
        }
    )
    (row,) = tables.signal({"before": (network, theta)}, X, [4]).to_dict("records")
    assert (row["state"], row["seed"], row["layer"]) == ("before", 4, 0)
    y, slope = 5 + X.sin().sum(0), X.cos().sum(0)
    assert row["mean"] == pytest.approx(y.mean().item())
    assert row["std"] == pytest.approx(y.std(correction=0).item())
    assert row["slope_mean"] == pytest.approx(slope.mean().item())
    assert row["slope_std"] == pytest.approx(slope.std(correction=0).item())
    assert math.isnan(row["outside"])


def test_signals_in_parts_equal_the_whole(monkeypatch):
    whole = tables.signal(states(BSpline())[1], X, [0, 1])
    monkeypatch.setattr(tables, "PART", 100)
    pd.testing.assert_frame_equal(tables.signal(states(BSpline())[1], X, [0, 1]), whole, rtol=1e-12)


def test_share_of_inputs_outside_the_domain():
    _, both = states(BSpline(low=-0.5, high=0.5))
    table = tables.signal(both, X, [0, 1]).query("layer == 0")
    assert table["outside"].unique().tolist() == [pytest.approx((X.abs() > 0.5).double().mean().item())]


@pytest.mark.parametrize("basis", [Chebyshev(residual="silu", scale=True), Sine(), MLPEdge(hidden=4), Wavelet()])
def test_edge_functions_add_up_to_the_output(basis):
    network, both = states(basis, widths=(2, 3))
    table = tables.edges(both, X, row=1).query("state == 'after'")
    at = table["x"].unique()
    summed = table.groupby(["output", "x"])["y"].sum().unstack("output").to_numpy()
    points = torch.from_numpy(at).expand(2, -1)[None]
    bias = network.unflatten(both["after"][1])["layers.0.bias"][1]
    expected = (network(both["after"][1], points)[1] - bias[:, None]).T
    np.testing.assert_allclose(summed, expected, rtol=1e-10, atol=1e-12)
    assert (at.min(), at.max()) == (pytest.approx(X.min().item()), pytest.approx(X.max().item()))


def test_edge_functions_are_looked_at_where_their_inputs_are():
    network, both = states(Chebyshev())
    table = tables.edges(both, X, row=1)
    for state, (_, theta) in both.items():
        for layer, (values,) in enumerate(network.inputs(theta[1:], X[None])[:2]):
            at = table[(table["state"] == state) & (table["layer"] == layer)]["x"]
            assert (at.min(), at.max()) == (pytest.approx(values.min().item()), pytest.approx(values.max().item()))


@pytest.mark.parametrize("basis", BASES, ids=name)
def test_everything_is_measured_in_single_precision_too(basis):
    _, both = states(basis)
    single = {state: (network, theta.float()) for state, (network, theta) in both.items()}
    for precise, table in (
        (tables.spectra(both, X, [0, 1]), tables.spectra(single, X.float(), [0, 1])),
        (tables.signal(both, X, [0, 1]), tables.signal(single, X.float(), [0, 1])),
        (tables.edges(both, X, 0), tables.edges(single, X.float(), 0)),
    ):
        assert list(table) == list(precise)
        assert len(table)
        value = {"power", "std", "y"}.intersection(table).pop()
        np.testing.assert_allclose(table[value], precise[value], rtol=1e-2, atol=1e-4 * precise[value].abs().max())


@pytest.mark.parametrize(("width", "first", "second"), [(2, 0, 1), (3, 2, 0)])
def test_functions_of_two_inputs_are_what_the_network_sums(width, first, second):
    """Of three inputs the last goes with the first; what the other pair adds does not change with the last."""
    network = PairKAN(rows=4).network([width, 2], Chebyshev())
    theta = network.start(Default(), [generator(0, "init")], torch.float64)
    x = torch.rand((width, 50), generator=generator(1, "check"), dtype=torch.float64)
    x = x * torch.tensor([3.0, 1.0, 2.0])[:width, None]
    table = pairs(network, theta, x)
    table = table[table["pair"] == table["pair"].max()]
    assert table[["first", "second"]].drop_duplicates().to_numpy().tolist() == [[first, second]]
    for side in ("a", "b"):
        assert (table[side].min(), table[side].max()) == (x.min().item(), x.max().item())
    for output, rows in table.groupby("output"):
        at = torch.zeros(1, width, len(rows), dtype=torch.float64)
        at[0, first], at[0, second] = (torch.tensor(rows[name].to_numpy()) for name in ("a", "b"))
        answers = network(theta, at)[0, output].numpy().reshape(25, 25)
        y = rows["y"].to_numpy().reshape(25, 25) / math.sqrt(width - 1)
        np.testing.assert_allclose(np.diff(y, axis=0), np.diff(answers, axis=0), rtol=1e-9, atol=1e-12)
        if width == 2:
            np.testing.assert_allclose(y, answers, rtol=1e-12, atol=1e-12)


def test_the_table_of_functions_of_two_inputs_is_empty_where_they_are_many():
    network = PairKAN().network([2, 129], Chebyshev())
    theta = network.start(Default(), [generator(0, "init")], torch.float64)
    assert not len(pairs(network, theta, X))
    one = KAN().network([2, 3], Chebyshev())
    with pytest.raises(ValueError, match="must be one of functions of two inputs, got a wiring Row"):
        pairs(one, one.start(Default(), [generator(0, "init")], torch.float64), X)


def test_large_networks_have_no_table_of_edges():
    _, both = states(Chebyshev(), widths=(2, 300, 1))
    assert tables.edges(both, X, row=0).empty


def test_predictions():
    network, both = states(Chebyshev(), widths=(2, 3, 2))
    scene = Scene("picture", X[:, :6], X[:, :6].flip(0), (2, 3))
    table = tables.predictions(both, scene, row=1, data=PLAIN)
    assert list(table) == ["x1", "x2", "channel", "target", "before", "after"]
    second = table[table["channel"] == 1]
    np.testing.assert_array_equal(second["target"], X[0, :6])
    np.testing.assert_allclose(second["after"], network(both["after"][1], X[None, :, :6])[1, 1])


def own_scores(y, offset, scale, off):
    """A table's scores of answers that are off by so many standard deviations, for targets y (rows,)."""
    data = Data(*(3 * [Split(X, ((y - offset) / scale)[None])]), offset, scale)
    answers = (data.test.y + off)[None].float()  # as a network gives them
    task = Tabular(dataset="diabetes")
    return in_own_units(task, task.metrics, data, answers, data.test.y[None].float())


@pytest.mark.parametrize("b", [0.0, 1.0, -2.46e6, 1e9])
@pytest.mark.parametrize("a", [1e-200, 1.6e-25, 1e-3, 1.0, -1e6, 1e26, 1e200])
def test_scores_know_no_units(a, b, rng):
    y, off = torch.from_numpy(rng.normal(size=300)), torch.from_numpy(0.3 * rng.normal(size=300))
    usual = own_scores(y, float(y.mean()), float(y.std(correction=0)), off)
    offset, scale = location(a * y)
    got = own_scores(a * y + abs(a) * b, offset + abs(a) * b, scale, off * math.copysign(1, a))
    assert float(got["r2"]) == pytest.approx(float(usual["r2"]), abs=1e-6)
    for error in ("rmse", "mae"):
        assert float(got[error]) == pytest.approx(abs(a) * float(usual[error]), rel=1e-5)
    if abs(math.log10(abs(a))) < 100:
        assert float(got["mse"]) == pytest.approx(a**2 * float(usual["mse"]), rel=1e-5)
    else:  # no number of float64 is so large or small
        assert "mse" not in got


def test_a_relative_error_is_over_the_target_itself_and_not_what_is_left_without_its_mean():
    task = Function(expression="1000+x1", low=[0.0], high=[1.0], scale=True)
    data = task.load(generator(0, "data"))
    target = data.test.y[None]
    got = in_own_units(task, task.metrics, data, target + 1.0 / data.scale, target)
    assert float(got["relative_l2"]) == pytest.approx(1 / 1000.5, rel=1e-3)
    assert float(got["max"]) == pytest.approx(1.0)


def test_predictions_and_regions_are_in_own_units():
    task = Function(expression="1e6+x1", low=[2.0], high=[4.0], scale=True)
    data = task.load(generator(0, "data"))
    _, both = states(Chebyshev(), widths=(1, 2, 1))
    table = tables.predictions(both, task.scene(data), row=0, data=data)
    assert (table["x1"].min(), table["x1"].max()) == (2.0, 4.0)
    np.testing.assert_allclose(table["target"], 1e6 + table["x1"])
    network, theta = both["after"]
    answers = network(theta[:1], task.scene(data).x[None])[0, 0]
    np.testing.assert_allclose(table["after"], answers * data.scale + data.offset)
    moons = Tabular(dataset="two_moons")
    data = moons.load(generator(0, "data"))
    _, both = states(Chebyshev(), widths=(2, 3, 2))
    table = tables.regions(both, moons.scene(data), row=0, data=data)
    samples = table[table["state"] == "sample"][["x1", "x2"]].to_numpy().T
    np.testing.assert_allclose(samples, data.encoding.features(data.test.x))
    assert samples[0].max() > 1.5  # and not standardized
