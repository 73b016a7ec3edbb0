"""The training loop, for all networks at once."""

import math
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from kanexp import console
from kanexp.config.experiment import Experiment
from kanexp.config.settings import Settings
from kanexp.folder.file import UnreadableRun
from kanexp.folder.logs import Ledger
from kanexp.folder.record import SeedStatus
from kanexp.interrupt import interrupts_between_steps
from kanexp.measure.film import Film
from kanexp.measure.held_out import score
from kanexp.measure.layer_log import due, look
from kanexp.model.network import Network
from kanexp.task.base import Data
from kanexp.task.differential import Equation
from kanexp.train.batches import Batches
from kanexp.train.checkpoint import Checkpoint
from kanexp.train.compiled import CompiledSteps
from kanexp.train.cut import count, without_faint
from kanexp.train.ensemble import Ensemble
from kanexp.train.jump import equation_jumps
from kanexp.train.objective import Objective
from kanexp.train.refine import refine
from kanexp.train.result import Progress, Result
from kanexp.train.schedule import batches
from kanexp.train.stage import Stage, in_window
from kanexp.train.state import TrainingState, numbers

AT_ONCE = 50  # steps that are taken without a look at whether somebody wants to end them


def train(
    ensemble: Ensemble,
    network: Network,
    start: Tensor,
    data: Data,
    ledger: Ledger,
    watch: Callable[[Progress], SeedStatus | None],
    checkpoint: Checkpoint | None = None,
    mask: Tensor | None = None,
    compiled: bool = False,
) -> Result:
    """Train from `start` (seeds, parameters), select on the validation data, score the test data once.

    Of the weights those of the mask (seeds, length) alone, which no refinement goes with; all where there is none.
    By compiled steps where these are wanted and can be made.
    Goes on from the checkpoint where it has one. Ctrl-C and its like end the loop after the step under way; what was
    reached until then is returned with `interrupted` set. Where `watch` returns a status, all seeds end with it.
    Whatever else ends a seed, ends it alone: what becomes of a seed does not depend on those beside it.
    """
    e, settings = ensemble.first, ensemble.first.settings
    state, samples = _begin(ensemble, network, start, data, checkpoint)
    data = in_window(e, data, state.step)
    sized = network if state.size is None else refine(network, state.size)
    stage = Stage(e, sized, data, sized.mask(state.kept) if state.kept else mask)
    pending = sorted((step, size) for step, size in (settings.refine or {}).items() if step >= state.step)
    val_loss, last, whole = state.best_val, True, max(e.task.windows, default=0)  # from there all of the domain counts
    steps = CompiledSteps(compiled)
    film = Film(e.task.scene(data), data) if settings.frames else None
    began = time.perf_counter() - state.seconds

    with interrupts_between_steps() as interrupts:
        while state.step <= settings.steps:
            step = state.step

            # The layers get finer where it is their time; all that is remembered of weights follows.
            refined = bool(pending) and step == pending[0][0]
            if refined:
                stage = _refine(ensemble, network, state, stage, data, pending.pop(0)[1])

            # Points reach further in time: what was selected by nearer ones is compared by those from here on.
            opened = step > 0 and step in e.task.windows
            if opened:
                data = in_window(e, data, step)
                stage = Stage(e, stage.network, data, stage.mask)
                state.reselect(stage.val_loss(stage.predict(state.best)))

            # Edges that carry next to nothing go for good.
            waits = bool(pending) or samples.changes
            if state.kept:
                _cut(e, state, stage, data, waits)

            # The rows of a step describe theta after that many steps, before the next: who goes on from here?
            spent = state.alive & _spent(settings, time.perf_counter() - began, state.evaluations).to(start.device)
            stalled = state.alive & ~spent & _stalled(state, waits)
            going, last = state.alive & ~spent & ~stalled, step == settings.steps

            # All seeds are looked at every so many steps and at the end, and each one when it ends.
            looked = (
                state.alive if last or refined or opened or step % settings.log_every == 0 else state.alive & ~going
            )
            if looked.any():
                prediction = stage.predict(state.theta)
                val_loss = stage.val_loss(prediction)
                state.select(looked, val_loss)
                if settings.patience is not None and step >= whole:
                    waited = step - state.best_step.clamp(min=whole)
                    going = going & ~(looked & (waited >= settings.patience).to(start.device))
            last = last or not going.any()

            # The step itself; after the last one only its loss is wanted.
            batch = samples.next(stage.standing(state.theta))
            if samples.renewed:
                state.stepper.renew()
            objective = stage.objective(batch, _weight(ensemble, step, start))
            if last:
                new, loss, evaluations = state.theta, objective(state.theta)[0], torch.zeros_like(state.evaluations)
            else:
                new, loss, evaluations = steps.step(state.stepper, state.theta, stage, objective)
                evaluations = evaluations + samples.looks

            # What is written of it: the insides of the layers ever more rarely, losses and scores where they were seen.
            shown = state.alive if step == settings.steps or due(step) else state.alive & ~going
            if settings.diagnostics and shown.any():
                grad = objective(state.theta)[1]
                look(ledger, step, numbers(shown), stage.network, state.theta, grad, data.train.x)
            if film and shown.any():
                film.take(ledger, step, numbers(shown), stage.network, state.theta)
            if looked.any():
                rows = {"train_loss": loss, "val_loss": val_loss} | stage.val_rows(state.theta, prediction)
                rows |= _cost_rows(objective, state, loss, batch.x.shape[-1])
                rows |= _jump_rows(state) if refined else {}
                rows |= {"edges": count(state.kept)} if state.kept else {}
                ledger.rows(step, numbers(looked), rows)
                ledger.timing(step, numbers(looked), time.perf_counter() - began, state.evaluations.tolist())

            # Seeds that are through end here, and all of them where whoever watches says so.
            state.steps, state.step = step, step + 1
            state.evaluations += evaluations * going.cpu()
            running, spendings = int(state.alive.sum()), int(state.evaluations.sum())
            verdict = watch(Progress(step, settings.steps, loss, val_loss, spendings, running))
            state.stop(state.alive & ~going, [_why(step, *pair) for pair in zip(spent, stalled, strict=True)])
            if verdict:
                state.stop(going, [verdict] * len(start))
            if last or verdict:
                break

            # Seeds whose numbers are no longer finite go back to where they were, once.
            new = state.recover(new, loss)
            state.theta = stage.step(state.theta, new)

            # Steps that nobody looks at are taken at once, where they are compiled.
            cuts = [_next_cut(e, state.step)] if state.kept else []
            unseen = _next_look(settings, state, [*cuts, *(step for step, _ in pending)])
            steps.ahead(state, stage, samples, lambda at: _weight(ensemble, at, start), unseen)
            state.seconds = time.perf_counter() - began
            if checkpoint and checkpoint.due():
                checkpoint.save(state, samples)
            if interrupts.number or not state.alive.any():
                break

    state.seconds = time.perf_counter() - began
    stopped = interrupts.forced or (interrupts.number > 0 and not last and bool(state.alive.any()))
    if not stopped:
        state.step = settings.steps + 1  # nothing is left to do
        state.condemn()
    if checkpoint and not interrupts.forced:  # forced, it would be of a step half done
        checkpoint.save(state, samples)
    kept = (
        "best",
        "best_step",
        "best_val",
        "evaluations",
        "steps",
        "seconds",
        "status",
        "jumps",
        "side_jumps",
        "coarse",
    )
    own = {name: getattr(state, name) for name in kept}
    own |= {"interrupted": interrupts.number * stopped, "compiled": steps.used, "kept": state.kept or None}
    result = Result(start=start, network=stage.network, last=state.theta, **own)
    if not stopped:
        result.test = score(e.task, stage.network, state.best, data, data.test)
        ledger.scores({f"test_{name}": values for name, values in result.test.items()}, state.best_step.tolist())
    return result


