"""Tables from text and Parquet files, as they stand there. Mistakes are ValueErrors that begin `path:` or `header:`."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kanexp.data.header import NUMBER, Question, names_of
from kanexp.data.reading import SEPARATORS, Reading
from kanexp.data.text_file import read_text

SUFFIXES = (".parquet", ".pq")
SAMPLE = 200  # lines from which the separator is found


@dataclass(frozen=True)
class TableFile:
    """The columns of a file by their names, what stands between them, and what is to be said of how it was read.

    Of a text file all columns are texts, missing where a field is empty: what they mean is judged for each column and
    remembered, so that in the next file they mean the same.
    """

    table: pd.DataFrame
    separator: str = ""
    notes: tuple[str, ...] = ()


def read_table(path: str, reading: Reading | None = None) -> pd.DataFrame:
    """The columns of a file as they stand there, texts of a text file. Raises ValueError."""
    return read_file(path, reading or Reading()).table


def read_file(path: str, reading: Reading) -> TableFile:
    """A CSV or Parquet file. Raises ValueError that says what is wrong with it and what to do."""
    file = Path(path).expanduser()
    try:
        if file.is_dir():
            raise OSError("it is a folder")
        found = _read_parquet(file) if file.suffix.lower() in SUFFIXES else _read_csv(file, reading)
    except Question as question:
        raise ValueError(f"{question.option}: the first row of '{path}' {question}") from question
    except (OSError, ValueError, csv.Error, pd.errors.ParserError) as error:
        why = "no such file" if isinstance(error, FileNotFoundError) else " ".join(str(error).split())
        advice = "give a CSV or Parquet file" + (
            ", or name its encoding, as in task.encoding=cp1251" if "UTF-8" in why else ""
        )
        raise ValueError(f"path: cannot read a table from '{path}' ({why}); {advice}") from error
    if found.table.empty:
        raise ValueError(f"path: '{path}' has no rows below its header; give a file with data")
    table, notes = _without_index(found.table)
    if twice := [name for name, count in Counter(table.columns).items() if count > 1]:
        count = list(table.columns).count(twice[0])
        raise ValueError(f"path: {count} columns of '{path}' are called '{twice[0]}'; give each a name of its own")
    return TableFile(table, found.separator, (*found.notes, *notes))


def _read_csv(file: Path, reading: Reading) -> TableFile:
    text, notes = read_text(file, reading.encoding)
    lines, comments = _without_comments([line for line in text.split("\n") if line.strip()])
    if not lines:
        raise ValueError("it is empty")
    declared = re.fullmatch(r'"?sep=(.)"?', lines[0])  # as spreadsheets write
    lines = lines[1:] if declared and len(lines) > 1 else lines
    found = declared[1] if declared else _separator(lines[:SAMPLE])
    separator = found if reading.separator == "auto" else reading.mark
    if separator == " ":
        lines = [line.strip() for line in lines]
    counts = [len(row) for row in _rows(lines, separator)]
    table = _fitted(_parsed(lines, separator, max(counts)), counts)
    names, more = names_of(table, comments, separator, reading.header)
    table = (table if names[1] else table.iloc[1:]).set_axis(names[0], axis=1)
    empty = table.isna().all(axis=1)
    if empty.any():
        more = [*more, f"{empty.sum()} empty row{'s' if empty.sum() > 1 else ''} left out"]
    if comments:
        more = [*more, f"{len(comments)} comment line{'s' if len(comments) > 1 else ''} (#) skipped"]
    marks = {mark: f"{name}s" for name, mark in SEPARATORS.items()}
    if separator not in ",;\t":
        notes = [*notes, f"columns separated by {marks.get(separator, repr(separator))}"]
    return TableFile(table[~empty].reset_index(drop=True), separator, (*notes, *more))


def _without_comments(lines: list[str]) -> tuple[list[str], list[str]]:
    """Lines of the table, and those that begin with #, unless most do, which are of the table then."""
    comments = [line.strip() for line in lines if line.lstrip().startswith("#")]
    if len(comments) > len(lines) / 2:
        return lines, []
    return [line for line in lines if not line.lstrip().startswith("#")], comments


def _rows(lines: Iterable[str], separator: str) -> Iterable[list[str]]:
    return csv.reader((line + "\n" for line in lines), delimiter=separator, skipinitialspace=True)


def _separator(lines: list[str]) -> str:
    """What cuts most lines into the same number of fields, the most of them, but never a number; else a comma."""
    found = {mark: cut for mark in (",", ";", "\t", "|") if (cut := _cut(lines, mark)) is not None}
    if not found:  # spaces separate where nothing else does
        cut = _cut([line.strip() for line in lines], " ")
        return " " if cut is not None and cut[0] > 0.8 else ","
    share = max(cut[0] for cut in found.values())
    best = {mark: fields for mark, (often, fields) in found.items() if often == share}
    for mark in best:
        if "," in best and mark != "," and _holds_decimal_commas(lines, mark):
            return mark
    return max(best, key=lambda mark: best[mark])


