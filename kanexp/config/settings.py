"""The settings of a run that belong to no component, and how any dataclass is checked against its fields."""

import difflib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeVar

from kanexp.error import require

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """conf/config.yaml without its groups; each field is explained there."""

    name: str | None
    seeds: int | list[int]
    data_seed: int
    widths: list[int | str]
    layers: list[str | dict[str, object]] | None
    match: dict[str, object] | None
    steps: int
    batch_size: int | None
    device: Literal["auto", "cpu", "cuda"]
    dtype: Literal["float32", "float64"]
    compile: bool | Literal["auto"]
    refine: dict[int, int] | None
    refine_optimizer: Literal["carry", "reset"]
    patience: int | None
    budget: dict[str, float] | None
    log_every: int
    checkpoint: float | None
    diagnostics: bool
    tune: dict[str, object] | None
    pack: bool
    rerun: bool | Literal["failed", "all"]
    dry_run: bool
    output_dir: str

    def __post_init__(self):
        seeds, name, batch = self.seed_list, self.name, self.batch_size
        require(
            (bool(seeds), f"seeds: must be at least 1, got {_brief(self.seeds)}"),
            (
                min(seeds, default=0) >= 0 and len(set(seeds)) == len(seeds),
                f"seeds: must be different numbers from 0, got {_brief(self.seeds)}",
            ),
            (self.data_seed >= 0, f"data_seed: must be 0 or more, got {self.data_seed}"),
            (
                self.match is None or _is_match(self.match),
                "match: must be {parameters: 5000} or {like: mlp}, with by: width (the usual) or by: grid, "
                f"got {_brief(self.match)}",
            ),
            (self.steps >= 1, f"steps: must be at least 1, got {self.steps}"),
            (
                all(0 < step < self.steps and size >= 1 for step, size in (self.refine or {}).items()),
                f"refine: must have steps below steps={self.steps} and sizes of at least 1, got {_brief(self.refine)}",
            ),
            (
                self.patience is None or self.patience >= 1,
                f"patience: must be at least 1, or null for none, got {self.patience}",
            ),
            (
                self.budget is None or (bool(self.budget) and set(self.budget) <= {"seconds", "evaluations"}),
                f"budget: must be of seconds, evaluations or both, got {_brief(self.budget)}",
            ),
            (
                all(limit > 0 for limit in (self.budget or {}).values()),
                f"budget: must be positive, got {_brief(self.budget)}",
            ),
            (
                self.checkpoint is None or self.checkpoint >= 0,
                f"checkpoint: must be zero seconds or more, or null for none, got {self.checkpoint}",
            ),
            (self.log_every >= 1, f"log_every: must be at least 1, got {self.log_every}"),
            (batch is None or batch >= 1, f"batch_size: must be at least 1, or null for all samples, got {batch}"),
            (
                name is None or (bool(name.strip(" .")) and not set(name) & set("/\\\0")),
                f"name: must be a plain folder name, got '{name}'",
            ),
        )

    @property
    def seed_list(self) -> list[int]:
        """The seeds themselves, whether a count or a list was given."""
        return list(range(self.seeds)) if isinstance(self.seeds, int) else list(self.seeds)

    def resolve_widths(self, inputs: int, outputs: int) -> list[int]:
        """The widths with the task's own numbers for in and out.

        Raises ValueError where they do not fit the task or are no widths.
        """
        first, *inner, last = self.widths if len(self.widths) > 1 else ["", ""]
        if first not in ("in", inputs) or last not in ("out", outputs):
            raise ValueError(
                f"widths: must begin with the task's {inputs} inputs (or the word in) and end with its {outputs} "
                f"outputs (or the word out), got {_brief(self.widths)}; for example "
                f"widths=[in,{','.join(str(w) for w in self.widths if isinstance(w, int)) or 10},out]"
            )
        if any(not isinstance(w, int) or w < 1 for w in inner):
            raise ValueError(f"widths: hidden widths must be numbers of at least 1, got {_brief(self.widths)}")
        return [inputs, *(int(w) for w in inner), outputs]


