"""The training loop, for all seeds at once."""

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Generator, Tensor

from kanexp.diagnostics import due, look
from kanexp.equation import Equation
from kanexp.experiment import Experiment
from kanexp.model.network import Network
from kanexp.objective import Objective, predict, prepare
from kanexp.refine import carry, jump, refine, refit
from kanexp.run_folder import Logs
from kanexp.seeding import generator
from kanexp.settings import Settings
from kanexp.task.base import Data, Split, Task


@dataclass
class Progress:
    """What a watcher sees after each step."""

    step: int
    steps: int
    train_loss: Tensor  # (seeds,)
    val_loss: Tensor  # (seeds,)
    evaluations: int  # of function and gradient, over all seeds
    running: int  # seeds still training


@dataclass
class Result:
    """What training leaves; every tensor has a row or an entry per seed."""

    start: Tensor  # (seeds, length)
    network: Network  # of `best`: where layers were refined, another one than that of `start`
    best: Tensor  # the state of lowest loss on the validation data
    last: Tensor  # the state at the end
    best_step: Tensor
    best_val: Tensor
    evaluations: Tensor
    steps: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    # "ok", "stalled", or "stopped", "restarted" or "diverged" with "at step ...: cause"
    status: list[str] = field(default_factory=list)
    jumps: dict[int, Tensor] = field(default_factory=dict)  # step -> how far a refinement moved the outputs
    coarse: dict[int, dict[str, Tensor]] = field(default_factory=dict)  # step -> test metrics before its refinement
    test: dict[str, Tensor] = field(default_factory=dict)  # test metrics of the best state


