"""Import paths: where Python finds our Hydra plugin and users' own components, here and in the processes we start."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from kanexp.error import ConfigError


def find_plugins() -> None:
    """Our launcher can be imported: to be called before Hydra starts, which looks for plugins once."""
    _append(str(Path(__file__).with_name("_plugins")))


def find_components(folders: Sequence[str | Path] = ()) -> None:
    """A user's own components can be imported that lie where we work, or beside these configuration folders."""
    found = [str(Path.cwd()), *(str(Path(folder).resolve().parent) for folder in folders)]
    _append(*found)
    known = os.environ.get("PYTHONPATH", "").split(os.pathsep)  # what the processes of a sweep are told
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, dict.fromkeys([*known, *found])))


def recorded(folders: Sequence[str]) -> tuple[str, ...]:
    """A user's configuration folders as a record has them, whose components can be imported from now on.

    Raises ConfigError where one is gone.
    """
    if gone := [folder for folder in folders if not Path(folder).is_dir()]:
        what = "put it back, or write where it is now into config_dirs of run.json (of a sweep: sweep.json)"
        raise ConfigError(*(f"--config-dir: '{folder}', with which this was begun, is gone; {what}" for folder in gone))
    if folders:
        find_components(folders)
    return tuple(folders)


def _append(*paths: str) -> None:
    """Behind what is there: nothing of a user's hides what is installed."""
    sys.path += [path for path in dict.fromkeys(paths) if path not in sys.path]
