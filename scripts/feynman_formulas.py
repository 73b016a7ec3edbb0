"""Which of the Feynman equations come out exactly as formulas of trained networks, and in how many seeds.

    scripts/feynman_formulas [--seeds N] [--noise SHARE] [--readme] [EQUATION ...]

Each equation is a run of its own and what `kanexp formula` does with it; outputs/feynman_formulas.csv gets a row for
each. Equations that have a row for as many seeds and this noise are not done again. --readme puts the table into
outputs/readme/feynman_formulas.md.

exact: the formula's error on test data is at most 1e-10 of their deviation. right: it is once its numbers are fitted to
test data without noise, so that noise in the training targets may move numbers, but nothing else.
"""

import argparse
import contextlib
import io
import math
import time
from pathlib import Path

import pandas as pd
import sympy
import torch
from marked import ROOT, fill

from kanexp.cli import main as kanexp
from kanexp.config.experiment import build_experiment
from kanexp.formula.explain import explain_formula
from kanexp.formula.expression import Data, inputs_of, named, refit
from kanexp.formula.formulas import Formula, identifiers, shown
from kanexp.task.base import uniform_points
from kanexp.task.feynman import EQUATIONS, Feynman
from kanexp.trained.trained import Trained, load

EXACT = 1e-10  # error on test data, relative to the targets' deviation
TABLE = Path("outputs/feynman_formulas.csv")
WORDS = (
    "task=feynman layer=bspline optimizer=levenberg_marquardt widths=[in,5,1] dtype=float64 steps=60 diagnostics=false"
)
KEY = ["equation", "seeds", "noise"]


def deviation(equation: str) -> float:
    """Of an equation's values over its ranges."""
    task = Feynman(equation=equation)
    points = uniform_points(task.ranges, 4000, torch.Generator().manual_seed(0))
    return float(task.solution(points).std())


def trained(equation: str, seeds: int, noise: float) -> Trained:
    """Networks trained on an equation, whose targets have noise, a share of their deviation."""
    name = f"feynman_{equation}" + (f"_noise_{noise:g}" if noise else "")
    words = [*WORDS.split(), f"task.equation={equation}", f"seeds={seeds}", f"name={name}"]
    with contextlib.redirect_stdout(io.StringIO()):
        code = kanexp([*words, f"task.noise={noise * deviation(equation)}"] if noise else words)
    if code:
        raise SystemExit(f"{equation}: the run ended with {code}")
    return load(Path("outputs") / name / "latest")


def is_right(one: Formula, data: Data) -> bool:
    """Whether a formula is exact on data without noise once its numbers are fitted to them."""
    if one.written is None:
        return False
    fit = refit(*named(one.written), data)
    return math.sqrt(fit.loss) <= EXACT


def without_noise(run: Trained) -> Data:
    """The test data in own units: noise is in training targets alone."""
    data, _ = build_experiment(run.restored.experiment.config).load_data()
    names = inputs_of(identifiers(run.encoding.names))
    return Data(names, run.encoding.features(data.test.x).double(), data.own_units(data.test.y)[0].double())


def row(equation: str, seeds: int, noise: float) -> dict[str, object]:
    """An equation's row of the table; its networks are trained and read."""
    begin = time.monotonic()
    run = trained(equation, seeds, noise)
    after = time.monotonic()
    (found,) = explain_formula(run)
    clean = without_noise(run)
    return {
        **dict(zip(KEY, (equation, seeds, noise), strict=True)),
        "exact": sum(one.found and one.test <= EXACT for one in found.each),
        "right": sum(is_right(one, clean) for one in found.each),
        "agree": len(found.groups[0]) if found.groups else 0,
        "formula": "" if found.best is None else str(shown(found.best)),
        "network_rmse": sorted(one.network_test for one in found.each)[len(found.each) // 2],
        "train_seconds": round(after - begin, 1),
        "read_seconds": round(time.monotonic() - after, 1),
    }


def rows_of(equation: str | None, seeds: int, noise: float) -> pd.DataFrame:
    """Rows of the table with so many seeds and this noise, of one equation or of all."""
    if not TABLE.is_file():
        return pd.DataFrame(columns=[*KEY, "exact"])
    rows = pd.read_csv(TABLE, keep_default_na=False)
    rows = rows[(rows["seeds"] == seeds) & (rows["noise"] == noise)]
    return rows if equation is None else rows[rows["equation"] == equation]


def add(new: dict[str, object]) -> None:
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame([new]).to_csv(TABLE, mode="a", header=not TABLE.is_file(), index=False)


def page(rows: pd.DataFrame, seeds: int, noise: float) -> str:
    """The table of one number of seeds and noise as Markdown, in the order of the equations."""
    rows = rows.set_index("equation").reindex([name for name in EQUATIONS if name in set(rows["equation"])])
    count = "right" if noise else "exact"
    lines = [f"| equation | is | exact | right | of {seeds} seeds the most agree on | train s | read s |"]
    lines.append("|---|---|---|---|---|---|---|")
    for name, own in rows.iterrows():
        formula = own["formula"] if len(own["formula"]) <= 60 else f"({len(own['formula'])} characters)"
        cells = [name, f"`{sympy.sympify(EQUATIONS[str(name)][0])}`", own["exact"], own["right"], f"`{formula or '-'}`"]
        lines.append("| " + " | ".join(map(str, [*cells, own["train_seconds"], own["read_seconds"]])) + " |")
    most = int((2 * rows[count] > seeds).sum())
    every = int((rows[count] == seeds).sum())
    minutes = float(rows[["train_seconds", "read_seconds"]].sum().sum()) / 60
    lines += ["", f"{count} in most seeds: {most} of {len(rows)}; in all: {every}; {minutes:.0f} minutes."]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/feynman_formulas", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="networks of each equation (default: 5)")
    parser.add_argument("--noise", type=float, default=0.0, help="in training targets, a share of their deviation")
    parser.add_argument("--readme", action="store_true", help="put the table into outputs/readme/feynman_formulas.md")
    parser.add_argument("equations", metavar="EQUATION", nargs="*")
    given = parser.parse_args()
    if unknown := set(given.equations) - set(EQUATIONS):
        parser.error(f"no equation {', '.join(sorted(unknown))}; there are {', '.join(EQUATIONS)}")
    if given.seeds < 1 or not 0 <= given.noise < math.inf:
        parser.error("--seeds must be at least 1, and --noise zero or more")
    for equation in given.equations or EQUATIONS:
        if not len(rows_of(equation, given.seeds, given.noise)):
            new = row(equation, given.seeds, given.noise)
            add(new)
            print(*(f"{name}={value}" for name, value in new.items()), flush=True)
    text = page(rows_of(None, given.seeds, given.noise), given.seeds, given.noise)
    print(text)
    if given.readme:
        fill("outputs/readme/feynman_formulas.md", "noise" if given.noise else "exact", text)
        print(ROOT / "outputs/readme/feynman_formulas.md")


if __name__ == "__main__":
    main()
