import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.fft
import torch
from helpers.components import BASES, TASKS, name
from helpers.training import experiment, train
from torch.testing import assert_close

from kanexp import testing
from kanexp.config.compatibility import _optimizer_mistakes
from kanexp.init.default import Default
from kanexp.init.glorot import Glorot
from kanexp.init.smooth import Smooth
from kanexp.layer.chebyshev import Chebyshev
from kanexp.model.kan import KAN
from kanexp.model.mlp import MLP
from kanexp.optimizer.adam import Adam
from kanexp.optimizer.hessian_free import HessianFree
from kanexp.optimizer.lbfgs import LBFGS
from kanexp.optimizer.levenberg_marquardt import LevenbergMarquardt
from kanexp.seeding import generator
from kanexp.task.allen_cahn import DIFFUSION, REACTION, AllenCahn
from kanexp.task.burgers import Burgers
from kanexp.task.diffusion import COEFFICIENT, Diffusion
from kanexp.task.equation import Equation, Jet
from kanexp.task.poisson import Poisson
from kanexp.train.derivatives import jet

EQUATIONS = [task for task in TASKS if isinstance(task, Equation)]
# A table between whose entries lines are drawn, and a front too steep for its quadrature, are held to others' below.
EXACT = [equation for equation in EQUATIONS if equation not in (AllenCahn(), Burgers())]


def test_equations_were_found():
    assert {type(equation) for equation in EXACT} >= {Poisson, Burgers, Diffusion}


def partials_of(solution, x, partials):
    """Values and these derivatives of a function of x (inputs, points), (1, outputs, points) each, by autograd."""
    x = x.clone().requires_grad_()
    value = solution(x)
    found = {}
    for partial in partials:
        rows = list(value)
        for k in partial:
            rows = [torch.autograd.grad(row.sum(), x, create_graph=True)[0][k] for row in rows]
        found[partial] = torch.stack(rows)[None]
    return value[None], found


@pytest.mark.parametrize("equation", EXACT, ids=name)
def test_declared_solutions_solve_their_equations(equation):
    x = equation._draw(500, "uniform", generator(0, "check"))
    x = x[:, x[0] > 1e-3]  # at time zero the quadrature of Burgers has no slope
    value, partials = partials_of(equation.solution, x, equation.partials)
    unknowns = {name: torch.full((1, 1, 1), true) for name, (_, true) in equation.unknowns.items()}
    left = equation.left_side(Jet(value, partials, unknowns), x[None])[0]
    size = max(float(s.detach().abs().max()) for s in partials.values())
    assert_close(left, equation.right_side(x), rtol=1e-7, atol=1e-8 * size)
    assert size > 0.1


@pytest.mark.parametrize("equation", EQUATIONS, ids=name)
@pytest.mark.parametrize("sampling", ["grid", "sobol", "uniform"])
def test_points_lie_in_the_domain_and_known_ones_on_its_edges(equation, sampling):
    equation = replace(equation, sampling=sampling, points=100, edge_points=7)
    testing.check_task(equation)
    data, k = equation.load(generator(0, "data")), equation.known_points
    for split in (data.train, data.val):
        low, high = torch.tensor(equation.ranges, dtype=torch.float64).T[..., None]
        assert (split.x >= low).all()
        assert (split.x <= high).all()
        assert_close(split.y[:, -k:], equation.solution(split.x[:, -k:]))
        assert_close(split.y[:, :-k], equation.right_side(split.x[:, :-k]))
    assert data.train.x.shape[1] == 100 + k
    for i, (axis, end) in enumerate(equation.edges):
        assert (data.train.x[axis, 100 + 7 * i : 107 + 7 * i] == equation.ranges[axis][end]).all()


def test_burgers_starts_as_it_says_and_steepens():
    x = torch.linspace(-1, 1, 41, dtype=torch.float64)
    at = Burgers().solution(torch.stack([torch.zeros_like(x), x]))[0]
    assert_close(at, -(math.pi * x).sin(), rtol=1e-12, atol=1e-12)
    # The published slope at the origin, 152.00516 at 1.6037 / pi (Basdevant et al. 1986).
    place = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    time = torch.full((1,), 1.6037 / math.pi, dtype=torch.float64)
    u = Burgers().solution(torch.stack([time, place]))
    (slope,) = torch.autograd.grad(u.sum(), place)
    assert float(slope.detach()) == pytest.approx(-152.00516, rel=1e-3)