def _begin(
    ensemble: Ensemble, network: Network, start: Tensor, data: Data, checkpoint: Checkpoint | None
) -> tuple[TrainingState, Batches]:
    """Where training goes on: at the checkpoint if there is one that can be read, which is said, or at its start."""
    e, settings = ensemble.first, ensemble.first.settings

    def fresh() -> tuple[TrainingState, Batches]:
        samples = batches(e.task, data.train, settings.batch_size, ensemble.seeds, settings.data_seed)
        return TrainingState.begin(ensemble, network, start), samples

    state, samples = fresh()
    if checkpoint and checkpoint.exists:
        try:
            return checkpoint.load(state, samples), samples
        except UnreadableRun as error:
            checkpoint.ignore(f"{error}; it is ignored, and training goes on from step 0")
            console.say(f"warning: {checkpoint.ignored}")
            return fresh()
    return state, samples


def _refine(ensemble: Ensemble, original: Network, state: TrainingState, stage: Stage, data: Data, size: int) -> Stage:
    """The next stage, after the state has been brought to it."""
    e, old, x = ensemble.first, stage.network, data.train.x.unsqueeze(0)
    new, carried = refine(original, size), e.settings.refine_optimizer == "carry"
    # Each size is a network of its own, whose best state is scored once; nothing is chosen by it.
    state.coarse[state.step] = score(e.task, old, state.best, data, data.test)
    before = state.theta
    state.jumps[state.step] = state.refine(old, new, size, x, carried, ensemble.stepper)
    if isinstance(e.task, Equation):
        state.side_jumps[state.step] = equation_jumps(e.task, old, before, new, state.theta, data.train)
    finer = Stage(e, new, data, new.mask(state.kept) if state.kept else None)
    state.best_val = finer.val_loss(finer.predict(state.best))
    return finer


