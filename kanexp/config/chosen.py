"""What Hydra makes of the options chosen, before any value is set: composed for one job, put together for a sweep."""

import copy
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from kanexp.config.catalog import GROUPS, Catalog, Option, config_folder

Words = Mapping[str, str]  # group -> the word that chooses its option: {"layer": "layer=fourier"}
Pairs = tuple[tuple[str, str], ...]  # the same as what can be looked up


def compose_options(words: Words, catalog: Catalog) -> tuple[DictConfig, dict[str, str]]:
    """The configuration, which its caller may not change, and which option each group has.

    Hydra takes a tenth of a second for one, and a sweep has as many as the product of its groups. Here the first job of
    a sweep is composed, and beside it what differs in one word; of their sections the others are put together. Where
    one word changes more than the section of its own group, as that of an experiment does, all are composed. Raises
    what Hydra and YAML raise of options that cannot be.
    """
    pairs = tuple(words.items())
    return _put_together(pairs, _firsts(catalog).setdefault(tuple(words), pairs), catalog)


@lru_cache(maxsize=4)
def _firsts(catalog: Catalog) -> dict[tuple[str, ...], Pairs]:
    """The words that came first, by the groups that they are of."""
    return {}


@lru_cache(maxsize=256)
def _put_together(words: Pairs, first: Pairs, catalog: Catalog) -> tuple[DictConfig, dict[str, str]]:
    """What Hydra makes of these words, from what it makes of others where that is known to be the same."""
    changed = [i for i, pair in enumerate(words) if pair != first[i]]
    beside = {words[i][0]: (*first[:i], words[i], *first[i + 1 :]) for i in changed}
    if len(changed) < 2 or not all(_is_section(group, one, first, catalog) for group, one in beside.items()):
        return _composed(words, catalog)
    config, choices = copy.deepcopy(_composed(first, catalog))
    for group, one in beside.items():
        other, chosen = _composed(one, catalog)
        config[group], choices[group] = other[group], chosen[group]
    return config, choices


@lru_cache(maxsize=256)
def _is_section(group: str, words: Pairs, first: Pairs, catalog: Catalog) -> bool:
    """Whether these words come to what the first ones do, but for the section and the choice of this group."""
    rests, sections = [], []
    for config, choices in (_composed(words, catalog), _composed(first, catalog)):
        values = OmegaConf.to_container(config)
        assert isinstance(values, dict)
        sections.append((values.pop(group, None), choices.get(group)))
        rests.append((values, list(config), choices | {group: ""}))
    return rests[0] == rests[1] and all(isinstance(values, dict) and choice for values, choice in sections)


@lru_cache(maxsize=256)
def _composed(words: Pairs, catalog: Catalog) -> tuple[DictConfig, dict[str, str]]:
    """What Hydra makes of them."""
    texts = [text for _, text in words]
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
