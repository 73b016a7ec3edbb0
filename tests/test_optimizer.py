import itertools
from dataclasses import replace

import numpy as np
import pytest
import scipy.optimize
import torch
from helpers.components import OPTIMIZERS, name
from torch import Tensor

from kanexp.optimizer.adabelief import AdaBelief
from kanexp.optimizer.adam import Adam
from kanexp.optimizer.adamw import AdamW
from kanexp.optimizer.base import Problem, SideBySide
from kanexp.optimizer.chain import Chain
from kanexp.optimizer.hessian_free import HessianFree
from kanexp.optimizer.lbfgs import LBFGS
from kanexp.optimizer.levenberg_marquardt import LevenbergMarquardt, Normal, Stacked
from kanexp.optimizer.lion import Lion
from kanexp.optimizer.schedule_free import ScheduleFree
from kanexp.optimizer.sgd import SGD
from kanexp.optimizer.ssbroyden import SSBroyden
from kanexp.seeding import generator
from kanexp.testing import check_optimizer


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=name)
def test_battery(optimizer):
    check_optimizer(optimizer)


def rosenbrock(theta: Tensor) -> tuple[Tensor, Tensor]:
    theta = theta.detach().requires_grad_()
    loss = (100 * (theta[:, 1:] - theta[:, :-1] ** 2) ** 2 + (1 - theta[:, :-1]) ** 2).sum(1)
    return loss.detach(), torch.autograd.grad(loss.sum(), theta)[0]


def starts(seeds: int = 4, parameters: int = 6) -> Tensor:
    return torch.randn((seeds, parameters), generator=generator(1, "check"), dtype=torch.float64)


ADAM = {"learning_rate": 3e-3, "beta1": 0.8, "beta2": 0.99}
TORCHS = [
    (Adam(**ADAM, epsilon=1e-6), torch.optim.Adam, {"lr": 3e-3, "betas": (0.8, 0.99), "eps": 1e-6}),
    (AdamW(**ADAM, weight_decay=0.3), torch.optim.AdamW, {"lr": 3e-3, "betas": (0.8, 0.99), "weight_decay": 0.3}),
    (SGD(learning_rate=1e-5, momentum=0.0), torch.optim.SGD, {"lr": 1e-5}),
    (SGD(learning_rate=1e-5), torch.optim.SGD, {"lr": 1e-5, "momentum": 0.9}),
    (SGD(learning_rate=1e-5, nesterov=True), torch.optim.SGD, {"lr": 1e-5, "momentum": 0.9, "nesterov": True}),
]


def lion(x, grad, rate):
    """Algorithm 2 of its paper."""
    m = np.zeros_like(x)
    while True:
        g = grad(x)
        x = x - rate * np.sign(0.8 * m + 0.2 * g)
        m = 0.99 * m + 0.01 * g
        yield x


def adabelief(x, grad, rate):
    """Algorithm 2 of its paper, with epsilon 1e-12."""
    m, s = np.zeros_like(x), np.zeros_like(x)
    for t in itertools.count(1):
        g = grad(x)
        m = 0.8 * m + 0.2 * g
        s = 0.99 * s + 0.01 * (g - m) ** 2 + 1e-12
        x = x - rate * (m / (1 - 0.8**t)) / (np.sqrt(s / (1 - 0.99**t)) + 1e-12)
        yield x


def schedule_free(x, grad, rate):
    """Algorithm 1 of its paper, with weight decay .3 and three steps of warm-up."""
    z, v, total = x, np.zeros_like(x), 0.0
    for t in itertools.count(1):
        y = 0.2 * z + 0.8 * x
        g = grad(y)
        v = 0.99 * v + 0.01 * g**2
        own = rate * np.sqrt(1 - 0.99**t) * min(1, t / 3)
        z = z - own * g / (np.sqrt(v) + 1e-8) - own * 0.3 * y
        total += own**2
        x = (1 - own**2 / total) * x + own**2 / total * z
        yield x


