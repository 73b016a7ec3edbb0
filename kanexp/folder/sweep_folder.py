"""Where a sweep lives: its plan, its locks, and what its packs leave beside the folders of their jobs."""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from kanexp.config.schema import misfits
from kanexp.folder.file import UnreadableRun, read_json, write, write_json
from kanexp.folder.lock import hold
from kanexp.folder.names import FIGURES, LOCK, PACKS, PLAN, STUDY, TRIALS

# What sweep.json holds: of all jobs, of each, and of a search.
PLAN_OF = {
    "command": str,
    "jobs": list[dict[str, Any]],
    "packs": list[list[int]],
    "threads": int | None,
    "search": dict[str, Any] | None,
    "config_dirs": list[str],
}
JOB_OF = {"name": str, "hash": str, "choices": dict[str, str], "overrides": list[str]}
SEARCH_OF = {"hash": str, "fixed": list[str], "space": dict[str, Any], "sweeper": dict[str, Any]}


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

    def hold(self) -> AbstractContextManager[None]:
        """Be the command that runs the sweep, within. Raises Taken where another one does."""
        return hold(self.path / LOCK, 0)

    def hold_pack(self, number: int, seconds: float) -> AbstractContextManager[None]:
        """Be the process that runs a pack, within. Raises Taken where another one still does after so many seconds."""
        return hold(self.work / f"{number}.lock", seconds)

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
        plan = {"threads": None, "search": None, "config_dirs": []} | read_json(self.path / PLAN, "sweep folder")
        if wrong := misfits(plan, PLAN_OF) or _misfits_inside(plan):
            raise UnreadableRun(f"{self.path}: {PLAN} is damaged: no {wrong[0]} that can be understood")
        return plan

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


def _misfits_inside(plan: Mapping[str, Any]) -> list[str]:
    """Parts of a plan, which has all its parts, that are no such things."""
    jobs, search = plan["jobs"], plan["search"]
    wrong = [f"jobs.{i}.{name}" for i, job in enumerate(jobs) for name in misfits(job, JOB_OF)]
    # A name is that of a folder right here, whoever wrote the file.
    wrong += [f"jobs.{i}.name" for i, job in enumerate(jobs) if not wrong and not _is_name(job["name"])]
    wrong += [f"search.{name}" for name in misfits(search, SEARCH_OF)] if search is not None else []
    return (
        wrong + ["packs"] * any(not 0 <= i < len(jobs) for pack in plan["packs"] for i in pack) + ["jobs"] * (not jobs)
    )


def _is_name(text: str) -> bool:
    """Whether a text names something in a folder, and nothing elsewhere."""
    return text == Path(text).name and text not in ("", ".", "..")
