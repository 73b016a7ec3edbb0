"""kanexp audit: what is wrong with somebody's results."""

import argparse
from collections.abc import Sequence
from pathlib import Path

MOST_SHOWN = 40  # findings that a terminal shows


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="kanexp audit",
        description="Name what is wrong with results: seeds that are none, selection on test data, unequal arms, "
        "columns that contradict each other, and more. Columns are found by their usual names, or named here.",
        epilog="The exit code is 0 where nothing was found, 1 where something was, 2 where there is nothing to audit.",
    )
    made.add_argument("paths", nargs="+", metavar="PATH", type=Path, help="a CSV or Parquet file, or run folders")
    made.add_argument("--arm", type=_names, default=[], metavar="COLUMN,...", help="what is compared")
    made.add_argument("--seed", type=_names, default=[], metavar="COLUMN,...", help="what tells repetitions apart")
    made.add_argument(
        "--metric", type=_names, default=[], metavar="COLUMN,...", help="results, a column for each metric"
    )
    made.add_argument(
        "--value", metavar="COLUMN", help="results of all metrics, whose names are in the column of --metric"
    )
    made.add_argument("--dataset", metavar="COLUMN", help="which numbers are of the same problem")
    made.add_argument("--test-size", metavar="N|COLUMN", help="rows of test data that an accuracy was counted on")
    made.add_argument("--out", type=Path, help="where to write (default: FILE-audit, or PATH/audit)")
    return made


def command(arguments: Sequence[str]) -> int:
    given = parser().parse_args(arguments)
    from kanexp import console
    from kanexp.audit.asked import Asked
    from kanexp.audit.audit import audit

    asked = Asked(given.arm, given.seed, given.metric, given.value, given.dataset, given.test_size)
    out, found = audit(given.paths, asked, given.out)
    console.table("", ("check", "outcome"), [(one.check.name, one.outcome) for one in found.answers], texts=2)
    for finding in found.findings[:MOST_SHOWN]:
        console.say(f"{finding.check}: {finding.sentence}")
    if len(found.findings) > MOST_SHOWN:
        console.say(f"and {len(found.findings) - MOST_SHOWN} more in audit.csv")
    console.say(str(out / "audit.html"))
    return int(bool(found.findings))


def _names(text: str) -> list[str]:
    return [word for word in text.split(",") if word]
