"""Formulas written into a run's folder: a table of all seeds, and what most agree on as LaTeX and as Python."""

from pathlib import Path

import sympy
from sympy.printing.pycode import pycode

from kanexp import console
from kanexp.error import ConfigError
from kanexp.folder.names import FORMULA_CANDIDATES, FORMULA_PY, FORMULA_TEX, FORMULAS
from kanexp.folder.sheet import write_sheet
from kanexp.formula.explain import explain_formula
from kanexp.formula.formulas import Formula, Formulas, identifiers, shown
from kanexp.trained.trained import Trained


def tell_formulas(run: Trained, seeds: list[int] | None = None) -> None:
    """Find the formulas of a run, write them into its folder and say them, each as soon as it is found.

    Raises ConfigError where there is nothing to read, or a seed is none of the run's.
    """
    if not run.seeds:
        raise ConfigError(f"{run.path}: all of its seeds were lost, and none can be read")
    for seed in seeds or []:
        if seed not in run.seeds:
            raise ConfigError(f"--seed: must be one of {', '.join(map(str, run.seeds))}, got {seed}")
    asked = f"{len(seeds or run.seeds)} of {len(run.seeds)} seeds"
    console.say(f"reading {asked}: seconds each, half a minute where no formula is exact")
    formulas = explain_formula(run, seeds, _say)
    write_formulas(formulas, run.encoding.names, run.path)
    console.say(formulas.sentence())


def _say(one: Formula) -> None:
    if one.written is None:
        console.say(f"seed {one.seed}: no formula: {one.reason}")
        return
    off = f"test error {one.test:.2g}, the network's {one.network_test:.2g} of the deviation"
    console.say(f"seed {one.seed}: {shown(one.written)}; {off}" + (f"; {one.reason}" if one.reason else ""))


def write_formulas(formulas: Formulas, names: list[str], folder: Path) -> None:
    """formula.csv and formula_candidates.csv, and where there is a formula, formula.tex and formula.py."""
    write_sheet(formulas.table(), folder / FORMULAS, digits=6)
    write_sheet(formulas.candidates(), folder / FORMULA_CANDIDATES, digits=10)
    for name in (FORMULA_TEX, FORMULA_PY):
        (folder / name).unlink(missing_ok=True)
    if formulas.best is None:
        return
    (folder / FORMULA_TEX).write_text(f"{sympy.latex(shown(formulas.best))}\n")
    (folder / FORMULA_PY).write_text(python(formulas.best, names))


def python(written: sympy.Expr, names: list[str]) -> str:
    """A file with one function of numbers, that needs Python alone."""
    arguments = ", ".join(identifiers(names))
    return f"import math\n\n\ndef formula({arguments}):\n    return {pycode(written)}\n"
