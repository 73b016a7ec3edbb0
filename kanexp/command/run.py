"""kanexp WORD=VALUE ...: one run; with -m a sweep, or a search where a sweeper chooses the values."""

import argparse
from argparse import Namespace
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from kanexp.command.overview import page
from kanexp.config.catalog import Catalog, find_catalog
from kanexp.paths import find_components


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="kanexp", add_help=False, allow_abbrev=False)
    made.add_argument("overrides", nargs="*")
    made.add_argument("-m", "--multirun", action="store_true")
    made.add_argument("--config-dir", action="append", default=[], type=Path)
    made.add_argument("--cfg", action="store_true")
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
        print(page(catalog))
        return 0
    find_components(given.config_dir)
    if given.cfg:
        return _show(given, catalog)
    if given.multirun:
        return _many(given, catalog, " ".join(["kanexp", *arguments]))
    from kanexp.config.compose import load

    (job,) = load(given.overrides, catalog)  # without torch where a word of it is wrong
    from kanexp.run.run import run

    return run(job)


def _show(given: Namespace, catalog: Catalog) -> int:
    """The configuration of every job, checked."""
    from kanexp.config.compose import load
    from kanexp.config.experiment import build_experiment

    jobs = load(given.overrides, catalog, sweep=given.multirun)
    for job in jobs:
        build_experiment(job)
        print(job.yaml, end="" if len(jobs) == 1 else "---\n")
    return 0


def _many(given: Namespace, catalog: Catalog, words: str) -> int:
    from kanexp.config.compose import load
    from kanexp.sweep.launch import warm_up

    warm_up()
    sweepers = [text.removeprefix("sweeper=") for text in given.overrides if text.startswith("sweeper=")]
    if sweepers[-1:] == ["optuna"]:
        from kanexp.search.search import search

        return search(given.overrides, catalog, words)
    jobs = load(given.overrides, catalog, sweep=True)
    from kanexp.sweep.sweep import sweep

    return sweep(jobs, words)
