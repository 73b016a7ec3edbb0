"""Tables as CSV files that people open in a spreadsheet, where a text may not become a formula."""

from pathlib import Path
from typing import Any

import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # with which a spreadsheet takes a cell to begin one


def write_sheet(table: pd.DataFrame, file: Path, digits: int | None = None) -> None:
    """Write the table without its index, numbers with so many digits, by default all.

    Texts that begin as a formula does and are no numbers get an apostrophe in front, after which a spreadsheet shows
    them as they are. Source: https://owasp.org/www-community/attacks/CSV_Injection
    """
    shown = table.rename(columns=harmless)
    for i, kind in enumerate(table.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            shown.isetitem(i, [harmless(value) for value in table.iloc[:, i]])
    shown.to_csv(file, index=False, float_format=f"%.{digits}g" if digits else None)


def harmless(value: Any) -> Any:
    """A cell as it is, or as text that no spreadsheet computes."""
    if not isinstance(value, str) or len(value) < 2 or not value.startswith(FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value
