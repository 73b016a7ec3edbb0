"""Go on with what was stopped or killed."""

from pathlib import Path

from kanexp import console
from kanexp.error import ConfigError
from kanexp.folder.file import UnreadableRun
from kanexp.folder.restore import read_run_config
from kanexp.folder.run_folder import RunFolder
from kanexp.folder.sweep_folder import SweepFolder
from kanexp.run.run import run
from kanexp.search import search
from kanexp.sweep import plan, sweep


def resume(path: Path) -> int:
    """Continue the run or the sweep in a folder. Returns its exit code. Raises ConfigError where it is neither."""
    if not path.is_dir():
        raise ConfigError(f"{path}: no such folder; give that of a run or of a sweep, such as outputs/NAME/latest")
    path = path.resolve() if path.is_symlink() else path
    try:
        folder = SweepFolder(path)
        if folder.is_sweep():
            return search.resume(folder) if plan.read(folder).search else sweep.resume(folder)
        return _resume_run(RunFolder(path))
    except UnreadableRun as error:
        raise ConfigError(f"{error}; give the folder of a run or of a sweep") from error


def _resume_run(folder: RunFolder) -> int:
    record = folder.read_record()
    if record.status == "done":
        console.say(f"{folder.path}: done already")
        return int(bool(record.lost))
    return run(read_run_config(folder), folder.path)
