"""Reading: a study from somebody's table of results, long or wide, by the roles of its columns."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kanexp.audit import columns, digits
from kanexp.audit.columns import Column
from kanexp.audit.study import RUN, Study
from kanexp.data.header import NUMBER
from kanexp.data.notation import Style, is_missing_word, is_text
from kanexp.data.reading import Reading
from kanexp.data.table_file import TableFile, read_file
from kanexp.error import ConfigError, quoted

SPREAD = re.compile(r"\s*(\S+?)\s*(?:±|\+-|\+/-|\\pm|\()\s*([\d.,eE+-]+)\s*\)?\s*")  # 0.12 ± 0.03, 0.12 (0.03)
SIZES = ("train_size", "test_size", "parameters", "steps")
MOST = 0.5  # of the seeds that stand there several times, in which a setting differs
SHOWN = 12  # columns that a sentence names


@dataclass(frozen=True)
class Asked:
    """Which columns have which role, where their names do not say; of --test-size a number for all rows as well."""

    arm: Sequence[str] = ()
    seed: Sequence[str] = ()
    metric: Sequence[str] = ()
    value: str | None = None
    dataset: str | None = None
    test_size: str | None = None


def read_study(path: Path, asked: Asked) -> Study:
    """The study in a file. Raises ConfigError with a sentence about the file, or a column that it lacks."""
    file = _file(path)
    texts = file.table.apply(_as_texts)
    roles = _roles(texts, asked, str(path))
    texts, roles, scores = _wide(texts, roles, asked, str(path))
    style = Style.of(texts, file.separator, Reading())
    return _Table(str(path), texts, roles, style, asked).study(scores)


def _as_texts(column: pd.Series) -> pd.Series:
    """A column as a text file has it."""
    return column if is_text(column) else column.map(str, na_action="ignore").astype(object)


def _file(path: Path) -> TableFile:
    try:
        return read_file(str(path), Reading())
    except ValueError as error:
        text = (
            str(error).removeprefix("path: ").replace(", or name its encoding, as in task.encoding=cp1251", " in UTF-8")
        )
        if text.startswith("header: "):
            text = f"the first line of '{path}' looks like data; begin the file with the names of its columns"
        raise ConfigError(f"audit: {text}") from error


def _roles(texts: pd.DataFrame, asked: Asked, path: str) -> dict[str, list[str]]:
    """The columns of each role. Raises ConfigError for one that is not there."""
    long = asked.value is not None
    given = {"arm": asked.arm, "seed": asked.seed, "metric": asked.metric if long else ()}
    given |= {"value": [asked.value] if asked.value else (), "problem": [asked.dataset] if asked.dataset else ()}
    size = asked.test_size
    given |= {"test_size": [size] if size and not size.isdigit() else ()}
    words = {"problem": "dataset", "test_size": "test-size"}
    for role, names in given.items():
        for name in names:
            if name not in texts.columns:
                raise ConfigError(f"--{words.get(role, role)}: {_missing(name, texts, path)}")
    found = columns.roles(texts.columns, {role: list(names) for role, names in given.items()})
    if "value" in found and "metric" not in found:
        del found["value"]  # a column of results that is called value or score
    if "metric" in found and "value" not in found and not _named_statistics(texts):
        raise ConfigError(
            f"audit: no column of '{path}' holds the values of '{found['metric'][0]}'; name it by --value"
        )
    if "arm" not in found:
        raise ConfigError(f"audit: no column of '{path}' names the arms ({_some(texts)}); say which by --arm COLUMN")
    return found


def _missing(name: str, texts: pd.DataFrame, path: str) -> str:
    close = difflib.get_close_matches(name, list(texts.columns), n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"'{path}' has no column {quoted(name)}; {hint}columns: {_some(texts)}"


def _some(texts: pd.DataFrame) -> str:
    names = [quoted(str(name)).strip("'") for name in texts.columns]
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def _named_statistics(texts: pd.DataFrame) -> list[str]:
    """Columns that are called mean, std, min or max, and nothing else."""
    return [name for name in texts.columns if columns.normal(name) in columns.STATISTICS]


Wide = tuple[pd.DataFrame, dict[str, list[str]], list[Column]]


def _wide(texts: pd.DataFrame, roles: dict[str, list[str]], asked: Asked, path: str) -> Wide:
    """The table with a column for each score, the roles that are left, and the scores."""
    if "part" in roles and not texts[roles["part"][0]].str.lower().isin(columns.PARTS).all():
        roles.setdefault("fold", []).extend(roles.pop("part"))  # numbers of splits
    if "metric" in roles:
        numbers = roles.get("value") or _named_statistics(texts)
        wide, names = _spread_out(texts, roles, numbers)
    elif "part" in roles:
        numbers = [c.name for c in _scores(texts, roles, asked, path)]
        wide, names = _spread_out(texts, roles, numbers)
    else:
        wide, names = _split(texts, roles), []
        return wide, roles, _scores(wide, roles, asked, path)
    left = {role: named for role, named in roles.items() if role not in ("metric", "value", "part")}
    return wide, left, [found for name in names if (found := columns.column_of(name, asked=True))]


def _spread_out(
    texts: pd.DataFrame, roles: Mapping[str, list[str]], numbers: list[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Rows that differ in a column of metrics or parts alone become one; a repeated row stays a row of its own."""
    by = [named[0] for role in ("part", "metric") if (named := roles.get(role))]
    clocks = [name for name in texts.columns if columns.normal(name) in columns.CLOCKS]
    keys = [name for name in texts.columns if name not in (*by, *numbers, *clocks)]
    place = texts[keys].fillna("").agg("\x1f".join, axis=1)
    label = texts[by].fillna("").agg("_".join, axis=1)
    row = place + "\x1f" + texts.groupby([place, label]).cumcount().astype(str)
    wide = texts[keys].groupby(row, sort=False).first()
    names = []
    for name in numbers:
        for word, here in texts.groupby(label, sort=False):
            simple = name in roles.get("value", ())
            full = str(word) if simple else f"{word}_{name}"
            wide[full] = pd.Series(here[name].to_numpy(), index=row[here.index])
            names.append(full)
    return wide.reset_index(drop=True), names


