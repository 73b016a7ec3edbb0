from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.training import experiment, train_with_tables

from kanexp import console
from kanexp.figure import layer_figures, run_figures
from kanexp.init.default import Default
from kanexp.init.smooth import Smooth
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.layer.fourier import Fourier
from kanexp.measure import layer_log, tables
from kanexp.model.kan import KAN
from kanexp.model.vit import Transformer
from kanexp.run import diagnose
from kanexp.seeding import generator
from kanexp.task.base import Data, Split


def started(layer, init, seeds=3, widths=(2, 4, 1)):
    network = KAN().network(widths, layer)
    return network, network.start(init, [generator(seed, "init") for seed in range(seeds)], torch.float64)


def data_of(e):
    loaded = e.task.load(generator(0, "data"))
    return Data(*(Split(s.x, s.y) for s in (loaded.train, loaded.val, loaded.test)))


def test_looks_become_rarer():
    assert [step for step in range(2500) if layer_log.due(step)] == [
        0,
        1,
        2,
        5,
        10,
        20,
        50,
        100,
        200,
        500,
        1000,
        2000,
    ]


def test_exponent_of_a_power_law():
    frequencies = np.arange(1, 40)
    draws = generator(0, "check")
    beta = 1 + 3 * torch.rand(5, generator=draws, dtype=torch.float64)
    height = torch.rand((5, 1), generator=draws, dtype=torch.float64)
    powers = height * torch.from_numpy(frequencies)[None] ** -beta[:, None]
    powers[:, 10] = 0.0  # a frequency that is absent says nothing about the decay of the others
    torch.testing.assert_close(layer_log.exponents(frequencies, powers), beta)
    scattered = powers * torch.rand(powers.shape, generator=draws, dtype=torch.float64)
    for row, found in zip(scattered, layer_log.exponents(frequencies, scattered), strict=True):
        seen = row > 1e-8 * row.max()
        slope = np.polyfit(np.log(frequencies[seen]), row[seen].log(), 1)[0]
        assert found.item() == pytest.approx(-slope)


def test_a_straight_line_has_no_exponent():
    powers = torch.tensor([[1e-30, 1e-31, 1e-33], [1.0, 0.0, 0.0]])
    assert layer_log.exponents(np.arange(1, 4), powers).isnan().all()


def test_gradient_norms_are_those_of_each_layers_own_weights():
    network, theta = started(Chebyshev(residual="silu", scale=True), Default())
    grad = torch.randn(theta.shape, generator=generator(0, "check"), dtype=torch.float64)
    norms = torch.stack(layer_log.gradient_norms(network, grad))
    torch.testing.assert_close(norms.square().sum(0), grad.square().sum(1))
    first = sum(
        part.flatten(1).square().sum(1) for n, part in network.unflatten(grad).items() if n.startswith("layers.0")
    )
    torch.testing.assert_close(norms[0], first.sqrt())


@pytest.mark.parametrize("layer", [Fourier(), BSpline()])
def test_training_writes_what_the_layers_do(layer):
    e = experiment(layer=layer, steps=30, seeds=3, diagnostics=True)
    network, start = started(layer, Default())
    named = {name: w.clone() for name, w in network.unflatten(start).items()}
    for name, weight in named.items():
        if name.startswith("layers.0.") and name != "layers.0.bias":
            weight[1, 2] = 0.0  # in the second seed nothing reaches the third node of the first layer: 2 of 8 edges
    _, written, _ = train_with_tables(e, network, network.flatten(named), data_of(e))
    table, spectra = written["diagnostics"], written["spectra"]
    assert table["step"].unique().tolist() == spectra["step"].unique().tolist() == [0, 1, 2, 5, 10, 20, 30]
    at_start = table[table["step"] == 0].pivot(index="seed", columns=["layer", "metric"], values="value")
    assert at_start[0, "dead_edges"].tolist() == [0.0, 0.25, 0.0]
    assert (at_start[0, "gradient_norm"] > 0).all()
    x = data_of(e).train.x
    signal = tables.signal({"before": (network, network.flatten(named))}, x, [0, 1, 2])
    for i in (0, 1):
        outside = signal.query(f"layer == {i}")["outside"]
        np.testing.assert_allclose(at_start[i, "outside"], outside, rtol=1e-7)
    expected = tables.spectra({"before": (network, network.flatten(named))}, x, [0, 1, 2])
    np.testing.assert_allclose(
        spectra[spectra["step"] == 0].sort_values(["seed", "layer", "frequency"])["power"],
        expected.sort_values(["seed", "layer", "frequency"])["power"],
        rtol=1e-7,
    )


def test_the_smooth_start_begins_with_its_own_exponent():
    e = experiment(layer=Fourier(frequencies=30), steps=2, seeds=3, diagnostics=True)
    network, start = started(e.layer, Smooth(), widths=(2, 40, 1))
    _, written, _ = train_with_tables(e, network, start, data_of(e))
    beta = written["diagnostics"].query("metric == 'beta' and step == 0 and layer == 0")["value"]
    assert beta.tolist() == pytest.approx([4.0] * 3, abs=0.3)


def test_looking_changes_nothing():
    e = experiment(seeds=3, steps=20)
    network, start = started(e.layer, Default())
    quiet, tables, _ = train_with_tables(e, network, start, data_of(e))
    assert tables["diagnostics"].empty
    e = experiment(seeds=3, steps=20, diagnostics=True)
    looked, tables, _ = train_with_tables(e, network, start, data_of(e))
    assert len(tables["diagnostics"])
    assert torch.equal(quiet.best, looked.best)


