"""Table: rows whose targets are known, what each column is, and what is to be said of how it came to be."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from kanexp.data.columns import Columns, Judge, plain
from kanexp.data.target import MOST_CLASSES, Kind, Target, understand

LARGEST_SHARE, SMALLEST_SHARE = 0.9, 0.05  # of a class, beyond which accuracy says little


@dataclass(frozen=True)
class Table:
    """Rows, what becomes of their columns, and the targets (several where numbers are learned together).

    `part` is the file that each row is of: 0 the table's own, 1 that of validation and 2 that of test data; `groups`
    names the group of each row where there are some, and `weights` says what it counts.
    """

    rows: pd.DataFrame
    columns: Columns
    targets: tuple[Target, ...]
    part: np.ndarray
    groups: np.ndarray | None
    weights: np.ndarray | None
    notes: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, none where numbers are learned."""
        return self.targets[0].classes

    @cached_property
    def labels(self) -> np.ndarray | None:
        """The index of each row's class."""
        return self.targets[0].labels if self.classes else None

    @cached_property
    def shares(self) -> np.ndarray:
        """The share of the rows that each class has, (classes,)."""
        if self.labels is None:
            return np.empty(0)
        return np.bincount(self.labels, minlength=len(self.classes)) / len(self.labels)

    @property
    def is_imbalanced(self) -> bool:
        """Whether a class has nearly all rows, or much fewer than its share of them."""
        if not self.classes:
            return False
        smallest = self.shares.min()
        return bool(self.shares.max() > LARGEST_SHARE or smallest < min(SMALLEST_SHARE, 0.5 / len(self.classes)))


def understand_table(
    frame: pd.DataFrame,
    names: list[str],
    kind: Kind,
    judge: Judge,
    part: pd.Series,
    groups: str | None,
    weights: str | None,
) -> Table:
    """The targets as classes or numbers, and the other columns judged. Raises ValueError where nothing can be learned.

    `part` has the file of each row of the frame; `groups` and `weights` name columns that are no inputs.
    """
    targets = [understand(frame[name], kind, judge) for name in names]
    known = pd.concat([target.known for target in targets], axis=1).all(axis=1)
    rows = frame[known]
    if rows.empty:
        raise ValueError("target: no row has all of the targets; give rows that do")
    targets = [_of(target, known) for target in targets]
    others = [name for name in frame.columns if name not in (*names, groups, weights)]
    columns = judge.columns(rows[others])
    rows = pd.DataFrame({name: columns.read.get(name, rows[name]) for name in rows.columns}, rows.index)
    if columns.width == 0:
        raise ValueError(f"path: no column is left to learn from ({_listed(columns.dropped)}); give others")
    grouped = None if groups is None else rows[groups].astype(str).fillna("missing").to_numpy(dtype=str)
    counts = None if weights is None else _weights(frame[weights][known], judge)
    table = Table(rows, columns, tuple(targets), part[known].to_numpy(), grouped, counts, ())
    notes = (*_target_notes(table, int((~known).sum())), *_column_notes(table))
    notes += () if counts is None else (f"rows count by '{weights}' in the loss, and all alike in the scores",)
    return replace(table, notes=notes)


def check_classes(table: Table, needed: int) -> None:
    """Raises ValueError where a class has fewer rows than parts that are to have one."""
    counts = table.targets[0].values[table.part == 0].value_counts().reindex(table.classes, fill_value=0)
    few = counts[counts < needed].sort_values()
    if len(few):
        numbers = len(few) > MOST_CLASSES and pd.to_numeric(few.index, errors="coerce").notna().all()
        parts = "training, validation and test data need one each" if needed == 3 else f"{rows_of(needed)} are needed"
        raise ValueError(
            f"target: class '{few.index[-1]}' of '{table.targets[0].name}' has {rows_of(few.iloc[-1])}, and "
            f"{parts}; " + ("use task.kind=regression" if numbers else "leave such classes out or join them")
        )


def _weights(column: pd.Series, judge: Judge) -> np.ndarray:
    """What each row counts (rows,). Raises ValueError where that is no number from 0."""
    notation = judge.notation(plain(column))
    values = np.full(len(column), np.nan) if notation is None else notation.numbers(plain(column))
    wrong = ~(np.isfinite(values) & (values >= 0))
    if wrong.any():
        first = column[wrong].iloc[0]
        what = "an empty field" if pd.isna(first) else f"'{first}'"
        count = rows_of(int(wrong.sum()))
        raise ValueError(f"weights: '{column.name}' must be a number from 0 in every row, got {what} and so in {count}")
    return np.asarray(values, dtype=float)


def _of(target: Target, known: pd.Series) -> Target:
    """A target in the rows in which all are known."""
    values = target.values[known.reindex(target.values.index)]
    return Target(values, target.known, target.notation, target.classes, target.words)


def _target_notes(table: Table, missing: int) -> list[str]:
    names = ", ".join(f"'{target.name}'" for target in table.targets)
    what = f"{len(table.classes)} classes" if table.classes else "a number"
    if len(table.targets) > 1:
        notes = [f"{names} are {len(table.targets)} numbers that are learned together, {len(table.rows)} rows"]
    else:
        notes = [f"{names} is {what}, {len(table.rows)} rows"]
    if missing:
        notes.append(f"{rows_of(missing)} without {names} left out")
    if table.is_imbalanced:
        k = int(table.shares.argmax() if table.shares.max() > LARGEST_SHARE else table.shares.argmin())
        notes.append(
            f"{100 * table.shares[k]:.2g} % of the rows are '{table.classes[k]}': accuracy says little, so that macro "
            "F1 comes first; task.class_weights=balanced lets classes count alike"
        )
    return notes


def _column_notes(table: Table) -> list[str]:
    """What was recognized, filled, encoded and left out, a sentence each."""
    columns, notes = table.columns, []
    said: dict[str, list[str]] = {}
    written = {target.name: target.notation for target in table.targets} | columns.numbers
    for name, notation in written.items():
        said.setdefault(notation.said, []).append(name)
    notes += [f"{_names(names)}: {what}" for what, names in said.items() if what]
    words = {target.name: target.words for target in table.targets if target.words} | columns.words
    notes += [f"{word} in {name} taken for missing" for name, word in words.items()]
    holes = {name: int(np.isnan(columns.read[name]).sum()) for name in columns.numbers}
    if counted := {name: rows_of(count) for name, count in holes.items() if count}:
        notes.append(f"missing numbers set to the training mean: {_listed(counted)}")
    if columns.categories:
        counted = {column: str(len(values)) for column, values in columns.categories.items()}
        notes.append(f"texts as one input per category: {_listed(counted)}")
    if columns.counted:
        notes.append(f"{_names(columns.counted)} counts the rows; task.drop=[{columns.counted[0]}] leaves it out")
    if columns.dropped:
        notes.append(f"columns left out: {_listed(columns.dropped)}")
    return notes


def rows_of(count: int) -> str:
    return f"{count} row{'s' if count != 1 else ''}"


def _names(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _listed(reasons: dict[str, str]) -> str:
    return _names([f"{name} ({why})" for name, why in reasons.items()])
