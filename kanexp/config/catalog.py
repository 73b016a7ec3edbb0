"""What can be said on the command line: the groups and options found in the configuration folders."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from kanexp.config.inheritance import declared_by
from kanexp.config.plain_name import why_no_word
from kanexp.error import ConfigError, quoted

# What is run, in the order of help, list and folder names; and how jobs are found, where they run, and who watches.
SUBJECTS = ("task", "layer", "init", "reg", "optimizer", "model", "experiment")
GROUPS = (*SUBJECTS, "sweeper", "launcher", "logger")


@dataclass(frozen=True)
class SharedLines:
    """conf/<group>/_<base>.yaml: options, with their defaults, of every class that inherits them from one base."""

    file: Path

    @cached_property
    def lines(self) -> dict[str, Any]:
        return _read(self.file)

    @property
    def base(self) -> str:
        return str(self.lines.get("_target_"))

    @property
    def depth(self) -> int:
        """How many fields the base has, of which a class derived from it has more."""
        return len(declared_by(self.base))

    def add(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """An option's content with the lines that it lacks, each behind the one above it in this file.

        `_self_` stands for the content; without it, lines come first.
        """
        fields, keys = declared_by(str(content["_target_"])), list(content)
        above = last = keys[-1]
        for key in self.lines:
            if key not in keys and fields.get(key) == self.base:
                keys.insert(keys.index(above) + 1, key)
            above = last if key == "_self_" else key if key in keys else above
        return {key: content[key] if key in content else self.lines[key] for key in keys}


@dataclass(frozen=True)
class Option:
    """One YAML file of a group, and the lines that it may share with others."""

    group: str
    name: str
    file: Path
    shared: tuple[SharedLines, ...] = ()

    @cached_property
    def description(self) -> str:
        """The first comment line of an option's file, which lists show."""
        lines = [line[1:].strip() for line in self.file.read_text("utf-8").splitlines() if line.startswith("#")]
        return next((line for line in lines if not line.startswith("@package")), "")

    @cached_property
    def content(self) -> dict[str, Any]:
        """All of it, with `_target_`. Raises YAMLError where the file is no YAML."""
        return self.complete({k: v for k, v in _read(self.file).items() if k != "defaults"})

    @cached_property
    def values(self) -> dict[str, Any]:
        """Options with their defaults; empty where the file is no YAML, which Hydra reports better."""
        try:
            return {k: v for k, v in self.content.items() if k != "_target_"}
        except yaml.YAMLError:
            return {}

    def check(self) -> None:
        """Raises YAMLError where a key stands twice in its file, of which Hydra would take one."""
        _read(self.file)

    def complete(self, content: dict[str, Any]) -> dict[str, Any]:
        """Its content, from wherever, with the shared lines that it lacks: a base's around those of a derived one."""
        if "_target_" in content:
            for shared in sorted(self.shared, key=lambda shared: -shared.depth):
                content = shared.add(content)
        return content


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
        found: dict[str, dict[str, Option]] = {}
        for group in GROUPS:
            files = [file for folder in self.folders for file in sorted((folder / group).glob("*.yaml"))]
            shared = tuple(SharedLines(file) for file in files if file.name.startswith("_"))
            own = {file.stem: file for file in reversed(files) if not file.name.startswith("_")}
            found[group] = {name: Option(group, name, own[name], shared) for name in sorted(own)}
        return found

    @cached_property
    def defaults(self) -> dict[str, str]:
        """group -> the option that a run has where nothing else is said."""
        found = _read(config_folder() / "config.yaml")["defaults"]
        return {k: v for entry in found if isinstance(entry, dict) for k, v in entry.items() if k in GROUPS and v}

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The keys of config.yaml that belong to no group, with their defaults."""
        values = _read(config_folder() / "config.yaml")
        return {k: v for k, v in values.items() if k not in ("defaults", "hydra")}


def find_catalog(folders: Sequence[Path] = ()) -> Catalog:
    """The package's options and a user's own. Raises ConfigError where one of the user's folders is not there.

    Nor may a file in them have a name that is no word of a command.
    """
    if missing := [folder for folder in folders if not folder.is_dir()]:
        raise ConfigError(*(f"--config-dir: no such folder '{folder}'" for folder in missing))
    files = [file for folder in folders for group in GROUPS for file in sorted((folder / group).glob("*.yaml"))]
    if named := [(file, why) for file in files if (why := why_no_word(file.stem))]:
        raise ConfigError(*(f"--config-dir: {quoted(str(file))}: {why}; give it another name" for file, why in named))
    return Catalog((config_folder(), *(folder.resolve() for folder in folders)))


def config_folder() -> Path:
    """The folder of YAML files: inside an installed package, or beside it in a source tree."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


class _Loader(yaml.SafeLoader):
    """Reads 1e-3 as a number, as Hydra does; YAML 1.1 asks for a point and a sign in it. A key stands once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"found duplicate key {key.value}", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def _read(file: Path) -> dict[str, Any]:
    """The pairs in a YAML file; none where it holds something else."""
    content = yaml.load(file.read_text("utf-8"), _Loader)
    return {str(key): value for key, value in content.items()} if isinstance(content, dict) else {}
