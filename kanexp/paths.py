"""Import paths: where Python finds our Hydra plugin and users' own components, here and in the processes we start."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kanexp.error import ConfigError

RECORDED = "config_dirs"  # a user's configuration folders in run.json and sweep.json


def find_plugins() -> None:
    """Our launcher can be imported: to be called before Hydra starts, which looks for plugins once."""
    _append(str(Path(__file__).with_name("_plugins")))


def find_components(folders: Sequence[str | Path] = ()) -> None:
    """A user's own components can be imported that lie where we work, or beside these configuration folders."""
    found = [str(Path.cwd()), *(str(Path(folder).resolve().parent) for folder in folders)]
    _append(*found)
    known = os.environ.get("PYTHONPATH", "").split(os.pathsep)  # what the processes of a sweep are told
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, dict.fromkeys([*known, *found])))


def record(folders: Sequence[str]) -> dict[str, list[str]]:
    """The entry of a run's or a sweep's record that names the configuration folders; none where there are none."""
    return {RECORDED: list(folders)} if folders else {}


def recorded(made: Mapping[str, Any]) -> tuple[str, ...]:
    """The configuration folders in a record, whose components can be imported from now on.

    Raises ConfigError where one is gone.
    """
    folders = tuple(made.get(RECORDED, ()))
    if gone := [folder for folder in folders if not Path(folder).is_dir()]:
        what = "put it back, or write where it is now into config_dirs of run.json (of a sweep: sweep.json)"
        raise ConfigError(*(f"--config-dir: '{folder}', with which this was begun, is gone; {what}" for folder in gone))
    if folders:
        find_components(folders)
    return folders


def _append(*paths: str) -> None:
    """Behind what is there: nothing of a user's hides what is installed."""
    sys.path += [path for path in dict.fromkeys(paths) if path not in sys.path]
