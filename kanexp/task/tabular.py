"""Tables: scikit-learn's bundled sets by name, and the user's own CSV and Parquet files."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch import Generator, Tensor

from kanexp.data.bundled import BUNDLED, MADE, bundled, made
from kanexp.data.columns import Judge, plain
from kanexp.data.encoding import Column, Encoding
from kanexp.data.notation import Style, without
from kanexp.data.parts import Division, Parts
from kanexp.data.reading import Decimal, Reading, Thousands
from kanexp.data.table import Table, check_classes, rows_of, understand_table
from kanexp.data.table_file import read_file, read_table
from kanexp.data.target import Kind, understand
from kanexp.error import require
from kanexp.score.functions import class_scores, errors, r2
from kanexp.score.losses import OF_CLASSES, OF_NUMBERS, Criterion
from kanexp.score.score import ACCURACY, CLASS_SCORES, ERRORS, LOG_LOSS, MACRO_F1, MAE, R2, RMSE, Score
from kanexp.task.base import Data, Scene, Split, Task, location

__all__ = ["BUNDLED", "MADE", "Tabular"]
OF_EACH = {"r2": R2.better, "rmse": RMSE.better, "mae": MAE.better}  # of several targets


@dataclass(frozen=True)
class Tabular(Task):
    """Columns of a table to one of them, a class or a number, or to several numbers.

    Targets are standardized where they are numbers, all else as `normalize` says, by the training rows alone. Missing
    numbers become the training mean, texts one input per category. Metrics of numbers are in the targets' own units.

    Source: https://scikit-learn.org/stable/datasets/toy_dataset.html
    """

    dataset: Literal["digits", "wine", "breast_cancer", "diabetes", "iris", "two_moons", "circles"] = "digits"
    path: str | None = None
    target: str | int | list[str | int] | None = None
    kind: Kind = "auto"
    normalize: Literal["standard", "range"] = "standard"
    val: float = 0.2
    test: float = 0.2
    val_path: str | None = None
    test_path: str | None = None
    split: Literal["auto", "random", "ordered", "groups"] = "auto"
    groups: str | int | None = None
    folds: int | None = None
    fold: int = 0
    weights: str | int | None = None
    lags: list[int] = field(default_factory=list)
    criterion: Literal["auto", "mse", "mae", "huber", "log_cosh", "quantile", "cross_entropy", "focal"] = "auto"
    delta: float = 1.0
    level: float = 0.5
    gamma: float = 2.0
    smoothing: float = 0.0
    class_weights: Literal["none", "balanced"] = "none"
    drop: list[str | int] = field(default_factory=list)
    categories: list[str | int] = field(default_factory=list)
    missing: list[str | int | float] = field(default_factory=list)
    dates: Literal["drop", "days"] = "drop"
    separator: str = "auto"
    decimal: Decimal = "auto"
    thousands: Thousands = "auto"
    header: Literal["auto"] | bool = "auto"
    encoding: str = "auto"

    def __post_init__(self):
        require(
            (0 < self.val < 1, f"val must be a share of the rows between 0 and 1, got {self.val}"),
            (0 < self.test < 1, f"test must be a share of the rows between 0 and 1, got {self.test}"),
            (self.val + self.test < 1, f"val and test must leave rows to train on, got {self.val} + {self.test}"),
            (
                self.path is not None or (self.val_path is None and self.test_path is None),
                "val_path and test_path go with a path for the training rows; give task.path",
            ),
            (
                (self.groups is not None) == (self.split == "groups") or self.split == "auto",
                f"groups must name a column where split is groups, and only there, got {self.groups} and {self.split}",
            ),
            (self.folds is None or self.folds >= 2, f"folds must be at least 2, or null, got {self.folds}"),
            (
                0 <= self.fold < (self.folds or 1),
                f"fold must be one of the folds, from 0 to {(self.folds or 1) - 1}, got {self.fold}"
                + ("; folds says how many there are" if self.folds is None else ""),
            ),
            (
                self.folds is None or self.test_path is None,
                "folds are parts of one file; leave test_path out",
            ),
            (
                self.folds is None or not (self.lags or self.split == "ordered"),
                "folds are of rows in any order, and these are in theirs; leave folds out",
            ),
            (
                all(lag >= 1 for lag in self.lags) and len(set(self.lags)) == len(self.lags),
                f"lags must be different whole numbers from 1, got {self.lags}",
            ),
            (self.delta > 0, f"delta must be positive, got {self.delta}"),
            (0 < self.level < 1, f"level must be between 0 and 1, got {self.level}"),
            (self.gamma >= 1, f"gamma must be at least 1, got {self.gamma}"),
            (0 <= self.smoothing < 1, f"smoothing must be a share from 0 to below 1, got {self.smoothing}"),
        )
        _ = self._reading  # which checks the options of how files are read

    @cached_property
    def table(self) -> Table:
        """What the inputs and outputs are; of the sets that are made, one draw of them."""
        return self._table(Generator())

    @property
    def inputs(self) -> int:
        return self.table.columns.width

    @property
    def outputs(self) -> int:
        return len(self.table.classes) or len(self.table.targets)

    @property
    def least_squares(self) -> bool:
        return self._criterion.name == "mse"

    def read(self, path: str) -> pd.DataFrame:
        """The columns of another file, read as this one's was, for the encoding to make inputs of.

        Columns are texts where the file is one; a target that is a number becomes one, with its earlier values beside
        it where they are inputs, and without the rows that have none. Raises ValueError.
        """
        frame = read_table(path, self._reading)
        targets = [name for name in self._named(self.target) if name in frame]
        style = Style.of(frame, "", self._reading)
        for name in targets:
            column = without(plain(frame[name]), self._words)
            notation = Judge(style).notation(column)
            if notation is not None and notation.kind == "number" and not notation.strangers(column).any():
                frame[name] = notation.numbers(column)
        if self.lags and targets:
            frame = self._with_lags(frame, targets[0], pd.Series(0, frame.index), style)
        return frame

    def load(self, generator: Generator) -> Data:
        table = self._table(generator) if self.path is None and self.dataset in MADE else self.table
        parts = self._parts(table, generator)
        encoding = self._encoding(table, parts[0])
        x = encoding.inputs(encoding.read(table.rows))
        y, offset, scale = _learned(table, parts[0])
        weighed = [None if table.weights is None else _weights(table.weights[part.numpy()]) for part in parts[:2]]
        pairs = zip(parts, (*weighed, None), strict=True)  # scores count all rows alike
        train, chosen, scored = (Split(x[:, part], y[:, part], weight) for part, weight in pairs)
        sizes = "/".join(str(len(part)) for part in parts)
        how = {"random": "", "ordered": ", in their order", "groups": ", no group in two of them"}[self._split]
        how += "" if self.folds is None else f"; fold {self.fold} of {self.folds} is scored"
        notes = (*table.notes, f"{sizes} rows to train on, to select on and to score{how}")
        return Data(train, chosen, scored, offset, scale, notes, encoding)

    def scene(self, data: Data) -> Scene:
        """The test rows: the classes they were taken for, or the predictions over their targets."""
        x, y, points = data.test.x, data.test.y, (data.test.x.shape[1],)
        if self.table.classes:
            return Scene("classes", x, y, points, self.table.classes)
        return Scene("scatter", x, data.own_units(y), points)

    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        return self._criterion(prediction, target)

    def weighted_loss(self, prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        return self._criterion(prediction, target, weight)

    @property
    def scores(self) -> tuple[Score, ...]:
        if self.table.classes:
            return (MACRO_F1, ACCURACY, LOG_LOSS) if self.table.is_imbalanced else CLASS_SCORES
        if len(self.table.targets) == 1:
            return (R2, *ERRORS)
        return (R2, *(Score(f"{kind}_{name}", better) for name in self._keys for kind, better in OF_EACH.items()))

    def metrics(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        if self.table.classes:
            found = class_scores(prediction, target)
            return {score.name: found[score.name] for score in self.scores}
        if len(self.table.targets) == 1:
            return {"r2": r2(prediction, target), **errors(prediction, target)}
        pairs = zip(self._keys, prediction.split(1, dim=1), target.split(1, dim=1), strict=True)
        each = {name: {"r2": r2(guess, y), **errors(guess, y)} for name, guess, y in pairs}
        mean = torch.stack([scores["r2"] for scores in each.values()]).mean(dim=0)
        return {"r2": mean, **{f"{kind}_{name}": found[kind] for name, found in each.items() for kind in OF_EACH}}

    @cached_property
    def _criterion(self) -> Criterion:
        """The loss; balanced, a row counts so much that all classes count alike."""
        own = "cross_entropy" if self.table.classes else "mse"
        shares = self.table.shares
        counts = None if self.class_weights == "none" else tuple((1 / (len(shares) * shares)).tolist())
        name = own if self.criterion == "auto" else self.criterion
        return Criterion(name, self.delta, self.level, self.gamma, self.smoothing, counts)

    @property
    def _split(self) -> Literal["random", "ordered", "groups"]:
        if self.split != "auto":
            return self.split
        return "groups" if self.groups is not None else "ordered" if self.lags else "random"

    @property
    def _reading(self) -> Reading:
        return Reading(self.separator, self.decimal, self.thousands, self.header, self.encoding)

    @property
    def _words(self) -> tuple[str, ...]:
        return tuple(map(str, self.missing))

    @property
    def _keys(self) -> list[str]:
        """The names of several targets as parts of names of scores."""
        keys = [re.sub(r"\W+", "_", target.name) for target in self.table.targets]
        return keys if len(set(keys)) == len(keys) else [f"{key}_{i + 1}" for i, key in enumerate(keys)]

    def _named(self, names: str | int | Sequence[str | int] | None) -> list[str]:
        """Names of columns, as texts."""
        listed = names if isinstance(names, list) else [] if names is None else [names]
        return [str(name) for name in listed]  # type: ignore[union-attr]

    def _table(self, generator: Generator) -> Table:
        frame, part, separator, notes = self._frames(generator)
        names = self._named(self.target) or ([] if self.path is not None else ["target"])
        options = ("drop", "categories", "groups", "weights")
        _check_names(frame, {"target": names} | {name: self._named(getattr(self, name)) for name in options})
        frame = frame.drop(columns=self._named(self.drop))
        frame = frame.apply(lambda column: without(column, self._words)) if self._words else frame
        style = Style.of(frame, separator, self._reading)
        if self.lags:
            frame = self._with_lags(frame, names[0], part, style)
            notes = (*notes, f"{rows_of(len(part) - len(frame))} without all {_listed_lags(self.lags)} left out")
            part = part[frame.index]
        kind = self.kind
        if len(names) > 1 or self.lags:
            if kind == "classification":
                raise ValueError(f"kind: {'lags are' if self.lags else 'several targets are'} numbers; use kind=auto")
            kind = "regression"
        judge = Judge(style, self._named(self.categories), self.dates == "days")
        group, weight = (None if name is None else str(name) for name in (self.groups, self.weights))
        table = understand_table(frame, names, kind, judge, part, group, weight)
        self._check_criterion(bool(table.classes))
        return replace(table, notes=(*notes, *table.notes))

    def _frames(self, generator: Generator) -> tuple[pd.DataFrame, pd.Series, str, tuple[str, ...]]:
        """All rows, the file that each is of, what separates the columns there, and what is to be said of files."""
        if self.path is None:
            frame = made(self.dataset, generator) if self.dataset in MADE else bundled(self.dataset)
            return frame, pd.Series(0, frame.index), "", ()
        own = read_file(self.path, self._reading)
        frames, parts = [own.table], [np.zeros(len(own.table), dtype=int)]
        for part, (option, path) in enumerate((("val_path", self.val_path), ("test_path", self.test_path)), start=1):
            if path is None:
                continue
            try:
                frame = read_table(path, self._reading)
            except ValueError as error:
                raise ValueError(f"{option}: {str(error).removeprefix('path: ')}") from error
            if lacks := [name for name in own.table.columns if name not in frame]:
                raise ValueError(
                    f"{option}: '{path}' has no column '{lacks[0]}'; give those of '{self.path}', {_brief(own.table)}"
                )
            frames.append(frame[own.table.columns])
            parts.append(np.full(len(frame), part))
        together = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
        return together, pd.Series(np.concatenate(parts), together.index), own.separator, own.notes

    def _with_lags(self, frame: pd.DataFrame, name: str, part: pd.Series, style: Style) -> pd.DataFrame:
        """Beside each row the target's earlier values, of its own file and group; without rows that have none."""
        series = understand(frame[name], "regression", Judge(style)).values.reindex(frame.index)
        of = [part] if self.groups is None else [part, frame[str(self.groups)]]
        earlier = {f"{name} {lag} earlier": series.groupby(of, sort=False).shift(lag) for lag in self.lags}
        frame = frame.assign(**earlier)
        return frame[frame[list(earlier)].notna().all(axis=1)]

    def _parts(self, table: Table, generator: Generator) -> Parts:
        """Positions of rows to train on, to select on and to score; from files of their own where they are given."""
        val, test = 0.0 if self.val_path else self.val, 0.0 if self.test_path else self.test
        own = np.flatnonzero(table.part == 0)
        if table.labels is not None and self._split == "random":
            check_classes(table, 1 + (val > 0) + (test > 0 or self.folds is not None))
        labels, groups = (None if of is None else of[own] for of in (table.labels, table.groups))
        division = Division(self._split, val, test, self.folds, self.fold)
        parts = division.parts(len(own), labels, groups, generator)
        rows = torch.from_numpy(own)
        files = (torch.from_numpy(np.flatnonzero(table.part == which)) for which in (1, 2))
        train, *held = (rows[part] for part in parts)
        chosen, scored = (torch.cat([part, file]) for part, file in zip(held, files, strict=True))
        if not (len(chosen) and len(scored)):
            raise ValueError("val_path and test_path: no row there has a target; give some that do")
        if table.labels is not None and (unseen := set(range(len(table.classes))) - set(table.labels[train])):
            raise ValueError(
                f"split: class '{table.classes[min(unseen)]}' is in no row to train on; leave it out or split otherwise"
            )
        return train, chosen, scored

    def _encoding(self, table: Table, train: Tensor) -> Encoding:
        """Numbers brought to a common size by what the training rows are, and categories."""
        rows, found = table.rows.iloc[train.numpy()], table.columns
        columns = [
            replace(_number(name, notation.numbers(plain(rows[name])), self.normalize == "range"), notation=notation)
            for name, notation in found.numbers.items()
        ]
        columns += [Column(name, values=tuple(values)) for name, values in found.categories.items()]
        columns = [replace(column, missing=self._words) for column in columns]
        return Encoding(tuple(columns), tuple(target.name for target in table.targets), table.classes)

    def _check_criterion(self, classes: bool) -> None:
        """Raises ValueError where an option is of the other kind of target."""
        if self.criterion != "auto" and self.criterion not in (fitting := OF_CLASSES if classes else OF_NUMBERS):
            what = "classes" if classes else "numbers"
            raise ValueError(f"criterion: {self.criterion} is not for {what}; use {', '.join(fitting)}")
        if not classes and (self.class_weights != "none" or self.smoothing):
            option = "class_weights" if self.class_weights != "none" else "smoothing"
            raise ValueError(f"{option}: is for classes, and the target is a number; leave it out or use kind")