def train(
    experiment: Experiment,
    network: Network,
    start: Tensor,
    data: Data,
    logs: Logs,
    watch: Callable[[Progress], None],
) -> Result:
    """Train from `start` (seeds, parameters), select on the validation data, score the test data once.

    Ctrl-C ends the loop after the step under way; what was reached until then is returned with `interrupted` set.
    """
    settings, task = experiment.settings, experiment.task
    seeds = settings.seed_list
    theta, good = start, start
    result = Result(
        start=start,
        network=network,
        best=start.clone(),
        last=start,
        best_step=torch.zeros(len(seeds), dtype=torch.int64),
        best_val=torch.full_like(start[:, 0], torch.inf),
        evaluations=torch.zeros(len(seeds), dtype=torch.int64),
        status=["ok"] * len(seeds),
    )
    alive = torch.ones(len(seeds), dtype=torch.bool, device=start.device)
    restarted = torch.zeros_like(alive)
    stepper = experiment.optimizer.stepper(start)
    if isinstance(task, Equation) and task.resample:
        batches = _redrawn(task, data.train, settings.data_seed)
    else:
        batches = _batches(data.train, settings.batch_size, seeds)
    minibatches = settings.batch_size is not None and settings.batch_size < data.train.x.shape[1]
    samples, val_x, val_y = None, prepare(task, network, _lead(data.val.x)), _lead(data.val.y)
    own_val_y = data.own_units(val_y)
    trained = network.trained(start.device)
    pending = sorted((settings.refine or {}).items(), reverse=True)
    val_loss = result.best_val
    began = time.perf_counter()

    with _interrupts_between_steps() as interrupted:
        for step in range(settings.steps + 1):
            jumps = None
            if pending and step == pending[-1][0]:
                refined = refine(network, pending.pop()[1])
                train_x = _lead(data.train.x)
                # Each size is a network of its own, whose best state is scored once; nothing is chosen by it.
                result.coarse[step] = score(task, network, result.best, data, data.test)
                fitted = refit(network, theta, refined, train_x)
                jumps = result.jumps[step] = jump(network, theta, refined, fitted, train_x)
                result.best = refit(network, result.best, refined, train_x)
                resize = partial(carry, network, refined)
                if settings.refine_optimizer == "reset" or not stepper.carry(resize):
                    stepper = experiment.optimizer.stepper(fitted)
                network = result.network = refined
                trained = network.trained(start.device)
                theta = good = fitted
                samples, val_x = None, prepare(task, network, _lead(data.val.x))
                result.best_val = task.loss(predict(task, network, result.best, val_x), val_y)

            # The row of a step describes theta after that many steps, before the next.
            spent = alive & _spent(settings, time.perf_counter() - began, result.evaluations).to(alive.device)
            going = alive & ~spent
            last = step == settings.steps or not going.any() or (not pending and not _going(going, stepper.finished()))
            log = last or jumps is not None or step % settings.log_every == 0 or not going.equal(alive)
            if log:
                prediction = predict(task, network, theta, val_x)
                val_loss = task.loss(prediction, val_y)
                better = alive & (val_loss < result.best_val)
                result.best = torch.where(better[:, None], theta, result.best)
                result.best_val = torch.where(better, val_loss, result.best_val)
                result.best_step[better.cpu()] = step
                if settings.patience is not None:
                    going = going & (step - result.best_step < settings.patience).to(going.device)
                    last = last or not going.any()

            batch, y = next(batches)
            if batch is not samples:  # all samples are the same tensor at every step, prepared once
                samples, x = batch, batch if minibatches else prepare(task, network, batch)
            objective = Objective(network, task, experiment.reg, experiment.reg.weight_at(step), batch, x, y)
            if last:
                new, loss, evaluations = theta, objective(theta)[0], torch.zeros_like(result.evaluations)
            else:
                new, loss, evaluations = stepper.step(theta, objective)

            if settings.diagnostics and (last or due(step)):
                look(logs, step, seeds, alive, network, theta, objective(theta)[1], data.train.x)
            if log:
                rows = {"train_loss": loss, "val_loss": val_loss}
                if isinstance(task, Equation):  # its metrics are those of the solution, which training must not see
                    rows |= {name: value.flatten() for name, value in network.unknown(theta).items()}
                else:
                    rows |= {f"val_{k}": v for k, v in task.metrics(data.own_units(prediction), own_val_y).items()}
                if experiment.reg.weight > 0:
                    penalties = objective.penalties(theta)
                    rows |= {"train_loss": loss - penalties["penalty"]} | penalties
                # Each evaluation of function and gradient sees one batch.
                rows |= {"evaluations": result.evaluations, "samples": result.evaluations * batch.shape[-1]}
                rows |= {"refinement_jump": jumps} if jumps is not None else {}
                _write(logs, step, seeds, alive, rows)
                logs.timing(step, time.perf_counter() - began, int(result.evaluations.sum()))
            result.steps = step
            result.evaluations += evaluations * going.cpu()
            watch(Progress(step, settings.steps, loss, val_loss, int(result.evaluations.sum()), int(alive.sum())))
            for i in (alive & ~going).nonzero().flatten().tolist():
                cause = "its budget is spent" if spent[i] else "its validation loss fell no further"
                result.status[i] = f"stopped at step {step}: {cause}"
            alive = going
            if last or interrupted():
                break

            finite_loss = loss.isfinite()
            whole = new.sum(
                dim=1
            ).isfinite()  # of finite weights nearly always, and ten times as fast as looking at each
            fine = finite_loss & (whole if bool(whole.all()) else new.isfinite().all(dim=1))
            if not bool((fine & alive).all()):
                # The last state with a finite loss is kept: it goes on once, without what the optimizer remembers, and
                # then no further. The other rows go on untouched.
                good = torch.where(finite_loss[:, None] & alive[:, None], theta, good)
                again = alive & ~fine & ~restarted & (step > 0)
                for i in (alive & ~fine).nonzero().flatten().tolist():
                    cause = "its step is not finite" if finite_loss[i] else "its loss is not finite"
                    what = "restarted" if again[i] else "diverged"
                    result.status[i] = f"{what} at step {step + 1}: {cause}"
                stepper.forget(again)
                restarted = restarted | again
                new = torch.where((alive & fine)[:, None], new, good)
                alive = alive & (fine | again)
            else:
                good = theta
            theta = new if trained is None else torch.where(trained, new, theta)

    result.last, result.interrupted = theta, interrupted()
    result.seconds = time.perf_counter() - began
    stopped = stepper.finished()
    if stopped is not None:
        for i in (alive & stopped).nonzero().flatten().tolist():
            result.status[i] = "stalled"
    if not result.interrupted:
        result.test = score(task, result.network, result.best, data, data.test)
        for name, values in result.test.items():
            for i, seed in enumerate(seeds):
                logs.metrics(int(result.best_step[i]), [seed], f"test_{name}", [float(values[i])])
    return result


