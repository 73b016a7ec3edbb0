"""Figures that set arms side by side: one function each, from a table to a matplotlib Figure."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from kanexp.figure.label import arm_label, lines
from kanexp.figure.panel import (
    arm_rows,
    band,
    decades,
    end_labels,
    log_where_positive,
    look,
    median_bar,
    metric_scale,
    picture_row,
    same_range,
    seed_points,
    side_legend,
    spectrum,
)
from kanexp.figure.run_figures import LOSSES
from kanexp.figure.style import BLACK, CYCLE, RED, STYLE
from kanexp.score.cost import Metric
from kanexp.score.score import metric_label

MARKERS = "os^DvP*X"
MOST_ENDS = 10  # lines that are named where they end; more have a legend
SPENT = {
    "step": "step",
    "evaluations": "evaluations of function and gradient",
    "samples": "samples seen",
    "seconds": "seconds of training, all seeds together",
}


def curves(table: pd.DataFrame, title: str = "") -> Figure:
    """Training and validation loss of curve.bands: a line per arm at the median over seeds, a band over their range."""
    names, arms = list(dict.fromkeys(table["metric"])), list(dict.fromkeys(table["arm"]))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.4, max(3.2, 0.19 * len(arms) * lines(arms) + 0.8)), layout="constrained")
        panels = figure.subplots(1, len(names), squeeze=False)[0]
        for axes, name in zip(panels, names, strict=True):
            here = table[table["metric"] == name]
            for i, arm in enumerate(arms):
                own = here[here["arm"] == arm]
                shade = 0.15 if len(arms) <= 6 else 0.05  # a dozen bands would hide the lines
                band(axes, own["at"], own, alpha=shade, linewidth=1.5, label=arm_label(arm), **look(i))
            if log_where_positive(axes, here["low"]):
                decades(axes.yaxis, here["low"].min(), here["high"].max())
            over = str(table["over"].iloc[0])
            axes.set(title=metric_label(name), xlabel=SPENT[over])
            if over == "step":
                axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            else:
                axes.set_xscale("log")
                decades(axes.xaxis, here["at"].min(), here["at"].max())
        figure.suptitle(", ".join(part for part in (title, "median and range over seeds") if part), fontsize=9)
        same_range([axes for axes, name in zip(panels, names, strict=True) if name in LOSSES])
        last = {i: own["median"].iloc[-1] for i, arm in enumerate(arms) if len(own := here[here["arm"] == arm])}
        if not (len(last) == len(arms) <= MOST_ENDS and end_labels(figure, panels[-1], list(last.values()), arms)):
            side_legend(figure, panels[0])
        return figure


def points(
    table: pd.DataFrame,
    metric: Metric,
    title: str = "",
    intervals: pd.DataFrame | None = None,
    order: Sequence[str] = (),
) -> Figure:
    """Every seed's score as a point, a row per arm, a bar at the median; lost seeds are crosses at the bad end.

    `intervals` has low and high of the median by arm, `order` the arms from top to bottom.
    """
    arms = list(order) or list(dict.fromkeys(table["arm"]))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.8, max(0.42, 0.2 * lines(arms)) * len(arms) + 1.2), layout="constrained")
        axes = figure.subplots()
        lost = ~table["ended_well"] | table["value"].isna()
        metric_scale(axes, "x", metric, table.loc[~lost, "value"])
        for i, arm in enumerate(arms):
            here = table["arm"] == arm
            values = table.loc[here & ~lost, "value"]
            seed_points(axes, i, values)
            if intervals is not None and np.isfinite(ends := intervals.loc[arm].to_numpy(float)).all():
                axes.plot(ends, [i, i], color=BLACK, linewidth=1.2, marker="|", markersize=6)
            if count := int((here & lost).sum()):
                # In the axes' own width: a lost seed has no value to be drawn at.
                axes.plot(0.985, i, "x", color=RED, markersize=6, transform=axes.get_yaxis_transform(), clip_on=False)
                axes.annotate(
                    f"{count} lost",
                    (1, i),
                    (4, 0),
                    axes.get_yaxis_transform(),
                    "offset points",
                    fontsize=7,
                    va="center",
                )
            if len(values) > count:
                scores = [*values, *[np.inf if metric.better == "lower" else -np.inf] * count]
                median_bar(axes, i, float(np.median(scores)))
        within = "" if intervals is None else " in its interval"
        arm_rows(axes, arms, f"{metric_label(metric.name)}, a point per seed, a bar at the median{within}")
        axes.set_title(title)
        return figure


def front(table: pd.DataFrame, metric: Metric, title: str = "") -> Figure:
    """Median score of each arm over its cost, with intervals; the line joins the arms that no cheaper one beats."""
    costs, arms = list(dict.fromkeys(table["cost"])), list(dict.fromkeys(table["arm"]))
    with mpl.rc_context(STYLE):
        size = (4.1 * len(costs) + 2.2, max(3.2, 0.19 * len(arms) * lines(arms) + 0.8))
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(1, len(costs), sharey=True, squeeze=False)[0]
        for axes, cost in zip(panels, costs, strict=True):
            here = table[table["cost"] == cost]
            for i, row in enumerate(here.itertuples()):
                ends = np.abs([[row.median - row.low], [row.high - row.median]])
                ends[~np.isfinite(ends)] = 0  # of lost seeds
                colour, marker = CYCLE[i % len(CYCLE)], MARKERS[i // len(CYCLE) % len(MARKERS)]
                axes.errorbar(row.at, row.median, ends, fmt=marker, color=colour, markersize=6, elinewidth=1)
            best = here[here["front"]].sort_values("at")
            axes.plot(best["at"], best["median"], color=BLACK, linewidth=1, zorder=0, drawstyle="steps-post")
            if here["at"].max() > 5 * here["at"].min() > 0:
                axes.set_xscale("log")
                decades(axes.xaxis, here["at"].min(), here["at"].max())
            axes.set_xlabel({"parameters": "parameters", "train_seconds": SPENT["seconds"]}[cost])
        finite = pd.concat([table[name] for name in ("low", "median", "high")])
        metric_scale(panels[0], "y", metric, finite[np.isfinite(finite)])
        panels[0].set_ylabel(metric_label(metric.name))
        handles = [
            Line2D([], [], linestyle="", color=CYCLE[i % len(CYCLE)], marker=MARKERS[i // len(CYCLE) % len(MARKERS)])
            for i in range(len(arms))
        ]
        handles.append(Line2D([], [], color=BLACK, linewidth=1))
        names, legend = [*map(arm_label, arms), "Pareto front: no cheaper one is better"], "median and interval"
        figure.legend(handles, names, loc="outside right upper", fontsize=8, title=legend, title_fontsize=8)
        figure.suptitle(title, fontsize=9)
        return figure


def profiles(table: pd.DataFrame, metric: Metric, title: str = "") -> Figure:
    """The share of all seeds of all problems in which an arm comes within a factor of the best: higher is better."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.8, 3.2), layout="constrained")
        axes = figure.subplots()
        for i, (arm, rows) in enumerate(table.groupby("arm", sort=False)):
            line = {"drawstyle": "steps-post", "linewidth": 1.5, "label": arm_label(str(arm)), **look(i)}
            axes.plot(rows["within"], rows["share"], **line)
        if metric.log:
            axes.set_xscale("log")
            decades(axes.xaxis, table["within"].min(), table["within"].max())
        label = f"times the least {metric.title}" if metric.log else f"below the best {metric.title},{metric.unit}"
        axes.set(xlabel=label.rstrip(","), ylabel="share of problems and seeds", ylim=(-0.03, 1.03))
        side_legend(figure, axes)
        figure.suptitle(title, fontsize=9)
        return figure


