"""Tables: scikit-learn's bundled sets by name, and the user's own CSV and Parquet files."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch import Generator, Tensor

from kanexp.data.encoding import Column, Encoding
from kanexp.data.table_file import Columns, judge, read_table, texts_among_numbers
from kanexp.error import require
from kanexp.score.functions import class_scores, cross_entropy, errors, r2
from kanexp.score.score import CLASS_SCORES, ERRORS, R2, Score
from kanexp.task.base import Data, Scene, Split, Task, location

BUNDLED = ("digits", "wine", "breast_cancer", "diabetes", "iris")
MADE: dict[str, Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]] = {
    "two_moons": lambda random: _two_moons(random, 0.2),
    "circles": lambda random: _circles(random, 0.1),
}
SAMPLES = 1000  # of the sets that are made
MOST_CLASSES = 20  # whole numbers with more different values are a quantity


@dataclass(frozen=True)
class Tabular(Task):
    """Columns of a table to one of them: a class, or a number.

    The target is standardized where it is a number, all else as `normalize` says, by the training rows alone. Missing
    numbers become the training mean, texts one input per category. Metrics of numbers are in the target's own units.

    Source: https://scikit-learn.org/stable/datasets/toy_dataset.html
    """

    dataset: Literal["digits", "wine", "breast_cancer", "diabetes", "iris", "two_moons", "circles"] = "digits"
    path: str | None = None
    target: str | None = None
    kind: Literal["auto", "classification", "regression"] = "auto"
    normalize: Literal["standard", "range"] = "standard"
    val: float = 0.2
    test: float = 0.2

    def __post_init__(self):
        require(
            (0 < self.val < 1, f"val must be a share of the rows between 0 and 1, got {self.val}"),
            (0 < self.test < 1, f"test must be a share of the rows between 0 and 1, got {self.test}"),
            (self.val + self.test < 1, f"val and test must leave rows to train on, got {self.val} + {self.test}"),
        )

    @cached_property
    def table(self) -> "Table":
        """What the inputs and outputs are; of the sets that are made, one draw of them."""
        return self._table(Generator())

    @property
    def inputs(self) -> int:
        return self.table.columns.width

    @property
    def outputs(self) -> int:
        return len(self.table.classes) or 1

    @property
    def least_squares(self) -> bool:
        return not self.table.classes

    def read(self, path: str) -> pd.DataFrame:
        """Another file, read as this one was. Raises ValueError where it cannot be."""
        return read_table(path)

    def load(self, generator: Generator) -> Data:
        table = self._table(generator) if self.path is None and self.dataset in MADE else self.table
        parts = _parts(table.labels, len(table.rows), self.val, self.test, generator)
        encoding = _encoding(table, parts[0], self.normalize == "range")
        x = encoding.inputs(encoding.read(table.rows))
        y, offset, scale = table.targets(parts[0])
        train, chosen, scored = (Split(x[:, part], y[:, part]) for part in parts)
        sizes = "/".join(str(len(part)) for part in parts)
        notes = (*table.notes, f"{sizes} rows to train on, to select on and to score")
        return Data(train, chosen, scored, offset, scale, notes, encoding)

    def scene(self, data: Data) -> Scene:
        """The test rows: the classes they were taken for, or the predictions over their targets."""
        x, y, points = data.test.x, data.test.y, (data.test.x.shape[1],)
        if self.table.classes:
            return Scene("classes", x, y, points, self.table.classes)
        return Scene("scatter", x, data.own_units(y), points)

    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        return cross_entropy(prediction, target) if self.table.classes else super().loss(prediction, target)

    @property
    def scores(self) -> tuple[Score, ...]:
        return CLASS_SCORES if self.table.classes else (R2, *ERRORS)

    def metrics(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        if self.table.classes:
            return class_scores(prediction, target)
        return {"r2": r2(prediction, target), **errors(prediction, target)}

    def _table(self, generator: Generator) -> "Table":
        if self.path is not None:
            table, name = read_table(self.path), self.target
        elif self.dataset in MADE:
            table, name = _made(self.dataset, generator), self.target or "target"
        else:
            table, name = _bundled(self.dataset), self.target or "target"
        listed = ", ".join(map(str, table.columns[:12])) + (", ..." if len(table.columns) > 12 else "")
        if name is None:
            raise ValueError(f"target: must name the column to learn, one of {listed}; for example task.target=...")
        if name not in table:
            raise ValueError(f"target: there is no column '{name}'; the columns are {listed}")
        return _understand(table, str(name), self.kind)


@dataclass(frozen=True)
class Table:
    """Rows whose target is known, what each column is, and the names of the classes, none where a number is learned."""

    rows: pd.DataFrame
    columns: Columns
    target: pd.Series
    classes: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def labels(self) -> np.ndarray | None:
        """The index of each row's class."""
        return pd.Categorical(self.target, categories=list(self.classes)).codes if self.classes else None

    def targets(self, train: Tensor) -> tuple[Tensor, float, float]:
        """What is learned (n_out, rows), and the offset and scale that bring it back to own units."""
        if self.labels is not None:
            return torch.from_numpy(np.eye(len(self.classes))[self.labels].T.copy()), 0.0, 1.0
        y = torch.from_numpy(self.target.to_numpy(dtype=float, copy=True))
        offset, scale = location(y[train])
        return ((y - offset) / scale)[None], offset, scale


