"""Figures of published results beside ours, each drawn from its table alone."""

import re

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from kanexp.figure import run_figures
from kanexp.figure.panel import (
    STATES,
    arm_rows,
    band,
    median_bar,
    metric_scale,
    picture,
    seed_lines,
    seed_points,
    seed_range,
    side_legend,
    spectrum_axes,
)
from kanexp.figure.style import AFTER, BEFORE, BLUE, CYCLE, ORANGE, SKY, STYLE
from kanexp.score.cost import Metric
from kanexp.score.score import Score, metric_label


def points(table: pd.DataFrame) -> Figure:
    """Every seed's score, a line per arm, with a bar at the median and a diamond at the published number."""
    arms = list(dict.fromkeys(table["arm"]))
    shown = pd.concat([table["value"], table["published"]])
    shown = shown[np.isfinite(shown)]
    metric = _metric(table, shown)
    with mpl.rc_context(STYLE):
        named = 0.075 * max(map(len, arms))  # inches; beside them the points keep their width
        figure = Figure(figsize=(5.2 + named, 0.42 * len(arms) + 1.2), layout="constrained")
        axes = figure.subplots()
        metric_scale(axes, "x", metric, shown)
        for i, arm in enumerate(arms):
            here = table[(table["arm"] == arm) & np.isfinite(table["value"])]
            seed_points(axes, i, here["value"])
            median_bar(axes, i, here["value"].median())
            axes.plot(here["published"].iloc[:1], [i], "D", color=ORANGE, markeredgecolor="black", markersize=7)
        known = "; diamonds are published" if table["published"].notna().any() else ""
        arm_rows(axes, arms, f"{metric_label(metric.name)}: a point per seed, a bar at the median{known}")
        return figure


def pictures(table: pd.DataFrame) -> Figure:
    """A row per arm: target, before and after training, and the spectra of its layers before and after."""
    arms = list(dict.fromkeys(table["arm"]))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.6, 2.8 * len(arms)), layout="constrained")
        grid = figure.subplots(len(arms), 4, squeeze=False, width_ratios=(1, 1, 1, 1.15))
        for row, arm in zip(grid, arms, strict=True):
            here = table[table["arm"] == arm]
            titles = {"target": "target", "before": "before training", "after": f"after, held-out {_psnr(here)}"}
            for axes, (part, title) in zip(row, titles.items(), strict=False):
                _pixels(axes, here, part, title)
            row[0].set_ylabel(arm, fontsize=10)
            _spectra(row[3], here)
        for axes in grid[:, 3]:
            axes.set_ylim(_power_limits(table))
        grid[0, 3].legend(fontsize=7)
        return figure


def strip(table: pd.DataFrame) -> Figure:
    """A column per arm: the picture after training with its PSNR, below it the spectra before and after."""
    arms = list(dict.fromkeys(table["arm"]))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(max(4.6, 2.0 * len(arms) + 0.4), 4.6), layout="constrained")
        top, below = figure.subplots(2, len(arms), squeeze=False, sharey="row", height_ratios=(1, 0.9))
        for upper, lower, arm in zip(top, below, arms, strict=True):
            here = table[table["arm"] == arm]
            _pixels(upper, here, "after", f"{arm}\nheld-out {_psnr(here)}")
            _spectra(lower, here)
            lower.set_ylim(_power_limits(table))
            lower.set_ylabel("")
        below[0].set_ylabel("power per edge")
        figure.legend(*below[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=7)
        return figure


def exponents(table: pd.DataFrame) -> Figure:
    """The fitted exponent of the spectrum's decay over training, a panel per layer, a colour per arm."""
    layers, arms = sorted(table["layer"].unique()), list(dict.fromkeys(table["arm"]))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.7 * len(layers) + 1.6, 2.8), layout="constrained")
        panels = figure.subplots(1, len(layers), sharey=True, squeeze=False)[0]
        for axes, layer in zip(panels, layers, strict=True):
            for i, arm in enumerate(arms):
                own = table[(table["layer"] == layer) & (table["arm"] == arm)]
                seeds = seed_range(own.groupby("step")["value"])
                band(axes, seeds.index, seeds, CYCLE[i % len(CYCLE)], alpha=0.15, label=arm)
            axes.set_xscale("symlog", linthresh=1)
            axes.set(title=f"layer {layer + 1}", xlabel="step")
        panels[0].set_ylabel("exponent of the spectrum's decay")
        side_legend(figure, panels[0])
        return figure


def edges(table: pd.DataFrame) -> Figure:
    """A row of small panels per arm, one per edge: before and after training, with the known function dotted."""
    arms = list(dict.fromkeys(table["arm"]))
    places = {arm: list(own.groupby(["layer", "output", "input"])) for arm, own in table.groupby("arm", sort=False)}
    columns = max(len(own) for own in places.values())
    size = (max(6.0, 0.85 * columns + 0.6), 1.15 * len(arms) + 0.5)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(len(arms), columns, squeeze=False)
        for row, arm in zip(grid, arms, strict=True):
            for axes in row[len(places[arm]) :]:
                axes.set_axis_off()
            for axes, ((layer, output, input_), own) in zip(row, places[arm], strict=False):
                _edge(axes, own)
                axes.set_title(f"{layer + 1}: {input_ + 1} → {output + 1}", fontsize=7, pad=2)
            if len(arms) > 1:
                row[0].set_ylabel(re.sub(r"(?<!,) ", "\n", arm), fontsize=7)
        shown = (*table["state"].unique(), *(["fit"] if table["fit"].notna().any() else []))
        for part in shown:
            grid[0, 0].plot([], [], **_EDGE_LINES[part])
        figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=8)
        return figure


