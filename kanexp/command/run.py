"""kanexp WORD=VALUE ...: one run; with -m a sweep, or a search where a sweeper chooses the values."""

import argparse
from argparse import Namespace
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from kanexp.command.overview import page
from kanexp.command.profile import check, profiled
from kanexp.config.catalog import Catalog, find_catalog
from kanexp.error import ConfigError
from kanexp.paths import find_components


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="kanexp", add_help=False, allow_abbrev=False)
    made.add_argument("overrides", nargs="*")
    made.add_argument("-m", "--multirun", action="store_true")
    made.add_argument("--config-dir", action="append", default=[], type=Path)
    made.add_argument("--cfg", action="store_true")
    made.add_argument("--profile", type=Path)
    made.add_argument("-h", "--help", action="store_true")
    made.add_argument("--version", action="store_true")
    return made


def command(arguments: Sequence[str]) -> int:
    given = parser().parse_intermixed_args(arguments)
    catalog = find_catalog(given.config_dir)
    if given.version:
        print(f"kanexp {version('kanexp')}")
        return 0
    if given.help:
        print(page(catalog), flush=True)
        return 0
    if given.profile:
        check(given.profile)
        return profiled(lambda: _runs(given, catalog, arguments), given.profile)
    return _runs(given, catalog, arguments)


def _runs(given: Namespace, catalog: Catalog, arguments: Sequence[str]) -> int:
    """One run or several; the exit code."""
    find_components(given.config_dir)
    if given.multirun:
        return _many(given, catalog, " ".join(["kanexp", *arguments]))
    from kanexp.config.compose import load

    job = load(given.overrides, catalog)[0]  # without torch where a word of it is wrong
    _refuse_words_of_sweeps(given.overrides)
    from kanexp.run.prepare import prepare
    from kanexp.run.run import run

    if not given.cfg and not job.values["dry_run"]:
        return run(job)
    prepare([job])
    if not given.cfg:
        from kanexp.sweep.sweep import foretell

        foretell(job)
        return 0
    print(job.yaml, end="", flush=True)
    return 0


def _refuse_words_of_sweeps(overrides: Sequence[str]) -> None:
    """Raises ConfigError where one run is asked to be found or started as only the jobs of a sweep are."""
    ignored = [text for text in overrides if text.lstrip("+").split("=")[0].split(".")[0] in ("sweeper", "launcher")]
    if ignored:
        raise ConfigError(*(f"{text}: is for the jobs of a sweep, but this is one run; add -m" for text in ignored))


def _many(given: Namespace, catalog: Catalog, words: str) -> int:
    """Several runs, or with --cfg the configuration of each, checked as they would be."""
    from kanexp.config.compose import load
    from kanexp.sweep.launch import warm_up

    warm_up()
    sweepers = [text.removeprefix("sweeper=") for text in given.overrides if text.startswith("sweeper=")]
    if sweepers[-1:] == ["optuna"]:
        from kanexp.search import search

        if not given.cfg:
            return search.search(given.overrides, catalog, words)
        wanted, jobs, *_ = search.accept(given.overrides, catalog)
        print(*(f"# {line}" for line in search.describe(wanted)), jobs[0].yaml, sep="\n", end="", flush=True)
        return 0
    jobs = load(given.overrides, catalog, sweep=True)
    from kanexp.sweep.sweep import accept, sweep
    from kanexp.sweep.until import first_batch

    if not given.cfg:
        return sweep(jobs, words)
    accept(first_batch(jobs))
    print(*(job.yaml for job in jobs), sep="---\n", end="" if len(jobs) == 1 else "---\n", flush=True)
    return 0
