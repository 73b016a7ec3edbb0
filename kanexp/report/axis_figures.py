"""Figures over what was swept: two axes as a map of colours, a number as a line with all its points."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator, StrMethodFormatter

from kanexp.report.arm_figures import decades, look
from kanexp.report.figures import CYCLE, STYLE
from kanexp.report.metric import Metric, words

MOST_NUMBERED = 12  # columns from which on numbers in the cells are too small to read


def heat(table: pd.DataFrame, metric: Metric, title: str = "") -> Figure:
    """Median score over two axes, better is darker; a cross marks cells whose seeds were mostly lost."""
    rows, columns = (list(dict.fromkeys(table[name])) for name in ("row", "column"))
    values = table.pivot(index="row", columns="column", values="median").loc[rows, columns].to_numpy(float)
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.1, 1.0)
    norm = LogNorm(low, high) if metric.log and low < high else Normalize(low, high)
    with mpl.rc_context(STYLE):
        size = (1.9 + 0.75 * len(columns) + 0.1 * max(map(len, rows)), 1.3 + 0.42 * len(rows))
        figure = Figure(figsize=(max(size[0], 4.2), max(size[1], 2.2)), layout="constrained")
        axes = figure.subplots()
        cmap = mpl.colormaps["cividis_r" if metric.better == "higher" else "cividis"]
        shown = np.where(np.isfinite(values), values, np.nan)
        picture = axes.imshow(shown, cmap=cmap, norm=norm, aspect="auto")
        for i, j in np.ndindex(values.shape):
            share = norm(values[i, j]) if np.isfinite(values[i, j]) else np.nan
            dark = share > 0.5 if metric.better == "higher" else share < 0.5
            text = "" if np.isnan(values[i, j]) else "x" if np.isinf(values[i, j]) else f"{values[i, j]:.2g}"
            if len(columns) <= MOST_NUMBERED or text == "x":
                axes.text(j, i, text, ha="center", va="center", fontsize=7, color="w" if dark else "k")
        long = max(map(len, columns)) > 7
        axes.set_xticks(range(len(columns)), columns, rotation=35 if long else 0, ha="right" if long else "center")
        axes.set_yticks(range(len(rows)), rows)
        axes.set(xlabel=str(table["column_key"].iloc[0]), ylabel=str(table["row_key"].iloc[0]), title=title)
        axes.tick_params(length=0)
        axes.grid(False)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(picture, ax=axes, label=f"median {words(metric.name)}")
        if isinstance(norm, LogNorm):
            decades(bar.ax.yaxis, low, high)
        return figure


def sensitivity(table: pd.DataFrame, metric: Metric, title: str = "") -> Figure:
    """Every seed's score over a number that was swept, a colour per line, which joins the medians."""
    with mpl.rc_context(STYLE):
        lines = list(dict.fromkeys(table["line"]))
        figure = Figure(figsize=(6.8, max(3.2, 0.19 * len(lines) + 0.8)), layout="constrained")
        axes = figure.subplots()
        at = np.unique(table["at"])
        log = log_spaced(at)
        for i, line in enumerate(lines):
            here = table[(table["line"] == line) & table["ended_well"]]
            # Lines stand a little apart, so that their points can be told from each other.
            shift = (i - (len(lines) - 1) / 2) * min(0.012, 0.1 / len(lines))
            span = np.log10(at[-1] / at[0]) if log else at[-1] - at[0]
            x = here["at"] * 10 ** (shift * span) if log else here["at"] + shift * span
            axes.plot(x, here["value"], "o", color=CYCLE[i % len(CYCLE)], markersize=3, alpha=0.5)
            middle = here.groupby("at")["value"].median()
            axes.plot(middle.index, middle, linewidth=1.5, label=line or "median", **look(i))
        axes.set(xlabel=str(table["key"].iloc[0]), ylabel=words(metric.name))
        if log:
            axes.set_xscale("log")
        if metric.log:
            axes.set_yscale("log")
            values = table.loc[table["ended_well"], "value"]
            decades(axes.yaxis, values.min(), values.max())
        if len(at) <= 10:
            axes.set_xticks(at)
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_minor_formatter(NullFormatter())
        figure.legend(loc="outside right upper", fontsize=8)
        figure.suptitle(title, fontsize=9)
        return figure


def log_spaced(values: np.ndarray) -> bool:
    """Whether ratios of neighbours are more alike than their distances."""
    if len(values) < 3 or values[0] <= 0:
        return bool(len(values) == 2 and values[0] > 0 and values[1] >= 5 * values[0])
    ratios, steps = np.diff(np.log(values)), np.diff(values)
    return bool(ratios.std() / ratios.mean() < steps.std() / steps.mean())
