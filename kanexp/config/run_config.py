"""RunConfig: the composed, checked words of one run, its hash and the name of its folder."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from kanexp.config.catalog import SUBJECTS
from kanexp.config.plain_name import cut
from kanexp.config.settings import role_of

# Options that came later, by group and key, with the value that says what was so before.
LATER: dict[tuple[str, str], Any] = {
    ("layer", "kind"): "hat",
    ("model", "frequencies"): 0,
    ("model", "bandwidth"): 1.0,
    ("optimizer", "form"): "normal",
    ("reg", "threshold"): 0.0,
    ("reg", "threshold_every"): 100,
    ("task", "domain"): "own",
    ("task", "scale"): False,
    ("task", "hard"): False,
    ("task", "weights"): {},
    ("task", "adapt"): None,
    ("task", "adapt_share"): 1.0,
    ("task", "adapt_exponent"): 1.0,
    ("task", "adapt_floor"): 1.0,
    ("task", "adapt_pool"): 10,
    ("task", "windows"): {},
    ("task", "weighing"): None,
    ("task", "reweigh"): 10,
    ("task", "causality"): 1.0,
    ("task", "slices"): 32,
    ("task", "gain"): 0.01,
    ("task", "memory"): None,
    ("task", "periodic"): None,
}
UNKNOWN = object()


@dataclass(frozen=True)
class RunConfig:
    """One composed run before anything is built: plain values, and which option each group chose."""

    values: dict[str, Any]
    choices: dict[str, str]
    overrides: tuple[str, ...]
    folders: tuple[str, ...] = ()  # a user's configuration folders, absolute: beside them lie components of their own

    @property
    def hash(self) -> str:
        """Digest of everything that determines the result: not of where it goes, nor of how a sweep is run.

        A file that is named counts by what is in it, too; a folder (vision's data_dir) by its name alone.
        """
        values = {k: v for k, v in self.values.items() if role_of(k) in ("result", "replicate")}
        values = {k: _with_content(_as_before(k, v)) if isinstance(v, dict) else v for k, v in values.items()}
        if isinstance(layers := values.get("layers"), list):
            values["layers"] = [_as_before("layer", v) if isinstance(v, dict) else v for v in layers]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]

    def anchored(self) -> "RunConfig":
        """The run with the paths in its options absolute, as its record has them: it goes on from any folder."""
        values = {k: _anchored(v) if isinstance(v, dict) else v for k, v in self.values.items()}
        return replace(self, values=values)

    @property
    def yaml(self) -> str:
        """The text of config.yaml, which repeats the run."""
        return OmegaConf.to_yaml(OmegaConf.create(self.values))


def default_name(config: RunConfig, jobs: Sequence[RunConfig] = ()) -> str:
    """The folder a run belongs in: its name, its experiment's, or the words chosen (image-fourier-smooth)."""
    if config.values.get("name"):
        return str(config.values["name"])
    if "experiment" in config.choices:
        return config.choices["experiment"]
    usual = {"reg": "none", "optimizer": "adam", "model": "kan"}
    parts = []
    for group in SUBJECTS:
        swept = dict.fromkeys(job.choices[group] for job in jobs or [config] if group in job.choices)
        if group in config.choices and list(swept) != [usual.get(group)]:
            parts.append("+".join(swept))
    return cut("-".join(parts), 120)


def _anchored(group: dict[str, Any]) -> dict[str, Any]:
    """The group, its files and folders by absolute paths where they are there; a bare word is the name of a sample."""
    found = {}
    for key in ("path", "data_dir"):
        text = str(group.get(key) or "")
        named = key == "path" and not set(text) & set("./\\")
        if text and not named and not text.startswith("~") and Path(text).exists():
            found[key] = str(Path(text).absolute())
    return group | found


def _as_before(name: str, group: dict[str, Any]) -> dict[str, Any]:
    """The group without options that are what they were before there was a choice: digests of runs stay the same."""
    found = {key: value for key, value in group.items() if LATER.get((name, key), UNKNOWN) != value}
    if name == "reg" and isinstance(parts := found.get("parts"), dict):
        found["parts"] = {part: _as_before(name, own) if isinstance(own, dict) else own for part, own in parts.items()}
    return found


def _with_content(group: dict[str, Any]) -> dict[str, Any]:
    """The group, with the digest of the file beside its path: every option that reads a file calls it so."""
    if not group.get("path"):
        return group
    file = Path(str(group["path"])).expanduser()
    try:
        state = file.stat()
        return group | {"content": _digest(file, state.st_size, state.st_mtime_ns)}
    except OSError:  # the name of a sample, or of what cannot be read: whoever needs it says so
        return group


@cache
def _digest(file: Path, size: int, changed: int) -> str:
    """Read once for all jobs of a sweep, as long as the file stays what it is."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
