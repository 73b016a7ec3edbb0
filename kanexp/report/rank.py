"""Ranking: arms from the best on, in groups that cannot be told apart."""

from collections.abc import Sequence

import pandas as pd

from kanexp.report.pair import ESTABLISHED, Pair
from kanexp.score.cost import Metric

MOST_LISTED = 3  # arms whose pairs are read faster than a ranking of them


def ranking(summary: pd.DataFrame, pairs: Sequence[Pair], metric: Metric) -> str:
    """One sentence about the arms of one problem, best median first; empty where they are few or not all compared.

    `summary` has a row per arm in this metric.
    """
    ordered = summary.sort_values("median", ascending=metric.better == "lower", kind="stable")
    arms = ordered["arm"].tolist()
    if len(arms) <= MOST_LISTED or len(pairs) < len(arms) * (len(arms) - 1) // 2:
        return ""
    place = {arm: number for number, arm in enumerate(arms)}
    told = {(place[q.arm], place[q.other]) for q in pairs if q.verdict == ESTABLISHED}
    marks = zip(arms, ordered["median"], letters(len(arms), told), strict=True)
    listed = ", ".join(f"{arm} {median:.4g} ({group})" for arm, median, group in marks)
    return f"{metric.title}, best first: {listed}; arms with a letter in common cannot be told apart"


def letters(arms: int, told_apart: set[tuple[int, int]]) -> list[str]:
    """Letters of each arm, in the order given: two arms have one in common where they cannot be told apart.

    Source: Piepho 2004, https://doi.org/10.1198/1061860043515
    """
    columns: list[set[int]] = [set(range(arms))]
    for i, j in sorted(tuple(sorted(pair)) for pair in told_apart):
        for column in [c for c in columns if i in c and j in c]:
            columns.remove(column)
            for part in (column - {i}, column - {j}):
                if not any(part <= other for other in columns):
                    columns = [other for other in columns if not other <= part]
                    columns.append(part)
    columns.sort(key=lambda column: sorted(column))
    return ["".join(_letter(n) for n, column in enumerate(columns) if arm in column) for arm in range(arms)]


def _letter(number: int) -> str:
    return chr(ord("a") + number % 26) + (str(number // 26) if number >= 26 else "")