@contextmanager
def _interrupts_between_steps() -> Iterator[Callable[[], bool]]:
    """Within, the first Ctrl-C is only noted, so that weights and metrics stay of the same step; a second one leaves.

    Yields whether there was one. A process that ignores or handles the signal itself goes on doing so.
    """
    asked = False

    def note(number: int, frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, note)
    try:
        yield lambda: asked
    except KeyboardInterrupt:
        asked = True
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def score(task: Task, network: Network, theta: Tensor, data: Data, split: Split) -> dict[str, Tensor]:
    """The task's metrics of every seed on held-out data, in own units, (seeds,) each."""
    scores = task.metrics(data.own_units(network(theta, _lead(split.x))), data.own_units(_lead(split.y)))
    if isinstance(task, Equation):
        found = network.unknown(theta)
        scores |= {
            f"{name}_error": (found[name].flatten() / true - 1).abs() for name, (_, true) in task.unknowns.items()
        }
    return scores


def _lead(x: Tensor) -> Tensor:
    """Data of all seeds alike: (n, samples) -> (1, n, samples)."""
    return x.unsqueeze(0)


def _spent(settings: Settings, seconds: float, evaluations: Tensor) -> Tensor:
    """Which seeds have used up their budget (seeds,); time passes for all of them alike."""
    budget = settings.budget or {}
    out_of_time = seconds >= budget.get("seconds", math.inf)
    return (evaluations >= budget.get("evaluations", math.inf)) | out_of_time


def _going(alive: Tensor, finished: Tensor | None) -> bool:
    return bool((alive if finished is None else alive & ~finished).any())


def _write(logs: Logs, step: int, seeds: list[int], alive: Tensor, rows: dict[str, Tensor]) -> None:
    kept = alive.nonzero().flatten().tolist()
    for name, values in rows.items():
        listed = values.tolist()
        logs.metrics(step, [seeds[i] for i in kept], name, [listed[i] for i in kept])


def _redrawn(equation: Equation, split: Split, data_seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Collocation points of each step, the same for all seeds: those given, and others every `resample` steps."""
    anew = generator(data_seed, "batch")
    while True:
        batch = _lead(split.x), _lead(split.y)
        for _ in range(equation.resample or 1):
            yield batch
        drawn = equation.sample(anew)
        split = Split(drawn.x.to(split.x), drawn.y.to(split.y))


def _batches(split: Split, size: int | None, seeds: list[int]) -> Iterator[tuple[Tensor, Tensor]]:
    """Inputs and targets of each step (seeds or 1, n, samples), without end.

    All samples: the same tensors every time, shared by the seeds. Minibatches: every seed goes through the samples in
    its own order, drawn anew each time around; what does not fill a batch waits for the next round.
    """
    samples = split.x.shape[1]
    if size is None or size >= samples:
        x, y = _lead(split.x), _lead(split.y)
        while True:
            yield x, y
    # Samples in rows: a batch is read from a few places in memory instead of from one per number.
    x, y = split.x.T.contiguous(), split.y.T.contiguous()
    generators: list[Generator] = [generator(seed, "batch") for seed in seeds]
    while True:
        order = torch.stack([torch.randperm(samples, generator=g) for g in generators]).to(x.device)
        for index in order.split(size, dim=1):
            if index.shape[1] == size:
                yield x[index].mT.contiguous(), y[index].mT
