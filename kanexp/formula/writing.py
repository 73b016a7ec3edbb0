"""Formulas written into a run's folder: a table of all seeds, and what most agree on as LaTeX and as Python."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import sympy
from sympy.printing.pycode import pycode

from kanexp import console
from kanexp.error import ConfigError
from kanexp.folder.names import FORMULA_CANDIDATES, FORMULA_PY, FORMULA_TEX, FORMULAS
from kanexp.folder.sheet import write_sheet
from kanexp.formula.explain import explain_formula
from kanexp.formula.formulas import Formula, Formulas, identifiers, shown
from kanexp.formula.own_symbol import all_symbols
from kanexp.formula.symbol import Symbol
from kanexp.trained.trained import Trained


def tell_formulas(run: Trained, seeds: list[int] | None = None, folders: Sequence[Path] = ()) -> None:
    """Find the formulas of a run, write them into its folder and say them, each as soon as it is found.

    Symbols are kanexp's, and a user's own in these configuration folders and in those that the run began with. Raises
    ConfigError where there is nothing to read, a seed is none of the run's, or something is wrong with a symbol.
    """
    if not run.seeds:
        raise ConfigError(f"{run.path}: all of its seeds were lost, and none can be read")
    for seed in seeds or []:
        if seed not in run.seeds:
            raise ConfigError(f"--seed: must be one of {', '.join(map(str, run.seeds))}, got {seed}")
    symbols = all_symbols([*folders, *map(Path, run.record.config_dirs or ())])
    several = len(run.encoding.targets) > 1
    asked = f"{len(seeds or run.seeds)} of {len(run.seeds)} seeds" + (
        f", {len(run.encoding.targets)} outputs each" if several else ""
    )
    console.say(f"reading {asked}: seconds each, half a minute where no formula is exact")
    found = explain_formula(
        run, seeds, symbols, lambda output, one: _say(one, f"{output}, seed" if several else "seed")
    )
    write_formulas(found, run.encoding.names, run.path, symbols)
    for formulas in found:
        console.say(f"{formulas.output} = {formulas.sentence()}" if several else formulas.sentence())


def _say(one: Formula, who: str) -> None:
    if one.written is None:
        console.say(f"{who} {one.seed}: no formula: {one.reason}")
        return
    off = f"test error {one.test:.2g}, the network's {one.network_test:.2g} of the deviation"
    console.say(f"{who} {one.seed}: {shown(one.written)}; {off}" + (f"; {one.reason}" if one.reason else ""))


def write_formulas(found: Sequence[Formulas], names: list[str], folder: Path, symbols: Sequence[Symbol] = ()) -> None:
    """formula.csv and formula_candidates.csv, and where there is a formula, formula.tex and formula.py.

    Of several outputs tables have a column `output`, formula.tex a line and formula.py a function for each.
    """
    write_sheet(_joined(found, [one.table() for one in found]), folder / FORMULAS, digits=6)
    write_sheet(_joined(found, [one.candidates() for one in found]), folder / FORMULA_CANDIDATES, digits=10)
    for name in (FORMULA_TEX, FORMULA_PY):
        (folder / name).unlink(missing_ok=True)
    functions = ["formula"] if len(found) == 1 else identifiers([one.output for one in found])
    best = {name: one.best for name, one in zip(functions, found, strict=True) if one.best is not None}
    if not best:
        return
    sides = {name: "" if len(found) == 1 else f"{sympy.latex(sympy.Symbol(name))} = " for name in best}
    (folder / FORMULA_TEX).write_text(
        "".join(f"{sides[name]}{sympy.latex(shown(written))}\n" for name, written in best.items())
    )
    (folder / FORMULA_PY).write_text(python(best, names, symbols))


def _joined(found: Sequence[Formulas], tables: list[pd.DataFrame]) -> pd.DataFrame:
    if len(tables) == 1:
        return tables[0]
    for one, table in zip(found, tables, strict=True):
        table.insert(0, "output", one.output)
    return pd.concat(tables, ignore_index=True)


def python(best: dict[str, sympy.Expr], names: list[str], symbols: Sequence[Symbol] = ()) -> str:
    """A file with a function of numbers for each expression; but for a user's own functions it needs Python alone."""
    called = {str(one.func) for written in best.values() for one in written.atoms(sympy.core.function.AppliedUndef)}
    own = [symbol for symbol in symbols if symbol.target and symbol.name in called]
    top = ["import math\n", *(["\nimport torch\n"] if own else [])]
    for symbol in own:
        module, name = symbol.target.rsplit(".", 1)
        top.append(f"import {module}\n")
        body = f"float({module}.{name}(torch.tensor([z], dtype=torch.float64)))"
        top.append(f"\n\ndef {symbol.name}(z):\n    return {body}\n")
    arguments = ", ".join(identifiers(names))
    known = {symbol.name: symbol.name for symbol in own}
    return "".join(top) + "".join(
        f"\n\ndef {name}({arguments}):\n    return {pycode(written, user_functions=known)}\n"
        for name, written in best.items()
    )
