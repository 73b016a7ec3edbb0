"""Optimizers that treat weights of a layer as a matrix, against their algorithms for one matrix; torch's, by name."""

import numpy as np
import pytest
import torch
from helpers.components import name
from helpers.training import experiment, train
from torch.testing import assert_close

from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.model.kan import KAN
from kanexp.model.residual_kan import ResidualKAN
from kanexp.optimizer.adam import Adam
from kanexp.optimizer.adamw import AdamW
from kanexp.optimizer.chain import Chain
from kanexp.optimizer.muon import Muon, orthogonal
from kanexp.optimizer.soap import SOAP
from kanexp.optimizer.torch import NAMES, Torch
from kanexp.seeding import generator

STEPS = 25
SCALE = torch.linspace(0.5, 3, 7, dtype=torch.float64)


def bent(theta):
    """A loss (seeds,) of all weights together, with its gradient: a matrix's gradients change their directions."""
    theta = theta.detach().requires_grad_()
    loss = ((SCALE * theta).sin().cumsum(1).square()).sum(1) + theta.square().sum(1)
    return loss.detach(), torch.autograd.grad(loss.sum(), theta)[0]


def starts(seeds=3):
    return torch.randn((seeds, 7), generator=generator(1, "check"), dtype=torch.float64)


def walked(optimizer, theta, matrices, steps=STEPS):
    """Weights after each step."""
    stepper, found = optimizer.stepper_for(theta, matrices), []
    for _ in range(steps):
        theta = stepper.step(theta, bent)[0]
        found.append(theta)
    return found


def alone(direction, theta, place, shape, rate, decay=0.0):
    """Weights of one seed by numpy after each step: a matrix along `direction`, the others by AdamW."""
    own, x = torch.optim.AdamW, theta.clone()
    rest = torch.tensor([k for k in range(theta.shape[1]) if not place.start <= k < place.stop])
    others = x[:, rest].clone().requires_grad_()
    adam = own([others], lr=rate, betas=(0.9, 0.95), weight_decay=decay)
    while True:
        grad = bent(x)[1]
        others.grad = grad[:, rest]
        adam.step()
        matrix = x[0, place].reshape(shape).numpy() * (1 - rate * decay)
        matrix = matrix - rate * direction(grad[0, place].reshape(shape).numpy())
        x = x.clone()
        x[:, rest] = others.detach()
        x[0, place] = torch.from_numpy(matrix).flatten()
        yield x


def muon():
    """Jordan's algorithm for one matrix, its size that of AdamW's steps."""
    mean = 0.0

    def direction(grad):
        nonlocal mean
        mean = 0.9 * mean + 0.1 * grad
        x = 0.1 * grad + 0.9 * mean
        x = x / np.linalg.norm(x)
        for _ in range(5):
            gram = x @ x.T
            x = 3.4445 * x - 4.7750 * gram @ x + 2.0315 * gram @ gram @ x
        return 0.2 * max(grad.shape) ** 0.5 * x

    return direction


def soap(frequency):
    """Algorithm 3 of its paper with the order of eigenvectors of its code, moments kept in the turned space."""
    kept = {}

    def apart(matrix):
        return matrix + np.diag(np.linspace(1e-3, 0, len(matrix)) * np.trace(matrix) / len(matrix))

    def descending(matrix):
        return np.linalg.eigh(apart(matrix))[1][:, ::-1]

    def direction(grad):
        if not kept:
            kept.update(left=0.05 * grad @ grad.T, right=0.05 * grad.T @ grad, step=0)
            kept.update(u=descending(kept["left"]), v=descending(kept["right"]))
            kept.update(mean=np.zeros_like(grad), square=np.zeros_like(grad))
            return np.zeros_like(grad)
        kept["step"] += 1
        u, v, t = kept["u"], kept["v"], kept["step"]
        turned = u.T @ grad @ v
        kept["mean"] = 0.9 * kept["mean"] + 0.1 * turned
        kept["square"] = 0.95 * kept["square"] + 0.05 * turned**2
        size = (1 - 0.95**t) ** 0.5 / (1 - 0.9**t)
        found = u @ (size * kept["mean"] / (kept["square"] ** 0.5 + 1e-8)) @ v.T
        kept["left"] = 0.95 * kept["left"] + 0.05 * grad @ grad.T
        kept["right"] = 0.95 * kept["right"] + 0.05 * grad.T @ grad
        if t % frequency == 0:
            mean = u @ kept["mean"] @ v.T
            rows = np.argsort(-np.diag(u.T @ apart(kept["left"]) @ u))
            columns = np.argsort(-np.diag(v.T @ apart(kept["right"]) @ v))
            kept["u"] = np.linalg.qr(apart(kept["left"]) @ u[:, rows])[0]
            kept["v"] = np.linalg.qr(apart(kept["right"]) @ v[:, columns])[0]
            kept["square"] = kept["square"][rows][:, columns]
            kept["mean"] = kept["u"].T @ mean @ kept["v"]
        return found

    return direction


RATES = {"learning_rate": 0.02, "beta1": 0.9, "beta2": 0.95, "weight_decay": 0.3}
CASES = [
    (Muon(**RATES, momentum=0.9), muon),
    (SOAP(**RATES, frequency=4), lambda: soap(4)),
    (SOAP(**RATES, frequency=1), lambda: soap(1)),
]


