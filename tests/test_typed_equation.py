"""Equations that are typed: read through a whitelist, the same as those of the package, and mistakes as sentences."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.training import experiment, train
from torch.testing import assert_close

from kanexp import testing
from kanexp.data.expression import DIFFERENTIABLE, Expression, function_named
from kanexp.data.statement import Statement, Symbols
from kanexp.init.glorot import Glorot
from kanexp.optimizer.lbfgs import LBFGS
from kanexp.seeding import generator
from kanexp.task.burgers import Burgers
from kanexp.task.equation import TypedEquation
from kanexp.task.jet import Jet
from kanexp.task.schroedinger import Schroedinger
from kanexp.task.wave import Wave

PLANE = {"t": [0.0, 1.0], "x": [-1.0, 1.0]}
SQUARE = {"t": [0.0, 1.0], "x": [0.0, 1.0]}
BURGERS = TypedEquation(
    residual="u_t + u*u_x - 0.01/pi*u_xx",
    domain=PLANE,
    known=["u(0, x) = -sin(pi*x)", "u(t, -1) = 0", "u(t, 1) = 0"],
)
WAVE = TypedEquation(
    residual="u_tt - 4*u_xx",
    domain=SQUARE,
    known=[
        "u(0, x) = sin(pi*x) + sin(4*pi*x)/2",
        "u(t, 0) = 0",
        "u(t, 1) = 0",
        "u_t(0, x) = 0",
    ],
    exact="sin(pi*x)*cos(2*pi*t) + sin(4*pi*x)*cos(8*pi*t)/2",
)
SCHROEDINGER = TypedEquation(
    residual=["-v_t + u_xx/2 + (u**2 + v**2)*u", "u_t + v_xx/2 + (u**2 + v**2)*v"],
    domain={"t": [0.0, math.pi / 2], "x": [-5.0, 5.0]},
    answers=["u", "v"],
    known=["u(0, x) = 2/cosh(x)", "v(0, x) = 0", "u(t, -5) = u(t, 5)", "u_x(t, 5) = u_x(t, -5)"],
)
DIFFUSION = TypedEquation(
    residual="u_t - D*u_xx",
    domain=SQUARE,
    exact="exp(-0.1*pi**2*t)*sin(pi*x)",
    unknowns={"D": 1.0},
    truths={"D": 0.1},
    measured=100,
    points=400,
)
CASES = [BURGERS, WAVE, SCHROEDINGER, DIFFUSION]


@pytest.mark.parametrize("case", CASES, ids=["burgers", "wave", "schroedinger", "diffusion"])
def test_typed_equations_are_tasks(case):
    testing.check_task(replace(case, points=100, edge_points=9))


@pytest.mark.parametrize(
    ("typed", "own"),
    [(BURGERS, Burgers()), (WAVE, Wave()), (SCHROEDINGER, Schroedinger())],
    ids=lambda e: type(e).__name__,
)
def test_left_sides_are_those_of_the_package(typed, own, randn):
    x, shape = randn(1, 2, 7), (3, len(own.answers), 7)
    jet = Jet(randn(*shape), {partial: randn(*shape) for partial in {*typed.partials, *own.partials}}, {})
    assert set(typed.partials) <= set(own.partials)
    assert_close(typed.left_side(jet, x), own.left_side(jet, x))


def test_a_typed_equation_is_learned_as_that_of_the_package():
    small = {"points": 80, "edge_points": 9, "sampling": "grid"}
    typed, own = replace(WAVE, **small), Wave(**small)
    ours, theirs = (task.load(generator(0, "data")) for task in (typed, own))
    for name in ("train", "test"):
        assert_close(getattr(ours, name).x, getattr(theirs, name).x)
        assert_close(getattr(ours, name).y, getattr(theirs, name).y)
    words = {"optimizer": LBFGS(), "init": Glorot(), "steps": 10}
    first, second = (train(experiment(task=task, **words))[0] for task in (typed, own))
    assert_close(first.best, second.best, rtol=1e-5, atol=1e-6)
    assert_close(first.test["relative_l2"], second.test["relative_l2"], rtol=1e-5, atol=0)


def test_without_an_answer_the_score_is_the_residual():
    """u' = u from u(0) = 1 on [0, 2], an input that leaves [-1, 1]: a straight line 1 + t leaves t."""
    task = TypedEquation(residual="u_t - u", domain={"t": [0.0, 2.0]}, known="u(0) = 1", points=4000)
    data = task.load(generator(0, "data"))
    assert any("residual" in note for note in data.notes)
    assert not task.solved
    found = task.sides(lambda x: x + 2, data.test.x[None], {})  # inputs are t - 1
    t = data.inputs_as().features(data.test.x)
    assert_close(found[0], -t)
    scores = task.metrics(found, data.test.y[None])
    assert float(scores["residual"]) == pytest.approx(math.sqrt(4 / 3), rel=0.02)
    assert float(scores["largest_residual"]) == pytest.approx(2, rel=0.01)
    result, _, network = train(
        replace(experiment(task=replace(task, points=50), optimizer=LBFGS(), steps=150), widths=[1, 6, 1])
    )
    end = network(result.best, torch.ones(1, 1, 1).to(result.best))[:, 0, 0]
    assert (result.test["residual"] < 0.1).all()
    assert_close(end, torch.full_like(end, math.exp(2)), rtol=0.05, atol=0)


