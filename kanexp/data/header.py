"""The names of a table's columns: its first line, a comment above it, or none, which is asked about."""

import csv
import itertools
import re
from typing import Literal

import pandas as pd

NUMBER = re.compile(r"[+-]?(\d[\d.,]*|[.,]\d+)([eE][+-]?\d+)?%?")
MANY = 5  # numbers that rise by chance once in 120 times
SHOWN = 6  # fields of a row that a sentence repeats


class Question(ValueError):
    """What a file leaves open, and the option that answers it."""

    def __init__(self, option: str, sentence: str):
        super().__init__(sentence)
        self.option = option


def names_of(
    table: pd.DataFrame, comments: list[str], separator: str, header: Literal["auto"] | bool
) -> tuple[tuple[list[str], bool], list[str]]:
    """Names for the columns of a table of all lines, whether its first line is data, and what is to be said.

    Raises Question where the first line may be data as well.
    """
    first = ["" if pd.isna(field) else str(field) for field in table.iloc[0]]
    numbered = [str(i + 1) for i in range(len(first))]
    if header is False:
        return (numbered, True), [f"columns without a header, called {_brief(numbered)}"]
    if header is True:
        return (first, False), []
    if named := _in_comment(comments, separator, table):
        return (named, True), [f"names from the comment '{_brief(named)}'"]
    if _is_count(first):
        said = f"the first row, {_brief(first)}, taken for names; task.header=false takes it for data"
        return (first, False), [said]
    if _may_be_data(first, table):
        raise Question(
            "header",
            f"({_brief(first)}) looks like data, where names were expected; if it is, use task.header=false, "
            f"which calls the columns {_brief(numbered)}, else task.header=true",
        )
    return (first, False), []


def _in_comment(comments: list[str], separator: str, table: pd.DataFrame) -> list[str]:
    """Names as NumPy writes them, in a comment above rows that are numbers alone; empty where there are none."""
    if not comments or not all(NUMBER.fullmatch(field) for field in table.iloc[0].fillna("0")):
        return []
    text = comments[-1].lstrip("# ")
    for mark in (separator, ","):
        named = [name.strip() for name in next(csv.reader([text], delimiter=mark, skipinitialspace=True))]
        if len(named) == len(table.columns) and len(set(named)) == len(named) and all(named):
            return named
    return []


def _is_count(first: list[str]) -> bool:
    """Whether these are names that a program gave: 0, 1, 2, ... or 1, 2, 3, ..., perhaps beside an index."""
    given = first[1:] if first[0] == "" else first
    return len(given) > 1 and any(given == [str(i + start) for i in range(len(given))] for start in (0, 1))


def _may_be_data(first: list[str], table: pd.DataFrame) -> bool:
    """Whether every field is a number or stands in its column once more, or there are numbers that name nothing."""
    below = table.iloc[1:]
    again = [bool(field) and bool((below.iloc[:, i] == field).any()) for i, field in enumerate(first)]
    if len(first) > 1 and all(more or NUMBER.fullmatch(field) for field, more in zip(first, again, strict=True)):
        return True
    numbers = [float(field) for field in first if _is_plain(field)]
    texts = [more for field, more in zip(first, again, strict=True) if not _is_plain(field)]
    return bool(numbers) and (any(texts) or not _are_names(numbers))


def _are_names(numbers: list[float]) -> bool:
    """Whether columns may be called so: a number alone, those that count, years, or many that rise, as wavelengths."""
    steps = [b - a for a, b in itertools.pairwise(numbers)]
    whole = all(number.is_integer() for number in numbers)
    years = all(1900 <= number <= 2100 for number in numbers)
    if whole and (all(step == 1 for step in steps) or years):
        return all(step > 0 for step in steps)
    return len(numbers) >= MANY and all(step > 0 for step in steps)


def _is_plain(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return bool(NUMBER.fullmatch(field))


def _brief(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