def _split(texts: pd.DataFrame, roles: Mapping[str, list[str]]) -> pd.DataFrame:
    """Columns of 0.12 ± 0.03 as two, a mean and a deviation."""
    named = {name for names in roles.values() for name in names}
    made = dict(texts.items())
    for name, column in texts.items():
        given = column.dropna() if name not in named and is_text(column) else pd.Series(dtype=str)
        if len(given) and given.map(lambda text: bool(SPREAD.fullmatch(text))).all():
            parts = column.str.extract(SPREAD.pattern)
            del made[name]
            made |= {f"{name}_mean": parts[0], f"{name}_std": parts[1]}
    return pd.DataFrame(made)


def _scores(texts: pd.DataFrame, roles: Mapping[str, list[str]], asked: Asked, path: str) -> list[Column]:
    """The columns of results. Raises ConfigError for one that was asked for and is not there, or if there are none."""
    named = {name for names in roles.values() for name in names}
    for name in asked.metric:
        if name not in texts.columns and f"{name}_mean" not in texts.columns:
            raise ConfigError(f"--metric: {_missing(name, texts, path)}")
    wanted = [n for name in asked.metric for n in (name, f"{name}_mean", f"{name}_std") if n in texts.columns]
    names = wanted or [name for name in texts.columns if name not in named]
    found = [column for name in names if (column := columns.column_of(name, bool(wanted)))]
    if not wanted:  # a loss or a precision may be a word as well
        found = [column for column in found if not _are_words(texts[column.name])]
    if not found:
        raise ConfigError(
            f"audit: no column holds results that are known ({_some(texts)}); say which by --metric COLUMN"
        )
    return found


def _strangers(column: pd.Series) -> pd.Series:
    """The texts of a column that are neither numbers, as programs write them, nor stand for a missing one."""
    given = column.dropna()
    return given[pd.to_numeric(given, errors="coerce").isna() & ~is_missing_word(given)]


def _are_words(column: pd.Series) -> bool:
    """Whether a column has texts and no number in any notation."""
    strange = _strangers(column)
    return len(strange) > 0 and not any(NUMBER.fullmatch(text.strip()) for text in column.dropna())


@dataclass(frozen=True)
class _Table:
    """A table with a column for each score, on its way to a study."""

    path: str
    texts: pd.DataFrame
    roles: dict[str, list[str]]
    style: Style
    asked: Asked

    def study(self, scores: list[Column]) -> Study:
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
            if len(strange := _strangers(column)):
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
