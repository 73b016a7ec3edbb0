"""Formulas by genetic programming on the Feynman equations, on the data and by the test of ours, in our seconds.

pyoperon, and PySR where it is installed, which needs Julia. Both may use the functions that the equations are made of,
and grow formulas of them with all numbers fitted, on one thread; what counts is the best of all the formulas that they
offer, once its numbers are fitted in float64: theirs are of float32. Seconds are those of the processor for pyoperon,
of the clock for PySR. outputs/genetic.csv gets a row for each equation and seed, and what has one is not done again.

Source: Burlacu et al. 2020, https://doi.org/10.1145/3377929.3398099; Cranmer 2023, https://arxiv.org/abs/2305.01582
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
import sympy
from marked import ROOT, fill
from pykan_chain import PAGE, loaded, off, quiet, right, seconds_of_ours

from kanexp.formula.formulas import shown
from kanexp.task.feynman import EQUATIONS

TABLE = Path("outputs/genetic.csv")
SLICE = 1  # seconds of the clock after which pyoperon is asked whether its seconds are over
ENDLESS = 10**9
UNARY = ("sin", "cos", "exp", "log", "sqrt", "square", "asin")
COLUMNS = ["equation", "seed", "by", "ended", "seconds", "formulas", "rmse", "right", "formula"]

# Finds formulas for rows x (samples, n) of targets y (samples,), whose columns have names, in so many seconds.
Search: TypeAlias = Callable[[np.ndarray, np.ndarray, Sequence[str], float, int], list[str]]


def pyoperon(x: np.ndarray, y: np.ndarray, names: Sequence[str], seconds: float, seed: int) -> list[str]:
    """Its settings where nothing is said, but for shortness as a second goal and numbers fitted in each formula."""
    from pyoperon.sklearn import SymbolicRegressor

    begin, part = time.process_time(), 0
    search = SymbolicRegressor(
        allowed_symbols=",".join(("add", "sub", "mul", "div", "constant", "variable", *UNARY)),
        objectives=["r2", "length"],
        optimizer_iterations=5,
        generations=ENDLESS,
        max_evaluations=ENDLESS,
        max_time=SLICE,
        warm_start=True,
    )
    while time.process_time() - begin < seconds:
        search.set_params(random_state=1000 * seed + part).fit(x, y)
        part += 1
    return [search.get_model_string(one["tree"], 17, list(names)) for one in search.pareto_front_]


def pysr(x: np.ndarray, y: np.ndarray, names: Sequence[str], seconds: float, seed: int) -> list[str]:
    """Its settings where nothing is said."""
    from pysr import PySRRegressor

    search = PySRRegressor(
        binary_operators=["+", "-", "*", "/"],
        unary_operators=list(UNARY),
        niterations=ENDLESS,
        timeout_in_seconds=seconds,
        parallelism="serial",
        deterministic=True,
        random_state=seed,
        temp_equation_file=True,
        progress=False,
        verbosity=0,
    )
    search.fit(x, y, variable_names=list(names))
    return [str(one) for one in search.equations_["sympy_format"]]


SEARCHES: dict[str, Search] = {"pyoperon": pyoperon, "pysr": pysr}


def row(equation: str, seed: int, by: str, seconds: float) -> dict[str, object]:
    """What a search came to; of formulas that are right the first, else the one of the least error on test data."""
    train, test, names = loaded(equation)
    known = {str(name): name for name in names} | {"square": lambda z: z**2}
    begin = time.process_time()
    try:
        with quiet():
            texts = SEARCHES[by](train.x.T.numpy(), train.y[0].numpy(), list(map(str, names)), seconds, seed)
        took = time.process_time() - begin
        found, ended = [sympy.sympify(text.replace("^", "**"), known) for text in texts], "formula"
    except Exception as error:  # whatever it raises is what is counted here
        took, found, ended = time.process_time() - begin, [], type(error).__name__
    found.sort(key=lambda one: off(one, names, test))
    fine = [one for one in found if right(one, names, test.x, test.y[0])]
    best = (fine or found or [None])[0]
    return {
        **{"equation": equation, "seed": seed, "by": by, "ended": ended, "seconds": round(took, 1)},
        **{"formulas": len(found), "rmse": off(found[0], names, test) if found else np.inf},
        **{"right": bool(fine), "formula": "" if best is None else str(shown(best))},
    }


def rows(by: str) -> pd.DataFrame:
    found = pd.read_csv(TABLE, keep_default_na=False) if TABLE.is_file() else pd.DataFrame(columns=COLUMNS)
    return found[found["by"] == by]


def page(found: pd.DataFrame, ours: dict[str, float]) -> str:
    """The table as Markdown: a line for each equation, and what all come to."""
    lines = ["| equation | seeds | right | least error | seconds | ours | a right one |", "|" + "---|" * 7]
    for equation in (name for name in EQUATIONS if name in set(found["equation"])):
        own = found[found["equation"] == equation]
        text = next(iter(own.loc[own["right"], "formula"]), "")
        cells = [equation, len(own), int(own["right"].sum()), f"{own['rmse'].min():.1e}".replace("inf", "-")]
        cells += [f"{own['seconds'].median():.1f}", f"{ours[equation]:.1f}"]
        cells.append(f"`{text}`" if 0 < len(text) <= 60 else f"({len(text)} characters)" if text else "-")
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    each = found.groupby("equation")["right"]
    said = f"right: {found['right'].sum()} of {len(found)}; in all seeds {each.all().sum()} of {len(each)} equations, "
    return "\n".join([*lines, "", f"{said}in any {each.any().sum()}."])


def compare(by: str, seeds: Sequence[int], equations: Sequence[str]) -> str:
    """Do what has no row yet, one seed of all equations after the other; the table of all rows, put into the page."""
    ours = seconds_of_ours((ROOT / PAGE).read_text())
    for seed in seeds:
        for equation in equations or EQUATIONS:
            done = rows(by)
            if not len(done[(done["equation"] == equation) & (done["seed"] == seed)]):
                new = row(equation, seed, by, ours[equation])
                TABLE.parent.mkdir(parents=True, exist_ok=True)
                pd.DataFrame([new]).to_csv(TABLE, mode="a", header=not TABLE.is_file(), index=False)
                print(*(f"{name}={value}" for name, value in new.items()), flush=True)
    text = page(rows(by), ours)
    fill(PAGE, by, text)
    return text
