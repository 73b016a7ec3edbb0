"""Which jobs a sweep has: all combinations of the values given, and the words that say which go together or alone.

zip={KEY: [A, B], KEY: [C, D]}  values that go together: A with C, B with D
sets={KEY: A, ...},{...}        one set of combinations after the other
GROUP.OPTION.KEY=A,B            of those jobs alone that chose this option
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, product
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, Override
from hydra.errors import HydraException

from kanexp.config.catalog import GROUPS, Catalog
from kanexp.error import ConfigError

MOST_JOBS = 100_000  # of a sweep; composing so many takes an hour
ZIP, SETS = "zip", "sets"
EXAMPLES = {
    ZIP: "{task.function: [product, runge], layer.intervals: [5, 10]}",
    SETS: "{layer: fourier, init: [default, smooth]},{layer: bspline, layer.intervals: [5, 10]}",
}
Axis = list[tuple[str, ...]]  # what is varied at once: for each of its values, the words that say so


def is_several(key: str) -> bool:
    """Whether a key is zip or sets, or another one of them in the same command: zip.2."""
    return key.split(".")[0] in (ZIP, SETS)


def scope(key: str, catalog: Catalog) -> tuple[str, str, str] | None:
    """Group, option and setting of layer.bspline.intervals; None of any other key."""
    group, _, rest = key.partition(".")
    option, _, setting = rest.partition(".")
    return (group, option, setting) if setting and group in GROUPS and option in catalog.options[group] else None


def is_special(parsed: Sequence[Override], catalog: Catalog) -> bool:
    """Whether there is a word of those that say more than all combinations."""
    return any(is_several(o.key_or_group) or scope(o.key_or_group, catalog) for o in parsed)


def combinations(parsed: Sequence[Override], catalog: Catalog) -> list[list[Override]]:
    """The overrides of every combination: the last key changes fastest; of a key said twice the last words count.

    Raises ConfigError where there are too many of them, or one cannot be read once more.
    """
    parser = OverridesParser.create()
    axes = {override.get_key_element(): axis(override, catalog) for override in parsed}
    if (count := math.prod(map(len, axes.values()))) > MOST_JOBS:
        raise ConfigError(f"-m: a sweep may have {MOST_JOBS} jobs, got {count}; give fewer values")
    try:
        return [parser.parse_overrides(_once(chain.from_iterable(job))) for job in product(*axes.values())]
    except HydraException as error:  # quotes inside ${...}, which do not survive
        raise ConfigError(plain(error)) from error


def _once(words: Iterator[str]) -> list[str]:
    """The words, of a key said twice those that come last in the place of the first."""
    return list({word.split("=", 1)[0]: word for word in words}.values())


def axis(override: Override, catalog: Catalog) -> Axis:
    """The words of each value of an override. Raises ValueError where zip or sets is of no such form."""
    key, raw = override.get_key_element(), override._value
    if is_several(override.key_or_group):
        return _several(override, key.split(".")[0].lstrip("+"), raw)
    swept = override.is_sweep_override()
    values = swept_values(override, catalog) if swept else [override.get_value_element_as_str()]
    return [(f"{key}={value}",) for value in values]


def swept_values(override: Override, catalog: Catalog) -> list[str]:
    """The values of a sweep over choices or a range, as they would be typed; glob(*) is of the options of a group."""
    sweep = override.value()
    if isinstance(sweep, Glob):
        return sweep.filter(list(catalog.options[override.key_or_group]))
    return list(override.sweep_string_iterator())


def _several(override: Override, word: str, raw: Any) -> Axis:
    given: list[Any] = raw.list if isinstance(raw, ChoiceSweep) else [raw]
    if not all(isinstance(one, dict) and one for one in given) or (word == ZIP and len(given) > 1):
        raise ValueError(f"must be of the form '{word}={EXAMPLES[word]}'")
    if word == ZIP:
        return _zipped(override, given[0])
    return [job for one in given for job in _product(override, one)]


def _zipped(override: Override, lists: Mapping[str, Any]) -> Axis:
    lengths = [len(values) if isinstance(values, list) else 0 for values in lists.values()]
    if len(set(lengths)) > 1 or not lengths[0]:
        told = ", ".join(f"{n} of {key}" if n else f"no list of {key}" for key, n in zip(lists, lengths, strict=True))
        raise ValueError(f"needs as many values for each key, as in '{ZIP}={EXAMPLES[ZIP]}', got {told}")
    rows = zip(*lists.values(), strict=True)
    return [tuple(f"{key}={_typed(override, v)}" for key, v in zip(lists, row, strict=True)) for row in rows]


def _product(override: Override, one: Mapping[str, Any]) -> Axis:
    """All combinations of one set, whose lists are several values."""
    axes: list[Axis] = []
    for key, value in one.items():
        if is_several(str(key)):
            axes.append(_several(override, str(key).split(".")[0], value))
        else:
            values = value if isinstance(value, list) else [value]
            axes.append([(f"{key}={_typed(override, v)}",) for v in values])
    if (count := math.prod(map(len, axes))) > MOST_JOBS:
        raise ValueError(f"a sweep may have {MOST_JOBS} jobs, got {count}; give fewer values")
    return [tuple(chain.from_iterable(job)) for job in product(*axes)]


def _typed(override: Override, value: Any) -> str:
    """A value inside a word as it would be typed as the value of one."""
    return str(value).lower() if isinstance(value, bool) else replace(override, _value=value).get_value_element_as_str()


def narrowed(job: Sequence[Override], choices: Mapping[str, str], catalog: Catalog) -> list[Override]:
    """The job whose groups chose these options: settings of other options are dropped, those of its own count more."""
    words: dict[str, str] = {}
    own = set()
    for override in job:
        key, (_, _, value) = override.get_key_element(), str(override.input_line).partition("=")
        if scoped := scope(override.key_or_group, catalog):
            group, option, setting = scoped
            if choices.get(group) != option:
                continue
            key = f"{group}.{setting}"
            own.add(key)
        elif key in own:
            continue
        words[key] = f"{key}={value}"
    return OverridesParser.create().parse_overrides(list(words.values()))


def plain(error: Exception) -> str:
    """Hydra's own message in one line, without its advice to add a plus sign."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("To append", "full_key", "object_type", "See https"))]
    return " ".join(kept[:3])
