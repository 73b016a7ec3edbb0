"""Operators: what they make of functions, against quadrature and differences."""

import math

import pytest
import torch
from torch.testing import assert_close

from kanexp.calculus import gauss_legendre
from kanexp.seeding import generator
from kanexp.task.operator import Operator, waves


def drawn(task, functions=3):
    return task.draw(functions, generator(0, "data"))


def test_the_antiderivative_is_the_integral():
    task = Operator(length=0.15)
    k, a, b = drawn(task)
    points, weights = gauss_legendre(20, 20)
    for y in (0.0, 0.3, 1.0):
        found = task.kind.solution(k, a, b, torch.full((1, 3, 1), y, dtype=torch.float64))
        angles = torch.outer(y * points, k)
        u = angles.cos() @ a.T + angles.sin() @ b.T
        assert_close(found[:, 0], y * (weights @ u), rtol=1e-9, atol=1e-11)


def test_advection_solves_its_equation_from_a_periodic_start(draws):
    task = Operator(operator="advection")
    k, a, b = drawn(task)
    y = torch.rand((2, 3, 50), generator=draws, dtype=torch.float64).requires_grad_()
    u = task.kind.solution(k, a, b, y)
    (slopes,) = torch.autograd.grad(u.sum(), y)
    assert (slopes[0] + slopes[1]).abs().max() < 1e-11 * slopes.abs().max()
    start = torch.stack([torch.zeros_like(y[1]), y[1]])
    assert_close(task.kind.solution(k, a, b, start), waves(k, a, b, y[1]))
    around = torch.stack([y[0], y[1] + 1])
    assert_close(task.kind.solution(k, a, b, around), u, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("operator", ["antiderivative", "advection"])
def test_functions_have_variance_one_and_the_length_asked_for(operator):
    task = Operator(operator=operator, length=0.2)
    k, a, b = drawn(task, 20000)
    x = torch.tensor([[0.5, 0.52, 0.6]], dtype=torch.float64)
    values = waves(k, a, b, x)
    covariance = values.T @ values / len(values)
    assert abs(covariance[0, 0] - 1) < 0.05
    assert abs(covariance[0, 2] / covariance[0, 0] - math.exp(-0.5 * (0.1 / 0.2) ** 2)) < 0.05


def test_samples_are_functions_at_sensors_and_coordinates():
    task = Operator(sensors=5, train=4, points=3)
    data = task.load(generator(0, "data"))
    assert data.train.x.shape == (6, 12)
    of_functions = data.train.x[:5].unflatten(1, (4, 3))
    assert (of_functions == of_functions[..., :1]).all()
    own = data.inputs_as().features(data.train.x)
    assert (own[5:] >= 0).all()
    assert (own[5:] <= 1).all()
    assert_close(data.train.y.std(correction=0), torch.tensor(1.0, dtype=torch.float64))
    assert data.offset == 0.0
    k, a, b = task.draw(4, generator(0, "data"))
    assert_close(own[:5, ::3], waves(k, a, b, task.places[None]).T, rtol=1e-12, atol=1e-12)
    assert task.places.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert Operator(operator="advection", sensors=4).places.tolist() == [0, 0.25, 0.5, 0.75]


def test_coordinates_that_the_model_takes_for_sensors_are_a_mistake(asked, tmp_path):
    words = ("task=operator", "task.operator=advection", "model=deeponet", "layer=chebyshev")
    done = asked(*words)
    assert done.returncode == 2
    assert "model.coordinates: must be 2, as many as Operator has after its sensors, got 1" in done.stderr
    assert not list(tmp_path.iterdir())
    assert asked("--cfg", *words, "model.coordinates=2").returncode == 0
    assert asked("--cfg", "task=operator", "model=kan", "layer=chebyshev").returncode == 0  # which sets none apart
