"""Go on with what was stopped or killed."""

from pathlib import Path

import yaml

from kanexp import console
from kanexp.config.run_config import RunConfig
from kanexp.error import ConfigError
from kanexp.folder.file import UnreadableRun
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
    if record["status"] == "done":
        console.say(f"{folder.path}: done already")
        return int(folder.has_diverged())
    try:
        values = yaml.safe_load(folder.config.read_text("utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{folder.config}: cannot be read ({type(error).__name__}); start the run anew") from error
    return run(RunConfig(values, record["choices"], tuple(record["overrides"])), folder.path)
