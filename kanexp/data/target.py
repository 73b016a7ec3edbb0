"""Target: the column that is learned, as numbers or as classes, and the rows in which it is known."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from kanexp.data.columns import Judge, is_dates, is_declared, missing_words, plain, texts_among_numbers
from kanexp.data.notation import PLAIN, Notation, as_texts

MOST_CLASSES = 20  # whole numbers with more different values are a quantity
Kind = Literal["auto", "classification", "regression"]


@dataclass(frozen=True)
class Target:
    """One column to learn: its values in the rows where they are known, texts where they are classes.

    `classes` are in the order of their values, 2 before 10; empty where numbers are learned. `known` tells for all
    rows of the table whether they have a value, `words` what stood for one that is missing.
    """

    values: pd.Series
    known: pd.Series
    notation: Notation
    classes: tuple[str, ...] = ()
    words: str = ""

    @property
    def name(self) -> str:
        return str(self.values.name)

    @property
    def labels(self) -> np.ndarray:
        """The index of each known row's class."""
        return pd.Categorical(self.values, categories=list(self.classes)).codes


def understand(column: pd.Series, kind: Kind, judge: Judge) -> Target:
    """A column as something to learn. Raises ValueError where it cannot be."""
    name = column.name
    declared = is_declared(column)
    try:
        column = plain(column)
        notation = None if declared else judge.notation(column)
    except ValueError as error:
        raise ValueError(f"target: {str(error).removeprefix('path: ')}") from error
    number = notation is not None and notation.kind != "truth" and not pd.api.types.is_bool_dtype(column)
    values = pd.Series(notation.numbers(column), column.index, name=name) if number and notation else column
    known = values.notna()
    values = values[known]
    if values.nunique() < 2:
        what = f"the one value '{as_texts(values).iloc[0]}'" if len(values) else "no value"
        raise ValueError(f"target: '{name}' has {what} in all rows, so there is nothing to learn; choose another")
    if kind != "classification" and not number and (wrong := texts_among_numbers(column, judge.style)):
        raise ValueError(
            f"target: {wrong}; put a number there or leave the field empty"
            + (", or use task.kind=classification" if kind == "auto" else "")
        )
    if kind != "classification" and notation is None and is_dates(column):
        raise ValueError(
            f"target: '{name}' holds dates; task.dates=days learns days since 1970, task.kind=classification takes "
            "dates as classes"
        )
    if kind == "auto":
        few = not number or (bool((values % 1 == 0).all()) and values.nunique() <= MOST_CLASSES)
        kind = "classification" if few else "regression"
    if kind == "classification":
        if notation is not None and notation.said:  # 5% is a name
            known, values = column.notna(), column[column.notna()]
        names = tuple(dict.fromkeys(as_texts(values.sort_values())))
        words = missing_words(column) if number else ""
        return Target(as_texts(values), known, PLAIN, names, words)
    if not number:
        text = next(value for value in as_texts(values) if pd.isna(pd.to_numeric(value, errors="coerce")))
        raise ValueError(
            f"target: '{name}' holds text such as '{text}', which is no number; mend it or use task.kind=classification"
        )
    if np.isinf(values).any():
        raise ValueError(f"target: '{name}' is infinite in some rows; leave those fields empty")
    return Target(values, known, notation or PLAIN, (), missing_words(column))