@pytest.mark.parametrize(("ours", "paper"), CASES, ids=lambda v: name(v) if hasattr(v, "rate") else "")
@pytest.mark.parametrize(("start", "rows", "columns"), [(1, 2, 2), (0, 2, 3), (1, 3, 2)])
def test_steps_of_a_matrix_are_those_of_its_paper(ours, paper, start, rows, columns):
    """Of every seed as it goes alone; weights beside the matrix by torch's AdamW."""
    found = walked(ours, starts(), [(start, rows, columns)])
    for seed in range(3):
        place = slice(start, start + rows * columns)
        expected = alone(paper(), starts()[seed : seed + 1], place, (rows, columns), 0.02, 0.3)
        for x, known in zip(found, expected, strict=False):
            assert_close(x[seed : seed + 1], known, rtol=1e-7, atol=1e-9)


def test_muon_is_torchs_but_for_its_eight_bits_of_precision():
    theta = starts(1)
    weights = theta[0, :6].reshape(2, 3).clone().requires_grad_()
    torchs = torch.optim.Muon([weights], lr=0.02, momentum=0.95, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    stepper = Muon(learning_rate=0.02, weight_decay=0.1).stepper_for(theta, [(0, 2, 3)])
    for _ in range(10):
        weights.grad = bent(theta)[1][0, :6].reshape(2, 3)
        theta = stepper.step(theta, bent)[0]
        torchs.step()
    assert_close(theta[0, :6].reshape(2, 3), weights.detach(), rtol=0.02, atol=0.01)


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4)])
def test_what_is_orthogonalized_has_singular_values_near_one(shape, randn):
    matrices = randn(2, *shape)
    found = torch.linalg.svdvals(orthogonal(matrices, 8))
    assert (found > 0.6).all()
    assert (found < 1.3).all()
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    assert ((u @ v) * orthogonal(matrices, 8)).sum((1, 2)).min() > 0.6 * min(shape)
    assert orthogonal(torch.zeros(1, *shape), 5).abs().max() == 0


@pytest.mark.parametrize("optimizer", [Muon(beta2=0.95), SOAP()], ids=name)
def test_without_matrices_they_are_adamw(optimizer):
    adamw = AdamW(learning_rate=optimizer.learning_rate, beta1=optimizer.beta1, beta2=0.95, weight_decay=0.0)
    for matrices in ([], [(0, 1, 3), (3, 2, 1)]):
        for x, known in zip(walked(optimizer, starts(), matrices), walked(adamw, starts(), []), strict=True):
            assert_close(x, known, rtol=1e-12, atol=0)


@pytest.mark.parametrize("optimizer", [Muon(), SOAP(frequency=2), Torch(name="Adamax")], ids=name)
def test_a_seed_begins_anew_and_others_go_on(optimizer):
    matrices = [(1, 2, 2)]
    stepper, theta = optimizer.stepper_for(starts(2), matrices), starts(2)
    for _ in range(5):
        theta = stepper.step(theta, bent)[0]
    other = walked(optimizer, starts(2)[1:], matrices, 8)[-1]
    begun = walked(optimizer, theta[:1], matrices, 3)[-1]
    stepper.forget(torch.tensor([True, False]))
    for _ in range(3):
        theta = stepper.step(theta, bent)[0]
    assert_close(theta[:1], begun, rtol=1e-9, atol=1e-12)
    assert_close(theta[1:], other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("model", [KAN(), ResidualKAN(skip="linear")], ids=name)
def test_matrices_of_a_network_are_coefficients_and_residuals(model):
    network = model.network([2, 4, 3], BSpline(residual="silu"))
    theta = torch.arange(network.length, dtype=torch.float64)[None]
    named, found = network.unflatten(theta), network.matrices
    shapes = [(4, 8 * 2), (4, 2), (3, 8 * 4), (3, 4)]
    assert [one[1:] for one in found] == shapes
    names = [f"layers.{i}.{name}" for i in (0, 1) for name in ("coef", "residual")]
    for (start, rows, columns), own in zip(found, names, strict=True):
        assert torch.equal(theta[0, start : start + rows * columns], named[own].flatten())


@pytest.mark.parametrize("optimizer", [Muon(learning_rate=0.01), SOAP(learning_rate=0.01)], ids=name)
def test_networks_learn_with_them_and_go_on_after_a_refinement(optimizer):
    chain = Chain(parts={"adam": Adam(), "last": optimizer}, switch=[45])
    for one in (optimizer, chain):
        result = train(experiment(Chebyshev(degree=3), one, steps=60, refine={30: 5}))[0]
        assert [status.kind for status in result.status] == ["ok"] * 4
        assert result.last.shape[1] > 4 * 3 * 3
        before = train(experiment(Chebyshev(degree=3), one, steps=1))[0]
        assert (result.best_val < before.best_val).all()


@pytest.mark.parametrize("which", NAMES)
def test_torchs_optimizers_go_as_torchs_own(which):
    theta = starts(2)
    stepper = Torch(name=which, learning_rate=0.01).stepper(theta)
    weights = [row.clone() for row in theta]
    torchs = [getattr(torch.optim, which)([row], lr=0.01) for row in weights]
    for _ in range(5):
        grads = bent(torch.stack(weights))[1]
        for row, grad, optimizer in zip(weights, grads, torchs, strict=True):
            row.grad = grad
            optimizer.step()
        theta = stepper.step(theta, bent)[0]
        assert torch.equal(theta, torch.stack(weights))


def test_what_torch_refuses_is_said():
    assert len(NAMES) > 8
    for words, text in (
        ({"name": "NAdm"}, "name must be one of ASGD, Adadelta, .* got 'NAdm'"),
        ({"options": {"lr": 1.0}}, "options: lr is learning_rate; leave it out"),
        ({"options": {"momentum": 1.0}}, "options: torch.optim.NAdam: .*momentum"),
        ({"options": {"betas": [2.0, 0.9]}}, "options: torch.optim.NAdam: Invalid beta parameter at index 0: 2.0"),
    ):
        with pytest.raises(ValueError, match=text):
            Torch(**words)
