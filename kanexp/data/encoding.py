"""Encoding: how rows as people have them become what a network takes, and how large its outputs are in their units."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from kanexp.data.columns import plain as plain_column
from kanexp.data.notation import PLAIN, Notation, as_texts, without


@dataclass(frozen=True)
class Column:
    """One column of what goes in: a number brought to a common size, or a category with an input for each value.

    A missing number becomes `fill`; where that is None, none may be missing. Inputs are (number - offset) / scale.
    `notation` is how training read the numbers from texts; `missing` are texts that stand for nothing.
    """

    name: str
    offset: float = 0.0
    scale: float = 1.0
    fill: float | None = None
    values: tuple[str, ...] = ()
    notation: Notation = PLAIN
    missing: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """What each of its inputs is called."""
        return [f"{self.name}={value}" for value in self.values] or [self.name]


@dataclass(frozen=True)
class Encoding:
    """The columns that go in, in their order; the targets that come out, and the classes where they are some.

    Features are its numbers in their own units, missing ones NaN, and 1 or 0 for each value of a category; inputs are
    what becomes of features at a common size, -1 or 1 for a category's. Both are (inputs, rows), float64.
    """

    columns: tuple[Column, ...]
    targets: tuple[str, ...] = ("y",)
    classes: tuple[str, ...] = ()

    @classmethod
    def of_ranges(cls, names: Sequence[str], ranges: Sequence[tuple[float, float]], to_unit: bool) -> "Encoding":
        """Of numbers in known ranges, which are brought to [-1, 1] or left as they are."""
        columns = [
            Column(name, (low + high) / 2, (high - low) / 2) if to_unit else Column(name)
            for name, (low, high) in zip(names, ranges, strict=True)
        ]
        return cls(tuple(columns))

    @classmethod
    def unchanged(cls, inputs: int | Sequence[str], *rest: Any) -> "Encoding":
        """Of numbers that go in as they are, by their names; of so many of them, x1, x2, ..."""
        names = [f"x{i + 1}" for i in range(inputs)] if isinstance(inputs, int) else inputs
        return cls(tuple(map(Column, names)), *rest)

    @property
    def names(self) -> list[str]:
        """What each input is called."""
        return [name for column in self.columns for name in column.names]

    @cached_property
    def offset(self) -> Tensor:
        """What is taken from each feature (inputs, 1)."""
        return self._each(lambda column: 0.5 if column.values else column.offset)

    @cached_property
    def scale(self) -> Tensor:
        """What each feature is then divided by (inputs, 1)."""
        return self._each(lambda column: 0.5 if column.values else column.scale)

    @cached_property
    def fill(self) -> Tensor:
        """What stands for a missing feature (inputs, 1); NaN where none may be missing."""
        return self._each(lambda column: torch.nan if column.fill is None else column.fill)

    def inputs(self, features: Tensor) -> Tensor:
        """What goes into the network, (inputs, rows), for features (inputs, rows)."""
        if self.is_unchanged:
            return features
        return (torch.where(features.isnan(), self.fill.to(features), features) - self.offset.to(features)) / (
            self.scale.to(features)
        )

    def features(self, inputs: Tensor) -> Tensor:
        """The features (inputs, rows) that became these inputs; of missing ones, what stood for them."""
        return inputs if self.is_unchanged else inputs * self.scale.to(inputs) + self.offset.to(inputs)

    @property
    def is_unchanged(self) -> bool:
        """Whether features go in as they are."""
        return all(column == Column(column.name) for column in self.columns)

    def read(self, table: pd.DataFrame) -> Tensor:
        """Features (inputs, rows) of a table that has the columns by their names; others are not looked at.

        Raises ValueError where a column is missing, holds no numbers, or a category that training did not see.
        """
        known = {str(name): table[name] for name in table}
        if lacks := [column.name for column in self.columns if column.name not in known]:
            raise ValueError(f"there is no column {', '.join(map(repr, lacks))}; the columns are {', '.join(known)}")
        parts = [_features(column, known[column.name]) for column in self.columns]
        return torch.from_numpy(np.concatenate(parts).astype(float))

    def plain(self) -> dict[str, Any]:
        """As plain values, for a file; numbers that go in as they are have names alone."""
        if self.is_unchanged:
            names = [column.name for column in self.columns]
            return {"unchanged": names, "targets": list(self.targets), "classes": list(self.classes)}
        return asdict(self)

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> "Encoding":
        """The inverse of `plain`. Raises TypeError, KeyError or ValueError where it is none."""
        if "unchanged" in values:
            columns = tuple(map(Column, values["unchanged"]))
        else:
            columns = tuple(_column(column) for column in values["columns"])
        return cls(columns, tuple(values["targets"]), tuple(values["classes"]))

    def _each(self, number: Any) -> Tensor:
        numbers = [number(column) for column in self.columns for _ in column.names]
        return torch.tensor(numbers, dtype=torch.float64)[:, None]


def _column(values: Mapping[str, Any]) -> Column:
    """A column from plain values, those of older runs too, which remembered no notation."""
    more = {"notation": Notation(**values.get("notation", {})), "missing": tuple(values.get("missing", ()))}
    return Column(**{**values, "values": tuple(values["values"]), **more})


def _features(column: Column, given: pd.Series) -> np.ndarray:
    """Features (inputs, rows) of one column."""
    given = without(plain_column(given), column.missing)
    if column.values:
        texts = as_texts(given).fillna("missing")
        if unknown := sorted(set(texts) - set(column.values)):
            listed = ", ".join(column.values[:12]) + (", ..." if len(column.values) > 12 else "")
            raise ValueError(
                f"column '{column.name}' holds '{unknown[0]}', which training did not see; it knows {listed}"
            )
        return np.stack([texts == value for value in column.values])
    numbers = column.notation.numbers(given)
    wrong = column.notation.strangers(given)
    if len(wrong):
        raise ValueError(
            f"column '{column.name}' holds '{wrong.iloc[0]}' in row {wrong.index[0] + 1}, which is no number"
            + (f" as training read them ({column.notation.said})" if column.notation.said else "")
        )
    if column.fill is None and (missing := np.isnan(numbers)).any():
        raise ValueError(f"column '{column.name}' is empty in row {given.index[missing][0] + 1}; put a number there")
    if np.isinf(numbers).any():
        raise ValueError(f"column '{column.name}' is infinite in row {given.index[np.isinf(numbers)][0] + 1}")
    return numbers[None]
