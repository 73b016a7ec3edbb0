"""Runs that are removed: never one that is under way, a sweep only as a whole, and `latest` right afterwards."""

import contextlib
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kanexp.folder.file import UnreadableRun, said
from kanexp.folder.lock import Taken
from kanexp.folder.run_folder import RunFolder
from kanexp.folder.sweep_folder import SweepFolder
from kanexp.folder.version import forget_version, versions


@dataclass(frozen=True)
class Removal:
    """What may go: folders of runs and of whole sweeps; and a sentence for each that stays."""

    folders: list[Path]
    kept: list[str]


def plan_removal(chosen: Sequence[RunFolder], whole: bool) -> Removal:
    """What of the runs chosen may go; `whole` where all there are were chosen, jobs that have not begun included."""
    folders, kept = [], []
    sweeps: dict[Path, list[RunFolder]] = {}
    for run in chosen:
        path = run.path.resolve()
        if SweepFolder(path.parent).is_sweep():
            sweeps.setdefault(path.parent, []).append(run)
        elif _at_work(run):
            kept.append(f"{run.path}: is under way; stop it, or wait for its end")
        else:
            folders.append(path)
    for sweep, runs in sweeps.items():
        if why := _why_kept(SweepFolder(sweep), runs, whole):
            kept.append(f"{runs[0].path.parent}: {why}")
        else:
            folders.append(sweep)
    return Removal(folders, kept)


def remove(folders: Iterable[Path]) -> tuple[int, list[str]]:
    """Remove the folders of a plan: how many went, and a sentence for each that could not."""
    gone, mistakes = 0, []
    for path in folders:
        try:
            _remove(path)
            gone += 1
        except Taken as error:
            mistakes.append(str(error))
        except OSError as error:
            mistakes.append(f"{path}: cannot be removed: {said(error)}")
    return gone, mistakes


def _remove(path: Path) -> None:
    """As a whole: it has another name before anything of it goes; and outputs/<name>, once it is empty.

    Raises Taken where somebody came to work there.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.removed")
    with SweepFolder(path).hold():  # the lock of a run has the same name
        path.rename(aside)
    forget_version(path)
    shutil.rmtree(aside)
    if not versions(path.parent):
        with contextlib.suppress(OSError):  # where anything else is in it, such as a report
            path.parent.rmdir()


def _at_work(run: RunFolder) -> bool:
    record = run.known_record()
    return bool(run.held) or (record is not None and record.status == "running")


def _why_kept(sweep: SweepFolder, runs: Sequence[RunFolder], whole: bool) -> str:
    """Why a sweep stays of which these jobs were chosen; empty where it may go."""
    if RunFolder(sweep.path).held or any(map(_at_work, runs)):
        return "is under way; stop it, or wait for its end"
    try:
        jobs = {job["name"] for job in sweep.read_plan()["jobs"]}
    except UnreadableRun:
        jobs = {run.path.name for run in runs}
    left = len(jobs - {run.path.name for run in runs})
    begun = sum(RunFolder(sweep.path / name).is_run() for name in jobs)
    if begun > len(runs) or (left and not whole):
        return f"is a sweep of which {len(runs)} of {len(jobs)} jobs were chosen; it goes as a whole or not at all"
    return ""
