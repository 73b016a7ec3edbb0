"""The words of a command, composed with Hydra and checked. With run_config.py, all that knows OmegaConf."""

import copy
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override, RangeSweep
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from kanexp.config.catalog import GROUPS, Catalog, Option, config_folder
from kanexp.config.combination import (
    MOST_JOBS,
    axis,
    combinations,
    is_several,
    is_special,
    narrowed,
    plain,
    scope,
    swept_values,
)
from kanexp.config.experiment import value_mistakes
from kanexp.config.experiment_file import experiment_mistakes
from kanexp.config.run_config import RunConfig
from kanexp.config.schema import did_you_mean
from kanexp.config.synonym import synonym
from kanexp.config.tune import trials
from kanexp.config.word import form_mistake, requoted, shown, unreadable, with_quotes
from kanexp.error import ConfigError


def load(overrides: Sequence[str], catalog: Catalog, sweep: bool = False) -> list[RunConfig]:
    """Compose the jobs that the overrides describe: one, or with `sweep` one per combination.

    Raises ConfigError with all mistakes of the command: in its words, and where those leave values to judge, in these.
    """
    parsed, mistakes = parse(overrides, catalog, sweep)
    special = is_special(parsed, catalog)
    try:
        todo = combinations(parsed, catalog)
        if special:
            todo = _narrow(todo, catalog)
    except ConfigError as error:
        raise ConfigError(*mistakes, *error.mistakes) from error
    jobs: list[RunConfig] = []
    hashes = set()
    for job in todo:
        config, found = _compose_job(job, catalog)
        if special and config and not found:  # other words may come to the same run
            if config.hash in hashes:
                continue
            hashes.add(config.hash)
        if config and not found and config.values.get("tune") is not None:
            made, found = _tuned(config, job, catalog, sweep)
        else:
            made = [config] if config else []
        jobs += made
        mistakes += found
    if mistakes:
        mistakes += [mistake for config in jobs for mistake in value_mistakes(config)]
        raise ConfigError(*dict.fromkeys(mistakes))
    return jobs


def _narrow(todo: list[list[Override]], catalog: Catalog) -> list[list[Override]]:
    """The jobs with settings of an option only where they chose it. Raises ConfigError where none of them did."""
    chosen = [_choices(job, catalog) for job in todo]
    if None in chosen:  # an option that cannot be composed, which is said of its job
        return todo
    unused = []
    for key in dict.fromkeys(override.key_or_group for job in todo for override in job):
        group, option, _ = scope(key, catalog) or ("", "", "")
        if group and not any(choices.get(group) == option for choices in chosen if choices):
            unused.append(f"{key}: no job has {group}={option}, whose setting it is; choose that, or leave it out")
    if unused:
        raise ConfigError(*unused)
    return [narrowed(job, choices, catalog) for job, choices in zip(todo, chosen, strict=True) if choices]


def _choices(job: Sequence[Override], catalog: Catalog) -> dict[str, str] | None:
    """The option of each group that a job has; None where that cannot be told."""
    texts = tuple(_of_groups(job))
    try:
        return _compose_groups(texts, catalog)[1]
    except (HydraException, OmegaConfBaseException, YAMLError, RecursionError):
        return None


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
        hint = f"{did_you_mean(setting, known)}\n  options of {option}: {', '.join(known) or 'none'}"
        return [f"{text}: {group}={option} has no option '{setting}'{hint}"]
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
    hint = _hint(key, [*GROUPS, *catalog.settings, *within], owners)
    everything = f"\n  groups: {', '.join(GROUPS)}; settings: {', '.join(catalog.settings)}"
    return f"{text}: there is no group or setting '{key}'{hint or everything}"


def _hint(key: str, known: Sequence[str], owners: Sequence[str], more: str = "") -> str:
    """What was probably meant of what is known here, then `more`, and which options have a key of just that name."""
    if not owners:
        return did_you_mean(key, known) + more
    close = synonym(key, known)  # for what is right elsewhere is no typo
    hint = f"; did you mean '{close}'?" if close else ""
    return f"{hint}{more}\n  {key} is an option of {', '.join(owners)}"


