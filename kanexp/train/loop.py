"""The training loop, for all networks at once."""

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from kanexp.config.settings import Settings
from kanexp.folder.logs import Ledger
from kanexp.measure.layer_log import due, look
from kanexp.model.network import Network
from kanexp.task.base import Data, Split, Task
from kanexp.task.equation import Equation
from kanexp.train.batches import batches
from kanexp.train.checkpoint import Checkpoint, State
from kanexp.train.ensemble import Ensemble
from kanexp.train.objective import Objective, predict, prepare
from kanexp.train.refine import carry, jump, refine, refit


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

    def of(self, rows: slice) -> "Result":
        """The part of some networks; of the seconds, their share."""
        own: dict[str, Any] = {name: value[rows] for name, value in vars(self).items() if isinstance(value, Tensor)}
        own |= {"seconds": self.seconds * len(own["start"]) / len(self.start), "status": self.status[rows]}
        own |= {"jumps": {step: jumps[rows] for step, jumps in self.jumps.items()}}
        own |= {"coarse": {step: _part(scores, rows) for step, scores in self.coarse.items()}}
        return replace(self, **own, test=_part(self.test, rows))


def train(
    ensemble: Ensemble,
    network: Network,
    start: Tensor,
    data: Data,
    ledger: Ledger,
    watch: Callable[[Progress], str | None],
    checkpoint: Checkpoint | None = None,
) -> Result:
    """Train from `start` (seeds, parameters), select on the validation data, score the test data once.

    Goes on from the checkpoint where it has one. Ctrl-C ends the loop after the step under way; what was reached until
    then is returned with `interrupted` set. Where `watch` returns a cause, all seeds stop for it. Whatever else ends a
    seed, ends it alone: what becomes of a seed does not depend on those beside it.
    """
    settings, task = ensemble.first.settings, ensemble.first.task
    now, given = (
        _begin(ensemble, start),
        batches(task, data.train, settings.batch_size, ensemble.seeds, settings.data_seed),
    )
    if checkpoint:
        now = checkpoint.load(now, given)
    original = network
    if now.size is not None:
        network = refine(network, now.size)
    pending = sorted((step, size) for step, size in (settings.refine or {}).items() if step >= now.step)
    whole = settings.batch_size is None or settings.batch_size >= data.train.x.shape[1]
    samples, val_x, val_y = None, prepare(task, network, _lead(data.val.x)), _lead(data.val.y)
    own_val_y = data.own_units(val_y)
    trained = network.trained(start.device)
    val_loss, last = now.best_val, True
    began = time.perf_counter() - now.seconds

    with _interrupts_between_steps() as interrupts:
        for step in range(now.step, settings.steps + 1):
            jumps = None
            if pending and step == pending[0][0]:
                now.size = pending.pop(0)[1]
                refined, train_x = refine(original, now.size), _lead(data.train.x)
                # Each size is a network of its own, whose best state is scored once; nothing is chosen by it.
                now.coarse[step] = score(task, network, now.best, data, data.test)
                fitted = refit(network, now.theta, refined, train_x)
                jumps = now.jumps[step] = jump(network, now.theta, refined, fitted, train_x)
                now.best = refit(network, now.best, refined, train_x)
                if settings.refine_optimizer == "reset" or not now.stepper.carry(partial(carry, network, refined)):
                    now.stepper = ensemble.stepper(fitted)
                network, now.theta, now.good = refined, fitted, fitted
                trained = network.trained(start.device)
                samples, val_x = None, prepare(task, network, _lead(data.val.x))
                now.best_val = task.loss(predict(task, network, now.best, val_x), val_y)

            # The row of a step describes theta after that many steps, before the next.
            spent = now.alive & _spent(settings, time.perf_counter() - began, now.evaluations).to(start.device)
            stalled = now.alive & ~spent & _stalled(now, pending)
            going, last = now.alive & ~spent & ~stalled, step == settings.steps
            # All seeds are looked at every so many steps and at the end, and each one when it ends.
            looked = now.alive if last or jumps is not None or step % settings.log_every == 0 else now.alive & ~going
            if looked.any():
                prediction = predict(task, network, now.theta, val_x)
                val_loss = task.loss(prediction, val_y)
                better = looked & (val_loss < now.best_val)
                now.best = torch.where(better[:, None], now.theta, now.best)
                now.best_val = torch.where(better, val_loss, now.best_val)
                now.best_step[better.cpu()] = step
                if settings.patience is not None:
                    going = going & ~(looked & (step - now.best_step >= settings.patience).to(start.device))
            last = last or not going.any()

            batch, y = given.next()
            if batch is not samples:  # all samples are the same tensor at every step, prepared once
                samples, x = batch, prepare(task, network, batch) if whole else batch
            weight = ensemble.penalty_weight(step)
            weight = weight if weight is None else weight.to(start)
            objective = Objective(network, task, ensemble.first.reg, weight, batch, x, y)
            if last:
                new, loss, evaluations = now.theta, objective(now.theta)[0], torch.zeros_like(now.evaluations)
            else:
                new, loss, evaluations = now.stepper.step(now.theta, objective)

            shown = now.alive if step == settings.steps or due(step) else now.alive & ~going
            if settings.diagnostics and shown.any():
                grad = objective(now.theta)[1]
                look(ledger, step, _numbers(shown), network, now.theta, grad, data.train.x)
            if looked.any():
                rows = {"train_loss": loss, "val_loss": val_loss}
                if isinstance(task, Equation):  # its metrics are those of the solution, which training must not see
                    rows |= {name: value.flatten() for name, value in network.unknown(now.theta).items()}
                else:
                    rows |= {f"val_{k}": v for k, v in task.metrics(data.own_units(prediction), own_val_y).items()}
                if weight is not None:
                    penalties = objective.penalties(now.theta)
                    rows |= {"train_loss": loss - penalties["penalty"]} | penalties
                # Each evaluation of function and gradient sees one batch.
                rows |= {"evaluations": now.evaluations, "samples": now.evaluations * batch.shape[-1]}
                rows |= {"refinement_jump": jumps} if jumps is not None else {}
                _write(ledger, step, _numbers(looked), rows)
                ledger.timing(step, _numbers(looked), time.perf_counter() - began, now.evaluations.tolist())
            now.steps, now.step = step, step + 1
            now.evaluations += evaluations * going.cpu()
            running, spendings = int(now.alive.sum()), int(now.evaluations.sum())
            cause = watch(Progress(step, settings.steps, loss, val_loss, spendings, running))
            for i in _numbers(now.alive & ~going):
                why = "its budget is spent" if spent[i] else "its validation loss fell no further"
                now.status[i] = "stalled" if stalled[i] else f"stopped at step {step}: {why}"
            now.alive = going if not cause else torch.zeros_like(going)
            for i in _numbers(going) if cause else []:
                now.status[i] = f"stopped at step {step}: {cause}"
            if last or cause:
                break

            finite_loss = loss.isfinite()
            # Of finite weights nearly always, and ten times as fast as looking at each.
            finite = new.sum(dim=1).isfinite()
            fine = finite_loss & (finite if bool(finite.all()) else new.isfinite().all(dim=1))
            if not bool((fine & now.alive).all()):
                # The last state with a finite loss is kept: it goes on once, without what the optimizer remembers, and
                # then no further. The other rows go on untouched.
                now.good = torch.where(finite_loss[:, None] & now.alive[:, None], now.theta, now.good)
                again = now.alive & ~fine & ~now.restarted & (step > 0)
                for i in _numbers(now.alive & ~fine):
                    why = "its step is not finite" if finite_loss[i] else "its loss is not finite"
                    what = "restarted" if again[i] else "diverged"
                    now.status[i] = f"{what} at step {step + 1}: {why}"
                now.stepper.forget(again)
                now.restarted = now.restarted | again
                new = torch.where((now.alive & fine)[:, None], new, now.good)
                now.alive = now.alive & (fine | again)
            else:
                now.good = now.theta
            now.theta = new if trained is None else torch.where(trained, new, now.theta)
            now.seconds = time.perf_counter() - began
            if checkpoint and checkpoint.due():
                checkpoint.save(now, given)
            if interrupts.asked or not now.alive.any():
                break

    now.seconds = time.perf_counter() - began
    stopped = interrupts.forced or (interrupts.asked and not last and bool(now.alive.any()))
    if not stopped:
        now.step = settings.steps + 1  # nothing is left to do
    if checkpoint and not interrupts.forced:  # forced, it would be of a step half done
        checkpoint.save(now, given)
    kept = {name: getattr(now, name) for name in ("best", "best_step", "best_val", "evaluations", "steps", "seconds")}
    kept |= {name: getattr(now, name) for name in ("status", "jumps", "coarse")}
    result = Result(start=start, network=network, last=now.theta, interrupted=stopped, **kept)
    if not stopped:
        result.test = score(task, network, now.best, data, data.test)
        for name, values in result.test.items():
            for row, value in enumerate(values.tolist()):
                ledger.metrics(int(now.best_step[row]), [row], f"test_{name}", [value])
    return result


