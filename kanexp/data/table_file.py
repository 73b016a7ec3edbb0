"""Tables from CSV and Parquet files: read, and judged column by column. Mistakes are ValueErrors that begin `path:`."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

MOST_CATEGORIES = 50  # a text column of more different texts holds names or numbers of rows
SUFFIXES = (".parquet", ".pq")


def read_table(path: str) -> pd.DataFrame:
    """A file's columns; where they are no numbers they are text. Commas, semicolons or tabs between them.

    Between semicolons numbers may have a comma for a point, as spreadsheets write them in much of Europe.
    """
    file = Path(path).expanduser()
    try:
        if file.is_dir():
            raise OSError("it is a folder")
        table = _read_parquet(file) if file.suffix.lower() in SUFFIXES else _read_csv(file)
    except (OSError, ValueError, pd.errors.ParserError) as error:
        why = "no such file" if isinstance(error, FileNotFoundError) else " ".join(str(error).split())
        raise ValueError(f"path: cannot read a table from '{path}' ({why}); give a CSV or Parquet file") from error
    if table.empty:
        raise ValueError(f"path: '{path}' has no rows below its header; give a file with data")
    return table


def _read_csv(file: Path) -> pd.DataFrame:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            header = lines.readline()
            separator = max(",;\t", key=header.count)
            if "\0" in header:
                raise ValueError("it is no text")
            last = header
            for line in lines:
                last = line if line.strip() else last
        fields = next(csv.reader([last], delimiter=separator), [])
        commas = separator == ";" and any(re.fullmatch(r"\s*-?\d*,\d+\s*", field) for field in fields)
        point = "," if commas else "."
        table = pd.read_csv(file, sep=separator, decimal=point, encoding="utf-8-sig", skipinitialspace=True)
    except UnicodeDecodeError as error:
        raise ValueError("it is no text in UTF-8") from error
    except pd.errors.EmptyDataError as error:
        raise ValueError("it is empty") from error
    if len(fields) < len(table.columns):  # pandas would fill up a row that was cut
        raise ValueError(f"its last line has {len(fields)} of {len(table.columns)} columns: the file was cut short")
    return table


def _read_parquet(file: Path) -> pd.DataFrame:
    if not file.is_file():
        raise FileNotFoundError(file)
    try:
        return pd.read_parquet(file)
    except ImportError as error:
        raise ValueError("Parquet needs pyarrow, which is not installed: pip install 'kanexp[parquet]'") from error


@dataclass(frozen=True)
class Columns:
    """Which columns become numbers, which become one number per category, and which are left out, with the reason."""

    numbers: list[str]
    categories: dict[str, list[str]]
    dropped: dict[str, str]

    @property
    def width(self) -> int:
        return len(self.numbers) + sum(map(len, self.categories.values()))

    def texts(self, table: pd.DataFrame, name: str) -> pd.Series:
        """A column of categories as text, where what is missing is a category as well."""
        return table[name].astype(str).where(table[name].notna(), "missing")

    def one_hot(self, table: pd.DataFrame) -> np.ndarray:
        """(categories, rows), 1 where a row is of that category."""
        rows = [
            (self.texts(table, name) == value).to_numpy(dtype=float)
            for name, values in self.categories.items()
            for value in values
        ]
        return np.array(rows).reshape(-1, len(table))


def judge(table: pd.DataFrame) -> Columns:
    """What to do with each column. Raises ValueError where text stands among numbers or numbers are infinite."""
    found = Columns([], {}, {})
    for name in table.columns:
        column = table[name]
        different = column.nunique()
        if different == 0:
            found.dropped[name] = "empty"
        elif different == 1 and column.notna().all():
            found.dropped[name] = "constant"
        elif pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
            if infinite := int(np.isinf(column.to_numpy(dtype=float, na_value=np.nan)).sum()):
                raise ValueError(
                    f"path: column '{name}' is infinite in {infinite} row{'s' if infinite > 1 else ''}; "
                    "put numbers there or leave the fields empty"
                )
            found.numbers.append(name)
        elif pd.api.types.is_datetime64_any_dtype(column):
            found.dropped[name] = "dates"
        elif wrong := texts_among_numbers(column):
            row, text = wrong[0]
            raise ValueError(
                f"path: column '{name}' holds numbers, but '{text}' in row {row}; "
                "put a number there or leave the field empty"
            )
        elif different > MOST_CATEGORIES:
            found.dropped[name] = f"{different} different texts"
        else:
            found.categories[name] = sorted(found.texts(table, name).unique())
    return found


def texts_among_numbers(column: pd.Series) -> list[tuple[int, str]]:
    """Rows (from 1, below the header) and texts that are no numbers in a column most of whose entries are."""
    given = column.dropna().astype(str)
    wrong = given[pd.to_numeric(given, errors="coerce").isna()]
    return [(int(i) + 1, text) for i, text in wrong.items()] if len(wrong) < len(given) / 2 else []
