"""Which arms differ, from pairs of the same seed."""

import itertools

import numpy as np
import pandas as pd

MAX_SIGNS = 2**14  # sign patterns that are all counted; above, so many are drawn


def undecided_pairs(scores: pd.DataFrame) -> dict[frozenset[str], float]:
    """Holm's p-value for each pair of columns, from scores of one row per seed: the chance that they do not differ."""
    pairs = list(itertools.combinations(scores.columns, 2))
    alone = [sign_flip_p(scores[a].to_numpy(), scores[b].to_numpy()) for a, b in pairs]
    order = np.argsort(alone, kind="stable")
    factors = np.arange(len(pairs), 0, -1)
    corrected = np.minimum(1, np.maximum.accumulate(np.array(alone)[order] * factors))
    return {frozenset(pairs[i]): float(p) for i, p in zip(order, corrected, strict=True)}


def sign_flip_p(one: np.ndarray, other: np.ndarray) -> float:
    """Two-sided p-value of paired positive scores: how often random signs move the mean log ratio as far from zero.

    Exact up to MAX_SIGNS patterns. Seeds that were lost make no pair.
    """
    fine = np.isfinite(one) & np.isfinite(other)
    gap = np.log(one[fine]) - np.log(other[fine])
    n = len(gap)
    if n == 0:
        return 1.0
    if 2**n <= MAX_SIGNS:
        signs = np.array(list(itertools.product((1, -1), repeat=n)))
    else:
        signs = np.random.default_rng(0).choice([1, -1], size=(MAX_SIGNS, n))
        signs[0] = 1  # what was seen is one of them
    return float((np.abs(signs @ gap) >= abs(gap.sum()) * (1 - 1e-12)).mean())