def _range_mistake(sweep: RangeSweep) -> str:
    """Why nobody should write out a range; empty where there is no reason."""
    start, stop, step = float(sweep.start or 0), float(sweep.stop or 0), float(sweep.step)
    count = (stop - start) / step if step else math.nan
    if not math.isfinite(count):
        return "a range needs finite ends and a step that is not 0"
    if count <= 0:
        return "a range that has no values; the second number is where it ends"
    return "" if count <= MOST_JOBS else f"a range of {count:.3g} values, and a sweep may have {MOST_JOBS} jobs"


def _compose_job(job: list[Override], catalog: Catalog) -> tuple[RunConfig | None, list[str]]:
    """One job's words, without those overrides that name no option of what was chosen, which are its mistakes."""
    chosen = [o for o in job if "." not in o.key_or_group]
    dotted = [o for o in job if "." in o.key_or_group]
    try:
        base = _compose(chosen, catalog)
        mistakes, right = [], []
        for override in dotted:
            found = _key_mistakes(override, base, catalog)
            mistakes += found
            right += [] if found else [override]
        composed = _compose([o for o in job if o in chosen or o in right], catalog) if right else base
        unknown = _complete_parts(composed, catalog) + _complete_layers(composed, catalog)
        unknown += _complete_like(composed, catalog)
        return (None if unknown else composed), mistakes + unknown
    except (HydraException, OmegaConfBaseException) as error:
        return None, [plain(error)]
    except (YAMLError, RecursionError) as error:  # the latter of brackets without end
        return None, [f"not a YAML file: {' '.join(str(error).split())}"]


def _tuned(config: RunConfig, job: list[Override], catalog: Catalog, sweep: bool) -> tuple[list[RunConfig], list[str]]:
    """A job for each trial of the job that asks for some, and what is wrong with that."""
    if not sweep:
        return [], ["tune: makes several jobs, but this is one run; add -m"]
    try:
        drawn = trials(config.values["tune"])
    except ValueError as error:
        return [], [str(error)]
    jobs, mistakes = [], []
    for i, values in enumerate(drawn):
        own, found = parse([f"{key}={value}" for key, value in values.items()], catalog, sweep)
        made, more = _compose_job([*job, *own], catalog)
        mistakes += [f"tune: {mistake}" for mistake in found + more]
        if made:
            made.values["tune"] = {"over": list(values), "trial": i, "trials": len(drawn)}
            jobs.append(made)
    return jobs, mistakes


def _complete_parts(config: RunConfig, catalog: Catalog) -> list[str]:
    """Turn options that others are put together from, named with a weight or some values, into all their values.

    What is written to the run folder is then complete. Returns what names no option.
    """
    mistakes = []
    for group, values in config.values.items():
        parts = values.get("parts") if isinstance(values, dict) else None
        if not isinstance(parts, dict):
            continue
        for name, given in parts.items():
            options = catalog.options[group]
            if name not in options:
                mistakes.append(
                    f"{group}.parts: there is no {group} '{name}'{did_you_mean(str(name), list(options))}"
                    f"\n  options of {group}: {', '.join(options)}"
                )
            else:
                parts[name] = options[name].content | (given if isinstance(given, dict) else {"weight": given})
    return mistakes


def _complete_layers(config: RunConfig, catalog: Catalog) -> list[str]:
    """Complete the option of each layer where `layers` names them; joined, their names are the layer chosen."""
    given = config.values.get("layers")
    mistakes: list[str] = []
    if not isinstance(given, list):
        return []
    for i, entry in enumerate(given):
        given[i], found = _complete("layer", entry, f"layers.{i}", catalog)
        mistakes += found
    if not mistakes:
        config.choices["layer"] = "_".join(entry["layer"] for entry in given)
    return mistakes


def _complete_like(config: RunConfig, catalog: Catalog) -> list[str]:
    """Complete the model that another is matched to (match.like)."""
    match = config.values.get("match")
    if not isinstance(match, dict) or "like" not in match:
        return []
    match["like"], mistakes = _complete("model", match["like"], "match.like", catalog)
    return mistakes