def _cut(e: Experiment, state: TrainingState, stage: Stage, data: Data, waits: bool) -> None:
    """Take edges of low importance away where it is their time; from seeds that would go no further, at once."""
    due = state.alive & (_stalled(state, waits) if state.step % e.reg.threshold_every else True)
    if not 0 < state.step < e.settings.steps or not due.any():
        return
    left = without_faint(stage.network, state.theta, state.kept, data.train.x, e.reg.threshold)
    kept = [torch.where(due[:, None, None], new, old) for new, old in zip(left, state.kept, strict=True)]
    if torch.equal(count(kept), count(state.kept)):
        return
    rows = state.cut(stage.network, kept, data.train.x)
    stage.mask = stage.network.mask(kept)
    state.reselect(torch.where(rows, stage.val_loss(stage.predict(state.best)), state.best_val))


def _weight(ensemble: Ensemble, step: int, theta: Tensor) -> Tensor | None:
    """The penalty's weight at a step, as numbers like theta."""
    weight = ensemble.penalty_weight(step)
    return weight if weight is None else weight.to(theta)


def _next_cut(e: Experiment, step: int) -> int:
    """The next step, from the one that comes, at which edges may go."""
    return math.ceil(step / e.reg.threshold_every) * e.reg.threshold_every


def _next_look(settings: Settings, state: TrainingState, changes: Sequence[int]) -> int:
    """The next step, from the one that comes, at which somebody may look, a seed may end, or the network changes.

    Diagnostics are looks whether they are made or not: what comes out does not depend on them.
    """
    budget = settings.budget or {}
    if "seconds" in budget or not state.alive.any():
        return state.step
    left = budget.get("evaluations", math.inf) - int(state.evaluations[state.alive.cpu()].max())
    ends = [*changes, settings.steps, state.step + AT_ONCE, state.step + left]
    at = (step for step in range(state.step, state.step + AT_ONCE) if step % settings.log_every == 0 or due(step))
    return int(min(*ends, *at))


def _jump_rows(state: TrainingState) -> dict[str, Tensor]:
    """Rows for metrics.csv: how far the refinement at this step moved what the networks compute."""
    sides = state.side_jumps.get(state.step, {})
    return {"refinement_jump": state.jumps[state.step]} | {f"refinement_jump_{name}": j for name, j in sides.items()}


def _cost_rows(objective: Objective, state: TrainingState, loss: Tensor, samples: int) -> dict[str, Tensor]:
    """Rows for metrics.csv: the penalty apart from the loss, and what was spent."""
    rows = {}
    if objective.weight is not None:
        penalties = objective.penalties(state.theta)
        rows = {"train_loss": loss - penalties["penalty"]} | penalties
    # Each evaluation of function and gradient sees one batch.
    return rows | {"evaluations": state.evaluations, "samples": state.evaluations * samples}


def _spent(settings: Settings, seconds: float, evaluations: Tensor) -> Tensor:
    """Which seeds have used up their budget (seeds,); time passes for all of them alike."""
    budget = settings.budget or {}
    out_of_time = seconds >= budget.get("seconds", math.inf)
    return (evaluations >= budget.get("evaluations", math.inf)) | out_of_time


def _stalled(state: TrainingState, pending: bool) -> Tensor:
    """Which seeds their optimizer brings no further (seeds,); none where finer layers or new points are to come."""
    finished = state.stepper.finished()
    return torch.zeros_like(state.alive) if finished is None or pending else finished


def _why(step: int, spent: Tensor, stalled: Tensor) -> SeedStatus:
    """How a seed ends that goes no further by itself."""
    if stalled:
        return SeedStatus("stalled")
    return SeedStatus("stopped", step, "its budget is spent" if spent else "its validation loss fell no further")
