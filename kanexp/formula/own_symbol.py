"""Symbols of a user's own: a function of tensors in a Python file, and conf/symbol/NAME.yaml that says what it is."""

import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import sympy
import torch
import yaml
from torch import Tensor

from kanexp.config.catalog import Option, find_catalog
from kanexp.config.schema import build
from kanexp.error import ConfigError
from kanexp.formula.computed import computed
from kanexp.formula.symbol import SYMBOLS, Symbol

SAME = 1e-9  # by which a function and its formula may differ, relative to their largest value


@dataclass(frozen=True)
class Lines:
    """What the YAML file says of its function, besides where that is: see `Symbol`."""

    formula: str = ""  # empty: formulas call the function by the symbol's name
    bits: float = 4.0
    low: float = -math.inf
    high: float = math.inf
    closed: bool = False
    periodic: bool = False

    def __post_init__(self):
        if not self.low < self.high:
            raise ValueError(f"low must be below high, got {self.low} and {self.high}")
        if not 0 < self.bits < math.inf:
            raise ValueError(f"bits must be positive, got {self.bits}")


def all_symbols(folders: Sequence[Path]) -> tuple[Symbol, ...]:
    """The symbols of these configuration folders, and kanexp's.

    Raises ConfigError with what is wrong with any of them: no such function, another one than its formula says, one
    that is not finite or has no slope in its domain.
    """
    catalog = find_catalog(folders)
    files = {
        file.stem: file for own in reversed(catalog.users) for file in sorted((Path(own) / "symbol").glob("*.yaml"))
    }
    made, mistakes = [], []
    for name, file in files.items():
        try:
            made.append(_made(Option("symbol", name, file)))
        except (ValueError, yaml.YAMLError) as error:
            mistakes.append(f"symbol.{name}: {' '.join(str(error).split())}")
    if mistakes:
        raise ConfigError(*mistakes)
    return (*SYMBOLS.values(), *made)


def _made(option: Option) -> Symbol:
    """Raises ValueError with why it is none."""
    name, said = option.name, dict(option.content)
    target = said.pop("_target_", None)
    lines, mistakes = build(Lines, said, "", option.name)
    if lines is None:
        raise ValueError("; ".join(mistakes))
    if not name.isidentifier() or name in SYMBOLS:
        raise ValueError("a symbol's file needs a name of letters, digits and _ that no symbol of kanexp has")
    if not lines.formula and hasattr(sympy, name):
        raise ValueError(f"sympy has something of this name; say what the function is by formula: {name}(z), or rename")
    symbol = Symbol(
        name,
        _function(target),
        lines.formula or f"{name}(z)",
        lines.bits,
        low=lines.low,
        high=lines.high,
        closed=lines.closed,
        periodic=lines.periodic,
        target="" if lines.formula else str(target),
    )
    _check(symbol)
    return symbol


def _function(target: object) -> Callable[[Tensor], Tensor]:
    if not isinstance(target, str) or "." not in target:
        raise ValueError(f"its YAML must name a function by _target_: module.function, got {target}")
    module, name = target.rsplit(".", 1)
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"cannot find '{target}' ({error}); put {module}.py where you work, or beside conf") from error
    if not callable(found):
        raise ValueError(f"'{target}' must be a function of a tensor, got {found!r}")
    return found  # type: ignore[no-any-return]


def _check(symbol: Symbol) -> None:
    low, high = max(symbol.low, min(-2.0, symbol.high - 4)), min(symbol.high, max(2.0, symbol.low + 4))
    z = torch.linspace(low, high, 41, dtype=torch.float64)[1:-1]
    try:
        values, slopes = symbol.value(z), symbol.slope(z)
    except Exception as error:  # whatever somebody's function raises
        raise ValueError(f"its function fails on a tensor in ({low:g}, {high:g}): {error}") from error
    if values.shape != z.shape or not bool(values.isfinite().all()):
        raise ValueError(f"its function must give a finite number for each in ({low:g}, {high:g}); set low and high")
    if not bool(slopes.isfinite().all()) or not bool(slopes.any()):
        raise ValueError("its function needs slopes that torch can compute, somewhere not 0")
    if symbol.target:
        return
    name = sympy.Symbol("z", real=True)
    try:
        written = sympy.sympify(symbol.formula, locals={"z": name})
        said = torch.as_tensor(computed([name], written)(z), dtype=torch.float64)
    except Exception as error:  # sympy raises many kinds
        raise ValueError(f"formula: must be one in z that sympy can read, got '{symbol.formula}' ({error})") from error
    off = float((said - values).abs().max() / (values.abs().max() + 1e-300))
    if not off < SAME:
        raise ValueError(f"formula: '{symbol.formula}' is off from the function by {off:.1g} in ({low:g}, {high:g})")
