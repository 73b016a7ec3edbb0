"""What the errors of an equation count: earlier times first, large residuals more, or balanced with the conditions."""

from dataclasses import replace
from itertools import pairwise

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
from kanexp.task.poisson import Poisson
from kanexp.task.schroedinger import Schroedinger
from kanexp.task.wave import Wave
from kanexp.train.ensemble import Ensemble
from kanexp.train.schedule import batches
from kanexp.train.stage import Stage

SMALL = {"points": 40, "edge_points": 8}
WORDS = ("causal", "attention", "balance")
OPTIMIZERS = {"adam": Adam(), "lbfgs": LBFGS(), "lm": LevenbergMarquardt(), "hessian_free": HessianFree()}


def weighed(equation, steps, change=lambda step, theta: theta):
    """Batches of so many steps with the networks' standing at each."""
    e = experiment(task=equation, seeds=2)
    e = replace(e, widths=[equation.inputs, 4, equation.outputs])
    data = equation.load(generator(0, "data"))
    network, ensemble = e.network(), Ensemble((e,))
    stage, theta = Stage(e, network, data), ensemble.start(network, data.train.x)
    given = batches(equation, data.train, None, ensemble.seeds, 0)
    found = []
    for step in range(steps):
        standing = stage.standing(change(step, theta))
        found.append((given.next(standing), standing, given.renewed))
    return found, stage, data


def moving(step, theta):
    return theta * (1 + 0.1 * step)


@pytest.mark.parametrize("equation", [Burgers(**SMALL), Schroedinger(**SMALL)], ids=lambda e: type(e).__name__)
def test_causal_weights_are_those_of_the_paper(equation):
    """Slice by slice: exp(-epsilon sum of the mean squared residuals before), for inputs in other units too."""
    equation = replace(equation, weighing="causal", slices=5, causality=0.3)
    [(batch, standing, _)], _, data = weighed(equation, 1)
    t = data.inputs_as().features(data.train.x)[0, :40]
    low, high = equation.ranges[0]
    residuals = standing.errors(batch.x, batch.y)[:, : 40 * equation.equations].unflatten(1, (equation.equations, 40))
    edges = torch.linspace(low, high, 6, dtype=torch.float64)
    for seed in range(2):
        gone, expected = 0.0, torch.full((40,), torch.nan, dtype=torch.float64)
        for start, end in pairwise(edges):
            here = (t >= start) & (t < end)
            assert here.any()
            expected[here] = torch.exp(torch.tensor(-0.3 * gone).double())
            gone += float(residuals[seed][:, here].square().mean())
        own = batch.weight[seed]
        assert_close(own[: 40 * equation.equations], expected.repeat(equation.equations))
        assert (own[40 * equation.equations :] == 1).all()
        assert own.min() < 0.9
    assert not torch.equal(batch.weight[0], batch.weight[1])


def test_attention_follows_the_residuals_as_published():
    equation = Burgers(**SMALL, weighing="attention", reweigh=2, memory=0.9, gain=0.02)
    found, _, _ = weighed(equation, 5, moving)
    a = 0.0
    for step, (batch, standing, renewed) in enumerate(found):
        if step % 2 == 0:
            r = standing.errors(batch.x, batch.y)[:, :40].abs()
            a = 0.9 * a + 0.02 * r / r.amax(1, keepdim=True)
        assert renewed == (step in (2, 4))
        assert_close(batch.weight[:, :40], a**2)
        assert (batch.weight[:, 40:] == 1).all()


def test_attention_begins_anew_at_new_points():
    equation = Burgers(**SMALL, weighing="attention", reweigh=1, resample=4)
    found, _, _ = weighed(equation, 6)
    largest = [float(batch.weight[:, :40].amax()) for batch, _, _ in found]
    assert largest[4] == pytest.approx(0.01**2)
    assert largest[3] > 10 * largest[4]
    assert largest[5] > largest[4]


def test_balance_is_that_of_the_gradients_by_autograd():
    """max |gradient of the equation's loss| over the mean of each condition's, mixed with the weights before."""
    equation = Wave(**SMALL, weighing="balance", reweigh=1, memory=0.25, weights={"velocity": 3.0}, weight=0.5)
    found, stage, _ = weighed(equation, 2, moving)
    before = {name: torch.ones(2, dtype=torch.float64) for name in ("start", "velocity", "edges")}
    for batch, standing, _ in found:
        named = equation.named(batch.y.shape[2])
        assert set(named) == set(before)

        def gradients(of, batch=batch, standing=standing):
            theta = standing.theta.clone().requires_grad_()
            error = (stage._view.plain(theta, batch.x) - batch.y)[:, 0, of]
            part = (equation.shares(batch.y.shape[2])[of] * error.square()).sum()
            return torch.autograd.grad(part, theta)[0].abs()

        inside = ~torch.stack(list(named.values())).any(0)
        assert int(inside.sum()) == 40
        assert (batch.weight[:, inside] == 1).all()
        for name, of in named.items():
            before[name] = 0.25 * before[name] + 0.75 * gradients(inside).amax(1) / gradients(of).mean(1)
            assert_close(batch.weight[:, of], before[name][:, None].expand(-1, int(of.sum())))


