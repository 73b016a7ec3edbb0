"""The words of a command as overrides in Hydra's grammar, and a sentence for each that is none or names nothing."""

import math
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override, RangeSweep
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from kanexp.config.catalog import GROUPS, Catalog
from kanexp.config.combination import MOST_JOBS, axis, is_several, scope, swept_values
from kanexp.config.experiment_file import experiment_mistakes
from kanexp.config.schema import did_you_mean
from kanexp.config.synonym import synonym
from kanexp.config.word import form_mistake, requoted, shown, unreadable, with_quotes


def parse(
    overrides: Sequence[str], catalog: Catalog, sweep: bool, search: bool = False
) -> tuple[list[Override], list[str]]:
    """The overrides whose grammar, groups and options are right, and what is wrong with the others.

    A sweep has several values, a search among them intervals.
    """
    parser, right, mistakes = OverridesParser.create(), [], []
    for text in overrides:
        word = requoted(text)
        if why := form_mistake(word):
            mistakes.append(f"{shown(text)}: {why}")
            continue
        override = _read(word, parser)
        if override is None:
            meant = next((other for other in with_quotes(text, sweep) if _read(other, parser)), "")
            mistakes.append(unreadable(text, meant))
            continue
        if is_several(override.key_or_group) or scope(override.key_or_group, catalog):
            found = _special_mistakes(override, text, catalog, sweep, search)
        else:
            found = _word_mistakes(override, text, overrides, catalog, sweep)
        if not found and override.is_interval_sweep() and not search:
            found = [f"{text}: an interval has no end of values; add sweeper=optuna to search it, or give the values"]
        mistakes += found
        right += [] if found else [override]
    return right, mistakes


def _read(word: str, parser: OverridesParser) -> Override | None:
    """The word as Hydra's grammar has it; None where it has not."""
    try:
        return parser.parse_override(word)
    except (HydraException, OmegaConfBaseException, ValueError):  # the last of a number of thousands of digits
        return None


def _special_mistakes(override: Override, text: str, catalog: Catalog, sweep: bool, search: bool) -> list[str]:
    """What is wrong with a word of combination.py: of a zip or sets, with the words that it stands for."""
    several = is_several(override.key_or_group)
    if search:
        return [f"{text}: is for sweeps over all combinations; leave it or sweeper=optuna out"]
    if not sweep and (several or override.is_sweep_override()):
        return [f"{text}: several values, but this is one run; add -m to run each of them"]
    if scoped := scope(override.key_or_group, catalog):
        group, option, setting = scoped
        known = list(catalog.options[group][option].values)
        if setting in known:
            sweep_of = override.value()
            why = _range_mistake(sweep_of) if isinstance(sweep_of, RangeSweep) else ""
            return [f"{text}: {why}"] if why else []
        near = f"{did_you_mean(setting, known)}\n  options of {option}: {', '.join(known) or 'none'}"
        return [f"{text}: {group}={option} has no option '{setting}'{near}"]
    word = override.key_or_group
    try:
        inside = dict.fromkeys(one for job in axis(override, catalog) for one in job)
    except ValueError as error:
        return [f"{shown(text)}: {error}"]
    mistakes = parse(list(inside), catalog, sweep=False)[1]
    tops = dict.fromkeys(one.split("=")[0].split(".")[0] for one in inside)
    mistakes += [f"all jobs of a sweep have one {top}; say it beside" for top in tops if top in ("launcher", "sweeper")]
    return [f"{word}: {mistake}" for mistake in mistakes]


def _word_mistakes(
    override: Override, text: str, overrides: Sequence[str], catalog: Catalog, several: bool
) -> list[str]:
    key = override.key_or_group
    if override.is_sweep_override() and not several:
        return [f"{text}: several values, but this is one run; add -m to run each of them"]
    top = key.split(".")[0]
    if top not in (*GROUPS, *catalog.settings):
        return [_unknown(key, text, overrides, catalog)]
    if override.is_sweep_override() and top in ("launcher", "sweeper"):
        return [f"{text}: all jobs of a sweep have one {top}; give one value"]
    if isinstance(sweep := override.value(), RangeSweep) and (why := _range_mistake(sweep)):
        return [f"{text}: {why}"]
    if override.is_delete():
        return [f"{text}: nothing can be deleted; choose another option instead"]
    if key not in GROUPS:
        if top in catalog.settings and key != top:
            return [f"{text}: '{top}' is a single value and has no '{key.split('.', 1)[1]}'"]
        if isinstance(override.value(), Glob):
            return [f"{text}: only options of a group have names to choose by a pattern; give the values"]
        return []
    names = list(catalog.options[key])
    if override.is_interval_sweep():
        return [f"{text}: options of {key} have names: {', '.join(names)}"]
    chosen = swept_values(override, catalog) if override.is_sweep_override() else [override.value()]
    if not chosen:
        return [f"{text}: there is no {key} of such a name\n  options of {key}: {', '.join(names)}"]
    named = [str(name) for name in chosen if not (key == "experiment" and name in (None, "null"))]
    mistakes = [
        f"{text}: there is no {key} '{name}'{did_you_mean(name, names)}\n  options of {key}: {', '.join(names)}"
        for name in named
        if name not in names
    ]
    if key == "experiment":
        files = [catalog.options[key][name] for name in named if name in names]
        mistakes += [mistake for option in files for mistake in experiment_mistakes(option)]
    return mistakes


def _unknown(key: str, text: str, overrides: Sequence[str], catalog: Catalog) -> str:
    """What is wrong with a key that is no group's and no setting, with a hint from what the command chose."""
    chosen = catalog.defaults | dict(word.split("=", 1) for word in overrides if word.split("=")[0] in GROUPS)
    options = [o for group in GROUPS for o in catalog.options[group].values()]
    within = [f"{o.group}.{k}" for o in options if o.name in chosen.get(o.group, "").split(",") for k in o.values]
    owners = [f"{o.group}={o.name}" for o in options if key in o.values]
    if own := [name for name in within if name.split(".")[1] == key]:
        return f"{text}: there is no group or setting '{key}'; did you mean '{own[0]}'?"
    near = hint(key, [*GROUPS, *catalog.settings, *within], owners)
    everything = f"\n  groups: {', '.join(GROUPS)}; settings: {', '.join(catalog.settings)}"
    return f"{text}: there is no group or setting '{key}'{near or everything}"


def hint(key: str, known: Sequence[str], owners: Sequence[str], more: str = "") -> str:
    """What was probably meant of what is known here, then `more`, and which options have a key of just that name."""
    if not owners:
        return did_you_mean(key, known) + more
    close = synonym(key, known)  # for what is right elsewhere is no typo
    near = f"; did you mean '{close}'?" if close else ""
    return f"{near}{more}\n  {key} is an option of {', '.join(owners)}"


def _range_mistake(sweep: RangeSweep) -> str:
    """Why nobody should write out a range; empty where there is no reason."""
    start, stop, step = float(sweep.start or 0), float(sweep.stop or 0), float(sweep.step)
    count = (stop - start) / step if step else math.nan
    if not math.isfinite(count):
        return "a range needs finite ends and a step that is not 0"
    if count <= 0:
        return "a range that has no values; the second number is where it ends"
    return "" if count <= MOST_JOBS else f"a range of {count:.3g} values, and a sweep may have {MOST_JOBS} jobs"