def pictures(table: pd.DataFrame, shapes: Sequence[Sequence[int]]) -> Figure:
    """A row per arm: target, prediction before and prediction after training of the run's seed of median loss."""
    arms = list(dict.fromkeys(table["arm"]))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.4, 2.9 * len(arms)), layout="constrained")
        grid = figure.subplots(len(arms), 3, squeeze=False)
        for row, arm, shape in zip(grid, arms, shapes, strict=True):
            picture_row(row, table[table["arm"] == arm], shape)
            row[0].set_ylabel(arm_label(arm))
        return figure


def spectra(table: pd.DataFrame) -> Figure:
    """A row per arm, a panel per layer: power over frequency before and after training, median and range over seeds."""
    arms, layers = list(dict.fromkeys(table["arm"])), sorted(table["layer"].unique())
    floor = table["high"].max() * 1e-12
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.9 * len(layers) + 0.8, 2.1 * len(arms) + 0.5), layout="constrained")
        grid = figure.subplots(len(arms), len(layers), sharex=True, sharey=True, squeeze=False)
        for row, arm in zip(grid, arms, strict=True):
            for axes, layer in zip(row, layers, strict=True):
                spectrum(axes, table[(table["arm"] == arm) & (table["layer"] == layer)], floor)
            row[0].set_ylabel(f"{arm_label(arm, 24)}\npower per edge")
        for axes, layer in zip(grid[0], layers, strict=True):
            axes.set_title(f"layer {layer + 1}")
        for axes in grid[-1]:
            axes.set_xlabel("frequency")
        grid[0, 0].legend(fontsize=8)
        return figure