PAPERS = [
    (Lion(**ADAM), lion),
    (AdaBelief(**ADAM, epsilon=1e-12), adabelief),
    (ScheduleFree(**ADAM, weight_decay=0.3, warmup=3), schedule_free),
]


@pytest.mark.parametrize(("ours", "paper"), PAPERS, ids=lambda v: name(v) if hasattr(v, "rate") else "")
def test_first_order_steps_are_those_of_their_papers(ours, paper):
    theta = starts(1)
    stepper = ours.stepper(theta)
    expected = paper(theta.numpy(), lambda x: rosenbrock(torch.from_numpy(x))[1].numpy(), ADAM["learning_rate"])
    for _, x in zip(range(200), expected, strict=False):
        theta, _, _ = stepper.step(theta, rosenbrock)
        np.testing.assert_allclose(theta.numpy(), x, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("ours", [Lion(), AdaBelief(), ScheduleFree(), Adam()], ids=name)
def test_steps_side_by_side_are_those_alone_and_a_seed_begins_anew(ours):
    """Wherever an optimizer takes its gradient."""
    theta = starts(4)
    together = SideBySide([slice(0, 2), slice(2, 4)], [ours.stepper(theta[:2]), SGD().stepper(theta[2:])])
    alone, own, pack = ours.stepper(theta[:2]), theta[:2], theta
    for step in range(6):
        if step == 3:
            together.forget(torch.tensor([True, False, False, False]))
            alone.forget(torch.tensor([True, False]))
        pack, own = together.step(pack, rosenbrock)[0], alone.step(own, rosenbrock)[0]
        torch.testing.assert_close(pack[:2], own, rtol=1e-12, atol=0)
        if step == 2:
            begun, first = ours.stepper(own[:1]), own[:1]
        if step >= 3:
            first = begun.step(first, rosenbrock)[0]
            torch.testing.assert_close(own[:1], first, rtol=1e-12, atol=0)


@pytest.mark.parametrize(("ours", "torchs", "options"), TORCHS, ids=lambda v: name(v) if hasattr(v, "rate") else "")
@pytest.mark.parametrize("clip", [None, 0.7])
def test_first_order_steps_are_torchs(ours, torchs, options, clip):
    """Clipping included, which torch does for one network at a time."""
    start = starts(1)
    theta, reference = start, start.clone().requires_grad_()
    stepper, optimizer = replace(ours, clip=clip).stepper(theta), torchs([reference], **options)
    for _ in range(200):
        theta, _, evaluations = stepper.step(theta, rosenbrock)
        reference.grad = rosenbrock(reference)[1]
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(reference, clip)
        optimizer.step()
        assert evaluations.tolist() == [1]
    # torch adds 1e-6 to the norm by which it divides.
    torch.testing.assert_close(theta, reference.detach(), rtol=1e-10 if clip is None else 1e-5, atol=1e-12)


@pytest.mark.parametrize(
    ("schedule", "torchs"),
    [
        ("constant", lambda o: torch.optim.lr_scheduler.ConstantLR(o, factor=1.0)),
        ("exponential", lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.9 ** (1 / 40))),
        ("cosine", lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 40)),
    ],
)
@pytest.mark.parametrize("warmup", [0, 10])
def test_learning_rates_are_torchs(schedule, torchs, warmup):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.3)
    rise = torch.optim.lr_scheduler.LinearLR(optimizer, 1 / max(warmup, 1), total_iters=max(warmup - 1, 1))
    expected = []
    for _ in range(warmup):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        rise.step()
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.3)
    scheduler = torchs(optimizer)
    for _ in range(40):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    settings = SGD(learning_rate=0.3, schedule=schedule, schedule_steps=40, warmup=warmup)
    assert [settings.rate(step) for step in range(warmup + 40)] == pytest.approx(expected, rel=1e-9)