def _cut(lines: list[str], separator: str) -> tuple[float, int] | None:
    """The share of lines, to a tenth, with the commonest number of fields, and that number; None where it is one."""
    try:
        counts = [len(row) for row in _rows(lines, separator)]
    except csv.Error:
        return None
    fields, often = Counter(counts[1:] or counts).most_common(1)[0]
    share = round(often / max(1, len(counts) - 1), 1)
    # Names may be one fewer, beside names of rows, or one more or fewer, with a separator at the end of lines.
    fits = abs(counts[0] - fields) <= 1 and min(counts[0], fields) > 1 and share > 0.3
    return (share, fields) if fits else None


def _holds_decimal_commas(lines: list[str], separator: str) -> bool:
    """Whether all fields with a comma below the first line are numbers, where this separates them."""
    fields = [field for row in list(_rows(lines, separator))[1:] for field in row if "," in field]
    return bool(fields) and all(NUMBER.fullmatch(field.strip()) for field in fields)


def _parsed(lines: list[str], separator: str, columns: int) -> pd.DataFrame:
    """All fields as texts, the names among them; missing where they are empty."""
    table = pd.read_csv(
        io.StringIO("\n".join(lines)),
        sep=separator,
        header=None,
        names=list(range(columns)),
        index_col=False,
        dtype=str,
        keep_default_na=False,
        na_values=[""],
        skipinitialspace=True,
    )
    table = table.apply(lambda column: column.str.strip())
    return table.mask(table == "")


def _fitted(table: pd.DataFrame, counts: list[int]) -> pd.DataFrame:
    """As many columns as there are names. Raises ValueError for the first row with another number of fields.

    A separator at the end of lines is none, and names of rows may have no name above them.
    """
    names, rows, last = counts[0], counts[1:], table.columns[-1]
    spare = len(table.columns) > 1 and table[last].isna().all()
    if spare and all(count >= len(table.columns) - 1 for count in counts):
        return table.drop(columns=last)
    if names > 1 and rows and all(count == names + 1 for count in rows):
        head = table.iloc[[0]].shift(axis=1)
        return pd.concat([head, table.iloc[1:]])
    if names == 1 and rows and min(rows) > 1:
        raise ValueError(
            f"its first line has 1 field and the next {rows[0]}; begin lines above the names with # or delete them"
        )
    for row, count in enumerate(rows, start=1):
        if count == names:
            continue
        if row == len(rows) and count < names:
            raise ValueError(f"its last line has {count} of {names} columns: the file was cut short")
        if count < names:
            raise ValueError(f"row {row} has {count} of {names} fields; complete it or delete it")
        raise ValueError(f"row {row} has {count} fields, and the header {names}; put texts with separators in quotes")
    return table


def _without_index(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The table without columns that have no name and only count or name the rows, which programs write beside it."""
    notes, leave, names = [], [], list(map(str, table.columns))
    for i, name in enumerate(names):
        column = table.iloc[:, i]
        if name and not re.fullmatch(r"Unnamed: \d+|__index_level_\d+__", name):
            continue
        if (counts := counts_rows(column)) or (i == 0 and not name and _names_rows(column)):
            leave.append(i)
            notes.append(f"column {i + 1} without a name, which {'counts' if counts else 'names'} the rows, left out")
        elif not name:
            names[i] = f"column {i + 1}"
    table = table.set_axis(names, axis=1)
    return table.iloc[:, [i for i in range(len(names)) if i not in leave]], notes


def counts_rows(column: pd.Series) -> bool:
    """Whether it holds 0, 1, 2, ... or 1, 2, 3, ... in this order."""
    if str(column.iloc[0]).strip() in ("0", "1", "0.0", "1.0"):
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        return len(numbers) > 1 and any((numbers == np.arange(len(numbers)) + start).all() for start in (0, 1))
    return False


def _names_rows(column: pd.Series) -> bool:
    return bool(column.notna().all() and column.is_unique and pd.to_numeric(column, errors="coerce").isna().all())


def _read_parquet(file: Path) -> TableFile:
    if not file.is_file():
        raise FileNotFoundError(file)
    try:
        table = pd.read_parquet(file)
    except ImportError as error:
        raise ValueError("Parquet needs pyarrow, which is not installed: pip install 'kanexp[parquet]'") from error
    if any(table.index.names):  # a named index is a column that pandas took aside
        table = table.reset_index()
    table = table.reset_index(drop=True)
    return TableFile(table.set_axis([str(name) for name in table.columns], axis=1))
