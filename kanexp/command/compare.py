"""kanexp compare: whether the runs in one folder are better than those in another."""

import argparse
from collections.abc import Sequence
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="kanexp compare", description="Say whether the runs in one folder are better than those in another."
    )
    made.add_argument("first", metavar="A", type=Path, help="a run folder, or a folder above runs")
    made.add_argument("second", metavar="B", type=Path, help="another one")
    made.add_argument("--metric", help="score to compare (default: the first that both have)")
    return made


def command(arguments: Sequence[str]) -> int:
    given = parser().parse_args(arguments)
    from kanexp.command.findings import show
    from kanexp.report.compare import compare

    show(compare(given.first, given.second, given.metric))
    return 0
