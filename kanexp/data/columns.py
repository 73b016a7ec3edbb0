"""Columns: what becomes of each column of a table, a number, one input per category, or nothing, with the reason."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from kanexp.data.notation import (
    PLAIN,
    Notation,
    Style,
    as_texts,
    date_format,
    is_missing_word,
    is_text,
)
from kanexp.data.table_file import counts_rows

MOST_CATEGORIES = 50  # a text column of more different texts holds names or numbers of rows
NEARLY_ALL = 0.9  # of the rows, from which on different texts name the rows


@dataclass(frozen=True)
class Columns:
    """Which columns become numbers, and how they are written; which become one number per category; which are left out.

    `words` are what stood for missing numbers, `counted` the columns that only count the rows, and `read` the numbers
    themselves, (rows,) float64 with NaN where one is missing.
    """

    numbers: dict[str, Notation] = field(default_factory=dict)
    categories: dict[str, list[str]] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    counted: list[str] = field(default_factory=list)
    read: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def width(self) -> int:
        return len(self.numbers) + sum(map(len, self.categories.values()))


@dataclass(frozen=True)
class Judge:
    """What decides: how the file writes numbers, columns that are categories whatever they hold, and what dates are."""

    style: Style
    categories: Sequence[str] = ()
    dates: bool = False  # whether they become numbers

    def columns(self, table: pd.DataFrame) -> Columns:
        """What to do with each column. Raises ValueError where text stands among numbers or numbers are infinite."""
        found = Columns()
        for name in table.columns:
            self._sort(found, name, table[name])
        return found

    def _sort(self, found: Columns, name: str, column: pd.Series) -> None:
        """One column, into where it belongs."""
        declared = name in self.categories or is_declared(column)
        try:
            column = plain(column)
        except ValueError as error:
            raise ValueError(f"path: {error}") from error
        given = column.dropna()
        if given.empty:
            found.dropped[name] = "empty"
        elif declared and (name in self.categories or given.nunique() <= MOST_CATEGORIES):
            found.categories[name] = categories(column)
        elif pd.api.types.is_timedelta64_dtype(column):
            found.dropped[name] = "durations"
        elif notation := self.notation(column):
            self._number(found, name, column, notation)
        elif len(given) == len(column) and given.nunique() == 1:
            found.dropped[name] = "constant"
        elif is_dates(column):
            found.dropped[name] = "dates; task.dates=days makes numbers of them"
        elif wrong := texts_among_numbers(column, self.style):
            raise ValueError(
                f"path: column {wrong}; put a number there or leave the field empty, name what is missing, "
                f"task.missing=[...], or leave the column out, task.drop=['{name}']"
            )
        elif (different := given.nunique()) > MOST_CATEGORIES:
            found.dropped[name] = f"{different} different texts"
        elif 2 < different >= NEARLY_ALL * len(given):
            found.dropped[name] = f"{different} different texts in {len(given)} rows"
        else:
            found.categories[name] = categories(column)

    def _number(self, found: Columns, name: str, column: pd.Series, notation: Notation) -> None:
        numbers = notation.numbers(column)
        found.read[name] = numbers
        if infinite := int(np.isinf(numbers).sum()):
            raise ValueError(
                f"path: column '{name}' is infinite in {infinite} row{'s' if infinite > 1 else ''}; "
                "put numbers there or leave the fields empty"
            )
        if len(np.unique(numbers[~np.isnan(numbers)])) == 1 and not np.isnan(numbers).any():
            found.dropped[name] = "constant"
            return
        found.numbers[name] = notation
        if np.isnan(numbers).any() and (words := missing_words(column)):
            found.words[name] = words
        if counts_rows(pd.Series(numbers)):
            found.counted.append(name)

    def notation(self, column: pd.Series) -> Notation | None:
        """How a column writes numbers; None where it holds none."""
        if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
            return PLAIN
        if pd.api.types.is_datetime64_any_dtype(column):
            return Notation("date", format="ISO8601") if self.dates else None
        if not is_text(column):
            return None
        try:
            notation = self.style.notation(column)
        except ValueError as error:
            raise ValueError(f"path: column {error}") from error
        if notation is None and self.dates and (way := date_format(column)):
            return Notation("date", format=way)
        return notation


def plain(column: pd.Series) -> pd.Series:
    """A column of a kind that is dealt with: decimal numbers as floats, days as dates, categories as texts.

    Raises ValueError where each field holds several things.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        return as_texts(column.astype(object))
    if not pd.api.types.is_object_dtype(column):
        return column
    values = [value for value in column if _is_several(value) or not pd.isna(value)]
    for value in values:
        if _is_several(value):
            raise ValueError(
                f"column '{column.name}' holds {_kind(value)}, of which no number can be made; give a column for "
                f"each of their numbers, or leave it out, task.drop=['{column.name}']"
            )
    kinds = {type(value).__name__ for value in values}
    if values and kinds <= {"Decimal", "int", "float"} and any(isinstance(value, Decimal) for value in values):
        return column.astype(float)
    if kinds and kinds <= {"date", "datetime", "Timestamp"}:
        return pd.to_datetime(column, errors="coerce")
    return column if kinds <= {"str"} else as_texts(column)


def is_declared(column: pd.Series) -> bool:
    """Whether the file itself says that a column holds categories."""
    return isinstance(column.dtype, pd.CategoricalDtype)


def _is_several(value: Any) -> bool:
    return isinstance(value, list | tuple | dict | set | np.ndarray | bytes)


def _kind(value: Any) -> str:
    kinds = {bytes: "bytes", dict: "records"}
    return next((name for kind, name in kinds.items() if isinstance(value, kind)), "lists")


def is_dates(column: pd.Series) -> bool:
    """Whether a column holds dates."""
    return pd.api.types.is_datetime64_any_dtype(column) or (is_text(column) and bool(date_format(column)))


def categories(column: pd.Series) -> list[str]:
    """The different texts of a column, where what is missing is one as well."""
    return sorted(as_texts(column).fillna("missing").unique())


def texts_among_numbers(column: pd.Series, style: Style) -> str:
    """What the first text is that is no number as most of a column's entries are, and where; empty where none is."""
    if not is_text(column):
        return ""
    given = column.dropna().astype(str)
    counts = given.value_counts()
    given = given.drop_duplicates()
    given = wrong = given[~is_missing_word(given)]
    said = ""
    for notation in (PLAIN, *style.ways(column)):
        strange = notation.strangers(given)
        if len(strange) < len(wrong):
            wrong, said = strange, notation.said
    if wrong.empty or counts[wrong].sum() >= counts[given].sum() / 2:
        return ""
    how = f" ({said})" if said else ""
    return f"'{column.name}' holds numbers{how}, but '{wrong.iloc[0]}' in row {wrong.index[0] + 1}"


def missing_words(column: pd.Series) -> str:
    """What stands for missing numbers, in quotes; empty where only fields are empty."""
    if not is_text(column):
        return ""
    given = pd.Series(column.dropna().unique(), dtype="string").str.strip()
    return ", ".join(f"'{word}'" for word in given[is_missing_word(given)])