def test_allen_cahn_against_a_split_solver():
    """Strang splitting: sine transforms for the diffusion of u + 1, the exact solution of the reaction."""
    places, steps = 1024, 1000
    x = np.linspace(-1, 1, places + 1)[1:-1]
    decay = np.exp(-DIFFUSION * (np.pi * np.arange(1, places) / 2) ** 2 / steps)

    def react(u):
        grown = np.exp(REACTION / steps / 2)
        return u * grown / np.sqrt(1 + u**2 * (grown**2 - 1))

    u = x**2 * np.cos(np.pi * x)
    for _ in range(steps):
        u = react(u)
        u = scipy.fft.idst(decay * scipy.fft.dst(u + 1, type=1), type=1) - 1
        u = react(u)
    stored = AllenCahn().solution(torch.from_numpy(np.stack([np.ones_like(x), x])))[0].numpy()
    assert np.abs(stored - u).max() < 2e-3
    assert np.sqrt(np.mean((stored - u) ** 2)) < 2e-4


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.func's own use of torch.jit
@pytest.mark.parametrize("basis", [basis for basis in BASES if not basis.kinks], ids=name)
def test_jets_are_the_derivatives(basis, draws):
    """Against the same function by torch.func's forward mode."""
    network = KAN().network((2, 3, 1), basis)
    theta = network.start(Default(), [generator(seed, "init") for seed in range(2)], torch.float64)
    x = 1.9 * torch.rand(1, 2, 9, generator=draws, dtype=torch.float64) - 0.95
    ours = jet(network, theta, x, ((0,), (1,), (0, 0), (1, 1), (0, 1)))
    for k in (0, 1):
        along = torch.zeros_like(x).index_fill(1, torch.tensor([k]), 1.0)

        def slope(x, along=along):
            return torch.func.jvp(lambda x: network.plain(theta, x), (x,), (along,))

        (value, first), (_, second) = torch.func.jvp(slope, (x,), (along,))
        assert_close(ours.value, value)
        assert_close(ours.d(k), first, rtol=1e-8, atol=1e-9)
        assert_close(ours.d(k, k), second, rtol=1e-7, atol=1e-8)
    along, across = (torch.zeros_like(x).index_fill(1, torch.tensor([k]), 1.0) for k in (0, 1))

    def slope_in_the_first(x):
        return torch.func.jvp(lambda x: network.plain(theta, x), (x,), (along,))[1]

    assert_close(ours.d(0, 1), torch.func.jvp(slope_in_the_first, (x,), (across,))[1], rtol=1e-7, atol=1e-8)


def test_jets_of_several_outputs_are_those_of_each(draws):
    basis = next(basis for basis in BASES if type(basis).__name__ == "Chebyshev")
    network = KAN().network((2, 3, 2), basis)
    theta = network.start(Default(), [generator(0, "init")], torch.float64)
    x = 1.9 * torch.rand(1, 2, 9, generator=draws, dtype=torch.float64) - 0.95
    partials = ((0,), (1, 1), (0, 0, 1))
    ours = jet(network, theta, x, partials)
    value, found = partials_of(lambda x: network.plain(theta, x[None])[0], x[0], partials)
    assert_close(ours.value, value)
    for partial in partials:
        assert_close(ours.d(*partial), found[partial])


SMALL = {"points": 100, "edge_points": 10}


@pytest.mark.parametrize(
    "optimizer", [Adam(learning_rate=0.01), LBFGS(), HessianFree(iterations=8), LevenbergMarquardt()], ids=name
)
def test_seeds_learn_an_equation_as_they_do_alone(optimizer):
    words = {"task": Poisson(**SMALL), "optimizer": optimizer, "init": Glorot(), "steps": 60}
    together, metrics, _ = train(experiment(**words))
    alone, _, _ = train(experiment(**words, seeds=[2]))
    assert_close(together.best[2], alone.best[0], rtol=1e-5, atol=1e-6)
    losses = metrics[metrics["metric"] == "train_loss"].groupby("step")["value"].max()
    assert losses.iloc[-1] < 0.5 * losses.iloc[0]
    assert not {"val_relative_l2", "val_mse"} & set(metrics["metric"])


