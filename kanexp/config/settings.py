"""The settings of a run that belong to no component: seeds, steps, budget, precision, where it goes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Literal, TypeVar, get_type_hints

from kanexp.config.catalog import SUBJECTS
from kanexp.config.plain_name import why_not
from kanexp.config.schema import brief
from kanexp.config.seeds import FORM, UntilDecided, seed_numbers
from kanexp.error import require

T = TypeVar("T")
Role = Literal["result", "replicate", "how", "where"]

# What a setting means to its run.
Result = Annotated[T, "result"]  # it determines what comes out
Replicate = Annotated[T, "replicate"]  # the same setting once more, with other random numbers or other data
How = Annotated[T, "how"]  # how the run is found, carried out and watched
Where = Annotated[T, "where"]  # where it goes


REPLICATES = ("task.fold",)  # options of parts that make the same setting once more, with other data


@dataclass(frozen=True)
class Settings:
    """conf/config.yaml without its groups; each field is explained there, and here says what its role is."""

    name: Where[str | None]
    seeds: Replicate[int | list[int] | dict[str, int | str]]
    data_seed: Replicate[int]
    widths: Result[list[int | str]]
    layers: Result[list[str | dict[str, object]] | None]
    match: Result[dict[str, object] | None]
    steps: Result[int]
    batch_size: Result[int | None]
    device: Result[Literal["auto", "cpu", "cuda"]]
    dtype: Result[Literal["float32", "float64"]]
    compile: Result[bool | Literal["auto"]]
    refine: Result[dict[int, int] | None]
    refine_optimizer: Result[Literal["carry", "reset"]]
    patience: Result[int | None]
    budget: Result[dict[str, float] | None]
    log_every: Result[int]
    checkpoint: How[float | None]
    diagnostics: How[bool]
    figures: How[bool] = field(default=True, kw_only=True)
    frames: How[bool] = field(default=False, kw_only=True)  # runs of before it know none
    verbose: How[bool] = field(default=False, kw_only=True)
    tune: How[dict[str, object] | None]
    pack: How[bool]
    rerun: How[bool | Literal["failed", "all"]]
    dry_run: How[bool]
    output_dir: Where[str]
    pruned: Result[str | None] = None  # by which rule a run was pruned; no word, `kanexp prune` writes it

    def __post_init__(self):
        name, batch, folder = self.name, self.batch_size, self.output_dir
        why = why_not(name) if name is not None else ""
        listed = self.seeds if isinstance(self.seeds, list) else []  # a count may be too large to be written out
        until = UntilDecided.of(self.seeds)
        require(
            (
                until is None or until.first is not None,
                f"seeds: {FORM} is for the arms of a sweep, which are compared; add -m and at least two jobs, or give "
                "a count",
            ),
            (self.seed_count >= 1, f"seeds: must be at least 1, got {brief(self.seeds)}"),
            (
                min(listed, default=0) >= 0 and len(set(listed)) == len(listed),
                f"seeds: must be different numbers from 0, got {brief(self.seeds)}",
            ),
            (self.data_seed >= 0, f"data_seed: must be 0 or more, got {self.data_seed}"),
            (
                self.match is None or _is_match(self.match),
                "match: must be {parameters: 5000} or {like: mlp}, with by: width (the usual) or by: grid, "
                f"got {brief(self.match)}",
            ),
            (self.steps >= 1, f"steps: must be at least 1, got {self.steps}"),
            (
                all(0 < step < self.steps and size >= 1 for step, size in (self.refine or {}).items()),
                f"refine: must have steps below steps={self.steps} and sizes of at least 1, got {brief(self.refine)}",
            ),
            (
                self.patience is None or self.patience >= 1,
                f"patience: must be at least 1, or null for none, got {self.patience}",
            ),
            (
                self.budget is None or (bool(self.budget) and set(self.budget) <= {"seconds", "evaluations"}),
                f"budget: must be of seconds, evaluations or both, got {brief(self.budget)}",
            ),
            (
                all(limit > 0 for limit in (self.budget or {}).values()),
                f"budget: must be positive, got {brief(self.budget)}",
            ),
            (
                self.checkpoint is None or self.checkpoint >= 0,
                f"checkpoint: must be zero seconds or more, or null for none, got {self.checkpoint}",
            ),
            (self.log_every >= 1, f"log_every: must be at least 1, got {self.log_every}"),
            (batch is None or batch >= 1, f"batch_size: must be at least 1, or null for all samples, got {batch}"),
            (not why, f"name: must be a plain folder name, got {brief(name)}; {why}"),
            (
                bool(folder.strip()) and folder.isprintable(),
                f"output_dir: must be the path of a folder, of characters that can be printed, got {brief(folder)}",
            ),
        )

    @property
    def seed_count(self) -> int:
        return self.seeds if isinstance(self.seeds, int) else len(self.seed_list)

    @property
    def seed_list(self) -> list[int]:
        return seed_numbers(self.seeds)

    def resolve_widths(self, inputs: int, outputs: int, classes: bool = False) -> list[int]:
        """The widths with the task's own numbers for in and out, which is one for each of its `classes`.

        Raises ValueError where they do not fit the task or are no widths.
        """
        first, *inner, last = self.widths if len(self.widths) > 1 else ["", ""]
        if first not in ("in", inputs) or last not in ("out", outputs):
            one_each = ", one for each class" if classes else ""
            # Where one end is right, the other is one as well; else all of them may be meant to be hidden.
            hidden = inner if first in ("in", inputs) or last in ("out", outputs) else self.widths
            raise ValueError(
                f"widths: must begin with the task's {inputs} inputs (or the word in) and end with its {outputs} "
                f"outputs{one_each} (or the word out), got {brief(self.widths)}; for example "
                f"widths=[in,{''.join(f'{w},' for w in hidden if isinstance(w, int)) or '10,'}out]"
            )
        if any(not isinstance(w, int) or w < 1 for w in inner):
            raise ValueError(f"widths: hidden widths must be numbers of at least 1, got {brief(self.widths)}")
        return [inputs, *(int(w) for w in inner), outputs]


def role_of(key: str) -> Role:
    """The role of a setting, of a group, or of an option of a group ("layer.degree"): the only place that decides it.

    What is run determines the result; sweepers, launchers and loggers say how. So do hashes, the arms of a report,
    ensembles and searches tell settings apart.
    """
    top = key.split(".")[0]
    if key in REPLICATES:
        return "replicate"
    return _roles().get(top, "result" if top in SUBJECTS else "how")


@cache
def _roles() -> dict[str, Role]:
    hints = get_type_hints(Settings, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items()}


def _is_match(match: Mapping[str, object]) -> bool:
    asked, parameters = set(match) - {"by"}, match.get("parameters", 1)
    right = isinstance(parameters, int) and not isinstance(parameters, bool) and parameters >= 1
    return asked in ({"parameters"}, {"like"}) and right and match.get("by", "width") in ("width", "grid")
