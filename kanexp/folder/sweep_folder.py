"""Where a sweep lives: its plan, its locks, and what its packs leave beside the folders of their jobs."""

import json
from pathlib import Path
from typing import Any

from filelock import FileLock

from kanexp.folder.file import read_json, write, write_json
from kanexp.folder.names import FIGURES, PACKS, PLAN, STUDY, TRIALS


class SweepFolder:
    """Many runs on disk: a folder for each, the plan they follow, and in .packs what those share that train as one."""

    def __init__(self, path: Path):
        self.path = path

    @property
    def work(self) -> Path:
        """Where launchers keep their own files."""
        return self.path / PACKS

    @property
    def study(self) -> Path:
        """What Optuna keeps of a search."""
        return self.path / STUDY

    @property
    def trials(self) -> Path:
        return self.path / TRIALS

    @property
    def figures(self) -> Path:
        return self.path / FIGURES

    def lock(self) -> FileLock:
        """Held by the command that runs the sweep, and given back by the system when that dies."""
        return FileLock(self.path / ".lock")

    def pack_lock(self, number: int) -> FileLock:
        """Held by the process that runs a pack."""
        return FileLock(self.work / f"{number}.lock")

    def checkpoint(self, number: int) -> Path:
        return self.work / f"{number}.pt"

    def log(self, number: int) -> Path:
        """What the process of a pack says."""
        return self.work / f"{number}.log"

    def is_sweep(self) -> bool:
        return (self.path / PLAN).is_file()

    def write_plan(self, record: dict[str, Any]) -> None:
        self.work.mkdir(exist_ok=True)
        write_json(self.path / PLAN, record, indent=1)

    def read_plan(self) -> dict[str, Any]:
        """sweep.json. Raises UnreadableRun where it is missing, damaged or of a newer format."""
        return read_json(self.path / PLAN, "sweep folder")

    def write_progress(self, number: int, record: dict[str, Any]) -> None:
        """How far a pack is, for whoever watches."""
        write(self.work / f"{number}.json", json.dumps(record))

    def read_progress(self, number: int) -> dict[str, Any]:
        """Empty before the pack has begun."""
        try:
            return dict(json.loads((self.work / f"{number}.json").read_text("utf-8")))
        except (OSError, ValueError):
            return {}

    def forget_progress(self, number: int) -> None:
        (self.work / f"{number}.json").unlink(missing_ok=True)