def _begin(ensemble: Ensemble, start: Tensor) -> State:
    alive = torch.ones(len(start), dtype=torch.bool, device=start.device)
    return State(
        theta=start,
        good=start,
        best=start.clone(),
        best_val=torch.full_like(start[:, 0], torch.inf),
        best_step=torch.zeros(len(start), dtype=torch.int64),
        alive=alive,
        restarted=torch.zeros_like(alive),
        evaluations=torch.zeros(len(start), dtype=torch.int64),
        status=["ok"] * len(start),
        stepper=ensemble.stepper(start),
    )


@dataclass
class Interrupts:
    """Whether Ctrl-C was pressed, and whether it was pressed again and left a step half done."""

    asked: bool = False
    forced: bool = False


@contextmanager
def _interrupts_between_steps() -> Iterator[Interrupts]:
    """Within, the first Ctrl-C is only noted, so that weights and metrics stay of the same step; a second one leaves.

    A process that ignores or handles the signal itself goes on doing so.
    """
    seen = Interrupts()

    def note(number: int, frame: object) -> None:
        if seen.asked:
            raise KeyboardInterrupt
        seen.asked = True

    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, note)
    try:
        yield seen
    except KeyboardInterrupt:
        seen.asked = seen.forced = True
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


def _stalled(now: State, pending: list[tuple[int, int]]) -> Tensor:
    """Which seeds their optimizer can bring no further (seeds,), where no refinement is still to come."""
    finished = now.stepper.finished()
    return torch.zeros_like(now.alive) if finished is None or pending else finished


def _numbers(rows: Tensor) -> list[int]:
    """Of the rows that are marked (seeds,), bool."""
    return rows.nonzero().flatten().tolist()


def _part(scores: dict[str, Tensor], rows: slice) -> dict[str, Tensor]:
    return {name: values[rows] for name, values in scores.items()}


def _write(ledger: Ledger, step: int, kept: list[int], rows: dict[str, Tensor]) -> None:
    for name, values in rows.items():
        listed = values.tolist()
        ledger.metrics(step, kept, name, [listed[i] for i in kept])
