import pytest
import torch
from helpers.components import BASES, name
from helpers.own_layers import Gaussians, Waves
from helpers.training import TASK, experiment, train
from torch.testing import assert_close

from kanexp.init.default import Default
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.layer.fourier import Fourier
from kanexp.layer.gram import Gram
from kanexp.layer.piecewise_linear import PiecewiseLinear
from kanexp.layer.rbf import RBF
from kanexp.layer.relu import ReLU
from kanexp.model.kan import KAN
from kanexp.optimizer.adam import Adam
from kanexp.optimizer.lbfgs import LBFGS
from kanexp.seeding import generator
from kanexp.task.poisson import Poisson
from kanexp.train import refine
from kanexp.train.derivatives import jet
from kanexp.train.jump import equation_jumps, jump

X = 2 * torch.rand((2, 400), generator=generator(3, "check"), dtype=torch.float64) - 1
# Gram's polynomials of few points end where their degree reaches the points.
SIZED = [basis for basis in BASES if basis.size and not (isinstance(basis, Gram) and basis.points < 64)]


def finer(basis):
    """The size that is twice as fine, on which whatever can be kept of a basis is."""
    size = getattr(basis, basis.size)
    return 2 * size - 1 if basis.size == "nodes" else 2 * size


NESTED = [basis for basis in SIZED if basis.nests(basis.resized(finer(basis)))]
APART = [basis for basis in SIZED if basis not in NESTED]


def refined(basis, size, widths=(2, 4, 1), seeds=(0, 1, 2), x=X):
    old = KAN().network(widths, basis)
    theta = old.start(Default(), [generator(seed, "init") for seed in seeds], torch.float64, x)
    new = refine.refine(old, size)
    return old, theta, new, refine.refit(old, theta, new, x[None])


def test_every_basis_with_a_size_is_here():
    assert {type(basis) for basis in SIZED} == {type(basis) for basis in BASES if basis.size}
    assert {type(basis) for basis in NESTED} >= {Fourier, Chebyshev, BSpline, PiecewiseLinear}
    assert {type(basis) for basis in APART} >= {RBF, ReLU}


@pytest.mark.parametrize("basis", NESTED, ids=name)
def test_the_function_does_not_move_where_the_larger_basis_contains_it(basis):
    # Inputs that stay inside: the first layer's do, and a second layer's would have to.
    low, high = basis.domain or (-1.0, 1.0)
    x = low + (high - low) * (X + 1) / 2
    old, theta, new, found = refined(basis, finer(basis), widths=(2, 3), x=x)
    assert found.shape == (3, new.length)
    assert_close(new(found, x[None]), old(theta, x[None]), rtol=1e-9, atol=1e-9)
    assert (jump(old, theta, new, found, x[None]) < 1e-9).all()


@pytest.mark.parametrize("basis", APART, ids=name)
def test_the_function_moves_little_where_the_larger_basis_need_not_contain_it(basis):
    """Twice as fine, and less on four times as fine: unless, as with quantiles of the same data, it is contained."""
    low, high = basis.domain or (-1.0, 1.0)
    x = 0.9 * (low + (high - low) * (X + 1) / 2)
    moved = []
    for size in (2 * getattr(basis, basis.size), 4 * getattr(basis, basis.size)):
        old, theta, new, found = refined(basis, size, widths=(2, 3), x=x)
        moved.append(float(jump(old, theta, new, found, x[None]).max()))
    assert moved[0] < 0.12
    assert moved[1] < 0.7 * moved[0] or moved[1] < 1e-6


def test_what_is_not_contained_moves_little_and_less_on_finer_grids():
    x = 0.9 * X
    for basis in (BSpline(scale=False), RBF(), BSpline(grid="quantiles")):
        start = getattr(basis, basis.size)
        moved = []
        for size in (start + 3, 5 * start + 3):
            old, theta, new, found = refined(basis, size, widths=(2, 3), x=x)
            moved.append(jump(old, theta, new, found, x[None]).max())
        assert moved[1] < moved[0] / 3 or moved[1] < 1e-9
        assert moved[1] < 0.02


def test_functions_are_fitted_to_all_of_sorted_data():
    """A mesh in its own order begins in one corner: fitted there alone, the rest would be anything."""
    side = torch.linspace(-1, 1, 51, dtype=torch.float64)
    mesh = torch.stack(torch.meshgrid(side, side, indexing="ij")).flatten(1)
    old, theta, new, found = refined(BSpline(grid="quantiles"), 20, x=mesh)
    assert (jump(old, theta, new, found, mesh[None]) < 0.02).all()