@pytest.mark.parametrize("word", WORDS)
def test_loss_residuals_and_jacobian_agree_on_the_weights(word):
    found, stage, _ = weighed(Wave(**SMALL, weighing=word, reweigh=1), 2, moving)
    batch, standing, _ = found[1]
    objective, theta = stage.objective(batch, None), standing.theta
    loss, grad = objective(theta)
    residuals, jacobian = objective.jacobian(theta)
    assert_close(residuals.square().sum(1), loss)
    assert_close(objective.residuals(theta).detach(), residuals)
    assert_close(objective.trial(theta), residuals)
    assert_close(2 * (jacobian @ residuals.unsqueeze(-1)).squeeze(-1), grad)
    plain = stage.objective(batch._replace(weight=None), None)(theta)[0]
    assert not torch.allclose(plain, loss)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_seed_alone_trains_as_in_an_ensemble(word, optimizer):
    task = Burgers(**SMALL, weighing=word, reweigh=3)
    together, _, _ = train(experiment(task=task, optimizer=optimizer, seeds=3, steps=8))
    alone, _, _ = train(experiment(task=task, optimizer=optimizer, seeds=[2], steps=8))
    plain, _, _ = train(experiment(task=replace(task, weighing=None), optimizer=optimizer, seeds=[2], steps=8))
    assert_close(together.last[2:], alone.last, rtol=1e-6, atol=1e-9)
    assert not torch.allclose(plain.last, alone.last)


@pytest.mark.parametrize("word", WORDS)
def test_a_lost_seed_leaves_the_others_as_they_are(word):
    e = experiment(task=Burgers(**SMALL, weighing=word, reweigh=3), seeds=3, steps=8)
    network = e.network()
    start = network.start(e.init, [generator(seed, "init") for seed in range(3)], torch.float64)
    whole, _, _ = train(e, start)
    start[1] = torch.nan
    lost, _, _ = train(e, start)
    assert torch.equal(whole.last[[0, 2]], lost.last[[0, 2]])
    assert [status.kind for status in lost.status] == ["ok", "diverged", "ok"]


def test_the_best_state_is_selected_without_weights():
    e = experiment(task=Burgers(**SMALL, weighing="causal", causality=100.0), seeds=2, steps=10)
    result, metrics, network = train(e)
    data = e.task.load(generator(0, "data"))
    stage = Stage(replace(e, task=replace(e.task, weighing=None)), network, data)
    assert_close(stage.val_loss(stage.predict(result.best)), result.best_val)
    first = metrics[(metrics["metric"] == "train_loss") & (metrics["step"] == 0)]["value"].to_numpy()
    assert (first < metrics[(metrics["metric"] == "val_loss") & (metrics["step"] == 0)]["value"].to_numpy()).all()


@pytest.mark.parametrize(("word", "looks"), [("causal", 1), ("attention", 1), ("balance", 3)])
def test_what_weights_cost_is_counted(word, looks):
    task = Burgers(**SMALL, weighing=word, reweigh=5)
    assert train(experiment(task=task, steps=12))[0].evaluations.tolist() == [12 + 3 * looks] * 4


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["task=poisson", "task.weighing=causal"], "causal lets earlier times count first, and there is no input t"),
        (["task=burgers", "task.weighing=balance", "task.hard=true"], "hard leaves none to be learned"),
        (["task=burgers", "task.weighing=loud"], "must be one of causal, attention, balance or null, got 'loud'"),
        (["task=burgers", "task.reweigh=0"], "reweigh must be at least 1, got 0"),
        (["task=burgers", "task.causality=0"], "causality must be positive, got 0.0"),
        (["task=burgers", "task.slices=1"], "slices must be at least 2, got 1"),
        (["task=burgers", "task.gain=-1"], "gain must be positive, got -1.0"),
        (["task=burgers", "task.memory=1"], "memory must be at least 0 and below 1, or null, got 1.0"),
    ],
)
def test_mistakes(asked, words, sentence):
    done = asked(*words)
    assert done.returncode == 2
    assert sentence in " ".join(done.stderr.split())


def test_poisson_has_no_time_but_attention():
    result, _, _ = train(experiment(task=Poisson(**SMALL, weighing="attention"), steps=5))
    assert result.test["relative_l2"].isfinite().all()