def test_lbfgs_needs_no_more_evaluations_than_torchs():
    """Both reach the same precision from the same starts; line searches differ in detail, so counts are compared."""
    theta = starts(32)
    stepper = LBFGS().stepper(theta)
    spent, ours = torch.zeros(32, dtype=torch.int64), torch.zeros(32, dtype=torch.int64)
    for _ in range(120):
        theta, _, evaluations = stepper.step(theta, rosenbrock)
        spent += evaluations
        ours = torch.where((ours == 0) & (rosenbrock(theta)[0] < 1e-8), spent, ours)
    theirs = torch.tensor([torch_lbfgs(row) for row in starts(32)])
    reached = (ours > 0) & (theirs > 0)  # each may end in the other, local minimum
    assert reached.sum() >= 20
    assert (ours[reached] <= 1.3 * theirs[reached]).all()
    assert ours[reached].sum() <= 1.05 * theirs[reached].sum()


def torch_lbfgs(start: Tensor) -> int:
    """Evaluations until the loss is below 1e-8; 0 where it never is."""
    point = start[None].clone().requires_grad_()
    options = {"lr": 1, "max_iter": 120, "max_eval": 10_000, "history_size": 10, "line_search_fn": "strong_wolfe"}
    optimizer = torch.optim.LBFGS([point], **options, tolerance_grad=0, tolerance_change=0)
    losses: list[float] = []

    def closure():
        loss, point.grad = rosenbrock(point)
        losses.append(float(loss))
        return loss.sum()

    optimizer.step(closure)
    return next((count for count, loss in enumerate(losses, start=1) if loss < 1e-8), 0)


@pytest.mark.parametrize("settings", [LBFGS(max_evaluations=50), SSBroyden(max_evaluations=50)], ids=name)
def test_steps_fulfil_the_strong_wolfe_conditions(settings):
    theta = starts()
    stepper = settings.stepper(theta)
    for _ in range(20):
        loss, grad = rosenbrock(theta)
        new, _, _ = stepper.step(theta, rosenbrock)
        new_loss, new_grad = rosenbrock(new)
        before, after = (grad * (new - theta)).sum(1), (new_grad * (new - theta)).sum(1)
        assert (new_loss <= loss + 1e-4 * before + 1e-12).all()
        assert (after.abs() <= -0.9 * before + 1e-12).all()
        theta = new


def test_lbfgs_goes_as_torchs_while_the_line_search_accepts_first_trials():
    scale = torch.tensor([1.0, 20.0, 300.0], dtype=torch.float64)

    def quadratic(theta: Tensor) -> tuple[Tensor, Tensor]:
        return (scale * theta**2).sum(1), 2 * scale * theta

    theta = torch.ones(1, 3, dtype=torch.float64)
    point = theta.clone().requires_grad_()
    options = {"lr": 1, "max_iter": 1, "line_search_fn": "strong_wolfe", "tolerance_grad": 0, "tolerance_change": 0}
    reference = torch.optim.LBFGS([point], **options)

    def closure():
        loss, point.grad = quadratic(point.detach())
        return loss.sum()

    stepper = LBFGS().stepper(theta)
    for _ in range(10):
        theta, _, _ = stepper.step(theta, quadratic)
        reference.step(closure)
        torch.testing.assert_close(theta, point.detach(), rtol=1e-7, atol=0)
    for _ in range(15):
        theta, _, _ = stepper.step(theta, quadratic)
    assert quadratic(theta)[0] < 1e-20


@pytest.mark.parametrize("settings", [LBFGS(), SSBroyden()], ids=name)
def test_line_searches_stop_where_nothing_can_be_gained_and_count_no_more(settings):
    theta = torch.zeros(2, 3, dtype=torch.float64)
    theta[1] = 1.0
    stepper = settings.stepper(theta)
    total = torch.zeros(2, dtype=torch.int64)
    for _ in range(40):
        theta, _, evaluations = stepper.step(theta, lambda t: (t.square().sum(1), 2 * t))
        total += evaluations
    assert stepper.finished().all()
    assert total[0] == 1  # at the minimum from the start: one look is enough
    assert theta.abs().max() < 1e-6


