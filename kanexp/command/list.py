"""kanexp list: every group and option with its defaults."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from kanexp.command.overview import pairs
from kanexp.config.catalog import GROUPS, find_catalog
from kanexp.error import ConfigError
from kanexp.paths import find_components


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="kanexp list", description="Print every group and option with its defaults.")
    made.add_argument("groups", nargs="*", metavar="GROUP", help="only these groups")
    made.add_argument("--config-dir", action="append", default=[], type=Path, help="a folder of your own options")
    return made


def command(arguments: Sequence[str]) -> int:
    given = parser().parse_args(arguments)
    if wrong := [group for group in given.groups if group not in GROUPS]:
        raise ConfigError(*(f"list: there is no group '{group}'; groups: {', '.join(GROUPS)}" for group in wrong))
    catalog = find_catalog(given.config_dir)
    find_components(given.config_dir)
    for group in given.groups or GROUPS:
        print(f"{group}=")
        for option in catalog.options[group].values():
            print(f"  {option.name:<14} {option.description}")
            if option.values:
                print(f"  {'':<14} {pairs(option.values)}")
    if not given.groups:
        print(f"settings\n  {pairs(catalog.settings)}", flush=True)
    return 0
