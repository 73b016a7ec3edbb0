"""What becomes of inputs before the first layer: periods that hold by construction, random frequencies."""

import math
from dataclasses import replace

import pytest
import torch
from helpers.training import experiment, train
from torch.testing import assert_close

import kanexp as package
from kanexp.config.match import Plan
from kanexp.init.glorot import Glorot
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.model.embedding import RANDOM, Embedding
from kanexp.model.kan import KAN
from kanexp.model.mlp import MLP
from kanexp.model.residual_kan import ResidualKAN
from kanexp.optimizer.adam import Adam
from kanexp.optimizer.hessian_free import HessianFree
from kanexp.optimizer.lbfgs import LBFGS
from kanexp.optimizer.levenberg_marquardt import LevenbergMarquardt
from kanexp.seeding import generator
from kanexp.task.advection import Advection
from kanexp.task.allen_cahn import AllenCahn
from kanexp.task.burgers import Burgers
from kanexp.task.function import Function
from kanexp.task.jet import Jet
from kanexp.task.korteweg_de_vries import KortewegDeVries
from kanexp.train.carried import carried, sides
from kanexp.train.derivatives import jacobian, jet
from kanexp.train.objective import Sides

SMALL = {"points": 40, "edge_points": 8}
PARTIALS = ((0,), (1,), (1, 1), (0, 1), (1, 1, 1), (0, 1, 1, 1))
EMBEDDINGS = {
    "period": Embedding(2, {1: 2.0}),
    "random": Embedding(2, {}, frequencies=3, bandwidth=0.7),
    "both": Embedding(2, {1: 0.5}, frequencies=3, bandwidth=2.0),
}
MODELS = {"kan": KAN(), "residual": ResidualKAN(), "mlp": MLP(activation="tanh")}
OPTIMIZERS = {"adam": Adam(), "lbfgs": LBFGS(), "lm": LevenbergMarquardt(), "hessian_free": HessianFree()}


def points(count, seeds=1):
    return 2 * torch.rand(seeds, 2, count, generator=generator(5, "points"), dtype=torch.float64) - 1


def network_with(embedding, model):
    network = model.network([embedding.width, 4, 1], Chebyshev(degree=4)).embedded(embedding)
    return network, network.start(Glorot(), [generator(seed, "init") for seed in (1, 2)], torch.float64)


@pytest.mark.parametrize("embedding", EMBEDDINGS.values(), ids=EMBEDDINGS)
def test_what_enters_is_cosines_and_sines_between_minus_one_and_one(embedding):
    drawn = embedding.draw(generator(0, "init"))[None] if embedding.frequencies else None
    x = points(9)
    rows = [[0.0, 1 / period] for period in embedding.periods.values()]
    matrix = torch.tensor(rows, dtype=torch.float64).reshape(-1, 2)
    matrix = matrix if drawn is None else torch.cat([matrix, drawn[0]])
    passed = x[:, [k for k in (0, 1) if k not in embedding.periods]]
    angles = 2 * math.pi * matrix @ x
    found = embedding.of(x, drawn)
    assert_close(found, torch.cat([passed, angles.cos(), angles.sin()], 1))
    assert found.shape[1] == embedding.width
    assert found.abs().max() <= 1


def test_frequencies_are_normal_and_whole_where_an_input_has_a_period():
    drawn = Embedding(3, {2: 0.5}, frequencies=20000, bandwidth=3.0).draw(generator(0, "init"))
    assert_close(drawn.std(0), torch.full((3,), 3.0, dtype=torch.float64), rtol=0.03, atol=0)
    assert (drawn.mean(0).abs() < 5 * 3 / 20000**0.5).all()
    assert torch.equal((drawn[:, 2] * 0.5).round(), drawn[:, 2] * 0.5)
    assert not torch.equal(drawn[:, 0].round(), drawn[:, 0])


