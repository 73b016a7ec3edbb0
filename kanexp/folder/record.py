"""Record: run.json with types, what a run is and what became of it; SeedStatus: how one seed ended."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from math import isfinite
from typing import Any, Literal, TypeVar, get_type_hints

from kanexp.config.schema import brief, fit
from kanexp.folder.table import Mark
from kanexp.score import score
from kanexp.score.score import Score

T = TypeVar("T")
RunStatus = Literal["running", "done", "failed", "interrupted", "lost"]
Kind = Literal[
    "ok", "stalled", "stopped", "pruned", "restarted", "diverged", "running", "failed", "interrupted", "lost"
]
BySeed = dict[int, float | None]  # null in the file stands for what is not finite: JSON has no other word for it

ENDED_WELL = ("ok", "stalled", "stopped", "pruned", "restarted")  # whatever made them stop, they were not lost
UNFINISHED = ("running", "interrupted", "lost")  # these say nothing about their arm; all others count as failures


@dataclass(frozen=True)
class SeedStatus:
    """How one seed ended, or that it has not; as a sentence by str(): "diverged at step 7: its loss is not finite"."""

    kind: Kind
    step: int | None = None
    cause: str = ""

    def __str__(self) -> str:
        return self.kind + (f" at step {self.step}: {self.cause}" if self.step is not None else "")

    @property
    def ended_well(self) -> bool:
        """Whether the seed's scores count."""
        return self.kind in ENDED_WELL

    @property
    def unfinished(self) -> bool:
        return self.kind in UNFINISHED

    @classmethod
    def read(cls, value: "str | Mapping[str, Any]") -> "SeedStatus":
        """From run.json; format 1 had the sentence. Raises ValueError where it is neither."""
        if isinstance(value, Mapping):
            status = cls(**value)
        else:
            kind, _, rest = value.partition(" at step ")
            step, _, cause = rest.partition(": ")
            status = cls(kind, int(step) if step else None, cause)  # type: ignore[arg-type]
        return _checked(status)


@dataclass
class Record:
    """What run.json holds; it grows while the run is under way, and what is not known yet is None.

    Maps by seed have the seed for a key; `test` and `scores` have a score's name. Times are ISO 8601 in UTC. Its status
    is never written as "lost": whoever reads that nobody is at work any more on a run says so.
    """

    status: RunStatus
    choices: dict[str, str]  # which option each group has
    overrides: list[str]  # as typed
    seeds: list[int]
    widths: list[int | str]
    command: str = ""
    config_hash: str = ""  # of what determines the result
    config_sha256: str = ""  # of the text of config.yaml
    config_dirs: list[str] | None = None  # the user's own folders of options
    cause: str | None = None  # of a failure
    traceback: str | None = None
    started: str | None = None
    versions: dict[str, str] | None = None
    git_commit: str | None = None
    hardware: dict[str, Any] | None = None
    compiled: bool | None = None
    parameters: int | None = None
    flops_per_sample: int | None = None
    match: dict[str, Any] | None = None
    tune: dict[str, Any] | None = None  # how a search of settings took part: {"over": keys, "trial": i, "trials": n}
    scene: dict[str, Any] | None = None
    data: dict[str, Any] | None = None
    scores: dict[str, Score] | None = None  # which way each is better
    seed_status: dict[int, SeedStatus] | None = None
    steps: int | None = None
    train_seconds: float | None = None
    milliseconds_per_step: float | None = None
    files: dict[str, Mark] | None = None  # what the tables and the networks of a run that is done hold, by their names
    warnings: list[str] | None = None  # what a reader of the run should know beside its result
    evaluations: dict[int, int] | None = None
    refinement_jump: dict[int, BySeed] | None = None  # by step
    test_before_refinement: dict[int, dict[str, BySeed]] | None = None  # by step
    best_step: dict[int, int] | None = None
    best_val_loss: BySeed | None = None
    test: dict[str, BySeed] | None = None
    pruned: dict[str, Any] | None = None  # of which run, and the edges and weights that each seed has left
    left: dict[str, dict[int, int]] | None = None  # edges and weights of each seed, where edges went in training
    pack: dict[str, int] | None = None  # jobs and networks that trained as one, whose seconds these are shares of
    seconds: float | None = None
    peak_memory_bytes: int | None = None
    ended: str | None = None

    @property
    def lost(self) -> list[int]:
        """Seeds that diverged."""
        return [seed for seed, status in (self.seed_status or {}).items() if not status.ended_well]

    def status_of(self, seed: int) -> SeedStatus:
        """How the seed ended; of a run that has not, or that failed, what became of the run."""
        if self.status != "done":
            return SeedStatus(self.status)
        return (self.seed_status or {}).get(seed, SeedStatus("failed"))

    def plain(self) -> dict[str, Any]:
        """The record as JSON takes it, in the order of the fields and without what is not known; sealed once done."""
        known = ((f.name, getattr(self, f.name)) for f in fields(self))
        values = {name: _plain(value) for name, value in known if value is not None}
        return values | ({"seal": seal(values)} if self.status == "done" else {})