def _encoding(table: Table, train: Tensor, to_range: bool) -> Encoding:
    """Numbers brought to a common size by what the training rows are, and categories."""
    rows, found = table.rows.iloc[train.numpy()], table.columns
    columns = [_number(name, rows[name].to_numpy(dtype=float, na_value=np.nan), to_range) for name in found.numbers]
    columns += [Column(name, values=tuple(values)) for name, values in found.categories.items()]
    return Encoding(tuple(columns), (str(table.target.name),), table.classes)


def _number(name: str, given: np.ndarray, to_range: bool) -> Column:
    """A column of numbers, of any size, for the values (rows,) that it has in training."""
    known = torch.from_numpy(given[~np.isnan(given)])
    mean, _ = location(known) if len(known) else (0.0, 1.0)
    filled = torch.from_numpy(np.where(np.isnan(given), mean, given))
    if not to_range:
        return Column(name, mean, location(filled)[1], mean)
    low, high = filled.min(), filled.max()
    # What does not vary in training has no size of its own.
    return Column(name, float(low / 2 + high / 2), float(high / 2 - low / 2) or 1.0, mean)


def _understand(table: pd.DataFrame, name: str, kind: str) -> Table:
    """The target as classes or numbers, and the other columns judged. Raises ValueError where it cannot be learned."""
    missing = int(table[name].isna().sum())
    rows = table[table[name].notna()]
    target = rows[name]
    if target.nunique() < 2:
        what = f"the one value '{target.iloc[0]}'" if len(target) else "no value"
        raise ValueError(f"target: '{name}' has {what} in all rows, so there is nothing to learn; choose another")
    number = pd.api.types.is_numeric_dtype(target) and not pd.api.types.is_bool_dtype(target)
    if kind != "classification" and not number and (wrong := texts_among_numbers(target)):
        row, text = wrong[0]
        raise ValueError(
            f"target: '{name}' holds numbers, but '{text}' in row {row}; put a number there or leave the field empty"
            + (", or use task.kind=classification" if kind == "auto" else "")
        )
    if kind == "auto":
        whole = number and bool((target % 1 == 0).all())
        few = not number or (whole and target.nunique() <= MOST_CLASSES)
        kind = "classification" if few else "regression"
    classes = _classes(target, name) if kind == "classification" else ()
    if kind == "regression" and not number:
        text = next(value for value in target.astype(str) if pd.isna(pd.to_numeric(value, errors="coerce")))
        raise ValueError(
            f"target: '{name}' holds text such as '{text}', which is no number; mend it or use task.kind=classification"
        )
    if kind == "regression" and np.isinf(target.to_numpy(dtype=float)).any():
        raise ValueError(f"target: '{name}' is infinite in some rows; leave those fields empty")
    columns = judge(rows.drop(columns=name))
    if columns.width == 0:
        raise ValueError(f"path: no column is left to learn from ({_listed(columns.dropped)}); give others")
    known = target.astype(str) if classes else target
    return Table(rows, columns, known, classes, _notes(rows, columns, name, classes, missing))


