"""Parts: which rows of a table train, which select the best state, and which are scored once, at the end."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Generator, Tensor

Parts = tuple[Tensor, Tensor, Tensor]  # row numbers to train on, to select on and to score


@dataclass(frozen=True)
class Division:
    """How rows are divided: shares to select on and to score, or folds, of which one is scored."""

    how: Literal["random", "ordered", "groups"]
    val: float
    test: float
    folds: int | None = None
    fold: int = 0

    def parts(self, rows: int, labels: np.ndarray | None, groups: np.ndarray | None, generator: Generator) -> Parts:
        """The parts of so many rows, with the class (rows,) and the group (rows,) of each where there are some.

        Folds are the same whichever is scored. Raises ValueError where there are too few rows or groups.
        """
        if self.folds is None:
            return self._shares(rows, labels, groups, self.test, generator)
        number = fold_numbers(rows, labels, groups, self.folds, generator)
        rest = np.flatnonzero(number != self.fold)
        labels, groups = (of if of is None else of[rest] for of in (labels, groups))
        train, chosen, _ = self._shares(len(rest), labels, groups, 0.0, generator)
        left = torch.from_numpy(rest)
        return left[train], left[chosen], torch.from_numpy(np.flatnonzero(number == self.fold))

    def _shares(
        self, rows: int, labels: np.ndarray | None, groups: np.ndarray | None, test: float, generator: Generator
    ) -> Parts:
        if self.how == "ordered":
            return ordered_parts(rows, self.val, test)
        if groups is not None:
            return group_parts(groups, self.val, test, generator)
        return random_parts(labels, rows, self.val, test, generator)


def fold_numbers(
    rows: int, labels: np.ndarray | None, groups: np.ndarray | None, folds: int, generator: Generator
) -> np.ndarray:
    """The fold (rows,) of each row, at random: of nearly equal size, of every class alike, no group in two of them.

    Raises ValueError where there are fewer rows or groups than folds.
    """
    number = np.empty(rows, dtype=int)
    if groups is None:
        if rows < folds:
            raise ValueError(f"folds: {rows} rows are too few for {folds} folds; give fewer folds")
        alike = np.zeros(rows, dtype=int) if labels is None else labels
        order = torch.randperm(rows, generator=generator).numpy()
        order = order[np.argsort(alike[order], kind="stable")]  # class by class, each in a random order
        number[order] = np.arange(rows) % folds
        return number
    names, of, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < folds:
        raise ValueError(f"folds: {len(names)} groups are too few for {folds} folds; give fewer folds")
    held = np.zeros(folds, dtype=int)
    order = torch.randperm(len(names), generator=generator).numpy()
    for group in order[np.argsort(-counts[order], kind="stable")]:  # the largest first, each where there is most room
        fold = int(held.argmin())
        number[of == group], held[fold] = fold, held[fold] + counts[group]
    return number


def random_parts(labels: np.ndarray | None, rows: int, val: float, test: float, generator: Generator) -> Parts:
    """At random; every class has its share in each part. A share of 0 leaves a part empty."""
    groups = [np.arange(rows)] if labels is None else [np.flatnonzero(labels == k) for k in range(labels.max() + 1)]
    _check(rows, val, test)
    parts: tuple[list[Tensor], ...] = ([], [], [])
    for group in groups:
        order = torch.from_numpy(group)[torch.randperm(len(group), generator=generator)]
        held = _held(len(group), val, test)
        for part, rows_of in zip(parts, order.split([len(group) - sum(held), *held]), strict=True):
            part.append(rows_of)
    train, chosen, scored = (torch.cat(part).sort().values for part in parts)
    return train, chosen, scored


def ordered_parts(rows: int, val: float, test: float) -> Parts:
    """In their order: the first train, those that follow select, the last are scored."""
    _check(rows, val, test)
    held = _held(rows, val, test)
    train, chosen, scored = torch.arange(rows).split([rows - sum(held), *held])
    return train, chosen, scored


def group_parts(groups: np.ndarray, val: float, test: float, generator: Generator) -> Parts:
    """Whole groups at random, until a part has its share of the rows. Raises ValueError where they are too few."""
    names, numbers, counts = np.unique(groups, return_inverse=True, return_counts=True)
    needed = 1 + (val > 0) + (test > 0)
    if len(names) < needed:
        raise ValueError(f"groups: {len(names)} groups are too few, each part needs one of its own; give {needed}")
    order = torch.randperm(len(names), generator=generator).numpy()
    part = np.zeros(len(names), dtype=int)
    for which, share in ((1, val), (2, test)):
        waiting = [k for k in order if part[k] == 0]
        left = (test > 0 and which == 1) + 1  # groups that later parts need
        taken = 0
        for k in waiting[: len(waiting) - left] if share else []:
            # One at least; another only where that comes closer to the share.
            if taken and abs(taken + counts[k] - share * len(groups)) > abs(taken - share * len(groups)):
                break
            part[k], taken = which, taken + counts[k]
    train, chosen, scored = (torch.from_numpy(np.flatnonzero(part[numbers] == which)) for which in range(3))
    return train, chosen, scored


def _held(rows: int, val: float, test: float) -> list[int]:
    """Rows to select on and to score: one of each at least, where shares are rounded to nothing."""
    held = [max(1, round(share * rows)) if share else 0 for share in (val, test)]
    return [min(n, (rows - 1) // 2) for n in held] if sum(held) >= rows else held


def _check(rows: int, val: float, test: float) -> None:
    needed = 1 + (val > 0) + (test > 0)
    if rows < needed:
        raise ValueError(f"path: {rows} rows are too few for training, validation and test data; give {needed} or more")
