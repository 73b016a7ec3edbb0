"""Written: a table with a column for each score as it is written, on its way to a study."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kanexp.audit import columns, digits
from kanexp.audit.asked import Asked
from kanexp.audit.columns import Column
from kanexp.audit.study import RUN, Study
from kanexp.audit.wide import strangers
from kanexp.data.notation import Style
from kanexp.error import ConfigError, quoted

SIZES = ("train_size", "test_size", "parameters", "steps")
MOST = 0.5  # of the seeds that stand there several times, in which a setting differs


@dataclass(frozen=True)
class Written:
    """What is written, the roles of its columns, and how it writes numbers."""

    path: str
    texts: pd.DataFrame
    roles: dict[str, list[str]]
    style: Style
    asked: Asked

    def study(self, scores: list[Column]) -> Study:
        """The study. Raises ConfigError where a column of results holds something else."""
        read = {column.name: self._numbers(column.name) for column in scores}
        if not any(np.isfinite(values).any() for values, _ in read.values()):
            raise ConfigError(
                f"audit: '{self.path}' holds no number in {', '.join(read)}; say what holds one by --metric"
            )
        values = pd.DataFrame({name: one for name, (one, _) in read.items()}, index=self.texts.index)
        units = pd.DataFrame({name: one for name, (_, one) in read.items()}, index=self.texts.index)
        named = {name for names in self.roles.values() for name in names} | set(read)
        others = [n for n in self.texts.columns if n not in named and columns.normal(n) not in columns.CLOCKS]
        rows, has_seeds = self._rows(scores, others)
        name = Path(self.path).name
        return Study(name, rows, values, units, tuple(scores), self.texts[others], has_seeds, notes=self._notes(scores))

    def _numbers(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of a column, and the units of their last digits. Raises ConfigError where it holds texts."""
        column = self.texts[name]
        try:
            notation = self.style.notation(column)
        except ValueError as error:
            what = str(error).split(" may stand")[0]
            raise ConfigError(f"audit: column {what} may mean two things; write numbers with points") from error
        if notation is None:
            if len(strange := strangers(column)):
                what = f"column '{name}' of '{self.path}' holds {quoted(strange.iloc[0])}, which is no number"
                raise ConfigError(f"audit: {what}; put one there, or leave the field empty")
            return np.full(len(column), np.nan), np.full(len(column), np.nan)
        last = digits.units(column, notation.decimal, notation.thousands)
        return notation.numbers(column), last.to_numpy()

    def _rows(self, scores: list[Column], others: Sequence[str]) -> tuple[pd.DataFrame, bool]:
        rows = pd.DataFrame(index=self.texts.index)
        rows["problem"] = self._joined("problem")
        rows["arm"] = self._joined("arm", varying=True).replace("", "(no name)")
        setting = self.roles.get("setting", [])
        rows["setting"] = self._joined("setting", varying=True, label=len(setting) > 1)
        for name in ("epoch", *columns.NUMBERS):
            rows[name] = self._companion(name)
        summed = any(c.statistic == "mean" for c in scores)
        if not summed or "seed" in self.roles:
            rows["n"] = np.nan
        if self.asked.test_size and self.asked.test_size.isdigit():
            rows["test_size"] = float(self.asked.test_size)
        rows["status"] = self._joined("status")
        has_seeds = bool(self.roles.get("seed") or self.roles.get("fold"))
        seeds = {**self.roles, "seed": [*self.roles.get("seed", []), *self.roles.get("fold", [])]}
        rows["seed"] = self._joined_of(seeds["seed"])
        self._tell_steps(rows)
        if has_seeds:
            rows["setting"] += self._telling(rows, others)
        else:
            place = ["problem", "arm", "setting", "epoch"]
            rows["seed"] = rows.groupby(place, dropna=False).cumcount().add(1).astype(str)
        return rows, has_seeds

    def _telling(self, rows: pd.DataFrame, others: Sequence[str]) -> pd.Series:
        """What tells rows of one seed apart, of columns without a role or of sizes: a setting that nobody named."""
        sizes = [name for role in SIZES for name in self.roles.get(role, [])]
        runs = rows.groupby([*RUN, "epoch"], dropna=False).ngroup()
        twice = runs[runs.duplicated(keep=False)]
        found = pd.Series("", index=rows.index)
        for name in (*others, *sizes):
            told = self.texts[name].fillna("")
            if len(twice) and (told[twice.index].groupby(twice).nunique() > 1).mean() > MOST:
                found += f" {name}=" + told
        return found

    @staticmethod
    def _tell_steps(rows: pd.DataFrame) -> None:
        """A column of steps that has one number for each run is the budget; else it counts along a curve."""
        runs = rows.groupby(["problem", "arm", "setting", "seed"])["epoch"].nunique()
        if (runs <= 1).all():
            rows["steps"] = rows["steps"].fillna(rows["epoch"])
            rows["epoch"] = np.nan

    def _companion(self, role: str) -> Any:
        """A column of numbers that say what a row cost; NaN where it has none."""
        if role not in self.roles:
            return np.nan
        try:
            return self._numbers(self.roles[role][0])[0]
        except ConfigError:
            return np.nan  # such as times of day, of which nothing is asked

    def _joined(self, role: str, varying: bool = False, label: bool = False) -> pd.Series:
        return self._joined_of(self.roles.get(role, []), varying, label)

    def _joined_of(self, names: Sequence[str], varying: bool = False, label: bool = False) -> pd.Series:
        """The texts of several columns as one; only of those that vary, if any does."""
        texts = self.texts[list(names)].astype("string").fillna("")
        if varying and len(names) > 1:
            some = [name for name in names if texts[name].nunique() > 1] or [*names[:1]]
            texts = texts[some]
        if texts.shape[1] == 0:
            return pd.Series("", index=self.texts.index)
        parts = [(f"{name}=" if label else "") + texts[name].astype(object) for name in texts.columns]
        joined = pd.concat(parts, axis=1).agg(" ".join, axis=1).str.strip()
        return joined.astype(object)

    def _notes(self, scores: list[Column]) -> tuple[str, ...]:
        """What was taken for what."""
        told = [f"{role}: {', '.join(names)}" for role, names in self.roles.items()]
        return (*told, f"results: {', '.join(column.name for column in scores)}")
