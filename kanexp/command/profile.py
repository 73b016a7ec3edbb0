"""Profile: where the time of a command goes, function by function."""

import cProfile
import pstats
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from kanexp.error import ConfigError

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 12  # rows that are said


def check(file: Path) -> None:
    """Raises ConfigError where a profile cannot be written to a file of this name."""
    if file.suffix not in (".csv", ".prof"):
        raise ConfigError(f"--profile: must end in .csv (a table) or .prof (for pstats and snakeviz), got '{file}'")
    if not file.absolute().parent.is_dir():
        raise ConfigError(f"--profile: no folder {file.absolute().parent}; make it first")


def profiled(command: Callable[[], int], file: Path) -> int:
    """What a command returns; its profile is written to a .csv or .prof file, also where it ends in an error.

    The table has a row for each function: calls, seconds of the processor in itself and with all that it called, most
    of its own first. Of this process and its first thread alone; counting takes time, most of it for calls of Python.
    """
    profile = cProfile.Profile(time.process_time)
    try:
        return profile.runcall(command)
    finally:
        _write(profile, file)


def _write(profile: cProfile.Profile, file: Path) -> None:
    from kanexp import console
    from kanexp.folder.sheet import write_sheet

    profile.create_stats()
    if file.suffix == ".prof":
        profile.dump_stats(file)
        console.say(f"profile: {file}")
        return
    table = _table(pstats.Stats(profile))
    write_sheet(table, file)
    own = table["own_seconds"]
    console.say(f"profile: {own.sum():.1f} s of the processor; {file} has all {len(table)} functions, most of it here:")
    for row in table.head(SHOWN).itertuples():
        console.say(f"{row.own_seconds:8.2f} s  {row.calls:9,} calls  {row.function}  ({row.where})")


def _table(stats: pstats.Stats) -> "pd.DataFrame":
    import pandas as pd

    rows = [
        {
            "function": name,
            "where": f"{_short(path)}:{line}" if line else "built in",
            "calls": calls,
            "own_seconds": round(own, 6),
            "total_seconds": round(total, 6),
        }
        for (path, line, name), (_, calls, own, total, _) in stats.stats.items()  # type: ignore[attr-defined]
    ]
    return pd.DataFrame(rows).sort_values(["own_seconds", "where", "function"], ascending=[False, True, True])


def _short(path: str) -> str:
    """A file from its package on."""
    parts = Path(path).parts
    home = max((i for i, part in enumerate(parts) if part in ("site-packages", "kanexp")), default=-1)
    start = home + (home >= 0 and parts[home] == "site-packages")
    return "/".join(parts[start:]) if home >= 0 else "/".join(parts[-2:])
