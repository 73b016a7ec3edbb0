"""One row of the table of reproductions: what was published, the commands that repeat it, and how it is judged."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import yaml

from kanexp.config.catalog import Catalog
from kanexp.config.schema import build, did_you_mean
from kanexp.data.picture_sets import SOURCES
from kanexp.error import ConfigError
from kanexp.reproduce.claim import Claim
from kanexp.reproduce.figures import FIGURES
from kanexp.reproduce.kind import KINDS

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Version:
    """The row in full, or quick with fewer seeds or steps and bands of its own."""

    commands: dict[str, str]  # a name, and the words of a sweep
    claims: list[object]
    differs: str = ""  # from the full one, in words


@dataclass(frozen=True, kw_only=True)
class Remark:
    """What was found beyond the claims, such as why one is not met; with numbers only if it says where from."""

    text: str
    commands: list[str] = field(default_factory=list)  # that gave its numbers, as they are typed

    def __post_init__(self):
        if not self.commands and any(letter.isdigit() for letter in self.text):
            raise ValueError(f"commands must be those that the numbers of '{self.text}' came from, got none")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A file of conf/reproduce."""

    number: int  # its place in the table
    title: str
    source: str
    figures: list[str]
    full: dict[str, object]
    quick: dict[str, object]
    link: str = ""
    needs: str = ""  # a set of pictures that must be here or fetched
    alone: bool = False  # in full it takes hours, and runs where it is named
    remarks: list[object] = field(default_factory=list)  # a Remark each

    def __post_init__(self):
        if wrong := [name for name in self.figures if name not in FIGURES]:
            raise ValueError(f"figures must be some of {', '.join(FIGURES)}, got {', '.join(wrong)}")
        if self.needs and self.needs not in SOURCES:
            raise ValueError(f"needs must be one of {', '.join(SOURCES)}, got '{self.needs}'")


@dataclass(frozen=True)
class Reproduction:
    """A row in one of its versions, ready to be carried out."""

    name: str
    row: Row
    commands: dict[str, str]
    claims: tuple[Claim, ...]
    remarks: tuple[Remark, ...]
    differs: str
    quick: bool

    @property
    def folder(self) -> str:
        """Below outputs/reproduce."""
        return f"{self.name}-quick" if self.quick else self.name


def row_files(catalog: Catalog) -> dict[str, Path]:
    """Every row's file by its name; where names are equal, the first folder's counts."""
    found: dict[str, Path] = {}
    for folder in catalog.folders:
        for file in sorted((folder / "reproduce").glob("*.yaml")):
            found.setdefault(file.stem, file)
    return found


def split_command(command: str) -> list[str]:
    """A command's words as a shell would split them."""
    return shlex.split(command)


def load_rows(catalog: Catalog, names: list[str], quick: bool) -> list[Reproduction]:
    """The rows named, in the table's order; else all that run without being named: in full, not those of hours.

    Raises ConfigError with the mistakes of all of them.
    """
    files = row_files(catalog)
    if wrong := [name for name in names if name not in files]:
        raise ConfigError(*(f"reproduce: there is no row '{n}'{did_you_mean(n, list(files))}" for n in wrong))
    rows, mistakes = [], []
    for name in names or files:
        row, found = _load(name, files[name], quick)
        rows += [row] if row else []
        mistakes += found
    if mistakes:
        raise ConfigError(*mistakes)
    asked = [row for row in rows if names or quick or not row.row.alone]
    return sorted(asked, key=lambda r: (r.row.number, r.name))


def _load(name: str, file: Path, quick: bool) -> tuple[Reproduction | None, list[str]]:
    where = f"reproduce/{file.name}"
    try:
        values = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, yaml.YAMLError) as error:
        return None, [f"{where}: {' '.join(str(error).split())}"]
    row, mistakes = _build(Row, values, f"{where}.", "a row")
    if row is None:
        return None, mistakes
    versions = {}
    for key in ("full", "quick"):
        version, found = _build_version(getattr(row, key), f"{where}.{key}.")
        versions[key] = version
        mistakes += found
    remarks, found = _build_all(row.remarks, f"{where}.remarks.", _build_remark)
    mistakes += found
    if mistakes:
        return None, mistakes
    commands, claims, differs = versions["quick" if quick else "full"]
    return Reproduction(name, row, commands, claims, remarks, differs, quick), []


def _build_version(values: Mapping[str, Any], where: str) -> tuple[Any, list[str]]:
    version, mistakes = _build(Version, values, where, "a version")
    if version is None:
        return None, mistakes
    claims, found = _build_all(version.claims, f"{where}claims.", _build_claim)
    return (version.commands, claims, version.differs), [*mistakes, *found]


def _build_all(
    entries: Sequence[object], where: str, build_one: Callable[[object, str], tuple[T | None, list[str]]]
) -> tuple[tuple[T, ...], list[str]]:
    """What the entries of a list become, and the mistakes in all of them."""
    made, mistakes = [], []
    for i, entry in enumerate(entries):
        one, found = build_one(entry, f"{where}{i}.")
        made += [] if one is None else [one]
        mistakes += found
    return tuple(made), mistakes


def _build_remark(entry: object, where: str) -> tuple[Remark | None, list[str]]:
    return _build(Remark, entry, where, "a remark")


def _build_claim(entry: object, where: str) -> tuple[Claim | None, list[str]]:
    given = dict(entry) if isinstance(entry, dict) else {}
    kind = str(given.pop("claim", None))
    if kind not in KINDS:
        return None, [f"{where}claim: there is no claim '{kind}'{did_you_mean(kind, list(KINDS))}; {', '.join(KINDS)}"]
    return _build(KINDS[kind], given, where, kind)


def _build(cls: type[T], values: object, where: str, title: str) -> tuple[T | None, list[str]]:
    """`settings.build`, which takes every field from a YAML of defaults; here some have none and must be given."""
    if not isinstance(values, Mapping):
        return None, [f"{where.removesuffix('.')}: must be pairs, got {values}"]
    needed = [f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING]  # type: ignore[arg-type]
    if missing := [name for name in needed if name not in values]:
        return None, [f"{where}{name}: {title} needs it" for name in missing]
    return build(cls, values, where, title)