@pytest.mark.parametrize("settings", [LBFGS(), SSBroyden()], ids=name)
def test_line_searches_back_off_from_points_without_a_loss(settings):
    """log(x) has no value left of zero; a step that lands there counts as too long."""

    def evaluate(theta: Tensor) -> tuple[Tensor, Tensor]:
        return (theta - theta.log()).sum(1), 1 - 1 / theta

    theta = torch.tensor([[1e-3, 5.0], [30.0, 1e-2]], dtype=torch.float64)
    stepper = settings.stepper(theta)
    for _ in range(60):
        theta, _, _ = stepper.step(theta, evaluate)
    torch.testing.assert_close(theta, torch.ones_like(theta), rtol=0, atol=1e-5)


def inverse_hessians(stepper) -> Tensor:
    return stepper.scale[:, None, None] * stepper.inverse


@pytest.mark.parametrize("update", ["bfgs", "ssbfgs", "ssbroyden"])
def test_an_inverse_hessian_maps_the_change_of_gradient_to_the_move_and_stays_positive(update):
    theta = starts()
    stepper = SSBroyden(update=update, max_evaluations=50).stepper(theta)
    for _ in range(30):
        grad = rosenbrock(theta)[1]
        new = stepper.step(theta, rosenbrock)[0]
        move, change = new - theta, rosenbrock(new)[1] - grad
        inverse = inverse_hessians(stepper)
        turned = (inverse @ change.unsqueeze(-1)).squeeze(-1)
        torch.testing.assert_close(turned, move, rtol=1e-6, atol=1e-9 * float(move.abs().max()))
        torch.testing.assert_close(inverse, inverse.mT, rtol=1e-9, atol=1e-12)
        assert (torch.linalg.eigvalsh(inverse) > 0).all()
        # What is carried on from the step is what the matrix makes of the gradient.
        along = -(inverse @ stepper.grad.unsqueeze(-1)).squeeze(-1)
        torch.testing.assert_close(stepper.direction(), along, rtol=1e-6, atol=1e-9 * float(along.abs().max()))
        theta = new


def test_bfgs_is_the_product_form_of_textbooks():
    """Nocedal and Wright's (6.17), after a first estimate by their (6.20), along the same moves."""
    theta = starts(1)
    stepper = SSBroyden(update="bfgs").stepper(theta)
    inverse = None
    for _ in range(15):
        grad = rosenbrock(theta)[1]
        new = stepper.step(theta, rosenbrock)[0]
        s, y = (new - theta)[0], (rosenbrock(new)[1] - grad)[0]
        eye = torch.eye(len(s), dtype=torch.float64)
        inverse = s @ y / (y @ y) * eye if inverse is None else inverse
        left = eye - torch.outer(s, y) / (s @ y)
        inverse = left @ inverse @ left.T + torch.outer(s, s) / (s @ y)
        torch.testing.assert_close(inverse_hessians(stepper)[0], inverse, rtol=1e-6, atol=1e-9)
        theta = new


def test_a_scale_that_grows_out_of_all_bounds_goes_into_the_matrix():
    """Steps are the same where the scale of a seed's H was beyond them, to the bit those of the seeds beside it."""
    steppers = [SSBroyden().stepper(starts()) for _ in range(2)]
    theta = [starts(), starts()]
    for step in range(12):
        steppers[1].scale[1] *= 1e-99
        steppers[1].inverse[1] *= 1e99
        theta = [own.step(at, rosenbrock)[0] for own, at in zip(steppers, theta, strict=True)]
        assert (steppers[1].scale > 1e-101).all(), step
    torch.testing.assert_close(theta[1], theta[0], rtol=1e-6, atol=1e-9)
    assert torch.equal(theta[1][0], theta[0][0])


def test_self_scaling_lets_go_of_curvatures_that_were_met_far_away():
    """sum c (1 - cos)-like wells whose curvature falls a thousandfold from where H is first made to the minimum."""

    def evaluate(theta: Tensor) -> tuple[Tensor, Tensor]:
        weight = torch.linspace(1, 50, theta.shape[1], dtype=torch.float64)
        return (weight * (theta.cosh() - 1)).sum(1), weight * theta.sinh()

    needed = {}
    for update in ("bfgs", "ssbfgs", "ssbroyden"):
        theta = torch.linspace(6, 8, 10, dtype=torch.float64)[None]
        stepper, spent = SSBroyden(update=update).stepper(theta), 0
        for _ in range(500):
            theta, loss, evaluations = stepper.step(theta, evaluate)
            spent += int(evaluations)
            if loss < 1e-16:
                break
        assert loss < 1e-16
        needed[update] = spent
    assert needed["ssbfgs"] < needed["bfgs"]
    assert needed["ssbroyden"] < needed["bfgs"]


