"""The dataclass as schema: values checked against its fields, mistakes told as sentences."""

import difflib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, Literal, TypeVar

from kanexp.config.synonym import synonym
from kanexp.error import LONGEST, quoted

T = TypeVar("T")
LARGEST = 2**63  # beyond which a whole number is no size, no seed, and may not even be a float


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
    needed = [f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING]  # type: ignore[arg-type]
    mistakes += [f"{where}{name}: is missing" for name in needed if name not in values]
    given: dict[str, Any] = {}
    for name in names:
        if name in values:
            fits, value = fit(values[name], hints[name])
            if _is_huge(values[name]):
                mistakes.append(f"{where}{name}: must have whole numbers below 2^63, got {brief(values[name])}")
            elif not fits:
                mistakes.append(f"{where}{name}: must be {_type_text(hints[name])}, got {brief(values[name])}")
            given[name] = value
    if mistakes:
        return None, mistakes
    try:
        return cls(**given), []
    except ValueError as error:
        prefix = f"{where.removesuffix('.')}: {title}: " if where else ""
        return None, [prefix + line for line in str(error).splitlines()]


def misfits(values: Mapping[str, Any], hints: Mapping[str, Any]) -> list[str]:
    """Names that have no value, or one of another type than is hinted."""
    return [name for name, hint in hints.items() if name not in values or not fit(values[name], hint)[0]]


def as_options(values: Any, group: str, name: str) -> tuple[dict[str, Any], list[str]]:
    """What a run has of an option as pairs; empty where it has nothing, or something else, which is a mistake."""
    if isinstance(values or {}, dict):
        return dict(values or {}), []
    choose = f"a file chooses one by 'override /{group}: NAME' in its defaults"
    return {}, [f"{group}: must be options of {group}={name}, got {brief(values)}; {choose}"]


def closest(word: str, known: Sequence[str]) -> str:
    """The known word that was probably meant, by another name for the same or a typo; empty where none is close."""
    return synonym(word, known) or next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.6)), "")


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A hint to append to a sentence about an unknown word; empty where nothing is close."""
    close = closest(word, known)
    return f"; did you mean '{close}'?" if close else ""


def fit(value: Any, hint: Any) -> tuple[bool, Any]:
    """Whether a value has the hinted type, and the value with whole numbers made floats where floats belong."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return value in args, value
    if origin in (typing.Union, types.UnionType):
        for arg in args:
            fits, fitted = fit(value, arg)
            if fits:
                return True, fitted
        return False, value
    if origin is list:
        if not isinstance(value, list):
            return False, value
        fitted_items = [fit(item, args[0]) for item in value]
        return all(fits for fits, _ in fitted_items), [item for _, item in fitted_items]
    if origin is dict:
        if not isinstance(value, dict):
            return False, value
        pairs = [(fit(key, args[0]), fit(item, args[1])) for key, item in value.items()]
        return all(k[0] and v[0] for k, v in pairs), {k[1]: v[1] for k, v in pairs}
    if hint in (object, Any):  # judged by whoever takes it
        return True, value
    if isinstance(value, bool):  # True is an int to Python, a mistake to the user
        return hint is bool, value
    if hint is float and isinstance(value, int) and not _is_huge(value):
        return True, float(value)
    return isinstance(value, hint), value


def _is_huge(value: Any) -> bool:
    """Whether there is a whole number in a value that no program can take."""
    if isinstance(value, dict):
        return any(_is_huge(key) or _is_huge(item) for key, item in value.items())
    if isinstance(value, list):
        return any(map(_is_huge, value))
    return isinstance(value, int) and not -LARGEST <= value < LARGEST


def _type_text(hint: Any) -> str:
    """A type as a user would say it."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return "one of " + ", ".join(str(arg) for arg in args)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type_text(arg) for arg in args)
    if origin is list:
        return f"a list like [{_EXAMPLES.get(args[0], '...')}]"
    if origin is dict:
        return f"pairs like {_PAIRS.get(hint) or _PAIRS.get(args[1], '{l1: 1e-3, smooth: 1e-2}')}"
    plain = {int: "a whole number", float: "a number", str: "a word", bool: "true or false", types.NoneType: "null"}
    return plain.get(hint, str(hint))


_EXAMPLES = {
    int: "3, 7",
    str: "'module load python'",
    int | str: "in, 10, out",
    str | dict[str, object]: "fourier, bspline",
}
_PAIRS = {
    dict[int, float]: "{0: 0.2, 1000: 1}",
    int: "{200: 10, 400: 20}",
    float: "{seconds: 60, evaluations: 1000}",
    object: "{parameters: 5000}",
    int | str: "{until: decided, most: 40}",
}


def brief(value: Any) -> str:
    """A value as it is typed: [in, 10, out], {200: 10}, null; cut where it is long."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        text = "[" + ", ".join(map(_inside, value)) + "]"
    elif isinstance(value, dict):
        text = "{" + ", ".join(f"{_inside(k)}: {_inside(v)}" for k, v in value.items()) + "}"
    else:
        text = "null" if value is None else str(value).lower()
    return text if len(text) <= LONGEST and text.isprintable() else quoted(text)


def _inside(value: Any) -> str:
    return value if isinstance(value, str) else brief(value)
