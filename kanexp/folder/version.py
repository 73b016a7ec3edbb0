"""Versions of runs below outputs/<name>, and where runs are found."""

import contextlib
import os
import re
from pathlib import Path

from kanexp import console
from kanexp.error import ConfigError
from kanexp.folder.names import CHECKPOINT, MODEL, RECORD
from kanexp.folder.run_folder import RunFolder


def versions(parent: Path) -> list[Path]:
    """The versions below outputs/<name>, oldest first."""
    found = parent.iterdir() if parent.is_dir() else iter(())
    numbered = [(int(m[1]), path) for path in found if (m := re.fullmatch(r"v(\d+)", path.name))]
    return [path for _, path in sorted(numbered)]


def new_version(output_dir: str, name: str) -> Path:
    """Make outputs/<name>/vNNN, one above the highest there, and point outputs/<name>/latest at it.

    Safe against any number of processes at once: the folder is made by mkdir, which only one of them wins.
    Raises ConfigError where the place cannot be written.
    """
    parent = Path(output_dir).expanduser() / name
    try:
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            newest = max((int(path.name[1:]) for path in versions(parent)), default=0)
            version = parent / f"v{newest + 1:03d}"
            with contextlib.suppress(FileExistsError):
                version.mkdir()
                break
        _point_latest(parent, version.name)
    except OSError as error:
        raise ConfigError(
            f"output_dir: cannot write to '{parent}' ({error.strerror}); choose another with output_dir=PATH"
        ) from error
    return version


def _point_latest(parent: Path, target: str) -> None:
    if (latest := parent / "latest").exists() and not latest.is_symlink():
        console.warn(f"'{latest}' is no link and is left as it is; move it away to find the newest version there")
        return
    # Made aside and renamed: a reader never finds the link missing. Systems without links do without.
    aside = parent / f".latest.{os.getpid()}"
    with contextlib.suppress(OSError):
        aside.unlink(missing_ok=True)
        aside.symlink_to(target, target_is_directory=True)
        os.replace(aside, latest)


def forget_version(gone: Path) -> None:
    """Where a version is no longer there, `latest` points at the newest that is, or goes as well."""
    parent = gone.parent
    if not re.fullmatch(r"v\d+", gone.name):
        return
    if left := versions(parent):
        _point_latest(parent, left[-1].name)
        return
    if (latest := parent / "latest").is_symlink():
        latest.unlink(missing_ok=True)


LEFT = (RECORD, MODEL, CHECKPOINT)  # files of which a run leaves one at least


def find_runs(path: Path) -> list[RunFolder]:
    """All run folders at or below a path, degree=5 before degree=20; links (latest) only where they are named.

    One that has lost its record is among them, for whoever reads it to say so.
    """
    if any((path / name).is_file() for name in LEFT):
        return [RunFolder(path)]
    found = []
    for folder, folders, files in os.walk(path):
        folders.sort(key=natural)
        if not {*LEFT}.isdisjoint(files):
            found.append(RunFolder(Path(folder)))
            folders.clear()
    return found


def natural(name: str) -> list[str | int]:
    """A key by which numbers in names are sorted as numbers."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split(r"([0-9]+)", name))]
