"""What Optuna knows of a search, in one file that all its processes append to. The only file that imports Optuna."""

import json
import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from kanexp.config.sweeper import Search
from kanexp.error import ConfigError
from kanexp.folder.file import UnreadableRun
from kanexp.search.space import Range, Space

NAME = "kanexp"


class Study:
    """Trials, each for a job by its number: where a failed job is repeated, its last trial counts."""

    def __init__(self, file: Path, search: Search, steps: int, job: int = 0):
        """A study for a process that is about to choose values for `job`, or only to look."""
        import optuna
        from optuna.storages import journal

        self._optuna, self._search = optuna, search
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        storage = optuna.storages.JournalStorage(journal.JournalFileBackend(str(file)))
        self._study = optuna.create_study(
            storage=storage,
            study_name=NAME,
            sampler=self._sampler(job),
            pruner=self._pruner(steps),
            direction="minimize",
            load_if_exists=True,
        )

    def ask(self, job: int) -> None:
        """Have a trial for the job, whose values are chosen when it begins."""
        self._study.ask().set_user_attr("job", job)

    def ask_again(self, job: int) -> None:
        """Have another trial for the job, with the same values."""
        self._study.enqueue_trial(self.trial(job).params)
        self.ask(job)

    def jobs(self) -> dict[int, Any]:
        """Optuna's record of each job's last trial."""
        known = self._study.get_trials(deepcopy=False)
        return {trial.user_attrs["job"]: trial for trial in known if "job" in trial.user_attrs}

    def trial(self, job: int) -> Any:
        return self.jobs()[job]

    def choose(self, job: int, space: Space) -> dict[str, Any]:
        """A value for each key, from what all trials so far have told; the same ones for a trial that goes on."""
        trial = self._open(job)
        chosen = {}
        for key, values in space.searched.items():
            if isinstance(values, list):
                chosen[key] = trial.suggest_categorical(key, values)
            elif values.whole:
                step = int(values.step or 1)
                chosen[key] = trial.suggest_int(key, int(values.low), int(values.high), step=step, log=values.log)
            else:
                chosen[key] = trial.suggest_float(key, values.low, values.high, step=values.step, log=values.log)
        return chosen

    def watch(self, job: int) -> "Watch":
        return Watch(self._open(job))

    def tell(self, job: int, value: float | None, pruned: bool = False) -> None:
        """How a trial ended: with a value, pruned, or without a finite one, which is a failure."""
        state = self._optuna.trial.TrialState
        trial = self.trial(job)
        if trial.state.is_finished():
            return
        if pruned and trial.last_step is not None:
            self._study.tell(trial.number, state=state.PRUNED)
        elif value is not None and math.isfinite(value):
            self._study.tell(trial.number, value)
        else:
            self._study.tell(trial.number, state=state.FAIL)

    def _open(self, job: int) -> Any:
        return self._optuna.trial.Trial(self._study, self.trial(job)._trial_id)

    def _sampler(self, job: int) -> Any:
        # Every job chooses in a process of its own, from random numbers of its own: those of neighbouring seeds are
        # neighbours, 0.55, 0.42, 0.44, 0.55 for the first four, so the seeds are mixed first.
        seed = int(np.random.SeedSequence([self._search.seed, job]).generate_state(1)[0])
        samplers = self._optuna.samplers
        if self._search.sampler == "random":
            return samplers.RandomSampler(seed=seed)
        return samplers.TPESampler(seed=seed)

    def _pruner(self, steps: int) -> Any:
        pruners = self._optuna.pruners
        if self._search.pruner == "none":
            return pruners.NopPruner()
        if self._search.pruner == "median":
            return pruners.MedianPruner()
        return pruners.SuccessiveHalvingPruner(min_resource=max(1, steps // 16), reduction_factor=4)


class Watch:
    """Takes how far a trial is, and says whether it is worth going on."""

    def __init__(self, trial: Any):
        self._trial = trial
        self._last = max(trial.storage.get_trial(trial._trial_id).intermediate_values, default=-1)

    def __call__(self, step: int, value: float) -> bool:
        """Whether to stop. What a continued trial has told before is not told again."""
        if step > self._last:
            self._trial.report(value, step)
            self._last = step
        return self._trial.should_prune()


def check_journal(file: Path) -> None:
    """Raise UnreadableRun where what is written of a study is damaged; a last line may be half there, after a kill."""
    lines = file.read_bytes().split(b"\n")[:-1] if file.is_file() else []
    for number, line in enumerate(lines, 1):
        try:
            json.loads(line)
        except ValueError:
            raise UnreadableRun(
                f"{file.parent}: {file.name} is damaged: line {number} is no record of a trial"
            ) from None


def check() -> None:
    """Raises ConfigError where Optuna is not there."""
    if find_spec("optuna") is None:
        raise ConfigError("sweeper: Optuna is not installed; install it with: pip install 'kanexp[optuna]'")


def range_text(values: Range | list[str]) -> str:
    """What a key is chosen from, for a line of output."""
    if isinstance(values, list):
        return ", ".join(values)
    return f"{values.low:g} .. {values.high:g}" + (" by ratios" if values.log else "")
