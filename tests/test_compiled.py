"""Compiled steps: the same as those taken one by one, whatever is asked of them; and programs, which are kept."""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pytest
import torch
from helpers.components import BASES, OPTIMIZERS, name
from helpers.training import experiment
from torch.testing import assert_close

from kanexp.folder.logs import Ledger
from kanexp.folder.run_folder import RunFolder
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.layer.fourier import Fourier
from kanexp.model.mlp import MLP
from kanexp.model.residual_kan import ResidualKAN
from kanexp.optimizer.adam import Adam
from kanexp.optimizer.adamw import AdamW
from kanexp.optimizer.base import AdaptiveStepper, FirstOrder
from kanexp.optimizer.chain import Chain
from kanexp.optimizer.hessian_free import HessianFree
from kanexp.optimizer.lbfgs import LBFGS
from kanexp.optimizer.levenberg_marquardt import LevenbergMarquardt
from kanexp.optimizer.sgd import SGD
from kanexp.optimizer.ssbroyden import SSBroyden
from kanexp.reg.activation import Activation
from kanexp.reg.l1 import L1
from kanexp.seeding import generator
from kanexp.task.base import Data, Split
from kanexp.task.burgers import Burgers
from kanexp.task.function import Function
from kanexp.task.poisson import Poisson
from kanexp.train import compiled, given, program
from kanexp.train import loop as training
from kanexp.train.batches import Batch
from kanexp.train.checkpoint import Checkpoint
from kanexp.train.ensemble import Ensemble
from kanexp.train.evaluated import CompiledProblem
from kanexp.train.program import Program, Programs
from kanexp.train.stage import Stage


class Followed:
    """The operations that a program would be compiled from, one by one: what all but the compiler can be tested by."""

    def __init__(self, graph):
        self.graph = graph

    def run(self, inputs):
        return list(self.graph(*inputs))


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def followed(monkeypatch):
    monkeypatch.setattr(program, "_made", lambda graph, examples, file: Followed(graph))


def train(members, place, compiled, start=None, stop_at=None):
    """Result and metrics.csv of each member; raises KeyError after a step, if one is given, as if it were killed."""

    def watch(progress):
        if stop_at is not None and progress.step >= stop_at:
            raise KeyError

    ensemble = Ensemble(tuple(members))
    e, network = ensemble.first, ensemble.first.network()
    dtype = getattr(torch, e.settings.dtype)
    loaded = e.task.load(generator(0, "data"))
    data = Data(*(Split(s.x.to(dtype), s.y.to(dtype)) for s in (loaded.train, loaded.val, loaded.test)))
    start = ensemble.start(network, data.train.x) if start is None else start
    folders = [RunFolder(place / str(i)) for i in range(len(members))]
    for folder in folders:
        folder.path.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        logs = [stack.enter_context(folder.logs((place / "state.pt").is_file())) for folder in folders]
        ledger = Ledger(logs, [e.settings.seed_list for e in members])
        kept = Checkpoint(place / "state.pt", logs, seconds=0)
        result = training.train(ensemble, network, start, data, ledger, watch, kept, compiled=compiled)
    return result, [(folder.path / "metrics.csv").read_bytes() for folder in folders]


def same(members, place, start=None):
    """The results with and without compiled steps, which must be the same up to rounding."""
    plain, _ = train(members, place / "plain", False, start)
    fast, _ = train(members, place / "fast", True, start)
    assert fast.compiled
    assert not plain.compiled
    assert_close(fast.last, plain.last, rtol=1e-10, atol=1e-10)
    assert_close(fast.best, plain.best, rtol=1e-10, atol=1e-10)
    assert torch.equal(fast.evaluations, plain.evaluations)
    assert (list(map(str, fast.status)), fast.steps) == (list(map(str, plain.status)), plain.steps)
    return plain, fast


@pytest.mark.parametrize("basis", BASES, ids=name)
def test_every_layer_goes_the_same_way(basis, followed, tmp_path):
    same([experiment(layer=basis, seeds=2, steps=4)], tmp_path)


