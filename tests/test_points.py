"""Points of equations that follow the residual, and the time up to which they reach."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.training import experiment, train
from torch.testing import assert_close

from kanexp.optimizer.adam import Adam
from kanexp.optimizer.hessian_free import HessianFree
from kanexp.optimizer.lbfgs import LBFGS
from kanexp.optimizer.levenberg_marquardt import LevenbergMarquardt
from kanexp.seeding import generator
from kanexp.task.burgers import Burgers
from kanexp.task.cavity import Cavity
from kanexp.task.diffusion import Diffusion
from kanexp.task.poisson import Poisson
from kanexp.task.schroedinger import Schroedinger
from kanexp.task.wave import Wave
from kanexp.train.ensemble import Ensemble
from kanexp.train.points import choose
from kanexp.train.schedule import batches
from kanexp.train.stage import Stage, in_window

SMALL = {"points": 40, "edge_points": 8}
OPTIMIZERS = {"adam": Adam(), "lbfgs": LBFGS(), "lm": LevenbergMarquardt(), "hessian_free": HessianFree()}


def equal(ours, theirs):
    return all(torch.equal(getattr(ours, name), getattr(theirs, name)) for name in ("best", "last", "best_val"))


@pytest.mark.parametrize("k", [1.0, 2.0])
@pytest.mark.parametrize("c", [0.0, 1.0])
def test_points_are_chosen_by_the_density_of_the_paper(k, c):
    """One point of 50, 4000 times: frequencies against |r|^k / mean |r|^k + c, by a chi-squared test."""
    equation = Poisson(points=4, resample=1, adapt="residual", adapt_share=0.25, adapt_exponent=k, adapt_floor=c)
    residuals = torch.rand(1, 53, generator=generator(0, "residuals"), dtype=torch.float64)
    times = 4000
    chosen = choose(equation, residuals.expand(times, -1), [generator(seed, "adapt") for seed in range(times)])
    assert torch.equal(chosen[:, :3], torch.arange(3).expand(times, -1))
    weights = residuals[0, 3:] ** k / (residuals[0, 3:] ** k).mean() + c
    expected = times * weights / weights.sum()
    found = torch.bincount(chosen[:, 3] - 3, minlength=50)
    chi_squared = float(((found - expected).square() / expected).sum())
    assert 23.98 < chi_squared < 85.35  # of 49 degrees of freedom, outside of which one of a thousand lies each way


def test_several_points_are_chosen_as_numpy_chooses_without_replacement():
    equation = Poisson(points=5, resample=1, adapt="residual")
    residuals = torch.linspace(0.1, 3, 20, dtype=torch.float64)[None]
    times = 4000
    chosen = choose(equation, residuals.expand(times, -1), [generator(seed, "adapt") for seed in range(times)])
    assert all(len(set(row)) == 5 for row in chosen.tolist())
    p = equation.density(residuals)[0].numpy()
    rng = np.random.default_rng(0)
    theirs = np.stack([rng.choice(20, 5, replace=False, p=p / p.sum()) for _ in range(times)])
    ours, other = (np.bincount(np.ravel(found), minlength=20) / times for found in (chosen.numpy(), theirs))
    assert np.abs(ours - other).max() < 4 * np.sqrt(2 * 0.25 / times)


@pytest.mark.parametrize("residuals", [torch.zeros(1, 9), torch.full((1, 9), torch.nan), torch.full((1, 9), torch.inf)])
def test_a_seed_without_finite_residuals_prefers_no_point(residuals):
    equation = Poisson(resample=1, adapt="residual")
    assert torch.equal(equation.density(residuals.double()), torch.full((1, 9), 2.0, dtype=torch.float64))


def drawn(e, steps):
    """The batches of so many steps, of networks as they start."""
    data = e.task.load(generator(0, "data"))
    network, ensemble = e.network(), Ensemble((e,))
    standing = Stage(e, network, data).standing(ensemble.start(network, data.train.x))
    given = batches(e.task, data.train, None, ensemble.seeds, 0)
    return [(given.next(standing), given.renewed) for _ in range(steps)], standing, data


@pytest.mark.parametrize("equation", [Wave(**SMALL), Cavity(**SMALL)], ids=lambda e: type(e).__name__)
def test_every_seed_has_points_of_its_own_with_what_must_come_out_there(equation):
    """Of inputs in other units, several equations, and conditions on derivatives."""
    equation = replace(equation, resample=2, adapt="residual", adapt_share=0.75)
    e = experiment(task=equation, seeds=3)
    e = replace(e, widths=[equation.inputs, 4, equation.outputs])
    given, standing, data = drawn(e, 5)
    assert [renewed for _, renewed in given] == [False, False, True, False, True]
    first, batch = given[0][0], given[2][0]
    assert torch.equal(first.x, data.train.x[None])
    assert batch.x.shape == (3, *data.train.x.shape)
    assert batch.y.shape == (3, *data.train.y.shape)
    assert not torch.equal(batch.x[0, :, 10:40], batch.x[1, :, 10:40])
    assert torch.equal(batch.x[0, :, :10], batch.x[1, :, :10])  # the quarter that is drawn as usual
    for x, y in zip(batch.x, batch.y, strict=True):
        inside = data.inputs_as().features(x[:, :40])
        assert_close(y[0, : 40 * equation.equations], equation.right_side(inside).flatten())
        assert len(set(map(tuple, inside.T.tolist()))) == 40
    assert_close(standing.errors(batch.x, batch.y)[1], standing.errors(batch.x[1:2], batch.y[1:2])[1])


def test_more_points_lie_where_the_residual_is_large():
    equation = Burgers(points=500, edge_points=8, resample=1, adapt="residual", adapt_exponent=2, adapt_floor=0)
    given, standing, _ = drawn(experiment(task=equation, seeds=2), 2)
    (first, _), (second, _) = given
    usual, adapted = (standing.errors(b.x, b.y)[:, :500].square().mean(1) for b in (first, second))
    assert (adapted > 1.5 * usual).all()


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_seed_alone_trains_as_in_an_ensemble(optimizer):
    task = Burgers(**SMALL, resample=4, adapt="residual")
    together, _, _ = train(experiment(task=task, optimizer=optimizer, seeds=3, steps=14))
    alone, _, _ = train(experiment(task=task, optimizer=optimizer, seeds=[2], steps=14))
    usual, _, _ = train(experiment(task=replace(task, adapt=None), optimizer=optimizer, seeds=[2], steps=14))
    assert_close(together.last[2:], alone.last, rtol=1e-6, atol=1e-9)
    assert not torch.allclose(usual.last, alone.last)
    assert alone.test["relative_l2"].isfinite().all()


def test_looking_at_a_pool_is_counted():
    task = Poisson(**SMALL, resample=5, adapt="residual", adapt_pool=7)
    assert train(experiment(task=task, steps=12))[0].evaluations.tolist() == [12 + 2 * 7] * 4


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["task.adapt=residual"], "adapt chooses among points that are drawn anew, and resample is null"),
        (["task.adapt=loss"], "task.adapt: must be one of residual or null, got 'loss'"),
        (["task.adapt_share=0"], "adapt_share must be above 0 and at most 1, got 0.0"),
        (["task.adapt_exponent=-1"], "adapt_exponent must be positive, got -1.0"),
        (["task.adapt_floor=-1"], "adapt_floor must be zero or more, got -1.0"),
        (["task.adapt_pool=1"], "adapt_pool must be at least 2, got 1"),
        (["task.sampling=grid", "task.resample=5", "task.adapt=residual"], "got sampling grid; use sobol or uniform"),
    ],
)
def test_mistakes(asked, words, sentence):
    done = asked("task=burgers", *words)
    assert done.returncode == 2
    assert sentence in " ".join(done.stderr.split())


# -- windows of time ------------------------------------------------------------------------------------------------


WINDOWS = {0: 0.25, 3: 0.5, 6: 1.0}


@pytest.mark.parametrize("equation", [Burgers(**SMALL), Schroedinger(**SMALL)], ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("words", [{}, {"resample": 2}, {"resample": 2, "adapt": "residual"}], ids=str)
def test_points_reach_as_far_as_the_window_of_their_step(equation, words):
    equation = replace(equation, windows=WINDOWS, **words)
    e = replace(experiment(task=equation, seeds=2), widths=[2, 4, equation.outputs])
    given, _, data = drawn(e, 9)
    low, high = equation.ranges[0]
    for step, (batch, _) in enumerate(given):
        t = (data.inputs_as().features(batch.x[0])[0] - low) / (high - low)
        reach = equation.reach(step)
        assert 0.85 * reach < t.max() <= reach + 1e-12
        assert (t >= -1e-12).all()
    assert [renewed for _, renewed in given][:4] == [False, False, bool(words), True]
    assert equation.reach(10**6) == 1
    assert batches(equation, data.train, None, [0], 0).changes


def test_what_is_known_stays_true_in_a_window():
    """Points of the start stay at the start, and those of a measured solution are measured where they are."""
    equation = Diffusion(**SMALL, windows=WINDOWS)
    split = equation.sample(generator(0, "data"), reach=0.25)
    encoding = equation.encoding
    measured = encoding.features(split.x[:, -equation.known_points :])
    assert_close(split.y[0, -equation.known_values :], equation.solution(measured)[0], rtol=0, atol=6 * equation.noise)
    wave = Wave(**SMALL, windows=WINDOWS)
    split = wave.sample(generator(0, "data"), reach=0.25)
    start = wave.encoding.features(split.x)[:, -wave.known_points :]
    at_start = start[0] == 0
    assert int(at_start.sum()) == 2 * 8  # what starts, and how fast
    assert (start[0] <= 0.25 * wave.ranges[0][1] + 1e-12).all()


def test_states_of_different_windows_are_not_compared():
    """A network that solves the first window, where the start is all, does not count as best of the whole for that."""
    task = Burgers(**SMALL, windows={0: 0.01, 10: 1.0})
    e = experiment(task=task, steps=20, log_every=1, seeds=3)
    result, metrics, network = train(e)
    losses = metrics[metrics["metric"] == "val_loss"].pivot(index="step", columns="seed", values="value").to_numpy()
    late = result.best_step >= 10
    data = task.load(generator(0, "data"))
    stage = Stage(e, network, in_window(e, data, 10))
    assert_close(stage.val_loss(stage.predict(result.best)), result.best_val)
    lowest_late = torch.from_numpy(losses[10:].min(0))
    assert_close(result.best_val[late], lowest_late[late])
    assert (losses[:10].min(0) < result.best_val.numpy()).any()  # which a comparison of all would have preferred


def test_a_window_is_selected_by_points_within_it():
    task = Burgers(**SMALL, windows=WINDOWS)
    e = experiment(task=task)
    data = task.load(generator(0, "data"))
    for step in (0, 3, 6):
        inside = in_window(e, data, step).val.x[0]
        assert 0.8 * task.reach(step) < inside.max() <= task.reach(step)
    plain = experiment(task=replace(task, windows={}))
    assert in_window(plain, data, 0) is data


def test_patience_waits_for_the_whole_of_the_time():
    task = Burgers(**SMALL, windows={0: 0.5, 30: 1.0})
    e = experiment(task=task, steps=60, log_every=1, patience=4, optimizer=Adam(learning_rate=0.5), seeds=3)
    result, _, _ = train(e)
    ended = [status.step for status in result.status if status.kind == "stopped"]
    assert ended
    assert min(ended) >= 34
    without, _, _ = train(replace(e, task=replace(task, windows={})))
    assert min(status.step for status in without.status if status.kind == "stopped") < 30


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_every_optimizer_goes_on_in_the_next_window(optimizer):
    task = Burgers(points=4, edge_points=2, windows={0: 0.1, 30: 1.0})
    result, _, _ = train(experiment(task=task, optimizer=optimizer, steps=40, seeds=[1, 2]))
    alone, _, _ = train(experiment(task=task, optimizer=optimizer, steps=40, seeds=[2]))
    assert result.steps > 30  # nobody ended with the first window
    assert (result.best_step >= 30).any()
    assert_close(result.best_val[1:], alone.best_val, rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["task=poisson", "task.windows={0: 1}"], "windows grow in time, and there is no input t"),
        (["task=burgers", "task.windows={0: 0.5}"], "windows must begin at step 0 and end with all of the time, 1"),
        (["task=burgers", "task.windows={t: 1}"], "task.windows: must be pairs like {0: 0.2, 1000: 1}, got {t: 1}"),
        (["task=burgers", "task.windows={5: 1}"], "windows must begin at step 0"),
        (["task=burgers", "task.windows={0: 0.5, 5: 0.2, 9: 1}"], "shares above 0 that do not fall"),
        (["task=burgers", "task.windows={0: -0.5, 9: 1}"], "shares above 0 that do not fall"),
        (
            ["task=burgers", "task.windows={0: 0.5, 50: 1}", "steps=50"],
            "task.windows: the last one begins at step 50, and steps=50 end before it",
        ),
        (
            [
                "task=equation",
                "task.residual=u_t",
                "task.domain={t: [0, 1]}",
                "task.known=['u(1) = 0']",
                "task.windows={0: 0.5, 5: 1}",
            ],
            "windows: something is known at the end of the time",
        ),
    ],
)
def test_mistakes_of_windows(asked, words, sentence):
    done = asked(*words)
    assert done.returncode == 2
    assert sentence in " ".join(done.stderr.split())