@pytest.mark.slow
def test_diagnose_tells_a_gap_from_a_floor(kanexp):
    """x y is beyond one layer, x^2 + 2 exp(y) within its reach; both problems are solved long before the time is up."""
    words = ["task=function", "layer=chebyshev", "widths=[in,out]", "steps=300", "seeds=2", "dtype=float64"]
    words += ["optimizer.learning_rate=0.03", "log_every=100"]
    expected = {"product": "expressiveness floor", "square_plus_exp": "optimization gap"}
    for function, sentence in expected.items():
        assert kanexp(*words, f"task.function={function}", f"name={function}").returncode == 0
        done = kanexp("diagnose", f"outputs/{function}/latest", "--seconds", "250")
        assert done.returncode == 0, done.stderr
        assert "with LevenbergMarquardt, float64, for at most 250 s" in done.stdout
        assert done.stdout.count("at rest") == 2
        assert sentence in done.stdout


@pytest.mark.parametrize(
    ("before", "after", "states", "sentence"),
    [
        ((4.0, 9.0), (1.0, 1.0), ("at rest", "at rest"), "optimization gap: the same network reaches a training loss "),
        ((4.0, 9.0), (1.0, 1.0), ("at rest", "falling"), "6.5 times lower [4, 9]; 1 of 2 seeds were still falling, so"),
        ((1.2, 1.5), (1.0, 1.0), ("at rest", "at rest"), "expressiveness floor: at the nearest stationary point"),
        (
            (1.2, 1.5),
            (1.0, 1.1),
            ("at rest", "at rest"),
            "only 1.28 times lower [1.2, 1.36], and all seeds end alike; what the network can express is bounded by "
            "the lowest, 1",
        ),
        ((1.2, 6.0), (1.0, 5.0), ("at rest", "at rest"), "and seeds end 5 times apart; what the network can express"),
        ((1.2, 600.0), (1.0, 500.0), ("at rest", "at rest"), "lowest, 1, and the start decides which is reached"),
        ((9.0, 900.0), (1.0, 500.0), ("at rest", "at rest"), "seeds end 500 times apart, so the start decides where"),
        ((1.2,), (1.0,), ("at rest",), "floor or local minimum: at the nearest stationary point the training loss is"),
        ((1.2, 1.5), (1.0, 1.0), ("falling", "at rest"), "cannot tell: the training loss ended 1.35 times lower [1.2,"),
    ],
)
def test_verdicts(before, after, states, sentence):
    table = pd.DataFrame({"loss_before": before, "loss_after": after, "state": states})
    assert sentence in diagnose.verdict(table)


def test_diagnose_says_what_is_no_run(kanexp):
    done = kanexp("diagnose", "nowhere")
    assert done.returncode == 2
    assert done.stderr == "error: diagnose: nowhere: no run.json, so this is no run folder\n"
    assert "--seconds: must be positive, got 0.0" in kanexp("diagnose", "nowhere", "--seconds", "0").stderr


def test_progress_under_a_limit_counts_the_time_that_is_left(capsys, monkeypatch):
    """Not the time to as many steps as nobody waits for."""
    loss = torch.tensor([0.5])
    at = SimpleNamespace(step=100, steps=10_000, train_loss=loss, val_loss=loss, running=1, evaluations=200)
    moments = iter((0.0, 20.0, 0.0, 20.0))
    monkeypatch.setattr(console.time, "monotonic", lambda: next(moments))
    for limit in (60.0, None):
        console.TrainingProgress("diagnosing", 10_000, limit)(at)
    limited, free = capsys.readouterr().out.splitlines()
    assert limited == "diagnosing  step 100  train 0.5  val 0.5  10 evals/s  at most 40 s left"
    assert free == "diagnosing  step 100/10000  train 0.5  val 0.5  10 evals/s  1980 s left"


def test_the_figure_of_a_diagnosis_names_only_states_that_are_there():
    table = pd.DataFrame({"seed": [0, 1], "loss_before": [1.0, 2.0], "loss_after": [0.1, 0.2], "state": "at rest"})
    named = {text.get_text() for text in run_figures.diagnosis(table).legends[0].texts}
    assert named == {"gap", "as the run ended", "at rest"}
    table.loc[1, ["loss_after", "state"]] = [np.nan, "diverged at step 3: its loss is not finite"]
    named = {text.get_text() for text in run_figures.diagnosis(table).legends[0].texts}
    assert named == {"gap", "as the run ended", "at rest", "lost"}


def test_layers_of_a_transformer_are_named_and_told_apart():
    wiring = Transformer(side=8, channels=1, patch=4, dim=4, depth=2, heads=2)
    names = wiring.names(10)
    assert (len(names), names[0], names[3], names[-1]) == (10, "patches", "block 1 ffn in", "head")
    columns = {"step": 1, "seed": 0, "metric": "gradient_norm", "value": 1.0}
    table = pd.DataFrame([{**columns, "layer": layer} for layer in range(10)])
    figure = layer_figures.layers(table, names)
    lines = figure.axes[0].lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 10
    assert [text.get_text() for text in figure.legends[0].texts] == names


def test_panels_of_layers_that_are_zero_all_the_time_are_left_out():
    rows = [
        {"step": step, "seed": 0, "layer": 0, "metric": metric, "value": value}
        for step in (0, 1)
        for metric, value in {"gradient_norm": 1.0, "dead_edges": 0.0, "outside": np.nan, "beta": 2.0}.items()
    ]
    figure = layer_figures.layers(pd.DataFrame(rows))
    assert [axes.get_title() for axes in figure.axes] == ["gradient norm", "exponent of the spectrum's decay"]