def _classes(target: pd.Series, name: str) -> tuple[str, ...]:
    counts = target.astype(str).value_counts()
    few = counts[counts < 3]
    if len(few):
        numbers = len(few) > MOST_CLASSES and pd.api.types.is_numeric_dtype(target)
        raise ValueError(
            f"target: class '{few.index[0]}' of '{name}' has {_rows(few.iloc[0])}, and "
            "training, validation and test data need one each; "
            + ("use task.kind=regression" if numbers else "leave such classes out or join them")
        )
    # In the order of the values themselves: 2 before 10, false before true.
    return tuple(dict.fromkeys(target.sort_values().astype(str)))


def _notes(rows: pd.DataFrame, columns: Columns, name: str, classes: tuple[str, ...], missing: int) -> tuple[str, ...]:
    """What was done to the data, a sentence each."""
    what = f"{len(classes)} classes" if classes else "a number"
    notes = [f"'{name}' is {what}, {len(rows)} rows"]
    if missing:
        notes.append(f"{_rows(missing)} without '{name}' left out")
    holes = rows[columns.numbers].isna().sum()
    if len(holes := holes[holes > 0]):
        counted = {column: _rows(count) for column, count in holes.items()}
        notes.append(f"missing numbers set to the training mean: {_listed(counted)}")
    if columns.categories:
        counted = {column: str(len(values)) for column, values in columns.categories.items()}
        notes.append(f"texts as one input per category: {_listed(counted)}")
    if columns.dropped:
        notes.append(f"columns left out: {_listed(columns.dropped)}")
    return tuple(notes)


def _rows(count: int) -> str:
    return f"{count} row{'s' if count != 1 else ''}"


def _listed(reasons: dict[str, str]) -> str:
    shown = [f"{name} ({why})" for name, why in list(reasons.items())[:8]]
    return ", ".join(shown) + (f" and {len(reasons) - 8} more" if len(reasons) > 8 else "")


def _parts(
    labels: np.ndarray | None, rows: int, val: float, test: float, generator: Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Row numbers to train on, to select on and to score; every class has its share in each."""
    groups = [np.arange(rows)] if labels is None else [np.flatnonzero(labels == k) for k in range(labels.max() + 1)]
    if rows < 3:
        raise ValueError(f"path: {rows} rows are too few for training, validation and test data; give at least 3")
    parts: tuple[list[Tensor], ...] = ([], [], [])
    for group in groups:
        order = torch.from_numpy(group)[torch.randperm(len(group), generator=generator)]
        # One of each at least, where shares are rounded to nothing.
        held = [max(1, round(share * len(group))) for share in (val, test)]
        held = [min(n, (len(group) - 1) // 2) for n in held] if sum(held) >= len(group) else held
        for part, rows_of in zip(parts, order.split([len(group) - sum(held), *held]), strict=True):
            part.append(rows_of)
    train, chosen, scored = (torch.cat(part).sort().values for part in parts)
    return train, chosen, scored


def _bundled(name: str) -> pd.DataFrame:
    from sklearn import datasets  # takes a second to import

    bunch = getattr(datasets, f"load_{name}")(as_frame=True)
    table = bunch.frame
    names = getattr(bunch, "target_names", None)
    if names is not None and len(names) and isinstance(names[0], str):
        table = table.assign(target=np.asarray(names)[table["target"]])
    return table


def _made(name: str, generator: Generator) -> pd.DataFrame:
    seed = int(torch.randint(2**62, (), generator=generator))
    x, label = MADE[name](np.random.default_rng(seed))
    return pd.DataFrame({"x1": x[0], "x2": x[1], "target": label})


def _two_moons(random: np.random.Generator, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Two half circles, each reaching into the other."""
    label = np.arange(SAMPLES) % 2
    angle = np.pi * random.random(SAMPLES)
    x = np.stack([np.cos(angle), np.sin(angle)])
    x = np.where(label == 1, np.array([[1.0], [0.5]]) - x, x)
    return x + noise * random.standard_normal(x.shape), label


def _circles(random: np.random.Generator, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """A circle inside another."""
    label = np.arange(SAMPLES) % 2
    angle = 2 * np.pi * random.random(SAMPLES)
    x = np.where(label == 1, 0.5, 1.0) * np.stack([np.cos(angle), np.sin(angle)])
    return x + noise * random.standard_normal(x.shape), label
