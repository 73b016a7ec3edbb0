"""kanexp figures: all figures of a finished run, for a paper."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from kanexp.paths import find_components


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="kanexp figures",
        description="Draw all figures of a finished run as PNG, SVG and PDF, into its figures/: those that it has, "
        "from their tables, and more with tables of their own: errors and their spread over seeds, the spectrum of "
        "answers beside the target's, residuals, calibration, partial dependence, scores over steps, what enters "
        "layers.",
    )
    made.add_argument("run", metavar="RUN", type=Path, help="a run folder, such as outputs/NAME/latest")
    made.add_argument(
        "--columns",
        type=int,
        choices=(1, 2),
        help="as wide as so many columns of a paper, 3.5 or 7.2 inches; what needs two takes two",
    )
    return made


def command(arguments: Sequence[str]) -> int:
    given = parser().parse_args(arguments)
    find_components()
    from kanexp.run.figures import draw_again

    draw_again(given.run, given.columns)
    return 0
