"""What a report or a comparison found, in the terminal."""

from collections.abc import Sequence

import pandas as pd

from kanexp import console
from kanexp.report.report import Findings

MOST_ROWS = 40  # of a table or list that a terminal shows


def show(found: Findings) -> None:
    """Medians, verdicts and warnings; a table for each problem."""
    several = len(found.metrics) > 1
    left = MOST_ROWS
    for problem, here in found.headline().groupby("problem", sort=False):
        title = f"{found.metrics[str(problem)].title}, median over seeds"
        _show_arms(f"{problem}: {title}" if several else title, here[:left], found.firsts)
        left = max(0, left - len(here))
        if not left:
            break
    if len(found.headline()) > MOST_ROWS:
        console.say(f"and {len(found.headline()) - MOST_ROWS} more arms in summary.csv")
    for sentence in (*found.over_problems, *found.rankings):
        console.say(sentence)
    for pair in found.pairs[:MOST_ROWS]:
        console.say(pair.sentence + (f" ({pair.problem})" if several else ""))
    if len(found.pairs) > MOST_ROWS:
        console.say(f"and {len(found.pairs) - MOST_ROWS} more comparisons in comparisons.csv")
    for warning in found.warnings:
        console.say(f"warning: {warning}")
    for sentence in found.left_out:
        console.say(f"left out: {sentence}")


def _show_arms(title: str, arms: pd.DataFrame, firsts: Sequence[str]) -> None:
    """A row for each arm, those first that others are compared with; what is the same everywhere has no column."""
    first = arms["arm"].isin(list(firsts))
    ordered = pd.concat([arms[first], arms[~first]])
    shown = {
        "arm": ordered["arm"].tolist(),
        "median": [console.number(value) for value in ordered["median"]],
        "interval": [console.interval(low, high) for low, high in zip(ordered["low"], ordered["high"], strict=True)],
        "seeds": ordered["seeds"].astype(str).tolist(),
    }
    if ordered["failed"].any():
        shown["failed"] = ordered["failed"].astype(str).tolist()
    if (ordered["trials"] > 1).any():
        shown["trials"] = ordered["trials"].astype(str).tolist()
    console.table(title, list(shown), list(zip(*shown.values(), strict=True)))
