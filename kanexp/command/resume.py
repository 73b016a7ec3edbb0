"""kanexp resume: go on with what was stopped or killed."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from kanexp.error import ConfigError
from kanexp.folder.file import UnreadableRun
from kanexp.folder.run_folder import RunFolder
from kanexp.folder.sweep_folder import SweepFolder
from kanexp.paths import find_components


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="kanexp resume",
        description="Go on with a run or a sweep that was stopped or killed, from its last checkpoint.",
    )
    made.add_argument("folder", metavar="DIR", type=Path, help="a run's folder, or a sweep's: outputs/NAME/latest")
    return made


def command(arguments: Sequence[str]) -> int:
    given = parser().parse_args(arguments)
    find_components()
    return resume(given.folder)


def resume(path: Path) -> int:
    """Continue the run or the sweep in a folder. Returns its exit code. Raises ConfigError where it is neither."""
    if not path.is_dir():
        raise ConfigError(f"{path}: no such folder; give that of a run or of a sweep, such as outputs/NAME/latest")
    path = path.resolve() if path.is_symlink() else path
    try:
        folder = SweepFolder(path)
        return _resume_sweep(folder) if folder.is_sweep() else _resume_run(RunFolder(path))
    except UnreadableRun as error:
        known = SweepFolder(path).is_sweep() or RunFolder(path).is_run()
        advice = "put it back, or start anew" if known else "give the folder of a run or of a sweep"
        raise ConfigError(f"{error}; {advice}") from error


def _resume_sweep(folder: SweepFolder) -> int:
    from kanexp.search import search
    from kanexp.sweep import plan, sweep

    return search.resume(folder) if plan.read(folder).search else sweep.resume(folder)


def _resume_run(folder: RunFolder) -> int:
    from kanexp import console
    from kanexp.folder.restore import read_run_config
    from kanexp.run.run import run

    record = folder.read_record()
    if record.status == "running":
        raise ConfigError(f"{folder.path}: another process is at work on it; wait for it or stop it")
    folder.read_config(record)  # without whose words nothing is repeated or gone on with
    if record.pruned is not None and record.status != "done":
        raise ConfigError(f"{folder.path}: pruning is not gone on with; do it anew: {record.command}")
    if record.status == "done":
        try:
            folder.check_files(record)
        except UnreadableRun as error:
            if record.pruned is not None:
                raise ConfigError(f"{error}; pruning is not gone on with; do it anew: {record.command}") from error
            console.say(f"{error}; the run is repeated from its start")
        else:
            console.say(f"{folder.path}: done already")
            return int(bool(record.lost))
    config = read_run_config(folder)
    if record.config_hash not in ("", config.hash):
        raise ConfigError(
            f"{folder.path}: a file that its config.yaml names was changed since the run began; put it back, or start "
            f"anew: {record.command}"
        )
    if record.status == "done":
        folder.forget()
    return run(config, folder.path)
