"""Reads small random networks as formulas, one after the other, and says whether anything was NaN or a traceback.

    scripts/formula_chains [--minutes 10] [--seed 0] [--count N] [--readme]
    scripts/formula_chains --repeat SEED

A chain: a random formula with or without noise, or a table whose columns are of any size, of few values or the same; a
network of random layers and widths trained on it for 1 to 20 steps; then distilled, read, written and put into a
folder. Right is a formula whose numbers are finite, or none with a reason. Each chain has a seed, from which it can be
repeated; outputs/formula_chains.csv gets a row for it, and what has one is not done again. --readme puts what all rows
come to into outputs/readme/feynman_formulas.md.
"""

import argparse
import contextlib
import io
import math
import os
import tempfile
import time
import traceback
from pathlib import Path

import numpy as np
import pandas as pd
import sympy
from marked import ROOT, fill

from kanexp.cli import main as kanexp
from kanexp.error import ConfigError
from kanexp.formula.explain import explain_formula
from kanexp.formula.formulas import Formula
from kanexp.formula.writing import write_formulas
from kanexp.interrupt import was_asked
from kanexp.run import run as one_run
from kanexp.trained.trained import load

TABLE, PAGE = Path("outputs/formula_chains.csv"), "outputs/readme/feynman_formulas.md"
ENDS = ("formula", "none", "refused", "wrong")
LAYERS = ("bspline", "chebyshev", "fourier", "rbf", "piecewise_linear", "sine")
OPTIMIZERS = ("levenberg_marquardt", "adam", "lbfgs")
PARTS = (
    "{a}",
    "{a}**2",
    "sin({s}*{a})",
    "exp({a})",
    "1/({a}+3)",
    "sqrt({a}+2)",
    "abs({a})",
    "log({a}+2)",
    "{s}",
    "0*{a}",
)
JOINTS = ("{0}+{1}", "{0}*{1}", "{0}-{1}", "{0}/(4+{1})", "exp(-{0})*{1}", "tanh({0}+{1})")


def words(rng: np.random.Generator, table: Path) -> list[str]:
    """The command of a chain's run: its task, network and training; a table is written where the task has one."""
    inputs = int(rng.integers(1, 4))
    layer, optimizer = str(rng.choice(LAYERS)), str(rng.choice(OPTIMIZERS))
    hidden = [] if rng.random() < 0.2 else [int(rng.integers(1, 5))]
    widths = ",".join(map(str, ["in", *hidden, "out"]))
    chosen = [f"layer={layer}", f"optimizer={optimizer}", f"widths=[{widths}]", f"steps={rng.choice([1, 5, 20])}"]
    chosen += [f"dtype={'float64' if optimizer != 'adam' else rng.choice(['float32', 'float64'])}"]
    chosen += [f"seeds=[{rng.integers(1000)}]", "diagnostics=false", "name=x"]
    if rng.random() < 0.4:
        _table(rng, inputs).to_csv(table, index=False)
        return [*chosen, "task=tabular", f"task.path={table}", "task.target=y"]
    samples = int(rng.choice([20, 60, 300]))
    noise = float(rng.choice([0.0, 0.0, 0.01, 1.0]))
    text = _formula(rng, inputs)
    task = ["task=function", f"task.expression={text}", f"task.noise={noise}"]
    return [*chosen, *task, f"task.train={samples}", "task.val=20", "task.test=20"]


def _formula(rng: np.random.Generator, inputs: int) -> str:
    def part() -> str:
        chosen = str(rng.choice(PARTS))
        return chosen.format(a=f"x{rng.integers(1, inputs + 1)}", s=f"{rng.uniform(-3, 3):.3g}")

    text = part()
    for _ in range(rng.integers(0, 3)):
        text = str(rng.choice(JOINTS)).format(f"({text})", f"({part()})")
    return f"{text}+0*x{inputs}"


def _table(rng: np.random.Generator, inputs: int) -> pd.DataFrame:
    """Numbers in columns of any size, some of a few values, some the same, and targets that may have nothing to say."""
    rows = int(rng.choice([30, 80]))
    found = pd.DataFrame({f"c{i}": rng.normal(size=rows) for i in range(inputs)})
    for name in found:
        if rng.random() < 0.2:
            found[name] = rng.integers(0, 2, rows).astype(float)
        found[name] *= 10.0 ** rng.integers(-6, 7)
    if inputs > 1 and rng.random() < 0.2:
        found["c1"] = found["c0"]
    target = found["c0"] * rng.normal() + rng.normal(size=rows) * rng.choice([0.0, 0.1, 1e3])
    if rng.random() < 0.1:
        target = rng.integers(0, 2, rows).astype(float)
    return found.assign(y=target * 10.0 ** rng.integers(-8, 9))