ALL = [optimizer for optimizer in OPTIMIZERS if isinstance(optimizer, FirstOrder)]
FIRST_ORDER = [one for one in ALL if compiled._pairs(one.stepper(torch.zeros(1, 2)), 1)]  # all but a few
CASES = {
    **{f"optimizer {name(optimizer)} {i}": {"optimizer": optimizer} for i, optimizer in enumerate(FIRST_ORDER)},
    "clip": {"optimizer": Adam(clip=0.1)},
    "schedule": {"optimizer": SGD(nesterov=True, warmup=10, schedule="cosine", schedule_steps=30)},
    "decay": {"optimizer": AdamW(weight_decay=0.5, learning_rate=0.01)},
    "penalty": {"reg": L1(weight=0.1, schedule="warmup", schedule_steps=20)},
    "penalty of activations": {"reg": Activation(weight=0.1)},
    "minibatches": {"batch_size": 16},
    "minibatches with a penalty": {"batch_size": 16, "reg": L1(weight=0.1, schedule="decay")},
    "threshold": {"optimizer": Adam(learning_rate=0.02), "reg": L1(weight=0.01, threshold=0.3, threshold_every=7)},
    "refinement": {"layer": BSpline(), "refine": {7: 8}},
    "measured knots": {"layer": BSpline(grid="quantiles")},
    "patience": {"optimizer": Adam(learning_rate=0.5), "patience": 8, "steps": 50},
    "budget": {"budget": {"evaluations": 13}},
    "seconds": {"budget": {"seconds": 1000.0}},
    "many looks": {"log_every": 3},
    "one member": {"seeds": 1},
    "many frequencies": {"layer": Fourier(frequencies=20)},
    "L-BFGS": {"optimizer": LBFGS()},
    "self-scaled Broyden": {"optimizer": SSBroyden()},
    "Levenberg-Marquardt": {"optimizer": LevenbergMarquardt(), "steps": 6},
    "hessian-free": {"optimizer": HessianFree(), "steps": 6},
    "a chain": {"optimizer": Chain(parts={"adam": Adam(), "lbfgs": LBFGS()}, switch=[5])},
    "an equation": {"task": Poisson(points=40)},
    "an equation by L-BFGS": {"task": Poisson(points=40), "optimizer": LBFGS(), "steps": 8},
    "an equation by Levenberg-Marquardt": {"task": Poisson(points=40), "optimizer": LevenbergMarquardt(), "steps": 5},
    "an equation hessian-free": {"task": Poisson(points=40), "optimizer": HessianFree(), "steps": 4},
    "an equation with new points": {"task": Burgers(points=40, resample=3), "steps": 8},
    "weights of errors": {"task": Poisson(points=40, weighing="balance"), "optimizer": LBFGS(), "steps": 8},
}


def test_most_optimizers_of_first_order_can_be_compiled():
    assert {Adam, AdamW, SGD} <= {type(one) for one in FIRST_ORDER}


@pytest.mark.parametrize("words", CASES.values(), ids=CASES)
def test_whatever_is_asked_for_it_goes_the_same_way(words, followed, tmp_path):
    same([experiment(**{"steps": 24, **words})], tmp_path)


@pytest.mark.parametrize("model", [MLP(), ResidualKAN()], ids=name)
def test_other_models_go_the_same_way(model, followed, tmp_path):
    same([replace(experiment(steps=12), model=model, widths=[2, 6, 6, 1])], tmp_path)


def test_optimizers_side_by_side_go_the_same_way(followed, tmp_path):
    same([experiment(optimizer=AdamW()), experiment(optimizer=SGD(), seeds=2)], tmp_path)


