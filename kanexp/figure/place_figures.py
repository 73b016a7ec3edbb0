"""Arms by their mean ranks over problems: a critical-difference diagram."""

from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from kanexp.figure.label import arm_label
from kanexp.figure.style import BLACK, BLUE, STYLE

STEP = 0.3  # inches from one name to the next


def critical_difference(
    mean: "pd.Series[float]", distance: float, groups: Sequence[tuple[int, int]], title: str = ""
) -> Figure:
    """Mean ranks on a line, the best on the left; bars join arms that are closer than the critical difference.

    `mean` has the rank of each arm, best first, `groups` the first and last number of those that a bar joins.

    Source: Demšar 2006, https://jmlr.org/papers/v7/demsar06a.html
    """
    count = len(mean)
    half = (count + 1) // 2
    with mpl.rc_context(STYLE):
        above = 0.55 + 0.14 * len(groups)
        figure = Figure(figsize=(7.2, above + STEP * half + 0.7), layout="constrained")
        axes = figure.subplots()
        top, low, high = above / STEP, 1.0, float(count)
        margin = 0.6 * (high - low)
        axes.set(xlim=(low - margin, high + margin), ylim=(half + 0.7, -top - 0.4))
        axes.set_axis_off()
        axes.plot([low, high], [-top + 1, -top + 1], color=BLACK, linewidth=1)
        for rank in range(1, count + 1):
            axes.plot([rank, rank], [-top + 1, -top + 0.8], color=BLACK, linewidth=1)
            axes.text(rank, -top + 0.65, f"{rank}", ha="center", va="bottom", fontsize=8)
        end = min(high, low + distance)
        axes.plot([low, end], [-top - 0.2] * 2, color=BLACK, linewidth=1.5, marker="|")
        beyond = "" if end == low + distance else ", longer than the line"
        axes.text(
            end + 0.02 * (high - low),
            -top - 0.2,
            f" critical difference {distance:.2f}{beyond}",
            fontsize=8,
            va="center",
        )
        for i, (arm, rank) in enumerate(mean.items()):
            left = i < half
            y = (i if left else count - 1 - i) + 0.7
            side, align = (low - 0.05 * margin, "right") if left else (high + 0.05 * margin, "left")
            axes.plot([rank, rank, side], [-top + 1, y, y], color=BLACK, linewidth=0.8)
            name = arm_label(str(arm), 26)
            axes.text(side, y, f" {name} ({rank:.2f}) ", ha=align, va="center", fontsize=8)
        for k, (first, last) in enumerate(groups):
            y = -top + 1.3 + 0.45 * k
            axes.plot([mean.iloc[first] - 0.03, mean.iloc[last] + 0.03], [y, y], color=BLUE, linewidth=3.5)
        figure.suptitle(title, fontsize=9)
        return figure
