"""Formulas: what each seed of a run comes to as a formula, how good it is, and how many seeds agree."""

import keyword
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import pandas as pd
import sympy
import torch
from scipy.stats import binomtest
from torch import Tensor

from kanexp.formula.choice import Choice

AGREE = 1e-6  # largest difference on the test inputs, relative to the targets' deviation, of formulas that are one


def identifiers(names: Sequence[str]) -> list[str]:
    """Names that a formula in Python can have, each another one: letters, digits and _, no digit first, no keyword."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r"\W", "_", name)
        if not plain.isidentifier() or keyword.iskeyword(plain) or plain == "math":
            plain = f"_{plain}"
        while plain in found:
            plain += "_"
        found.append(plain)
    return found


@dataclass(frozen=True)
class Formula:
    """One seed's formula in own units, and its errors; without one, `reason` says why.

    Errors are root mean squares relative to the targets' deviation; `to_network` is that from the network's answers on
    the test inputs. `choices` are what the edges of its form may have been.
    """

    seed: int
    written: sympy.Expr | None = None
    values: Tensor | None = None  # on the test inputs (samples,)
    train: float = torch.inf
    val: float = torch.inf
    test: float = torch.inf
    to_network: float = torch.inf
    network_test: float = torch.inf
    reason: str = ""
    choices: tuple[Choice, ...] = ()

    @property
    def found(self) -> bool:
        return self.written is not None and not self.reason


@dataclass(frozen=True)
class Formulas:
    """Of one output of all seeds; `deviation` is that of its test targets."""

    each: tuple[Formula, ...]
    deviation: float
    output: str = "y"

    @property
    def groups(self) -> list[list[Formula]]:
        """Formulas that are the same function, the most frequent first: within AGREE on the test inputs."""
        groups: list[list[Formula]] = []
        for one in self.each:
            if not one.found:
                continue
            same = (group for group in groups if self._same(group[0], one))
            group = next(same, None)
            if group is None:
                groups.append([one])
            else:
                group.append(one)
        return sorted(groups, key=lambda group: -len(group))

    def _same(self, one: Formula, other: Formula) -> bool:
        assert one.values is not None
        assert other.values is not None
        return float((one.values - other.values).abs().max()) <= AGREE * self.deviation

    @property
    def best(self) -> sympy.Expr | None:
        """The shortest text of what most seeds agree on."""
        if not self.groups:
            return None
        return min((one.written for one in self.groups[0]), key=lambda written: (len(str(written)), str(written)))

    def table(self) -> pd.DataFrame:
        """A row for each seed."""
        rows = []
        for one in self.each:
            row: dict[str, int | float | str] = {"seed": one.seed, "status": "formula" if one.found else "none"}
            row["formula"] = "" if one.written is None else str(shown(one.written))
            row["complexity"] = 0 if one.written is None else int(sympy.count_ops(one.written))
            row |= {"rmse_train": one.train, "rmse_val": one.val, "rmse_test": one.test, "to_network": one.to_network}
            rows.append(row | {"network_rmse_test": one.network_test, "reason": one.reason})
        return pd.DataFrame(rows)

    def candidates(self) -> pd.DataFrame:
        """A row for each seed, edge and symbol, the best of an edge first; R^2 is missing where a symbol is refused."""
        rows = [{"seed": one.seed, **asdict(choice)} for one in self.each for choice in one.choices]
        table = pd.DataFrame(rows, columns=["seed", *(field.name for field in fields(Choice))])
        return table.assign(r2=table["r2"].where(table["refused"] == ""))

    def sentence(self) -> str:
        """What seeds agree on, with the share that does and its 95 % interval (Wilson)."""
        if self.best is None:
            reasons = dict.fromkeys(one.reason for one in self.each)
            return f"no formula: {'; '.join(reasons)}"
        count, seeds = len(self.groups[0]), len(self.each)
        low, high = binomtest(count, seeds).proportion_ci(method="wilson")
        share = f"{count} of {seeds} seeds ({100 * low:.0f} to {100 * high:.0f} % at 95 %)"
        return f"{shown(self.best)}: {share}"


def shown(written: sympy.Expr) -> sympy.Expr:
    """With numbers of six digits, for people."""
    return written.xreplace({number: sympy.Float(number, 6) for number in written.atoms(sympy.Float)})
