"""kanexp report: tables, figures, statistics and a page about finished runs."""

import argparse
from collections.abc import Sequence
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="kanexp report",
        description="Compare runs from their folders: tables (CSV, LaTeX), figures and report.html with statistics.",
    )
    made.add_argument("paths", nargs="+", metavar="PATH", type=Path, help="run folders, or folders above them")
    made.add_argument("--by", type=_keys, default=[], metavar="KEY,KEY", help="groups and options that make an arm")
    made.add_argument("--baseline", metavar="KEY=VALUE", help="arms that others are compared with (default: all pairs)")
    made.add_argument("--metric", help="score to compare (default: the first of the task)")
    made.add_argument("--out", type=Path, help="where to write (default: PATH/report)")
    made.add_argument(
        "--over",
        choices=("step", "evaluations", "samples", "seconds"),
        default="step",
        help="what curves are drawn over",
    )
    return made


def command(arguments: Sequence[str]) -> int:
    given = parser().parse_args(arguments)
    from kanexp.command.findings import show
    from kanexp.report.report import Question, report

    out, found = report(given.paths, given.out, Question(given.by, given.baseline, given.metric, given.over))
    show(found)
    print(f"figures as PNG, SVG and PDF, tables as CSV and LaTeX: {out}")
    print(out / "report.html")
    return 0


def _keys(text: str) -> list[str]:
    return [word for word in text.split(",") if word]
