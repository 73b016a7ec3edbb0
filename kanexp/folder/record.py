"""Record: run.json with types, what a run is and what became of it; SeedStatus: how one seed ended."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any, Literal

from kanexp.score import score
from kanexp.score.score import Score

RunStatus = Literal["running", "done", "failed", "interrupted"]
Kind = Literal["ok", "stalled", "stopped", "pruned", "restarted", "diverged", "running", "failed", "interrupted"]
BySeed = dict[int, float | None]  # null in the file stands for what is not finite: JSON has no other word for it

ENDED_WELL = ("ok", "stalled", "stopped", "pruned", "restarted")  # whatever made them stop, they were not lost
UNFINISHED = ("running", "interrupted")  # these say nothing about their arm; all others count as failures


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
            return cls(**value)
        kind, _, rest = value.partition(" at step ")
        step, _, cause = rest.partition(": ")
        return cls(kind, int(step) if step else None, cause)  # type: ignore[arg-type]


@dataclass
class Record:
    """What run.json holds; it grows while the run is under way, and what is not known yet is None.

    Maps by seed have the seed for a key; `test` and `scores` have a score's name. Times are ISO 8601 in UTC.
    """

    status: RunStatus
    choices: dict[str, str]  # which option each group has
    overrides: list[str]  # as typed
    seeds: list[int]
    widths: list[int | str]
    command: str = ""
    config_hash: str = ""
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
    evaluations: dict[int, int] | None = None
    refinement_jump: dict[int, BySeed] | None = None  # by step
    test_before_refinement: dict[int, dict[str, BySeed]] | None = None  # by step
    best_step: dict[int, int] | None = None
    best_val_loss: BySeed | None = None
    test: dict[str, BySeed] | None = None
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
        """The record as JSON takes it, in the order of the fields and without what is not known."""
        known = ((f.name, getattr(self, f.name)) for f in fields(self))
        return {name: _plain(value) for name, value in known if value is not None}


def read_record(values: Mapping[str, Any]) -> Record:
    """From what run.json holds. Raises ValueError with the names of what it lacks that every run writes first."""
    kinds = {"choices": dict, "seeds": list, "status": str, "widths": list}
    if wrong := [name for name, kind in kinds.items() if not isinstance(values.get(name), kind)]:
        raise ValueError(f"its record lacks {', '.join(wrong)}")
    known = {f.name: values[f.name] for f in fields(Record) if values.get(f.name) is not None}
    if "seed_status" in known:
        known["seed_status"] = {seed: SeedStatus.read(status) for seed, status in known["seed_status"].items()}
    known["scores"] = _scores(values)
    for name in ("seed_status", "evaluations", "best_step", "best_val_loss"):
        known[name] = _numbered(known.get(name))
    if "test" in known:
        known["test"] = {name: _numbered(found) for name, found in known["test"].items()}
    if "refinement_jump" in known:
        known["refinement_jump"] = {int(step): _numbered(found) for step, found in known["refinement_jump"].items()}
    if "test_before_refinement" in known:
        by_step = known["test_before_refinement"].items()
        known["test_before_refinement"] = {
            int(step): {name: _numbered(found) for name, found in scores.items()} for step, scores in by_step
        }
    return Record(**{"overrides": [], **known})


# What tasks reported when format 1 declared nothing.
_FORMAT_1 = (
    *(*score.ERRORS, *score.CLASS_SCORES, score.RELATIVE_L2, score.MAX_ERROR, score.R2, score.GRID_RELATIVE_L2),
    *(score.PSNR, score.PICTURE_SSIM, Score("diffusion_error", "lower")),
)


def _scores(values: Mapping[str, Any]) -> dict[str, Score]:
    """The scores that a run declares; of one from before they were declared, those that kanexp itself had."""
    if values.get("format") == 1:
        return {one.name: one for one in _FORMAT_1 if one.name in (values.get("test") or {})}
    return {name: Score(name, **said) for name, said in (values.get("scores") or {}).items()}


def _numbered(by_seed: Mapping[str, Any] | None) -> dict[int, Any] | None:
    """A map by seed with numbers for keys, which JSON has only as text."""
    return None if by_seed is None else {int(seed): value for seed, value in by_seed.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, SeedStatus):
        return {name: part for name, part in vars(value).items() if part not in (None, "")}
    if isinstance(value, Score):
        return {"better": value.better} | ({"unit": value.unit} if value.unit else {})
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    return value


def by_seed(seeds: Iterable[int], values: Iterable[Any]) -> dict[int, Any]:
    """A number per seed, None where it is not finite."""
    return {seed: value if isfinite(value) else None for seed, value in zip(seeds, values, strict=True)}