def _learned(table: Table, train: Tensor) -> tuple[Tensor, float | tuple[float, ...], float | tuple[float, ...]]:
    """What is learned (n_out, rows), and the offset and scale that bring it back to own units."""
    if table.labels is not None:
        return torch.from_numpy(np.eye(len(table.classes))[table.labels].T.copy()), 0.0, 1.0
    y = torch.from_numpy(np.stack([target.values.to_numpy(dtype=float) for target in table.targets]))
    places = [location(row[train]) for row in y]
    learned = torch.stack([(row - offset) / scale for row, (offset, scale) in zip(y, places, strict=True)])
    if len(places) == 1:
        return learned, *places[0]
    return learned, tuple(offset for offset, _ in places), tuple(scale for _, scale in places)


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


def _weights(given: np.ndarray) -> Tensor:
    """What rows (rows,) count, with mean 1. Raises ValueError where all of them count nothing."""
    if not given.any():
        raise ValueError("weights: the rows of one part all have weight 0; give others, or another data_seed")
    return torch.from_numpy(given / given.mean())


def _check_names(frame: pd.DataFrame, named: Mapping[str, list[str]]) -> None:
    """Raises ValueError where a column that an option names is not there, or is another's."""
    listed, targets = _brief(frame), named["target"]
    if not targets:
        raise ValueError(f"target: must name the column to learn, one of {listed}; for example task.target=...")
    for option, names in named.items():
        if unknown := [name for name in names if name not in frame]:
            raise ValueError(f"{option}: there is no column '{unknown[0]}'; the columns are {listed}")
        if option != "target" and (taken := [name for name in names if name in targets]):
            raise ValueError(f"{option}: '{taken[0]}' is the target; name another column")
        if len(set(names)) < len(names):
            raise ValueError(f"{option}: names a column twice, got {', '.join(names)}; name each once")


def _brief(frame: pd.DataFrame) -> str:
    return ", ".join(map(str, frame.columns[:12])) + (", ..." if len(frame.columns) > 12 else "")


def _listed_lags(lags: list[int]) -> str:
    return f"values {', '.join(map(str, lags))} rows earlier"
