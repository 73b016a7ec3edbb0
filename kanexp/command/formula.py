"""kanexp formula: what the networks of a run are as formulas, and how many seeds agree."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from kanexp.paths import find_components


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="kanexp formula",
        description="Write what each seed's network is as a formula of the features, in own units: formula.csv, "
        "formula.tex and formula.py in the run's folder, and what each edge may be in formula_candidates.csv. "
        "'No formula' is an answer, with its reason.",
    )
    made.add_argument("run", metavar="RUN", type=Path, help="a run folder, such as outputs/NAME/latest")
    made.add_argument("--seed", type=int, action="append", help="only this seed; can be given again (default: all)")
    made.add_argument("--config-dir", action="append", default=[], type=Path, help="a folder with symbols of your own")
    return made


def command(arguments: Sequence[str]) -> int:
    given = parser().parse_args(arguments)
    find_components(given.config_dir)
    from kanexp.formula.writing import tell_formulas
    from kanexp.trained.trained import load

    tell_formulas(load(given.run), given.seed, given.config_dir)
    return 0