def test_an_inverse_hessian_survives_new_samples_and_only_the_point_is_looked_at_again():
    theta = starts()
    stepper = SSBroyden().stepper(theta)
    for _ in range(5):
        theta, _, _ = stepper.step(theta, rosenbrock)
    before = stepper.inverse.clone()
    stepper.renew()
    assert torch.equal(stepper.inverse, before)
    _, loss, _ = stepper.step(theta, lambda t: tuple(2 * part for part in rosenbrock(t)))
    torch.testing.assert_close(loss, 2 * rosenbrock(theta)[0])


class Counted(Problem):
    """A problem of which some seeds can be evaluated alone, that counts how many were."""

    def __init__(self, counts=None):
        self.counts = [] if counts is None else counts

    def __call__(self, theta):
        self.counts.append(len(theta))
        return rosenbrock(theta)

    def among(self, rows):
        return Counted(self.counts)

    residuals = jacobian = None


@pytest.mark.parametrize("optimizer", [LBFGS(), SSBroyden()], ids=name)
def test_a_search_evaluates_those_seeds_alone_that_still_search(optimizer):
    theta = expected = starts()
    counted, stepper, plain, spent = Counted(), optimizer.stepper(theta), optimizer.stepper(theta), 0
    for _ in range(8):
        theta, _, evaluations = stepper.step(theta, counted)
        expected = plain.step(expected, rosenbrock)[0]
        spent += int(evaluations.sum())
    assert torch.equal(theta, expected)
    assert sum(counted.counts) == spent
    assert len(set(counted.counts)) > 1  # searches are of different lengths


@pytest.mark.parametrize("optimizer", [LBFGS(), SSBroyden()], ids=name)
def test_on_seeds_that_are_through_nothing_is_spent(optimizer):
    theta = expected = starts()
    counted, stepper, plain = Counted(), optimizer.stepper(theta), optimizer.stepper(theta)
    through = torch.tensor([True, False, False, True])
    for step in range(6):
        if step == 3:
            stepper.retire(through)
            counted.counts.clear()
        theta, _, evaluations = stepper.step(theta, counted)
        expected = plain.step(expected, rosenbrock)[0]
        theta = torch.where(through[:, None] & (step > 3), starts(), theta)  # where they are put is all the same
        assert (evaluations[through] == 0).all() == (step >= 3)
    assert torch.equal(theta[~through], expected[~through])
    assert max(counted.counts) <= 2


def test_a_chain_makes_the_steps_of_its_parts_in_turn():
    parts = {"adam": Adam(learning_rate=0.05), "lbfgs": LBFGS(), "ssbroyden": SSBroyden()}
    stepper, theta = Chain(parts=parts, switch=[4, 7]).stepper(starts()), starts()
    for count, part in zip((4, 3, 5), parts.values(), strict=True):
        own, expected = part.stepper(theta), theta
        for _ in range(count):
            theta, loss, evaluations = stepper.step(theta, rosenbrock)
            expected, own_loss, own_evaluations = own.step(expected, rosenbrock)
            assert torch.equal(theta, expected)
            assert torch.equal(loss, own_loss)
            assert torch.equal(evaluations, own_evaluations)


def test_a_chain_waits_for_its_next_part_and_ends_with_the_last():
    theta = torch.zeros(1, 3, dtype=torch.float64)
    stepper = Chain(parts={"lbfgs": LBFGS(), "ssbroyden": SSBroyden()}, switch=[3]).stepper(theta)
    ends = []
    for _ in range(5):
        theta, _, _ = stepper.step(theta, lambda t: (t.square().sum(1), 2 * t))
        ends.append(stepper.finished())
    assert ends[:3] == [None] * 3
    assert ends[4].all()


