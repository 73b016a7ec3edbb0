"""Parts: which rows of a table train, which select the best state, and which are scored once, at the end."""

import numpy as np
import torch
from torch import Generator, Tensor

Parts = tuple[Tensor, Tensor, Tensor]  # row numbers to train on, to select on and to score


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