def test_knots_move_to_the_quantiles_of_the_data():
    skewed = (X.abs() ** 3) * X.sign()
    old, theta, new, found = refined(BSpline(grid="quantiles", intervals=4), 10, widths=(2, 3), x=skewed)
    before, after = (net.unflatten(t)["layers.0.knots"][0] for net, t in ((old, theta), (new, found)))
    assert before.shape == (2, 4 + 7)
    assert after.shape == (2, 10 + 7)
    share = torch.linspace(0, 1, 11, dtype=torch.float64)
    expected = torch.quantile(skewed, share, dim=1).T
    start, end = skewed.amin(1, keepdim=True), skewed.amax(1, keepdim=True)
    assert_close(after[:, 3:-3], 0.98 * expected + 0.02 * (start + (end - start) * share))
    assert (after.diff(dim=1) > 0).all()
    assert new.parameters == old.parameters + 2 * 3 * 6
    inner = new.layers[0].basis.features(skewed, after)
    assert_close(inner.sum(dim=0), torch.ones(2, 400, dtype=torch.float64))  # a partition of unity between any knots


def test_a_scale_multiplies_the_new_coefficients_as_it_did_the_old(randn):
    basis = BSpline(residual="none")
    old = KAN().network((2, 3), basis)
    theta = old.start(Default(), [generator(0, "init")], torch.float64)
    named = old.unflatten(theta)
    theta = old.flatten(named | {"layers.0.scale": 3 * randn(1, 3, 2)})
    new = refine.refine(old, 10)
    found = refine.refit(old, theta, new, X[None])
    assert torch.equal(new.unflatten(found)["layers.0.scale"], old.unflatten(theta)["layers.0.scale"])
    assert_close(new(found, X[None]), old(theta, X[None]), rtol=1e-10, atol=1e-10)


def test_a_seed_is_refined_as_it_would_be_alone():
    basis = BSpline(grid="quantiles")
    _, _, _, three = refined(basis, 9)
    _, _, _, one = refined(basis, 9, seeds=(2,))
    assert_close(three[2:], one, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "basis", [Fourier(frequencies=3), Chebyshev(degree=3), BSpline(), BSpline(grid="quantiles")], ids=name
)
def test_running_means_stay_with_their_terms(basis):
    old = KAN().network((2, 3), basis)
    new = refine.refine(old, 2 * getattr(basis, basis.size))
    ones = refine.carry(old, new, torch.ones(2, old.length, dtype=torch.float64))
    assert ones.shape == (2, new.length)
    named = new.unflatten(ones)
    assert (named["layers.0.bias"] == 1).all()
    coef = named["layers.0.coef"]
    if basis.orders is None:
        assert_close(coef, torch.ones_like(coef))
    else:
        order = torch.tensor(new.layers[0].basis.orders)
        assert_close(coef, (order <= 3).double()[:, None].expand_as(coef))


@pytest.mark.parametrize(("basis", "larger"), [(Fourier(frequencies=3), 5), (Waves(frequencies=3), 5)], ids=str)
def test_every_running_mean_stays_with_its_own_frequency(basis, larger):
    """Also where the cosine and the sine of each lie side by side."""
    old = KAN().network((2, 3), basis)
    new = refine.refine(old, larger)
    x = torch.linspace(0, 1, 9, dtype=torch.float64).repeat(2, 1)
    own, others = (net.layers[0].basis.features(x) for net in (old, new))
    same = [[bool(torch.allclose(one, other)) for other in others] for one in own]
    numbers = torch.arange(1.0, basis.terms + 1, dtype=torch.float64)
    named = old.unflatten(torch.zeros(1, old.length, dtype=torch.float64))
    state = old.flatten(named | {"layers.0.coef": numbers[:, None].expand(1, 3, -1, 2)})
    carried = new.unflatten(refine.carry(old, new, state))["layers.0.coef"]
    assert_close(carried[0, 0, :, 0], torch.tensor(same, dtype=torch.float64).T @ numbers)


def test_a_users_local_basis_is_refined_as_local():
    basis = Gaussians()
    assert not basis.nests(basis.resized(14))
    old, theta, new, found = refined(basis, 14, widths=(2, 3))
    assert jump(old, theta, new, found, X[None]).max() < 0.1  # fitted: narrower bumps do not hold the wider
    ones = refine.carry(old, new, torch.ones(1, old.length, dtype=torch.float64))
    assert_close(ones, torch.ones_like(ones))  # joined by straight lines, and not zero for half of the bumps


@pytest.mark.parametrize("kind", ["carry", "reset"])
@pytest.mark.parametrize("optimizer", [Adam(learning_rate=0.01), LBFGS()], ids=name)
def test_a_schedule_refines_while_training(optimizer, kind):
    e = experiment(
        layer=BSpline(low=-2.0, high=2.0),
        optimizer=optimizer,
        steps=60,
        refine={20: 10, 35: 20},
        refine_optimizer=kind,
    )
    result, metrics, network = train(e)
    assert network.layers[0].basis.intervals == 5
    assert [layer.basis.intervals for layer in result.network.layers] == [20, 20]
    assert result.best.shape == (4, result.network.length)
    assert result.start.shape == (4, network.length)
    assert list(result.jumps) == [20, 35]
    rows = metrics[metrics["metric"] == "refinement_jump"]
    assert rows["step"].tolist() == [20] * 4 + [35] * 4
    assert (rows["value"] < 1e-3).all()
    losses = metrics[metrics["metric"] == "train_loss"].pivot(index="step", columns="seed", values="value")
    assert (losses.loc[60] < losses.loc[20]).all()
    assert 35 in losses.index