def _is_match(match: Mapping[str, object]) -> bool:
    asked, parameters = set(match) - {"by"}, match.get("parameters", 1)
    right = isinstance(parameters, int) and not isinstance(parameters, bool) and parameters >= 1
    return asked in ({"parameters"}, {"like"}) and right and match.get("by", "width") in ("width", "grid")


def build(cls: type[T], values: Mapping[str, Any], where: str, title: str) -> tuple[T | None, list[str]]:
    """An instance of a dataclass from plain values, or all mistakes in them as sentences.

    `where` prefixes the keys ("layer."), `title` names who has the options.
    """
    hints = typing.get_type_hints(cls)
    names = [f.name for f in fields(cls)]  # type: ignore[arg-type]
    mistakes = [
        f"{where}{key}: {title} has no option '{key}'{did_you_mean(key, names)}\n  options of {title}: "
        f"{', '.join(sorted(names)) or 'none'}"
        for key in values
        if key not in names
    ]
    given: dict[str, Any] = {}
    for name in names:
        if name in values:
            fits, value = _fit(values[name], hints[name])
            if not fits:
                mistakes.append(f"{where}{name}: must be {_words(hints[name])}, got {_brief(values[name])}")
            given[name] = value
    if mistakes:
        return None, mistakes
    try:
        return cls(**given), []
    except ValueError as error:
        prefix = f"{where.removesuffix('.')}: {title}: " if where else ""
        return None, [prefix + line for line in str(error).splitlines()]


def closest(word: str, known: Sequence[str]) -> str:
    """The known word that was probably meant; empty where none is close."""
    return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.6)), "")


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A hint to append to a sentence about an unknown word; empty where nothing is close."""
    close = closest(word, known)
    return f"; did you mean '{close}'?" if close else ""


def _fit(value: Any, hint: Any) -> tuple[bool, Any]:
    """Whether a value has the hinted type, and the value with whole numbers made floats where floats belong."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return value in args, value
    if origin in (typing.Union, types.UnionType):
        for arg in args:
            fits, fitted = _fit(value, arg)
            if fits:
                return True, fitted
        return False, value
    if origin is list:
        if not isinstance(value, list):
            return False, value
        fitted_items = [_fit(item, args[0]) for item in value]
        return all(fits for fits, _ in fitted_items), [item for _, item in fitted_items]
    if origin is dict:
        if not isinstance(value, dict):
            return False, value
        pairs = [(_fit(key, args[0]), _fit(item, args[1])) for key, item in value.items()]
        return all(k[0] and v[0] for k, v in pairs), {k[1]: v[1] for k, v in pairs}
    if hint is object:  # judged by whoever takes it
        return True, value
    if isinstance(value, bool):  # True is an int to Python, a mistake to the user
        return hint is bool, value
    if hint is float and isinstance(value, int):
        return True, float(value)
    return isinstance(value, hint), value


def _words(hint: Any) -> str:
    """A type as a user would say it."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return "one of " + ", ".join(str(arg) for arg in args)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_words(arg) for arg in args)
    if origin is list:
        return f"a list like [{_EXAMPLES.get(args[0], '...')}]"
    if origin is dict:
        return f"pairs like {_PAIRS.get(args[1], '{l1: 1e-3, smooth: 1e-2}')}"
    plain = {int: "a whole number", float: "a number", str: "a word", bool: "true or false", types.NoneType: "null"}
    return plain.get(hint, str(hint))


_EXAMPLES = {int: "3, 7", int | str: "in, 10, out", str | dict[str, object]: "fourier, bspline"}
_PAIRS = {int: "{200: 10, 400: 20}", float: "{seconds: 60, evaluations: 1000}", object: "{parameters: 5000}"}


def _brief(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(str(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {v}" for k, v in value.items()) + "}"
    return "null" if value is None else f"'{value}'" if isinstance(value, str) else str(value).lower()