def test_a_chain_is_what_its_parts_are():
    first = Chain(parts={"adam": Adam(), "sgd": SGD()}, switch=[3])
    assert (first.minibatches, first.least_squares, first.double) == (True, False, "")
    second = Chain(parts={"adam": Adam(), "levenberg_marquardt": LevenbergMarquardt()}, switch=[3])
    assert (second.minibatches, second.renews, second.least_squares, second.jacobian) == (False, True, True, True)
    assert second.double == "has a part that squares the rounding errors"
    assert "levenberg_marquardt: it factorizes" in second.conflict(10**6)
    assert "5000 are the most" in SSBroyden().conflict(10**6)
    assert not SSBroyden().conflict(100)


class Rosenbrock(Problem):
    """The same sum as its squares: 10 (b - a^2) and 1 - a."""

    def __call__(self, theta):
        return rosenbrock(theta)

    def residuals(self, theta):
        a, b = theta[:, :-1], theta[:, 1:]
        return torch.cat([10 * (b - a**2), 1 - a], dim=1)

    def jacobian(self, theta):
        rows = torch.func.vmap(torch.func.jacrev(lambda row: self.residuals(row[None])[0]))(theta)
        return self.residuals(theta), rows.transpose(1, 2)


def test_levenberg_marquardt_ends_where_scipys_does():
    theta, problem = starts(), Rosenbrock()
    stepper = LevenbergMarquardt().stepper(theta)
    for _ in range(100):
        theta, loss, _ = stepper.step(theta, problem)
    for row, ours in zip(starts(), loss, strict=True):
        found = scipy.optimize.least_squares(
            lambda t: problem.residuals(torch.as_tensor(t)[None])[0].numpy(), row.numpy(), method="lm", xtol=1e-15
        )
        assert ours <= 2 * found.cost + 1e-20


@pytest.mark.parametrize("form", ["auto", "normal", "samples", "qr"])
def test_a_step_of_levenberg_marquardt_solves_the_damped_equations(form):
    theta = starts()
    settings = LevenbergMarquardt(damping=0.5, floor=0.1, form=form)
    residuals, jacobian = Rosenbrock().jacobian(theta)
    new, _, evaluations = settings.stepper(theta).step(theta, Rosenbrock())
    first_trial_taken = (evaluations == 2).nonzero().flatten().tolist()
    assert len(first_trial_taken) > 1
    for row in first_trial_taken:
        J = jacobian[row].T.numpy()
        diagonal = (J**2).sum(0)
        rows = np.vstack([J, np.diag(np.sqrt(0.5 * np.maximum(diagonal, 0.1 * diagonal.max())))])
        move = np.linalg.lstsq(rows, np.concatenate([-residuals[row].numpy(), np.zeros(6)]), rcond=None)[0]
        torch.testing.assert_close(new[row] - theta[row], torch.from_numpy(move), rtol=1e-9, atol=1e-11)


def test_levenberg_marquardt_stops_at_its_floor_and_counts_no_more():
    theta = starts()
    stepper = LevenbergMarquardt().stepper(theta)
    for _ in range(300):
        theta, _, evaluations = stepper.step(theta, Rosenbrock())
    assert stepper.finished().all()
    assert evaluations.tolist() == [0] * 4


def test_levenberg_marquardt_names_what_takes_more_parameters():
    assert LevenbergMarquardt().conflict(3000) == ""
    assert "got 3001 where 3000 are the most; use optimizer=hessian_free" in LevenbergMarquardt().conflict(3001)


class Line(Problem):
    """|A theta - b|^2, whose Gauss-Newton step from anywhere is exact."""

    def __init__(self, rows: int, columns: int):
        g = generator(0, "check")
        self.A = torch.randn((rows, columns), generator=g, dtype=torch.float64)
        self.b = torch.randn(rows, generator=g, dtype=torch.float64)

    def __call__(self, theta):
        return self.residuals(theta).square().sum(1), 2 * self.residuals(theta) @ self.A

    def residuals(self, theta):
        return theta @ self.A.T - self.b

    def jacobian(self, theta):
        return self.residuals(theta), self.A.T.expand(len(theta), -1, -1)