@pytest.mark.parametrize("embedding", EMBEDDINGS.values(), ids=EMBEDDINGS)
def test_its_derivatives_are_those_of_autograd(embedding):
    drawn = torch.stack([embedding.draw(generator(s, "init")) for s in (1, 2)]) if embedding.frequencies else None
    x = points(7, seeds=2)
    found = embedding.derivatives(x, drawn, PARTIALS)
    known = Jet.of(lambda x: embedding.of(x, drawn), x, PARTIALS, {})
    for p in PARTIALS:
        assert_close(found[p].expand_as(known.value), known.partials[p])


@pytest.mark.parametrize("embedding", EMBEDDINGS.values(), ids=EMBEDDINGS)
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_derivatives_of_networks_are_those_of_autograd(embedding, model):
    network, theta = network_with(embedding, model)
    x = points(7)
    way = carried(network, theta, x, PARTIALS)
    known = jet(network, theta, x, PARTIALS)
    for p in PARTIALS:
        assert_close(way.channels[p], known.partials[p])
    y, slopes = jacobian(network, theta, x, network.prepare(x))
    each = torch.func.jacrev(lambda row: network.plain(row[None], x)[0, 0])(theta[1])
    assert_close(y, network.plain(theta, x))
    assert_close(slopes[1, :, 0], each.T)
    assert_close(network.forward(theta, network.prepare(x)), y)


@pytest.mark.parametrize("frequencies", [0, 4])
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_periods_hold_by_construction_in_all_derivatives(model, frequencies):
    task = KortewegDeVries(**SMALL, periodic=["x"])
    model = replace(model, frequencies=frequencies, bandwidth=2.0)
    network = replace(experiment(task=task), model=model).network()
    theta = network.start(Glorot(), [generator(seed, "init") for seed in range(3)], torch.float64)
    x = torch.stack([torch.linspace(-1, 1, 9), torch.full((9,), -1.0)]).double()[None]
    shift = torch.tensor([0.0, 2.0], dtype=torch.float64)[:, None]
    partials = ((), (1,), (1, 1), (1, 1, 1), (0, 1))
    low, high = (carried(network, theta, at, partials).channels for at in (x, x + shift))
    for p in partials:
        assert (high[p] - low[p]).abs().max() <= 1e-12 * low[p].abs().max().clamp(min=1)
    assert low[1, 1, 1].abs().max() > 0.1


def test_conditions_that_hold_are_not_learned():
    plain, periodic = Advection(**SMALL), Advection(**SMALL, periodic=["x"])
    assert [c.compares for c in plain.learned] == [False, True]
    assert [c.compares for c in periodic.learned] == [False]
    assert Advection(**SMALL, periodic={"x": math.pi}).learned == periodic.learned  # two periods in the range
    assert Advection(**SMALL, periodic={"x": 4.0}).learned == plain.learned  # which say nothing of the ends
    assert KortewegDeVries(**SMALL, periodic=["x"]).known_values == 8
    assert len(AllenCahn(**SMALL, periodic=["x"]).learned) == len(AllenCahn(**SMALL).learned)  # known, not only alike


def test_a_period_is_in_own_units():
    """Inputs of advection are brought from [0, 2 pi] to [-1, 1]: a period of pi is one of 1 there."""
    assert Advection(periodic={"x": math.pi}).periods == {1: pytest.approx(1.0)}
    assert Burgers(periodic=["x"]).periods == Burgers(periodic="x").periods == {1: 2.0}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("frequencies", [0, 3])
def test_every_optimizer_trains_all_but_the_frequencies(optimizer, frequencies):
    task = Burgers(**SMALL, periodic=["x"])
    e = replace(experiment(task=task, optimizer=optimizer, seeds=3, steps=8), model=KAN(frequencies=frequencies))
    result, _, network = train(e)
    alone, _, _ = train(replace(e, settings=replace(e.settings, seeds=[2])))
    assert_close(result.last[2:], alone.last, rtol=1e-6, atol=1e-9)
    assert (result.best_val < 1e6).all()
    assert not torch.equal(result.start, result.last)
    if frequencies:
        first, last = (network.unflatten(theta)[RANDOM] for theta in (result.start, result.last))
        assert torch.equal(first, last)
        assert not torch.equal(first[0], first[1])
        assert network.length - network.parameters == frequencies * 2