def _complete(group: str, entry: Any, where: str, catalog: Catalog) -> tuple[Any, list[str]]:
    """All values of an option given as its name, or as {group: name, key: value}; and what is wrong with it."""
    given = entry if isinstance(entry, dict) else {group: entry}
    name, options = given.get(group), catalog.options[group]
    if isinstance(name, str) and name in options:
        return {group: name} | options[name].content | given, []
    what = f"there is no {group} '{name}'{did_you_mean(str(name), list(options))}"
    if group not in given:
        what = f"must name its option, {{{group}: {next(iter(options))}, ...}}"
    return None, [f"{where}: {what}\n  options of {group}: {', '.join(options)}"]


def _key_mistakes(override: Override, base: RunConfig, catalog: Catalog) -> list[str]:
    group, key = override.key_or_group.split(".", 1)
    choice = base.choices.get(group, "")
    known = [k for k in base.values.get(group, {}) if k != "_target_"]
    if key in known:
        return []
    text = override.input_line or override.key_or_group
    owners = [f"{group}={name}" for name, option in catalog.options[group].items() if key in option.values]
    options = f"\n  options of {choice}: {', '.join(known) or 'none'}"
    return [f"{text}: {group}={choice} has no option '{key}'{_hint(key, known, owners, options)}"]


def _compose(job: Sequence[Override], catalog: Catalog) -> RunConfig:
    texts = [o.input_line.lstrip("+") for o in job if o.input_line]
    config, choices = _compose_groups(tuple(_of_groups(job)), catalog)
    config = copy.deepcopy(config)
    for override in job:
        if override.key_or_group not in GROUPS:
            # Pairs such as refine={200: 10} are one value: a command's replace an experiment's.
            inside = override.key_or_group.split(".")[0] in GROUPS
            OmegaConf.update(config, override.key_or_group, override.value(), merge=inside)
    values = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    assert isinstance(values, dict)
    plain = {str(k): v for k, v in values.items() if k != "experiment" or v is not None}
    return RunConfig(plain, dict(choices), tuple(texts), catalog.users)


def _of_groups(job: Sequence[Override]) -> list[str]:
    """The words of a job that choose options."""
    chosen = [o.input_line.lstrip("+") for o in job if o.input_line and o.key_or_group in GROUPS]
    return [text for text in chosen if text != "experiment=null"]  # which is so anyway, and no option to Hydra


@lru_cache(maxsize=256)
def _compose_groups(texts: tuple[str, ...], catalog: Catalog) -> tuple[DictConfig, dict[str, str]]:
    """What Hydra makes of the options chosen, before any value is set: the same for many jobs of a sweep."""
    with _hydra(catalog):
        config = compose("config", overrides=[*_search_path(catalog), *texts], return_hydra_config=True)
    chosen = config.hydra.runtime.choices
    choices = {group: str(chosen[group]) for group in GROUPS if chosen.get(group) is not None}
    OmegaConf.set_struct(config, False)
    config.pop("hydra")
    for group, name in choices.items():
        option = catalog.options[group].get(name)
        if option:
            option.check()
        if option and isinstance(composed := config.get(group), DictConfig):
            config[group] = _with_shared_lines(composed, option)
    return config, choices


def _with_shared_lines(composed: DictConfig, option: Option) -> dict[str, Any]:
    """What Hydra made of an option and an experiment's values, complete and in the order of the option."""
    values = OmegaConf.to_container(composed)
    assert isinstance(values, dict)
    own = option.content if "_target_" in option.content else {}  # where another option is extended, it has the order
    return option.complete(own | {str(key): value for key, value in values.items()})


def _search_path(catalog: Catalog) -> list[str]:
    extra = [f"'file://{folder}'" for folder in catalog.users]
    return [f"hydra.searchpath=[{','.join(extra)}]"] if extra else []


@contextmanager
def _hydra(catalog: Catalog) -> Iterator[None]:
    """Hydra, initialized on the package's folder and cleared again, whatever its state was."""
    before = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"
    instance = GlobalHydra.instance()
    outer = instance.hydra
    instance.clear()
    try:
        with initialize_config_dir(str(config_folder()), version_base="1.3", job_name="kanexp"):
            yield
    finally:
        instance.hydra = outer
        if before is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = before


def load_file(file: Path) -> dict[str, Any]:
    """The values of a run folder's config.yaml."""
    values = OmegaConf.to_container(OmegaConf.load(file))
    assert isinstance(values, dict)
    return {str(k): v for k, v in values.items()}