def test_blocks_of_members_reach_back_and_go_the_same_way(followed, tmp_path, monkeypatch):
    whole, _ = train([experiment(seeds=7)], tmp_path / "whole", True)
    monkeypatch.setattr(given, "BLOCK", 3 * 60 * given.features(experiment().network()))
    assert given.blocks(slice(0, 7), given.block_size(7, given.BLOCK // 3)) == [slice(0, 3), slice(3, 6), slice(4, 7)]
    _, fast = same([experiment(seeds=7)], tmp_path)
    assert_close(fast.best, whole.best, rtol=1e-12, atol=1e-12)


def test_a_member_alone_equals_itself_among_others(followed, tmp_path):
    many, _ = train([experiment()], tmp_path / "many", True)
    alone, _ = train([experiment(seeds=[2])], tmp_path / "alone", True)
    assert_close(alone.last[0], many.last[2], rtol=1e-9, atol=1e-9)


def test_steps_taken_at_once_have_the_bits_of_steps_taken_one_by_one(followed, tmp_path, monkeypatch):
    taken = []
    run = compiled._run
    monkeypatch.setattr(compiled, "_run", lambda *given: taken.append(len(given[-1])) or run(*given))
    e = [experiment(batch_size=16, log_every=20)]
    at_once, rows = train(e, tmp_path / "at once", True)
    assert (max(taken), sum(taken)) == (19, 50)  # between the looks after 20 and 40
    monkeypatch.setattr(training, "AT_ONCE", 0)
    one_by_one, others = train(e, tmp_path / "one by one", True)
    assert torch.equal(at_once.last, one_by_one.last)
    assert rows == others


def exploding(members):
    """An experiment and its start, of which the second member grows beyond all bounds after some steps."""
    e = experiment(BSpline(residual="identity"), SGD(), dtype="float32", seeds=members, log_every=50, steps=100)
    start = e.network().start(e.init, [generator(s, "init") for s in range(members)], torch.float32)
    return e, start


def test_what_is_not_finite_stays_in_its_row_and_ends_as_it_does_without(followed, tmp_path):
    e, start = exploding(3)
    calm, _ = train([e], tmp_path / "calm", True, start)
    start = start.clone()
    start[1] *= 6
    plain, _ = train([e], tmp_path / "plain", False, start)
    fast, _ = train([e], tmp_path / "fast", True, start)
    assert list(map(str, fast.status)) == list(map(str, plain.status))
    assert fast.status[1].kind == "diverged"
    assert fast.status[1].step > 6  # on the way from one look to the next
    assert torch.equal(fast.evaluations, plain.evaluations)
    for row in (0, 2):
        assert torch.equal(fast.last[row], calm.last[row])


@pytest.mark.parametrize("optimizer", [Adam(), SGD()], ids=name)
def test_a_member_that_was_started_anew_has_a_memory_of_its_own(optimizer, randn):
    theta, grads = randn(3, 5), [randn(3, 5) for _ in range(4)]
    one, other = optimizer.stepper(theta), optimizer.stepper(theta)
    a = b = theta
    for step, grad in enumerate(grads):
        if step == 2:
            one.forget(torch.tensor([False, True, False]))
            other.forget(torch.tensor([False, True, False]))
        rate = torch.tensor(optimizer.rate(step), dtype=torch.float64)
        a = one.descend(a, grad)
        b, *memory = other.moved(b, grad, rate, *other.memory)
        other.remember(memory)
        assert_close(a, b, rtol=1e-12, atol=1e-12)
    b = other.descend(b, grads[0])  # and goes on by the other way
    assert_close(one.descend(a, grads[0]), b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("words", [{}, {"batch_size": 16}, {"reg": L1(weight=0.1)}], ids=["whole", "parts", "penalty"])
def test_killed_and_continued_it_ends_with_the_same_bits(words, followed, tmp_path):
    e = [experiment(log_every=25, **words)]
    whole, rows = train(e, tmp_path / "whole", True)
    for stop in (3, 15):
        with pytest.raises(KeyError):
            train(e, tmp_path / "broken", True, stop_at=stop)
    broken, others = train(e, tmp_path / "broken", True)
    assert torch.equal(whole.last, broken.last)
    assert torch.equal(whole.best, broken.best)
    assert rows == others


def test_without_a_compiler_it_is_said_once_and_all_goes_on(monkeypatch, tmp_path, capsys):
    def fails(graph, examples, file):
        raise RuntimeError("no working C++ compiler\nand a long trace")

    monkeypatch.setattr(program, "_made", fails)
    plain, rows = train([experiment()], tmp_path / "plain", False)
    fast, others = train([experiment()], tmp_path / "fast", True)
    said = " ".join(capsys.readouterr().out.split())
    assert (
        said.count("warning: steps are not compiled, which takes them longer: RuntimeError: no working C++ comp") == 1
    )
    assert "long trace" not in said
    assert not fast.compiled
    assert torch.equal(fast.last, plain.last)
    assert rows == others


class Slower(AdaptiveStepper):
    """Another step than the one that it could be compiled to."""

    def move(self, theta, grad, rate):
        return super().move(theta, grad, rate / 2)


@dataclass(frozen=True)
class Other(Adam):
    def stepper(self, theta):
        return Slower(self, theta, self.epsilon, 0.0)


OTHERS = [Other(), *(one for one in ALL if one not in FIRST_ORDER)]


@pytest.mark.parametrize("optimizer", OTHERS, ids=name)
def test_of_an_optimizer_that_says_nothing_of_tensors_evaluations_are_compiled(optimizer, followed, tmp_path):
    same([experiment(optimizer=optimizer, steps=6)], tmp_path)


def test_evaluations_go_through_in_blocks(followed, monkeypatch):
    e = experiment(optimizer=HessianFree(), seeds=5)
    stage, theta = begun(e)
    monkeypatch.setattr(given, "BLOCK", 2 * 60 * given.features(e.network()))
    objective = stage.objective(Batch.of(stage._data.train), None)
    fast, v = (
        CompiledProblem(objective, Programs(True), len(theta)),
        torch.linspace(-1, 1, theta.numel(), dtype=theta.dtype).view_as(theta),
    )
    assert_close(fast(theta), objective(theta))
    assert_close(fast.trial(theta), objective.trial(theta))
    assert_close(fast.jacobian(theta), objective.jacobian(theta))
    for found, wanted in zip(fast.linear(theta)[:2], objective.linear(theta)[:2], strict=True):
        assert_close(found, wanted)
    assert_close(fast.linear(theta).product(v), objective.linear(theta).product(v))
    for rows in (torch.tensor([3]), torch.tensor([4, 0, 2])):  # fewer than a block, and one and a half
        some, wanted = fast.among(rows)(theta[rows]), objective(theta)
        assert_close(some, (wanted[0][rows], wanted[1][rows]))
    lost = theta.clone()
    lost[1] = torch.nan
    others = [0, 2, 3, 4]
    assert torch.equal(fast(lost)[1][others], fast(theta)[1][others])
    assert not fast(lost)[0][1].isfinite()


def begun(e):
    """A stage and the start (seeds, parameters) of an experiment."""
    network, loaded = e.network(), e.task.load(generator(0, "data"))
    return Stage(e, network, loaded), Ensemble((e,)).start(network, loaded.train.x)


def test_evaluations_without_a_compiler_are_those_of_the_objective(monkeypatch, capsys):
    def fails(graph, examples, file):
        raise RuntimeError("no working C++ compiler")

    monkeypatch.setattr(program, "_made", fails)
    stage, theta = begun(experiment(optimizer=HessianFree()))
    objective = stage.objective(Batch.of(stage._data.train), None)
    fast = CompiledProblem(objective, Programs(True), len(theta))
    linear, wanted = fast.linear(theta), objective.linear(theta)
    assert torch.equal(linear.slope, wanted.slope)
    assert torch.equal(linear.product(theta), wanted.product(theta))
    assert all(map(torch.equal, fast.jacobian(theta), objective.jacobian(theta)))
    assert torch.equal(fast.trial(theta), objective.trial(theta))
    assert capsys.readouterr().out.count("warning: steps are not compiled") == 1


class Branching(Fourier):
    """Functions that look at numbers, which no program can."""

    def features(self, x):
        return super().features(x if x.sum() > 0 else x * 1.0)


def test_what_cannot_be_followed_is_not_compiled(followed, tmp_path, capsys):
    fast, _ = train([experiment(layer=Branching())], tmp_path, True)
    assert not fast.compiled
    assert "steps are not compiled" in " ".join(capsys.readouterr().out.split())
    assert list(map(str, fast.status)) == ["ok"] * 4


def worth(e, members=1, samples=60, device="cpu"):
    return compiled.worth_compiling(e, e.network(), members, samples, device)


def test_compiled_is_what_words_ask_for_and_auto_where_it_pays(monkeypatch):
    monkeypatch.setattr(compiled.shutil, "which", lambda name: "/usr/bin/c++")
    short = experiment(compile="auto")
    assert not worth(short)
    assert worth(replace(short, settings=replace(short.settings, compile=True)))
    assert not worth(replace(short, settings=replace(short.settings, compile=False, steps=10**9)))
    long = replace(short, settings=replace(short.settings, steps=10**6))
    assert worth(long)
    assert not worth(replace(long, settings=replace(long.settings, refine={k: k for k in range(1, 99)})))
    tutorial = replace(experiment(compile="auto", steps=2000), widths=[2, 6, 6, 1])
    assert [worth(tutorial, members, 800) for members in (1, 100)] == [False, True]
    monkeypatch.setattr(compiled.shutil, "which", lambda name: None)
    assert not worth(long)


@pytest.mark.parametrize(
    ("words", "device", "samples"),
    [
        ({}, "cuda", 60),
        ({}, "cpu", 10**7),  # a gradient that keeps them all would take more memory than today's
    ],
    ids=["GPU", "memory"],
)
def test_what_is_never_compiled_as_a_whole(words, device, samples):
    assert not worth(experiment(compile=True, steps=10**9, **words), 1, samples, device)


@pytest.fixture
def made(monkeypatch):
    """Files that were compiled for, which here is only followed: a load finds what was made."""
    files, graphs = [], {}

    def make(graph, examples, file):
        files.append(file)
        file.write_bytes(b"program")
        graphs[file] = Followed(graph)
        return graphs[file]

    monkeypatch.setattr(program, "_made", make)
    monkeypatch.setattr(program, "_load", lambda file: graphs[file] if file.is_file() else None)
    return files


def test_a_program_is_compiled_once(made):
    x = torch.ones(3)
    assert [Program(lambda x: (2 * x,), [x])([x])[0].sum().item() for _ in range(4)] == [6.0] * 4
    assert len(made) == 1


def _double(place):
    """A program that takes its time to be compiled, in a process of its own; each that is leaves a line."""

    def make(graph, examples, file):
        with (place / "made.txt").open("a") as log:
            log.write("made\n")
        time.sleep(0.3)
        file.write_bytes(b"program")
        return Followed(graph)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "_made", make)
        patch.setattr(program, "_load", lambda file: Followed(lambda x: (2 * x,)) if file.is_file() else None)
        x = torch.ones(3)
        return Program(lambda x: (2 * x,), [x])([x])[0].sum().item()


def test_of_processes_that_want_a_program_at_the_same_time_one_compiles(tmp_path):
    with ProcessPoolExecutor(3, multiprocessing.get_context("fork")) as pool:
        assert list(pool.map(_double, [tmp_path] * 3)) == [6.0] * 3
    assert (tmp_path / "made.txt").read_text() == "made\n"


def test_other_operations_numbers_and_shapes_are_other_programs(made):
    constant = torch.tensor([1.0, 2.0, 3.0])
    x = torch.ones(3)
    for function, own in [
        (lambda x: (x + constant,), x),
        (lambda x: (x * constant,), x),
        (lambda x: (x + 2 * constant,), x),
        (lambda x: (x + constant.flip(0).clone().detach(),), x),
        (lambda x: (x + constant,), x.double()),
        (lambda x: (x + constant,), x.expand(2, 3)),
    ]:
        assert_close(Program(function, [own])([own])[0], function(own)[0])
    assert len(set(made)) == len(made) == 6


def test_the_oldest_programs_make_room(tmp_path, monkeypatch):
    monkeypatch.setattr(program, "KEPT", 2)
    for i in range(4):
        (tmp_path / f"{i}.pt2").write_bytes(b"")
        program.os.utime(tmp_path / f"{i}.pt2", (i, i))
    program._make_room(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2.pt2", "3.pt2"]


def test_a_step_is_compiled_kept_and_loaded(tmp_path, monkeypatch):
    e = [experiment(layer=Chebyshev(degree=2), task=Function(train=20, val=10, test=10), seeds=2)]
    _, fast = same(e, tmp_path)
    (file,) = program.folder().glob("*.pt2")
    monkeypatch.setattr(program, "_made", None)  # nothing is compiled again
    again, _ = train(e, tmp_path / "again", True)
    assert again.compiled
    assert torch.equal(again.last, fast.last)
    file.write_bytes(b"no program")
    assert program._load(file) is None


@pytest.mark.slow
@pytest.mark.parametrize("basis", [Chebyshev(), BSpline(), Fourier(), BSpline(grid="quantiles")], ids=name)
def test_compiled_code_goes_the_same_way(basis, tmp_path):
    same([experiment(layer=basis, batch_size=16, reg=L1(weight=0.1), optimizer=Adam(clip=0.5))], tmp_path)
