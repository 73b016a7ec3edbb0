"""Figures of what networks answer: errors of numbers, how sure classes are, what answers depend on, their spectrum."""

import math

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kanexp.figure.panel import STATE_COLOURS, STATES, band, look, side_legend, spectrum_axes
from kanexp.figure.style import BLACK, BLUE, SKY, STYLE, axis_label

MOST_PANELS = 12  # columns that a figure has room for: those that change the answer most
MOST_CLASSES = 8  # lines in a panel


def residuals(table: pd.DataFrame, title: str) -> Figure:
    """For each output its errors as a histogram, and over the prediction; with R^2 = 1 - their squares / the target's.

    `table` has output, target, prediction and residual of one seed's test data.
    """
    outputs = list(dict.fromkeys(table["output"]))[:MOST_PANELS]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.6, 2.7 * len(outputs)), layout="constrained")
        for (left, right), name in zip(figure.subplots(len(outputs), 2, squeeze=False), outputs, strict=True):
            here = table[table["output"] == name]
            wrong = here["residual"]
            bins = max(5, min(40, round(2 * len(wrong) ** 0.5)))
            left.hist(wrong, bins, color=SKY)
            left.axvline(0, color=BLACK, linewidth=0.8)
            left.set(xlabel=f"error of {axis_label(name)}", ylabel="test samples")
            left.set_title(f"mean {wrong.mean():.3g}, standard deviation {wrong.std(ddof=0):.3g}")
            right.plot(here["prediction"], wrong, "o", color=BLUE, markersize=3, alpha=0.6, mew=0)
            right.axhline(0, color=BLACK, linewidth=0.8)
            right.set(xlabel=f"prediction of {axis_label(name)}", ylabel="error")
            right.set_title(f"R² {r2(here):.3f}")
        figure.suptitle(title, fontsize=9)
        return figure


def r2(table: pd.DataFrame) -> float:
    """The share of the target's variance that a prediction explains; NaN where it has none."""
    variance = float(((table["target"] - table["target"].mean()) ** 2).sum())
    return 1 - float((table["residual"] ** 2).sum()) / variance if variance > 0 else math.nan


def calibration(table: pd.DataFrame) -> Figure:
    """How often answers are right over how sure they were, a line per seed; and how many are how sure.

    `table` has seed, low, high, count, confidence and accuracy. On the diagonal, of answers that are 80 % sure 80 % are
    right. The expected calibration error is the mean distance from it over all samples.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.2, 4.2), layout="constrained")
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        top.plot([0, 1], [0, 1], color=BLACK, linewidth=0.8, label="as sure as right")
        for i, (_, own) in enumerate(table.groupby("seed")):
            label = {"label": f"each of {table['seed'].nunique()} seeds"} if i == 0 else {}
            top.plot(own["confidence"], own["accuracy"], "o-", color=BLUE, alpha=0.6, markersize=3, **label)
        counts = table.groupby("low")[["count"]].sum() / table["count"].sum()
        width = float((table["high"] - table["low"]).iloc[0])
        bottom.bar(counts.index, counts["count"], width, align="edge", color=SKY, edgecolor="white")
        errors = [expected_calibration_error(own) for _, own in table.groupby("seed")]
        top.set(ylabel="share that is right", ylim=(-0.03, 1.03))
        top.set_title(f"test data: expected calibration error {np.median(errors):.3f}")
        top.legend(fontsize=8)
        bottom.set(xlabel="probability given to the answer", ylabel="share", xlim=(0, 1))
        return figure


def expected_calibration_error(table: pd.DataFrame) -> float:
    """Mean over samples of the distance between confidence and accuracy of their bin, of one seed."""
    distance = (table["confidence"] - table["accuracy"]).abs()
    return float((distance * table["count"]).sum() / table["count"].sum())


def dependence(table: pd.DataFrame) -> Figure:
    """A panel for each column: the mean answer where it is varied and all others stay, median and range over seeds.

    `table` has column, kind, at, output, low, median, high. Categories are bars. All panels share one scale; of many
    columns those are drawn that change an answer most.
    """
    change = (
        table.groupby(["column", "output"])["median"]
        .agg(lambda values: values.max() - values.min())
        .groupby("column")
        .max()
    )
    kept = set(change.nlargest(MOST_PANELS).index)
    columns = [name for name in dict.fromkeys(table["column"]) if name in kept]
    wide, names = min(4, len(columns)), list(dict.fromkeys(table["output"]))
    with mpl.rc_context(STYLE):
        size = (2.4 * wide + (1.4 if len(names) > 1 else 0.4), 2.2 * math.ceil(len(columns) / wide) + 0.3)
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(math.ceil(len(columns) / wide), wide, sharey=True, squeeze=False)
        for axes, name in zip(panels.ravel(), columns, strict=False):
            _depends(axes, table[table["column"] == name])
            axes.set_xlabel(axis_label(name))
        for axes in panels.ravel()[len(columns) :]:
            axes.remove()
        for axes in panels[:, 0]:
            axes.set_ylabel(f"mean {axis_label(names[0])}" if len(names) == 1 else "mean answer")
        if len(names) > 1:
            side_legend(figure, panels[0, 0])
        few = "" if len(columns) == len(change) else f", the {len(columns)} of {len(change)} columns that matter most"
        figure.suptitle(f"partial dependence: median and range over seeds{few}", fontsize=9)
        return figure


def _depends(axes: Axes, table: pd.DataFrame) -> None:
    names = list(dict.fromkeys(table["output"]))[:MOST_CLASSES]
    for i, name in enumerate(names):
        own = table[table["output"] == name]
        if own["kind"].iloc[0] == "category":
            place = np.arange(len(own)) + 0.8 * (i + 0.5) / len(names) - 0.4
            ends = [own["median"] - own["low"], own["high"] - own["median"]]
            axes.errorbar(place, own["median"], ends, fmt="s", color=look(i)["color"], markersize=4, label=name)
            turned = max(map(len, own["at"].astype(str))) > 4
            axes.set_xticks(range(len(own)), own["at"].astype(str), rotation=60 if turned else 0, fontsize=7)
        else:
            band(axes, own["at"].astype(float), own, alpha=0.2, linewidth=1.5, label=name, **look(i))
            axes.xaxis.set_major_locator(MaxNLocator(4))


def output_spectrum(table: pd.DataFrame) -> Figure:
    """Power of the target and of answers before and after training over frequency: median and range over seeds."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.8, 3.2), layout="constrained")
        axes = figure.subplots()
        floor = table.loc[table["state"] == "target", "high"].max() * 1e-12
        colours = {"target": BLACK, **STATE_COLOURS}
        for state, label in {"target": "target", **STATES}.items():
            own = table[table["state"] == state]
            line = {"linewidth": 2.5, "linestyle": ":"} if state == "target" else {"linewidth": 1.5}
            powers = own[["low", "median", "high"]].clip(lower=floor)
            band(axes, own["frequency"], powers, colours[state], alpha=0.2, label=label, **line)
        spectrum_axes(axes)
        axes.set(xlabel="frequency (cycles along the longest side)", ylabel="power of the answer")
        axes.legend(fontsize=8)
        return figure
