"""Which of the Feynman equations come out exactly as formulas of trained networks, and in how many seeds.

    scripts/feynman_formulas [--seeds N] [EQUATION ...]

Each equation is a run of its own and `kanexp formula` on it; the table goes to the terminal, the runs below outputs/.
"""

import argparse
import contextlib
import io
import time
from pathlib import Path

from kanexp.cli import main as kanexp
from kanexp.formula.explain import explain_formula
from kanexp.formula.formulas import Formulas
from kanexp.task.feynman import EQUATIONS
from kanexp.trained.trained import load

EXACT = 1e-10  # error on test data, relative to the targets' deviation
WORDS = (
    "task=feynman layer=bspline optimizer=levenberg_marquardt widths=[in,5,1] dtype=float64 steps=60 diagnostics=false"
)


def formulas_of(equation: str, seeds: int) -> Formulas:
    """Networks trained on an equation, read."""
    name = f"feynman_{equation}"
    with contextlib.redirect_stdout(io.StringIO()):
        code = kanexp([*WORDS.split(), f"task.equation={equation}", f"seeds={seeds}", f"name={name}"])
    if code:
        raise SystemExit(f"{equation}: the run ended with {code}")
    return explain_formula(load(Path("outputs") / name / "latest"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/feynman_formulas", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("equations", metavar="EQUATION", nargs="*")
    given = parser.parse_args()
    if unknown := set(given.equations) - set(EQUATIONS):
        parser.error(f"no equation {', '.join(sorted(unknown))}; there are {', '.join(EQUATIONS)}")
    recovered, begin = 0, time.monotonic()
    chosen = given.equations or list(EQUATIONS)
    for equation in chosen:
        found = formulas_of(equation, given.seeds)
        exact = sum(one.found and one.test <= EXACT for one in found.each)
        recovered += 2 * exact > given.seeds
        print(
            f"{equation:12} {exact} of {given.seeds} exact  {time.monotonic() - begin:5.0f} s  {found.sentence()}",
            flush=True,
        )
    print(f"{recovered} of {len(chosen)} equations are exact in most seeds")


if __name__ == "__main__":
    main()