def staircase(table: pd.DataFrame) -> Figure:
    """Test error over the size of the grid, both on logarithms: a thin line per seed, their median, the published."""
    metric, sizes = table["metric"].iloc[0], sorted(table["size"].unique())
    seeds = table.pivot(index="size", columns="seed", values="value")
    published = table.groupby("size")["published"].first().dropna()
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.8, 3.6), layout="constrained")
        axes = figure.subplots()
        seed_lines(axes, seeds, marker="o")
        axes.plot(published.index, published, "D--", color=ORANGE, markeredgecolor="black", label="published")
        axes.set(xscale="log", yscale="log", xlabel="grid intervals", ylabel=f"test {metric_label(metric)}")
        axes.set_xticks(sizes)
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.legend(fontsize=8)
        return figure


def solution(table: pd.DataFrame) -> Figure:
    """The solution, the network before and after training, and its error, on a dense grid."""
    side = round(len(table) ** 0.5)
    return run_figures.prediction(table, "surface", (side, side), "the seed of median loss")


def pareto(table: pd.DataFrame) -> Figure:
    """Test error over parameters: every seed, medians with names, and a line through those that no other beats."""
    metric = _metric(table, table["value"])
    sign = -1 if metric.better == "higher" else 1
    medians = table.groupby("arm", sort=False).agg(parameters=("parameters", "first"), value=("value", "median"))
    best = medians.sort_values(["parameters", "value"])
    front = best[(sign * best["value"]).cummin() == sign * best["value"]].drop_duplicates("value")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.6, 3.8), layout="constrained")
        axes = figure.subplots()
        axes.plot(table["parameters"], table["value"], ".", color=SKY, label="each seed")
        axes.plot(front["parameters"], front["value"], color="black", linewidth=0.8, label="front of medians")
        axes.plot(medians["parameters"], medians["value"], "o", color=BLUE, label="median")
        middle = np.sqrt(medians["parameters"].min() * medians["parameters"].max())
        for arm, own in medians.iterrows():
            side, off = ("right", -5) if own["parameters"] > middle else ("left", 5)  # names stay inside
            at = own["parameters"], own["value"]
            axes.annotate(str(arm), at, (off, 5), textcoords="offset points", ha=side, fontsize=7)
        axes.set(xscale="log", xlabel="parameters", ylabel=f"test {metric_label(metric.name)}")
        axes.set_yscale("log" if metric.log else "linear")
        axes.margins(x=0.25)
        axes.legend(fontsize=8)
        return figure


def _metric(table: pd.DataFrame, values: "pd.Series[float]") -> Metric:
    """The metric that a table of columns metric and better is about, on the scale that the values allow."""
    return Metric.of(Score(table["metric"].iloc[0], table["better"].iloc[0]), values)


_EDGE_LINES: dict[str, dict] = {
    "before": {"label": STATES["before"], "color": BEFORE, "linewidth": 0.9},
    "after": {"label": STATES["after"], "color": AFTER, "linewidth": 1.4},
    "fit": {"label": "known function, fitted", "color": ORANGE, "linewidth": 1.6, "linestyle": ":"},
}


def _edge(axes: Axes, own: pd.DataFrame) -> None:
    for state, here in own.groupby("state", sort=False):
        axes.plot(here["x"], here["y"], **_EDGE_LINES[str(state)] | {"label": None})
    axes.plot(own["x"], own["fit"], **_EDGE_LINES["fit"] | {"label": None})
    axes.set(xticks=[], yticks=[])
    axes.margins(0.05)


def _pixels(axes: Axes, here: pd.DataFrame, part: str, title: str) -> None:
    picture(axes, here[here["part"] == part].pivot(index="y", columns="x", values="value").to_numpy(), title)


def _psnr(here: pd.DataFrame) -> str:
    return f"{here.loc[here['part'] == 'psnr', 'value'].median():.1f} dB"


def _spectra(axes: Axes, here: pd.DataFrame) -> None:
    for state, dashes in (("before", ":"), ("after", "-")):
        own = here[here["part"] == f"spectrum {state}"]
        for i, (layer, power) in enumerate(own.groupby("y")):
            label = f"layer {int(layer) + 1}, {state}"
            axes.plot(power["x"], power["value"], dashes, color=CYCLE[i % len(CYCLE)], linewidth=1.1, label=label)
    spectrum_axes(axes)
    axes.set(xlabel="frequency", ylabel="power per edge")


def _power_limits(table: pd.DataFrame) -> tuple[float, float]:
    """One scale for all panels, from its highest power down; what rounding leaves of absent frequencies is cut off."""
    power = table.loc[table["part"].str.startswith("spectrum"), "value"]
    return max(power.min() / 2, power.max() * 1e-12), power.max() * 2
