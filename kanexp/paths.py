"""Import paths: where Python finds our Hydra plugin and users' own components, here and in the processes we start."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path


def find_plugins() -> None:
    """Our launcher can be imported: to be called before Hydra starts, which looks for plugins once."""
    _append(str(Path(__file__).with_name("_plugins")))


def find_components(folders: Sequence[str | Path] = ()) -> None:
    """A user's own components can be imported that lie where we work, or beside these configuration folders."""
    found = [str(Path.cwd()), *(str(Path(folder).resolve().parent) for folder in folders)]
    _append(*found)
    known = os.environ.get("PYTHONPATH", "").split(os.pathsep)  # what the processes of a sweep are told
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, dict.fromkeys([*known, *found])))


def _append(*paths: str) -> None:
    """Behind what is there: nothing of a user's hides what is installed."""
    sys.path += [path for path in dict.fromkeys(paths) if path not in sys.path]
