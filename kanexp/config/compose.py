"""The words of a command, composed with Hydra and checked: one run config for each job."""

import copy
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from kanexp.config.catalog import GROUPS, Catalog
from kanexp.config.chosen import compose_options
from kanexp.config.combination import (
    combinations,
    is_special,
    narrowed,
    plain,
    scope,
)
from kanexp.config.experiment import value_mistakes
from kanexp.config.overrides import hint, parse
from kanexp.config.run_config import RunConfig
from kanexp.config.schema import did_you_mean
from kanexp.config.tune import trials
from kanexp.error import ConfigError

ALONE = {"optimizer": "learning_rate"}  # the option that one value alone is of, where others are put together


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
    try:
        return compose_options(_of_groups(job), catalog)[1]
    except (HydraException, OmegaConfBaseException, YAMLError, RecursionError):
        return None


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
        if not unknown and composed.values["dtype"] == "auto":
            # Written out, so that a run is the same whether it was chosen or given.
            composed.values["dtype"] = _precision(composed)
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
    """Turn options that others are put together from, named with one value or some, into all their values.

    One value alone is the weight of a penalty, and the learning rate of an optimizer.

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
                own = {} if given is None else {ALONE.get(group, "weight"): given}
                parts[name] = options[name].content | (given if isinstance(given, dict) else own)
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
    return [f"{text}: {group}={choice} has no option '{key}'{hint(key, known, owners, options)}"]


def _compose(job: Sequence[Override], catalog: Catalog) -> RunConfig:
    texts = [o.input_line.lstrip("+") for o in job if o.input_line]
    config, choices = compose_options(_of_groups(job), catalog)
    given = [override for override in job if override.key_or_group not in GROUPS]
    config = copy.deepcopy(config) if given else config
    for override in given:
        # Pairs such as refine={200: 10} are one value: a command's replace an experiment's.
        inside = override.key_or_group.split(".")[0] in GROUPS
        OmegaConf.update(config, override.key_or_group, override.value(), merge=inside)
    values = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    assert isinstance(values, dict)
    plain = {str(k): v for k, v in values.items() if k != "experiment" or v is not None}
    return RunConfig(plain, dict(choices), tuple(texts), catalog.users)


def _precision(config: RunConfig) -> str:
    """The precision that an optimizer takes by itself; what is wrong with its option is told when it is built."""
    if config.choices.get("optimizer") == "adam":  # the usual one: a word about anything else does not wait for torch
        return "float32"
    optimizer = config.values["optimizer"]
    parts = optimizer.get("parts")
    for option in (optimizer, *(parts.values() if isinstance(parts, dict) else ())):
        module, _, name = str(option.get("_target_")).rpartition(".")
        try:
            cls = getattr(importlib.import_module(module), name)
        except (Exception, SystemExit):  # whatever a user's file does when it is read
            continue
        if getattr(cls, "double", ""):
            return "float64"
    return "float32"


def _of_groups(job: Sequence[Override]) -> dict[str, str]:
    """The words of a job that choose options, by their groups."""
    chosen = {o.key_or_group: o.input_line.lstrip("+") for o in job if o.input_line and o.key_or_group in GROUPS}
    return {key: text for key, text in chosen.items() if text != "experiment=null"}  # no option to Hydra


def load_file(file: Path) -> dict[str, Any]:
    """The values of a run folder's config.yaml."""
    values = OmegaConf.to_container(OmegaConf.load(file))
    assert isinstance(values, dict)
    return {str(k): v for k, v in values.items()}