def test_the_best_state_outlives_a_refinement():
    """Selected over the whole run, and always a state of the network that the run ends with."""
    e = experiment(layer=BSpline(low=-3.0, high=3.0), optimizer=Adam(learning_rate=0.01), steps=40, refine={30: 10})
    result, metrics, _ = train(e)
    val = metrics[metrics["metric"] == "val_loss"].pivot(index="step", columns="seed", values="value")
    assert_close(result.best_val, torch.tensor(val.min().tolist(), dtype=torch.float64), rtol=1e-6, atol=0)
    x = TASK.load(generator(0, "data")).val
    reached = TASK.loss(result.network(result.best, x.x[None]), x.y[None])
    assert_close(reached, result.best_val, rtol=1e-6, atol=0)


def test_measured_numbers_are_never_trained():
    for basis in (BSpline(grid="quantiles"), PiecewiseLinear(nodes=9, bound="affine")):
        e = experiment(layer=basis, optimizer=Adam(learning_rate=0.01), steps=20)
        result, _, network = train(e)
        before, after = network.unflatten(result.start), network.unflatten(result.best)
        kept = [n for n in before if n.rsplit(".", 1)[1] in network.layers[0].kept]
        assert kept
        assert all(torch.equal(before[n], after[n]) for n in kept)
        assert not torch.equal(before["layers.0.coef"], after["layers.0.coef"])
        assert network.parameters == network.length - sum(before[n][0].numel() for n in kept)


def test_ranges_are_those_of_the_data_on_its_way():
    network = KAN().network((2, 3, 1), PiecewiseLinear(nodes=9, bound="affine"))
    theta = network.start(Default(), [generator(s, "init") for s in range(2)], torch.float64, 7 + 5 * X)
    named = network.unflatten(theta)
    data = torch.stack([(7 + 5 * X).amin(1), (7 + 5 * X).amax(1)])
    assert_close(named["layers.0.span"], data.expand(2, -1, -1))
    hidden = network.inputs(theta, (7 + 5 * X)[None])[1]
    assert_close(named["layers.1.span"], torch.stack([hidden.amin(2), hidden.amax(2)], dim=1))
    seen = network.layers[0].seen((7 + 5 * X)[None], span=named["layers.0.span"])
    assert_close(
        torch.stack([seen.amin(2), seen.amax(2)]), torch.tensor([-2.0, 2.0]).double()[:, None, None].expand(2, 2, 2)
    )


@pytest.mark.parametrize(
    ("basis", "size"),
    [
        (BSpline(bound="tanh"), 10),
        (BSpline(bound="tanh", order=4), 15),
        (Chebyshev(degree=4), 9),
        (Fourier(frequencies=3), 5),
    ],
    ids=name,
)
def test_derivatives_and_residuals_stay_where_sizes_nest(basis, size):
    """At trained weights, where residuals are small beside the left side, so that no move hides behind it."""
    e = experiment(basis, task=Poisson(points=200, edge_points=20), optimizer=LBFGS(), steps=60, seeds=2)
    result, _, old = train(e)
    new = refine.refine(old, size)
    data = e.task.load(generator(0, "data"))
    fitted = refine.refit(old, result.best, new, data.train.x[None])
    found = equation_jumps(e.task, old, result.best, new, fitted, data.train)
    assert set(found) == {"u", "u_xx", "u_yy", "residual"}
    assert all((moved < 1e-5).all() for moved in found.values())


def test_a_jump_of_an_equation_is_that_of_its_derivatives_by_autograd():
    basis, task = BSpline(), Poisson(points=50, edge_points=9)
    old, theta, new, found = refined(basis, 7)
    data = task.load(generator(0, "data"))
    moved = equation_jumps(task, old, theta, new, found, data.train)
    x = data.train.x[None].double()
    before, after = (jet(n, w, x, task.partials) for n, w in ((old, theta), (new, found)))
    for side, partial in (("u_xx", (0, 0)), ("u_yy", (1, 1))):
        one, other = before.d(*partial), after.d(*partial)
        expected = (other - one).square().mean((1, 2)).sqrt() / one.square().mean((1, 2)).sqrt()
        assert_close(moved[side], expected, rtol=1e-6, atol=1e-12)
        assert (expected > 1e-3).all()  # 5 intervals are not held by 7


def test_a_run_says_how_far_a_refinement_moved_derivatives_and_residuals():
    e = experiment(BSpline(), task=Poisson(points=50, edge_points=9), steps=30, refine={10: 10, 20: 17})
    result, metrics, _ = train(e)
    rows = metrics[metrics["metric"] == "refinement_jump_residual"]
    assert rows["step"].tolist() == [10] * 4 + [20] * 4
    assert (rows["value"][rows["step"] == 10] < 1e-5).all()
    assert (rows["value"][rows["step"] == 20] > 1e-2).all()
    assert set(result.side_jumps[20]) == {"u", "u_xx", "u_yy", "residual"}