def test_a_number_of_a_typed_equation_is_found():
    e = experiment(task=DIFFUSION, optimizer=LBFGS(), init=Glorot(), steps=400, seeds=2)
    result, _, network = train(replace(e, widths=[2, 6, 1]))
    found = network.unknown(result.best)["D"].flatten()
    assert_close(found, torch.full_like(found, 0.1), rtol=0.05, atol=0)
    assert_close(result.test["D_error"], (found / 0.1 - 1).abs())


def test_statements():
    symbols = Symbols({"t": (0.0, 1.0), "x": (0.0, 2 * math.pi)}, ("u", "v"))
    read = Statement.read("v_xt(t, 2*pi) = t**2", symbols)
    assert (read.answer, read.partial, read.axis, read.end) == (1, (0, 1), 1, 1)
    assert read.formula(np.array([[3.0], [0.0]])) == 9
    both = Statement.read("u_x(t,0)=u_x(t,2*pi)", symbols)
    assert (both.answer, both.partial, both.axis, both.end, both.formula) == (0, (1,), 1, None, None)
    assert symbols.derivative("u_ttx") == (0, (0, 0, 1))
    assert symbols.derivative("u") == (0, ())
    assert [symbols.derivative(name) for name in ("w", "u_", "u_q", "w_x", "sin")] == [None] * 5


@pytest.mark.parametrize("function", sorted(DIFFERENTIABLE))
def test_formulas_of_tensors_are_those_of_arrays(function, draws):
    count = function_named(function)[1]
    names = ["a", "b"][:count]
    formula = Expression(f"2**a + {function}({', '.join(names)}) if a < 0.5 else -a % 3 / e", names)
    values = 0.05 + 0.9 * torch.rand(count, 40, generator=draws, dtype=torch.float64)
    values = values + 1 if function == "arccosh" else values
    found = formula.of_tensors(dict(zip(names, values, strict=True)))
    assert_close(found, torch.from_numpy(formula(values.numpy()).copy()))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "domain must name the inputs with their ranges, such as {t: [0, 1], x: [-1, 1]}"),
        (["task.residual=u_t - w_x"], "residual has no variable 'w_x'; it knows t, x, u, u_t, pi"),
        (["task.residual=u_t - u_y"], "residual has no variable 'u_y'"),
        (["task.residual='u_t - open(x)'"], "residual has no function 'open'"),
        (["task.residual='u_t - jv(x, u)'"], "residual: jv cannot be differentiated; it knows sin"),
        (["task.residual='u_t.real'"], "residual may hold numbers, variables"),
        (["task.known='u(0.5, x) = 1'"], "known must hold t at an end of its range, 0 or 1, got 'u(0.5, x) = 1'"),
        (["task.known='u(0) = 1'"], "known must give t, x one place each, got 'u(0) = 1'"),
        (["task.known='u(0, 0) = 1'"], "known must hold one input at an end and leave the others their names"),
        (["task.known='w(0, x) = 1'"], "known must hold statements such as u(0, x) = 1, of u or derivatives"),
        (
            ["task.known='u(0, x) = q'"],
            "known has no variable 'q'; it knows t, x, pi, e, euler_gamma, in 'u(0, x) = q'",
        ),
        (["task.known='u(0, x) = u(0, x)'"], "known must compare the two ends of one input"),
        (["task.known='u(0, x) = 1/x'", "task.sampling=grid", "task.edge_points=3"], "known: is inf at (0, 0)"),
        (["task.known=[]"], "known must hold a statement, or measured points"),
        (["task.exact=[x, t]"], "exact must have a formula for each of the answers u, got"),
        (["task.measured=5"], "measured needs exact, formulas of what is measured"),
        (["task.truths={D: 1}"], "truths are those of unknowns, got D"),
        (["task.unknowns={x: 1}"], "inputs, answers and unknowns need names of their own"),
        (["task.answers=[u_1]"], "names of inputs, answers and unknowns are letters and digits, got u_1"),
        (["task.domain={x: [1, 0]}"], "domain must give x a low and a high end, both finite, got [1.0, 0.0]"),
        (["task.ranges={x: [1, 0]}"], "did you mean 'domain'"),
    ],
)
def test_mistakes(asked, words, sentence):
    usual = (
        ["task.residual=u_t - u_xx", "task.domain={t: [0, 1], x: [-1, 1]}", "task.known='u(0, x) = 1'"] if words else []
    )
    done = asked("task=equation", *usual, *words, "steps=1")
    assert done.returncode == 2
    assert sentence in " ".join(done.stderr.split())


def test_from_the_command_line_to_a_prediction(asked, tmp_path):
    words = ["task.residual=u_t + u*u_x - 0.01/pi*u_xx", "task.domain={t: [0, 1], x: [-1, 1]}", "task.points=50"]
    known = 'task.known=["u(0, x) = -sin(pi*x)", "u(t, -1) = 0", "u(t, 1) = 0"]'
    done = asked(
        "task=equation", *words, known, "task.weights={start: 3}", "steps=3", f"output_dir={tmp_path}", "name=own"
    )
    assert done.returncode == 0, done.stderr
    assert "the score is the residual" in " ".join(done.stdout.split())
    assert (tmp_path / "own" / "latest" / "figures" / "prediction.png").exists()
    asked = asked("predict", str(tmp_path / "own" / "latest"), "--grid", "2")
    assert asked.stdout.splitlines()[0].startswith("t,x,u_predicted")
