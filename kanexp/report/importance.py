"""Which settings matter: the variance of scores over a sweep or search, split among its settings.

A random forest learns the score from the settings; its functional analysis of variance says how much of what it answers
varies with one setting, the others averaged out, and with two beyond what each does alone. Every setting is taken as
often as it was tried, and all of them independently of each other.

Source: Hutter, Hoos and Leyton-Brown 2014, https://proceedings.mlr.press/v32/hutter14.html; the forest and its
explained variance out of bag are scikit-learn's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations

import numpy as np
import pandas as pd

from kanexp.config.settings import role_of
from kanexp.report.arm import Arms
from kanexp.report.table import Run
from kanexp.score.cost import BEYOND, Metric

MOST_PROBLEMS = 6
TREES = 40
SAMPLES = 128  # combinations of settings over which the others are averaged out
MOST_ROWS = 1000  # runs and seeds that the forest learns from
MOST_LEVELS = 10  # values of a setting that are gone through
MOST_PAIRS = 4  # settings that are looked at two by two, those that matter most
FEWEST = 8  # rows below which nothing is said


@dataclass(frozen=True)
class Importance:
    """Shares of variance by setting, or by two of them together; what they leave out are further combinations."""

    shares: list[tuple[tuple[str, ...], float]]  # the largest first
    explained: float  # of the variance of all rows: R^2 of the forest out of bag
    rows: int


def importance(settings: pd.DataFrame, costs: np.ndarray) -> Importance | None:
    """Of a table of settings as text, a row for every run and seed, and the cost of each (not finite: lost).

    None where fewer than two settings differ, or rows are too few or all alike. A lost seed counts as the worst that
    was not.
    """
    fine = np.isfinite(costs)
    if settings.shape[1] < 2 or settings.nunique().min() < 2 or fine.sum() < FEWEST or np.ptp(costs[fine]) == 0:
        return None
    costs = np.where(fine, costs, costs[fine].max())
    if len(costs) > MOST_ROWS:
        kept = np.linspace(0, len(costs) - 1, MOST_ROWS).round().astype(int)
        settings, costs = settings.iloc[kept], costs[kept]
    from sklearn.ensemble import RandomForestRegressor  # takes a second to import

    codes = np.column_stack([_codes(settings[key], costs) for key in settings]).astype(np.float32)
    forest = RandomForestRegressor(TREES, min_samples_leaf=2, oob_score=True, random_state=0).fit(codes, costs)
    shares = _shares(forest.predict, codes)
    named = [(tuple(settings.columns[i] for i in which), share) for which, share in shares.items()]
    named.sort(key=lambda one: -one[1])
    over = max(1.0, sum(shares.values()))  # by as much as the total is found too small from a sample
    named = [(keys, share / over) for keys, share in named]
    return Importance(named, float(forest.oob_score_), len(costs))


def importances(
    runs: Sequence[Run], rows: pd.DataFrame, arms: Arms, metrics: Mapping[str, Metric]
) -> dict[str, Importance]:
    """By problem, of those in which two settings differ or more."""
    known, found = {run.label: run for run in runs}, {}
    for problem, metric in list(metrics.items())[:MOST_PROBLEMS]:
        here = rows[(rows["problem"] == problem) & rows[metric.name].notna()]
        costs = metric.cost(here[metric.name])
        settings = settings_of([known[label] for label in here["run"]], arms)
        result = importance(settings, np.where(np.abs(costs) < BEYOND, costs, np.nan))
        if result:
            found[problem] = result
    return found


def settings_of(runs: Sequence[Run], arms: Arms) -> pd.DataFrame:
    """What differs among these runs and may change a result, as text; a row for each run, a column for each setting."""
    keys = [key for key in arms.differing if role_of(key) == "result"]
    frame = pd.DataFrame({key: [run.option(key) for run in runs] for key in keys})
    return frame.loc[:, frame.nunique() > 1]


def _codes(column: "pd.Series[str]", costs: np.ndarray) -> np.ndarray:
    """Numbers by their size, other values by the mean cost they have: trees only ask what comes before what."""
    numbers = pd.to_numeric(column, errors="coerce")
    order = numbers if numbers.notna().all() else column.map(pd.Series(costs, column.index).groupby(column).mean())
    return np.unique(order.to_numpy(float), return_inverse=True)[1]


def _shares(predict, codes: np.ndarray) -> dict[tuple[int, ...], float]:
    """Of the variance of predict over independent settings, that with one (i,) and with two together (i, j)."""
    rng = np.random.default_rng(0)
    evenly = np.linspace(0, len(codes) - 1, SAMPLES).round().astype(int)

    def shuffled() -> np.ndarray:
        return np.column_stack([rng.permutation(np.sort(column)[evenly]) for column in codes.T])

    others, levels = shuffled(), [_levels(column) for column in codes.T]
    total = float(predict(np.concatenate([others, *(shuffled() for _ in range(31))])).var())
    if total == 0:
        return {}

    def part(*which: int) -> float:
        """The share of variance of the mean answer at all levels of these settings."""
        grid = np.stack(np.meshgrid(*(levels[i][0] for i in which), indexing="ij"), axis=-1).reshape(-1, len(which))
        drawn = np.repeat(others[None], len(grid), axis=0)
        drawn[:, :, list(which)] = grid[:, None]
        means = predict(drawn.reshape(-1, codes.shape[1])).reshape(len(grid), SAMPLES).mean(axis=1)
        shares = reduce(np.multiply.outer, (levels[i][1] for i in which)).ravel()
        return float(shares @ (means - shares @ means) ** 2) / total

    parts: dict[tuple[int, ...], float] = {(i,): part(i) for i in range(len(levels))}
    first = sorted(sorted(range(len(levels)), key=lambda i: -parts[i,])[:MOST_PAIRS])
    for i, j in combinations(first, 2):
        parts[i, j] = max(0.0, part(i, j) - parts[i,] - parts[j,])
    return parts


def _levels(column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values of a setting, of many evenly taken ones, and how often each was tried."""
    values, counts = np.unique(column, return_counts=True)
    if len(values) > MOST_LEVELS:
        kept = np.linspace(0, len(values) - 1, MOST_LEVELS).round().astype(int)
        values, counts = values[kept], counts[kept]
    return values, counts / counts.sum()
