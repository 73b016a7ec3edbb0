"""What can be said on the command line: the groups and options found in the configuration folders."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from kanexp.error import ConfigError

# What is run, in the order of help, list and folder names; and how jobs are found, where they run, and who watches.
SUBJECTS = ("task", "layer", "init", "reg", "optimizer", "model", "experiment")
GROUPS = (*SUBJECTS, "sweeper", "launcher", "logger")


@dataclass(frozen=True)
class Option:
    """One YAML file of a group."""

    group: str
    name: str
    file: Path

    @cached_property
    def description(self) -> str:
        """Its first comment line."""
        lines = [line[1:].strip() for line in self.file.read_text("utf-8").splitlines() if line.startswith("#")]
        return next((line for line in lines if not line.startswith("@package")), "")

    @cached_property
    def values(self) -> dict[str, Any]:
        """Its keys with their defaults; empty where the file is no YAML, which Hydra reports better."""
        try:
            values = yaml.safe_load(self.file.read_text("utf-8")) or {}
        except yaml.YAMLError:
            return {}
        return {k: v for k, v in values.items() if k not in ("_target_", "defaults")}


@dataclass(frozen=True)
class Catalog:
    """All options below some configuration folders; where names are equal, the first folder's counts."""

    folders: tuple[Path, ...]

    @property
    def users(self) -> tuple[str, ...]:
        """The folders beyond the package's own."""
        return tuple(str(folder) for folder in self.folders if folder != config_folder())

    @cached_property
    def options(self) -> dict[str, dict[str, Option]]:
        """group -> name -> option."""
        found: dict[str, dict[str, Option]] = {group: {} for group in GROUPS}
        for folder in self.folders:
            for group in GROUPS:
                for file in sorted((folder / group).glob("*.yaml")):
                    found[group].setdefault(file.stem, Option(group, file.stem, file))
        return {group: dict(sorted(options.items())) for group, options in found.items()}

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The keys of config.yaml that belong to no group, with their defaults."""
        values = yaml.safe_load((config_folder() / "config.yaml").read_text("utf-8"))
        return {k: v for k, v in values.items() if k not in ("defaults", "hydra")}


def find_catalog(folders: Sequence[Path] = ()) -> Catalog:
    """The package's options and a user's own. Raises ConfigError where one of the user's folders is not there."""
    if missing := [folder for folder in folders if not folder.is_dir()]:
        raise ConfigError(*(f"--config-dir: no such folder '{folder}'" for folder in missing))
    return Catalog((config_folder(), *(folder.resolve() for folder in folders)))


def config_folder() -> Path:
    """The folder of YAML files: inside an installed package, or beside it in a source tree."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"
