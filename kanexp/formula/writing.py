"""Formulas written into a run's folder: a table of all seeds, and what most agree on as LaTeX and as Python."""

import re
from pathlib import Path

import sympy
from sympy.printing.pycode import pycode

from kanexp.folder.names import FORMULA_PY, FORMULA_TEX, FORMULAS
from kanexp.folder.sheet import write_sheet
from kanexp.formula.formulas import Formulas, shown


def write_formulas(formulas: Formulas, names: list[str], folder: Path) -> None:
    """formula.csv, and where there is a formula, formula.tex and formula.py."""
    write_sheet(formulas.table(), folder / FORMULAS, digits=6)
    for name in (FORMULA_TEX, FORMULA_PY):
        (folder / name).unlink(missing_ok=True)
    if formulas.best is None:
        return
    (folder / FORMULA_TEX).write_text(f"{sympy.latex(shown(formulas.best))}\n")
    (folder / FORMULA_PY).write_text(python(formulas.best, names))


def python(written: sympy.Expr, names: list[str]) -> str:
    """A file with one function of numbers, that needs Python alone."""
    arguments = ", ".join(re.sub(r"\W", "_", name) for name in names)
    return f"import math\n\n\ndef formula({arguments}):\n    return {pycode(written)}\n"