FIRST = ("choices", "seeds", "status", "widths")  # what every run writes before it begins
LAST = ("seed_status",)  # and what when it is done


def read_record(values: Mapping[str, Any]) -> Record:
    """From what run.json holds. Raises ValueError with the names of what it lacks or what is no such thing."""
    needed = FIRST + (LAST if values.get("status") == "done" else ())
    if lacks := [name for name in needed if values.get(name) is None]:
        raise ValueError(f"its record lacks {', '.join(lacks)}")
    known: dict[str, Any] = {"overrides": []}
    for name, hint in _hints(Record).items():
        if values.get(name) is None:
            continue
        try:
            known[name] = _READERS.get(name, lambda value: value)(values[name])
            fits = fit(known[name], hint)[0]
        except (ValueError, TypeError, AttributeError, KeyError):
            fits = False
        if not fits:
            raise ValueError(f"{name} cannot be {brief(values[name])[:80]}")
    if not known["seeds"]:
        raise ValueError("it has no seeds")
    if values.get("seal", seal(values)) != seal(values):
        raise ValueError("it is not what the run wrote")
    if values.get("format") == 1:
        known["scores"] = {one.name: one for one in _FORMAT_1 if one.name in known.get("test", {})}
    return Record(**known)


# What tasks reported when format 1 declared nothing.
_FORMAT_1 = (
    *(*score.ERRORS, *score.CLASS_SCORES, score.RELATIVE_L2, score.MAX_ERROR, score.R2, score.GRID_RELATIVE_L2),
    *(score.PSNR, score.PICTURE_SSIM, Score("diffusion_error", "lower")),
)


UNSEALED = ("format", "seal", "config_dirs")  # the last for a user to mend, who moved them


def seal(values: Mapping[str, Any]) -> str:
    """A digest of what run.json holds: a digit that changes in it is seen."""
    sealed = {name: value for name, value in values.items() if name not in UNSEALED}
    return hashlib.sha256(json.dumps(sealed, sort_keys=True).encode()).hexdigest()


def _numbered(by_seed: Mapping[str, Any]) -> dict[int, Any]:
    """A map by seed with numbers for keys, which JSON has only as text."""
    return {int(seed): value for seed, value in by_seed.items()}


def _checked(made: T) -> T:
    """The object itself. Raises ValueError where one of its fields has another type."""
    if any(not fit(getattr(made, name), hint)[0] for name, hint in get_type_hints(type(made)).items()):
        raise ValueError(f"no {type(made).__name__}")
    return made


def _each(read: Callable[[Any], Any]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    return lambda values: {name: read(value) for name, value in values.items()}


def _time(text: str) -> str:
    datetime.fromisoformat(text)
    return text


# From what JSON can hold to what the fields of a record are.
_READERS: dict[str, Callable[[Any], Any]] = {
    "seed_status": lambda values: _numbered(_each(SeedStatus.read)(values)),
    "scores": lambda values: {name: Score(name, **said) for name, said in values.items()},
    "files": _each(lambda mark: _checked(Mark(**mark))),
    "test": _each(_numbered),
    "pruned": _each(lambda value: _numbered(value) if isinstance(value, Mapping) else value),
    "left": _each(_numbered),
    "refinement_jump": lambda values: _numbered(_each(_numbered)(values)),
    "test_before_refinement": lambda values: _numbered(_each(_each(_numbered))(values)),
    **dict.fromkeys(("evaluations", "best_step", "best_val_loss"), _numbered),
    **dict.fromkeys(("started", "ended"), _time),
}


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _plain(value: Any) -> Any:
    if isinstance(value, SeedStatus):
        return {name: part for name, part in vars(value).items() if part not in (None, "")}
    if isinstance(value, Mark):
        return value._asdict()
    if isinstance(value, Score):
        return {"better": value.better} | ({"unit": value.unit} if value.unit else {})
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    return value


def by_seed(seeds: Iterable[int], values: Iterable[Any]) -> dict[int, Any]:
    """A number per seed, None where it is not finite."""
    return {seed: value if isfinite(value) else None for seed, value in zip(seeds, values, strict=True)}