@pytest.mark.parametrize(
    "optimizer", [HessianFree(damping=1e-14, tolerance=1e-12), LevenbergMarquardt(damping=1e-14)], ids=name
)
def test_one_gauss_newton_step_solves_linear_least_squares(optimizer):
    problem, theta = Line(20, 6), starts()
    new, _, _ = optimizer.stepper(theta).step(theta, problem)
    solution = torch.linalg.lstsq(problem.A, problem.b[:, None]).solution[:, 0]
    torch.testing.assert_close(new, solution.expand(4, -1), rtol=1e-9, atol=1e-10)


def test_hessian_free_needs_as_many_products_as_there_are_parameters():
    """Conjugate gradients end after that many steps; one product more starts them, one evaluation gives the slope."""
    theta = starts()
    _, _, evaluations = HessianFree(damping=1e-14, iterations=6).stepper(theta).step(theta, Line(20, 6))
    assert evaluations.tolist() == [6 + 3] * 4


def test_hessian_free_ends_where_scipys_least_squares_does():
    theta, problem = starts(), Rosenbrock()
    stepper = HessianFree().stepper(theta)
    for _ in range(300):
        theta, loss, _ = stepper.step(theta, problem)
    for row, ours in zip(starts(), loss, strict=True):
        found = scipy.optimize.least_squares(
            lambda t: problem.residuals(torch.as_tensor(t)[None])[0].numpy(), row.numpy(), method="lm", xtol=1e-15
        )
        assert ours <= 2 * found.cost + 1e-12


@pytest.mark.parametrize("optimizer", [LevenbergMarquardt(), HessianFree(), LBFGS()], ids=name)
def test_who_was_through_goes_on_when_told_of_other_samples(optimizer):
    theta, other = starts(), Line(20, 6)
    stepper = optimizer.stepper(theta)
    for _ in range(400):
        theta, _, _ = stepper.step(theta, Rosenbrock())
    assert stepper.finished().all()
    assert torch.equal(stepper.step(theta, other)[0], theta)
    stepper.renew()
    new, loss, _ = stepper.step(theta, other)
    torch.testing.assert_close(loss, other(theta)[0])
    assert (other(new)[0] < loss).all()


def test_qr_keeps_digits_that_squaring_the_condition_loses():
    """Columns of sizes 1 to 1e-12, scaled alike by what they are made of: one undamped step solves them, or cannot."""
    draw = torch.randn(1, 40, 6, generator=generator(0, "check"), dtype=torch.float64)
    basis = torch.linalg.qr(draw).Q
    mixed = torch.linalg.qr(torch.randn(1, 6, 6, generator=generator(1, "check"), dtype=torch.float64)).Q
    jacobian = (basis * torch.logspace(0, -9, 6, dtype=torch.float64)) @ mixed  # (1, residuals, parameters)
    right = torch.ones(1, 6, 1, dtype=torch.float64)
    residuals, damped = -(jacobian @ right).squeeze(-1), torch.full((1, 6), 1e-30, dtype=torch.float64)

    def error(form):
        return float((form(residuals, jacobian.mT).solve(damped)[0] - 1).abs().max())

    assert error(Stacked) < 1e-5 < error(Normal)


@pytest.mark.parametrize(("residuals", "form"), [(3, "samples"), (20, "normal")])
def test_auto_is_the_form_of_the_smaller_matrix(residuals, form):
    problem, theta = Line(residuals, 6), starts()
    one, other = (LevenbergMarquardt(form=f).stepper(theta).step(theta, problem)[0] for f in ("auto", form))
    assert torch.equal(one, other)
    last = LevenbergMarquardt(form="qr").stepper(theta).step(theta, problem)[0]
    torch.testing.assert_close(one, last, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("form", ["samples", "qr"])
def test_battery_of_the_other_forms(form):
    check_optimizer(LevenbergMarquardt(form=form))
