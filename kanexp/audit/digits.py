"""Digits: how exactly a number is written, as the unit of its last digit."""

import re

import numpy as np
import pandas as pd

WRITTEN = re.compile(r"(?P<whole>\d*)(?:\.(?P<decimals>\d*))?(?:[eE](?P<power>[+-]?\d+))?")


def unit(text: str) -> float:
    """The unit of the last digit: 0.001 of 1.234, 1e-05 of 1.23e-3; NaN of what is no number."""
    found = WRITTEN.search(text, next((i for i, letter in enumerate(text) if letter in ".0123456789"), len(text)))
    if not found or not (found["whole"] or found["decimals"]):
        return np.nan
    return float(f"1e{int(found['power'] or 0) - len(found['decimals'] or '')}")


def units(texts: pd.Series, decimal: str = ".", thousands: str = "") -> pd.Series:
    """The units of a column of texts or numbers; a number has all digits that Python shows of it."""
    plain = texts.map(lambda text: repr(float(text)) if isinstance(text, int | float) else str(text))
    if thousands:
        plain = plain.str.replace(thousands, "", regex=False)
    return plain.str.replace(decimal, ".", regex=False).map(unit).astype(float)


def significant(values: pd.Series, last: pd.Series) -> pd.Series:
    """How many significant digits the numbers have, as written; none of zeros."""
    sizes = values.abs().where(values != 0)
    return np.floor(np.log10(sizes)) - np.round(np.log10(last)) + 1