def chain(seed: int) -> tuple[str, str]:
    """How a chain ended (formula, none, refused or wrong), and what was wrong or the reason.

    Raises KeyboardInterrupt where its run was asked to end.
    """
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        said = io.StringIO()
        given = words(rng, Path(folder) / "table.csv")
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                code = kanexp(given)
            if was_asked(code):
                raise KeyboardInterrupt
            if code or not Path("outputs/x/latest/model.pt").is_file():
                return ("wrong", said.getvalue()[-800:]) if "Traceback" in said.getvalue() else ("refused", f"{given}")
            run = load(Path("outputs/x/latest"))
            if not run.seeds:
                return "refused", "its seed was lost"
            (found,) = explain_formula(run)
            write_formulas([found], run.encoding.names, run.path)
            found.sentence()
        except ConfigError as error:  # classes, of a table whose targets are 0 and 1
            return "refused", str(error)
        except Exception:  # whatever it is, it is what is looked for
            return "wrong", traceback.format_exc()[-1500:]
        (one,) = found.each
        return judged(one)


def judged(one: Formula) -> tuple[str, str]:
    """What a seed's formula counts as, and why."""
    if not one.found:
        return ("none", one.reason) if one.reason else ("wrong", "no formula and no reason")
    assert one.written is not None
    numbers = [one.train, one.val, one.test, one.to_network, one.network_test]
    numbers += [
        _float(number) for number in one.written.atoms() if number.is_number is not False and not number.free_symbols
    ]
    if not all(map(math.isfinite, numbers)):
        return "wrong", f"not finite: {one.written}, {numbers}"
    return "formula", ""


def _float(number: sympy.Expr) -> float:
    try:
        return float(number)
    except TypeError:  # complex, or none at all
        return math.nan


def draw_nothing() -> None:
    """Have runs end without figures, which are no part of a chain and take a third of its time."""
    one_run.draw = lambda *given: None


def rows() -> pd.DataFrame:
    columns = ["seed", "ended", "seconds", "why"]
    return pd.read_csv(TABLE, keep_default_na=False) if TABLE.is_file() else pd.DataFrame(columns=columns)


def add(seed: int) -> None:
    """Do a chain, and give it its row."""
    begin = time.monotonic()
    how, why = chain(seed)
    if how == "wrong":
        print(f"seed {seed}: {why}", flush=True)
    new = {"seed": seed, "ended": how, "seconds": round(time.monotonic() - begin, 1), "why": why}
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame([new]).to_csv(TABLE, mode="a", header=not TABLE.is_file(), index=False)


def sentence(found: pd.DataFrame) -> str:
    """What all chains come to."""
    counts = ", ".join(f"{(found['ended'] == how).sum()} {how}" for how in ENDS)
    median, most = found["seconds"].median(), found["seconds"].max()
    wrong = ", ".join(map(str, found.loc[found["ended"] == "wrong", "seed"]))
    said = f"{len(found)} chains: {counts}; {median:.1f} s of one in the median, {most:.0f} s at most."
    return f"{said} Wrong: seeds {wrong}." if wrong else said


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/formula_chains", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--count", type=int, default=1000, help="chains at most (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the first chain; each next one has the next seed")
    parser.add_argument("--repeat", type=int, help="only the chain of this seed, and what it said")
    parser.add_argument("--readme", action="store_true", help=f"put what all came to into {PAGE}")
    given = parser.parse_args()
    if given.repeat is not None:
        print(*chain(given.repeat), sep=": ")
        return
    draw_nothing()
    begin, done = time.monotonic(), set(rows()["seed"])
    for seed in range(given.seed, given.seed + given.count):
        if time.monotonic() - begin > 60 * given.minutes:
            break
        try:
            if seed not in done:
                add(seed)
        except KeyboardInterrupt:  # what it has come to is said all the same
            break
    found = rows()
    print(sentence(found))
    if given.readme:
        fill(PAGE, "chains", sentence(found))
        print(ROOT / PAGE)
    if (found["ended"] == "wrong").any():
        raise SystemExit(1)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
