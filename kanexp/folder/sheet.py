"""Tables as CSV files that people open in a spreadsheet, where a text may not become a formula."""

import math
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # with which a spreadsheet takes a cell to begin one
LOSABLE = 2  # digits that numbers may have in common and be written no longer for it


def write_sheet(table: pd.DataFrame, file: Path | TextIO, digits: int | None = None) -> None:
    """Write the table without its index, numbers with so many digits, by default all.

    Columns whose numbers differ little for their size get more, so that enough is left of their differences.

    Texts that begin as a formula does and are no numbers get an apostrophe in front, after which a spreadsheet shows
    them as they are. Source: https://owasp.org/www-community/attacks/CSV_Injection
    """
    shown = table.rename(columns=harmless)
    for i, kind in enumerate(table.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            shown.isetitem(i, [harmless(value) for value in table.iloc[:, i]])
        elif digits and (more := _lost(table.iloc[:, i])) > LOSABLE:
            form = f"%.{min(digits + more, 17)}g"
            shown.isetitem(i, [form % value if np.isfinite(value) else value for value in table.iloc[:, i]])
    shown.to_csv(file, index=False, float_format=f"%.{digits}g" if digits else None)


def _lost(column: pd.Series) -> int:
    """How many leading digits the numbers of a column have in common."""
    numbers = column.to_numpy(dtype=float, na_value=np.nan)
    numbers = numbers[np.isfinite(numbers)]
    largest, spread = np.abs(numbers).max(initial=0), np.ptp(numbers / 2) * 2 if len(numbers) else 0
    return math.ceil(np.log10(largest / spread)) if spread > 0 else 0


def harmless(value: Any) -> Any:
    """A cell as it is, or as text that no spreadsheet computes."""
    if not isinstance(value, str) or len(value) < 2 or not value.startswith(FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value
