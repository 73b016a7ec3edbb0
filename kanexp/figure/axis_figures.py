"""Figures over what was swept: two axes as a map of colours, a number as a line with all its points."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from kanexp.figure.label import WIDTH, arm_label
from kanexp.figure.label import lines as lines_of
from kanexp.figure.panel import decades, look, side_legend, spread
from kanexp.figure.style import BLUE, CYCLE, SKY, STYLE
from kanexp.score.cost import Metric
from kanexp.score.score import metric_label

MOST_NUMBERED = 12  # columns from which on numbers in the cells are too small to read


def heat(table: pd.DataFrame, metric: Metric, title: str = "") -> Figure:
    """Median score over two axes, better is darker; a cross marks cells whose seeds were mostly lost."""
    rows, columns = (list(dict.fromkeys(table[name])) for name in ("row", "column"))
    values = table.pivot(index="row", columns="column", values="median").loc[rows, columns].to_numpy(float)
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.1, 1.0)
    norm = LogNorm(low, high) if metric.log and low < high else Normalize(low, high)
    with mpl.rc_context(STYLE):
        beside = 0.1 * min(WIDTH, max(map(len, rows)))
        size = (1.9 + 0.75 * len(columns) + beside, 1.3 + max(0.42, 0.2 * lines_of(rows)) * len(rows))
        figure = Figure(figsize=(max(size[0], 4.2), max(size[1], 2.2)), layout="constrained")
        axes = figure.subplots()
        cmap = mpl.colormaps["cividis_r" if metric.better == "higher" else "cividis"]
        tiny = len(finite) > 0 and (np.abs(finite).min() < 0.01 or np.abs(finite).max() >= 1000)
        shown = np.where(np.isfinite(values), values, np.nan)
        picture = axes.imshow(shown, cmap=cmap, norm=norm, aspect="auto")
        for i, j in np.ndindex(values.shape):
            share = norm(values[i, j]) if np.isfinite(values[i, j]) else np.nan
            dark = share > 0.5 if metric.better == "higher" else share < 0.5
            text = "" if np.isnan(values[i, j]) else "x" if np.isinf(values[i, j]) else _number(values[i, j], tiny)
            if len(columns) <= MOST_NUMBERED or text == "x":
                axes.text(j, i, text, ha="center", va="center", fontsize=7, color="w" if dark else "k")
        turned: dict[str, Any] = {"rotation": 35, "ha": "right"} if max(map(len, columns)) > 7 else {}
        axes.set_xticks(range(len(columns)), map(arm_label, columns), **turned)
        axes.set_yticks(range(len(rows)), map(arm_label, rows))
        axes.set(xlabel=str(table["column_key"].iloc[0]), ylabel=str(table["row_key"].iloc[0]), title=title)
        axes.tick_params(length=0)
        axes.grid(False)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(picture, ax=axes, label=f"median {metric_label(metric.name)}")
        if isinstance(norm, LogNorm):
            decades(bar.ax.yaxis, low, high)
        return figure


def sensitivity(table: pd.DataFrame, metric: Metric, title: str = "") -> Figure:
    """Every seed's score over a number that was swept, a colour per line, which joins the medians."""
    lines, at = list(dict.fromkeys(table["line"])), np.unique(table["at"])
    log = log_spaced(at)
    ends = np.log10(at[[0, -1]]) if log else at[[0, -1]]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.8, max(3.2, 0.19 * len(lines) * lines_of(lines) + 0.8)), layout="constrained")
        axes = figure.subplots()
        for i, line in enumerate(lines):
            here = table[(table["line"] == line) & table["ended_well"]]
            # Lines stand a little apart and points are spread, to be told from each other.
            shift = (i - (len(lines) - 1) / 2) * min(0.02, 0.06 / len(lines))
            apart = shift + 0.03 / len(lines) * spread(len(here), 7)
            place = (np.log10(here["at"]) if log else here["at"]) + apart * (ends[1] - ends[0])
            few = len(here) <= 40 * len(at)
            size, alpha = (3.0, 0.5) if few else (1.5, 0.25)
            colour = CYCLE[i % len(CYCLE)] if len(lines) > 1 else SKY
            axes.plot(
                10**place if log else place, here["value"], "o", color=colour, markersize=size, alpha=alpha, mew=0
            )
            middle = here.groupby("at")["value"].median()
            own = look(i) if len(lines) > 1 else {"color": BLUE}
            axes.plot(middle.index, middle, linewidth=1.8, label=arm_label(line) if line else "median", **own)
        axes.set(xlabel=str(table["key"].iloc[0]), ylabel=metric_label(metric.name))
        if log:
            axes.set_xscale("log")
        if metric.log:
            axes.set_yscale("log")
            values = table.loc[table["ended_well"], "value"]
            decades(axes.yaxis, values.min(), values.max())
        if len(at) <= 8:
            axes.set_xticks(at, [f"{x:.3g}" for x in at])
            axes.xaxis.set_minor_locator(NullLocator())
        side_legend(figure, axes)
        figure.suptitle(title, fontsize=9)
        return figure


def _number(value: float, scientific: bool) -> str:
    """A value as its cell has it: 1.2e-3, 4.5e7, 1.2."""
    mantissa, power = f"{value:.1e}".split("e")
    return f"{value:.3g}" if not scientific else mantissa if int(power) == 0 else f"{mantissa}e{int(power)}"


def log_spaced(values: np.ndarray) -> bool:
    """Whether ratios of neighbours are more alike than their distances."""
    if len(values) < 3 or values[0] <= 0:
        return bool(len(values) == 2 and values[0] > 0 and values[1] >= 5 * values[0])
    ratios, steps = np.diff(np.log(values)), np.diff(values)
    return bool(ratios.std() / ratios.mean() < steps.std() / steps.mean())