def test_an_equation_sees_the_same_by_both_ways():
    task = KortewegDeVries(**SMALL, periodic=["x"])
    e = replace(experiment(task=task), model=KAN(frequencies=3))
    network, x = e.network(), task.load(generator(0, "data")).train.x[None]
    theta = network.start(Glorot(), [generator(0, "init")], torch.float64)
    assert_close(sides(network, task, theta, x), Sides(network, task).plain(theta, x).detach())


def test_starts_that_measure_data_see_what_enters():
    embedding = EMBEDDINGS["random"]
    layer = BSpline(grid="quantiles")
    network = KAN().network([embedding.width, 4, 1], layer).embedded(embedding)
    x = points(200)[0]
    theta = network.start(Glorot(), [generator(1, "init")], torch.float64, x)
    entering = network.enter(theta, x[None])[0]
    (knots,) = network.layers[0].measured(entering).values()
    assert knots.shape[0] == embedding.width
    assert_close(network.weights(theta)[0].inner[0][0], knots)


def test_finding_a_function_of_high_frequency_gets_easier():
    """A small network does not find sin(60 x) in 40 steps; where random frequencies enter, it does."""
    task = Function(expression="sin(60*x1)", train=800)
    e = experiment(Chebyshev(degree=3), LevenbergMarquardt(), task=task, steps=40, seeds=3)
    e = replace(e, widths=[1, 4, 1])
    plain, _, _ = train(e)
    random, _, _ = train(replace(e, model=KAN(frequencies=20, bandwidth=10.0)))
    assert (plain.test["relative_l2"] > 0.9).all()  # nothing of it is found
    assert (random.test["relative_l2"] < 0.5).all()  # three quarters of its variance are


def test_sizes_are_matched_with_what_enters():
    plan = Plan(KAN(), KAN(frequencies=5).entering([2, 4, 1], {1: 2.0}), [Chebyshev()])
    assert plan.widths == [13, 4, 1]
    assert plan.parameters == 13 * 4 * 5 + 4 + 4 * 5 + 1


def test_a_run_is_loaded_resumed_and_exported(asked, tmp_path):
    words = ["task=advection", "task.points=40", "task.edge_points=8", "task.periodic=[x]", "model.frequencies=3"]
    more = ["layer=chebyshev", "seeds=2", "steps=6", "widths=[in,3,out]", "name=embedded", f"output_dir={tmp_path}"]
    assert asked(*words, *more).returncode == 0
    run = package.load(tmp_path / "embedded" / "latest")
    x = torch.tensor([[0.3, 0.0], [0.3, 2 * math.pi], [0.3, 1.0]], dtype=torch.float64)
    y = run.networks[0](x.float()).detach()
    assert abs(float(y[0] - y[1])) < 1e-5 < abs(float(y[0] - y[2]))
    assert asked("export", str(tmp_path / "embedded" / "latest"), "--format", "torch").returncode == 0
    assert asked("diagnose", str(tmp_path / "embedded" / "latest"), "--seconds", "2").returncode == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["task=burgers", "task.periodic=[y]"], "periodic names inputs, which are t, x, got y"),
        (["task=burgers", "task.periodic={x: 0}"], "periodic must give a positive period, got 0.0 for x"),
        (["task=burgers", "task.periodic=3"], "task.periodic: must be a word or a list like"),
        (["model.frequencies=-1"], "frequencies must be zero or more, got -1"),
        (["model.bandwidth=0"], "bandwidth must be positive, got 0.0"),
        (["task=vision", "model=vit", "model.frequencies=4"], "pictures are cut into patches of pixels"),
    ],
)
def test_mistakes(asked, words, sentence):
    done = asked(*words)
    assert done.returncode == 2
    assert sentence in " ".join(done.stderr.split())