def test_an_unknown_number_is_found():
    e = experiment(task=Diffusion(points=400, measured=100), optimizer=LBFGS(), init=Glorot(), steps=600, seeds=2)
    result, metrics, network = train(replace(e, widths=[2, 6, 6, 1]))
    rows = metrics[metrics["metric"] == "diffusion"].groupby("step")["value"]
    assert rows.first().iloc[0] == 1
    found = network.unknown(result.best)["diffusion"].flatten()
    assert_close(found, torch.full_like(found, COEFFICIENT), rtol=0.03, atol=0)
    assert_close(result.test["diffusion_error"], (found / COEFFICIENT - 1).abs())
    assert (result.test["relative_l2"] < 0.1).all()


def test_points_are_drawn_anew():
    equation, seen = Poisson(**SMALL, resample=3), []

    class Spy(Poisson):
        def prediction(self, jet, x):
            seen.append(x.clone())
            return super().prediction(jet, x)

    train(experiment(task=Spy(**SMALL, resample=3), steps=8, log_every=100))
    steps = [x for x in seen if x.shape[-1] == 140]  # not those that select
    assert torch.equal(steps[0], steps[2])
    assert not torch.equal(steps[2], steps[3])
    assert torch.equal(steps[3], steps[5])
    again, _, _ = train(experiment(task=equation, steps=8))
    same, _, _ = train(experiment(task=equation, steps=8))
    assert torch.equal(again.best, same.best)


def test_the_loss_weighs_the_equation(randn):
    equation = Poisson(**SMALL, weight=0.25)
    prediction, target = randn(3, 1, 140), randn(1, 1, 140)
    square = (prediction - target).square()
    expected = 0.25 * square[..., :100].mean((1, 2)) + square[..., 100:].mean((1, 2))
    assert_close(equation.loss(prediction, target), expected)


def test_an_mlp_solves_equations_too():
    e = experiment(task=Poisson(**SMALL), optimizer=LBFGS(), steps=5)
    result, _, _ = train(replace(e, model=MLP(activation="tanh")))
    assert result.test["relative_l2"].isfinite().all()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["layer=piecewise_linear"], "do not see the kinks of PiecewiseLinear; use layer=chebyshev"),
        (["model=mlp", "model.activation=relu"], "kinks of Activation; use model.activation=tanh"),
        (["batch_size=10"], "batch_size: Poisson is learned at all of its points, got 10"),
        (["task.sampling=grid", "task.resample=5"], "resample needs points that can be drawn anew"),
        (["task.points=1"], "points must be at least 4, got 1"),
    ],
)
def test_mistakes(kanexp, words, sentence):
    done = kanexp("task=poisson", *words)
    assert done.returncode == 2
    assert sentence in " ".join(done.stderr.split())


def test_an_optimizer_that_does_not_renew_needs_the_same_points():
    class Own(LBFGS):
        renews = False

    e = experiment(task=Poisson(**SMALL, resample=5))
    (mistake,) = _optimizer_mistakes(e.settings, e.task, e.reg, Own())
    assert "task.resample: Own compares losses of different steps and needs the same points" in mistake
    assert not _optimizer_mistakes(e.settings, e.task, e.reg, LBFGS())


@pytest.mark.parametrize("form", ["normal", "qr"])
def test_levenberg_marquardt_solves_poisson_to_many_digits(form):
    e = experiment(
        layer=Chebyshev(degree=8),
        init=Smooth(),
        task=Poisson(points=400, edge_points=32, weight=1e-3),
        optimizer=LevenbergMarquardt(form=form),
        steps=60,
        seeds=2,
    )
    result, _, _ = train(replace(e, widths=[2, 6, 1]))
    assert (result.test["relative_l2"] < 1e-3).all()


@pytest.mark.parametrize("optimizer", [LevenbergMarquardt(), LBFGS()], ids=name)
def test_new_points_end_no_seed_that_was_through_with_the_old(optimizer):
    """On four points any optimizer is soon at its floor; what comes then is learned all the same."""
    task = Poisson(points=4, edge_points=2, resample=30)
    e = experiment(task=task, optimizer=optimizer, init=Smooth(), steps=90)
    assert {status.kind for status in train(e)[0].status} == {"ok"}


def test_chebyshev_gets_close_to_poisson():
    e = experiment(
        layer=Chebyshev(degree=8), task=Poisson(points=400, weight=0.01), optimizer=LBFGS(), steps=300, seeds=2
    )
    result, _, _ = train(e)
    assert (result.test["relative_l2"] < 0.05).all()
