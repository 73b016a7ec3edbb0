"""kanexp runs: what there is, what became of it, how large it is; and what of it may go."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kanexp.error import ConfigError


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="kanexp runs", description="List the runs below a folder, or remove some.")
    made.add_argument("path", nargs="?", default=Path("outputs"), metavar="PATH", type=Path, help="default: outputs")
    made.add_argument(
        "--where", default="", metavar="KEY=VALUE,...", help="only those with this option, setting or status"
    )
    made.add_argument("--sort", default="", metavar="KEY", help="by a score, age, size or name (default: name)")
    made.add_argument("--csv", metavar="FILE", type=Path, help="write all that is known of them as a table")
    made.add_argument("--remove", action="store_true", help="remove them; shows which, and asks first")
    made.add_argument("--yes", action="store_true", help="with --remove: do not ask")
    return made


def command(arguments: Sequence[str]) -> int:
    given = parser().parse_args(arguments)
    if given.yes and not given.remove:
        raise ConfigError("--yes: answers what --remove asks; add --remove")
    from datetime import UTC, datetime

    from kanexp import console
    from kanexp.folder.sheet import write_sheet
    from kanexp.report.listing import cells, choose, find, sheet, sort, summary

    every = find(given.path)
    runs = sort(choose(every, given.where), given.sort)
    if runs:
        columns = ("run", "status", "what differs", "score", "age", "size")
        console.table("", columns, cells(runs, datetime.now(UTC)), texts=3)
    console.say(summary(runs, len(every)))
    if given.csv and runs:
        try:
            write_sheet(sheet(runs), given.csv)
        except OSError as error:
            raise ConfigError(f"--csv: cannot write to '{given.csv}' ({error.strerror or 'no such folder'})") from None
        console.say(str(given.csv))
    return _remove([one.folder for one in runs], not given.where, given.yes) if given.remove and runs else 0


def _remove(runs: Sequence, whole: bool, yes: bool) -> int:
    from kanexp import console
    from kanexp.folder.removal import plan_removal, remove

    planned = plan_removal(runs, whole)
    for sentence in planned.kept:
        console.say(f"kept: {sentence}")
    for folder in planned.folders:
        console.say(f"to remove: {folder}")
    if not planned.folders:
        return 0
    if not yes and not _agreed(len(planned.folders)):
        console.say("nothing was removed")
        return 0
    gone, mistakes = remove(planned.folders)
    console.say(f"removed {gone} folder{'s' if gone != 1 else ''}")
    console.mistakes(mistakes)
    return int(bool(mistakes))


def _agreed(count: int) -> bool:
    """What the user answers. Raises ConfigError where nobody can be asked."""
    if not sys.stdin or not sys.stdin.isatty():
        raise ConfigError("--remove: asks on the terminal, and this is none; add --yes to answer it beforehand")
    try:
        return input(f"remove {count} folder{'s' if count != 1 else ''} for good? [y/N] ").strip().lower() in (
            "y",
            "yes",
        )
    except EOFError:
        return False
