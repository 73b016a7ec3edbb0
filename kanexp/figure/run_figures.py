"""Figures of one run: one function each, from a DataFrame to a matplotlib Figure."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from kanexp.figure.panel import (
    STATE_COLOURS,
    STATES,
    band,
    log_where_positive,
    look,
    picture_row,
    seed_lines,
    seed_range,
    side_legend,
    spectrum,
    spectrum_axes,
)
from kanexp.figure.style import AFTER, BEFORE, BLACK, BLUE, ORANGE, RED, SKY, STYLE, axis_label
from kanexp.score.score import metric_label

# How a seed that was continued ended: what a legend says, and its mark.
RESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "at rest": ("at rest", {"marker": "|", "color": BLUE, "markersize": 14, "mew": 3}),
    "falling": ("still falling", {"marker": "<", "color": ORANGE, "markersize": 7}),
    "lost": ("lost", {"marker": "x", "color": RED, "markersize": 7}),
}


def curves(metrics: pd.DataFrame, names: Sequence[str] = ("train_loss", "val_loss")) -> Figure:
    """One panel per metric over steps: a thin line per seed, a thick one for their median."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.6 * len(names), 2.9), layout="constrained")
        for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
            table = metrics[metrics["metric"] == name].pivot(index="step", columns="seed", values="value")
            seed_lines(axes, table)
            log_where_positive(axes, table)
            axes.set(title=metric_label(name), xlabel="step")
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axes.legend(fontsize=8)
        return figure


def prediction(
    table: pd.DataFrame,
    kind: str,
    shape: Sequence[int],
    title: str,
    inputs: Sequence[str] = ("x1", "x2"),
    outputs: Sequence[str] = (),
) -> Figure:
    """Target, prediction before and prediction after training, in the way the scene's kind asks for.

    `inputs` are the names of its axes; `outputs` those of the panels of surfaces and scatter plots, of which there may
    be several.
    """
    with mpl.rc_context(STYLE):
        if kind == "scatter":
            figure = _scatter(table, outputs)
        elif kind == "surface":
            figure = _surface(table, shape, inputs, outputs)
        else:
            figure = {"picture": _picture, "curve": _curve}[kind](table, shape)
        if kind == "curve":
            figure.axes[0].set_xlabel(axis_label(inputs[0]))
        figure.suptitle(title, fontsize=9)
        return figure


def _picture(table: pd.DataFrame, shape: Sequence[int]) -> Figure:
    figure = Figure(figsize=(8.4, 3.2), layout="constrained")
    picture_row(figure.subplots(1, 3), table, shape)
    return figure


def _surface(table: pd.DataFrame, shape: Sequence[int], inputs: Sequence[str], outputs: Sequence[str]) -> Figure:
    """A row of panels for each output; without a target, before and after training alone."""
    channels = [rows for _, rows in table.groupby("channel")]
    columns = 4 if table["target"].notna().any() else 2
    figure = Figure(figsize=(2.6 * columns, 2.7 * len(channels)), layout="constrained")
    rows_of_panels = figure.subplots(len(channels), columns, squeeze=False)
    for k, (panels, rows) in enumerate(zip(rows_of_panels, channels, strict=True)):
        _surface_row(figure, panels, rows, shape, f"{axis_label(outputs[k])}: " if len(channels) > 1 else "")
        for axes in panels:
            axes.set(xlabel=axis_label(inputs[0]), ylabel=axis_label(inputs[1]))
            axes.grid(False)
    return figure


def _surface_row(figure: Figure, panels: Sequence[Axes], table: pd.DataFrame, shape: Sequence[int], of: str) -> None:
    extent = (table["x1"].min(), table["x1"].max(), table["x2"].min(), table["x2"].max())
    solved = table["target"].notna().any()
    shown = {**({"target": "target"} if solved else {}), **STATES}
    scale = table["target" if solved else "after"]
    low, high = scale.min(), scale.max()
    for axes, (name, label) in zip(panels, shown.items(), strict=False):
        values = table[name].to_numpy().reshape(shape)
        picture = axes.imshow(values, origin="lower", extent=extent, aspect="auto", cmap="viridis", vmin=low, vmax=high)
        axes.set(title=of + label)
    figure.colorbar(picture, ax=list(panels[: len(shown)]), shrink=0.9)
    if not solved:
        return
    error = np.abs(table["after"] - table["target"]).to_numpy().reshape(shape)
    picture = panels[3].imshow(error, origin="lower", extent=extent, aspect="auto", cmap="cividis", vmin=0)
    panels[3].set(title="|error| after training")
    figure.colorbar(picture, ax=panels[3], shrink=0.9)


def _curve(table: pd.DataFrame, shape: Sequence[int]) -> Figure:
    figure = Figure(figsize=(4.8, 3.2), layout="constrained")
    axes = figure.subplots()
    for channel, rows in table.groupby("channel"):
        label = channel == 0
        if rows["target"].notna().any():
            axes.plot(
                rows["x1"], rows["target"], color=BLACK, linewidth=2.5, alpha=0.35, label="target" if label else None
            )
        axes.plot(rows["x1"], rows["before"], color=BEFORE, linestyle=":", label="before training" if label else None)
        axes.plot(rows["x1"], rows["after"], color=AFTER, label="after training" if label else None)
    axes.set(xlabel="$x_1$", ylabel="$y$")
    axes.legend(fontsize=8)
    return figure


def _scatter(table: pd.DataFrame, outputs: Sequence[str]) -> Figure:
    """Prediction over target, a panel for each output."""
    channels = [rows for _, rows in table.groupby("channel")]
    columns = min(4, len(channels))
    shape = (math.ceil(len(channels) / columns), columns)
    figure = Figure(figsize=(0.8 + 3 * columns, 0.6 + 3 * shape[0]), layout="constrained")
    panels = figure.subplots(*shape, squeeze=False).ravel()
    for axes, rows in zip(panels, channels, strict=False):
        axes.axline((rows["target"].mean(),) * 2, slope=1, color=BLACK, linewidth=0.8)
        axes.plot(rows["target"], rows["before"], ".", color=BEFORE, markersize=3, label="before training")
        axes.plot(rows["target"], rows["after"], ".", color=AFTER, markersize=3, label="after training")
        axes.set(xlabel="target", ylabel="prediction")
    if len(channels) > 1:
        for axes, name in zip(panels, outputs, strict=False):
            axes.set_title(axis_label(name))
    for axes in panels[len(channels) :]:
        axes.remove()
    panels[0].legend(fontsize=8)
    return figure


def edges(table: pd.DataFrame, title: str, names: Sequence[str] = ()) -> Figure:
    """Every edge function in its cell: columns are a layer's inputs, rows its outputs; gray before, blue after.

    All cells of a layer share one scale, so that strong and weak edges can be told apart; each curve is centred, for a
    constant belongs to the bias.
    """
    numbers, layers = zip(*table.groupby("layer"), strict=True)
    columns = [rows["input"].max() + 1 for rows in layers]
    heights = [rows["output"].max() + 1 for rows in layers]
    # Cells of few edges are large enough for the words below them, those of many small enough for a page.
    cell = min(1.6, 12 / (sum(columns) + 0.4 * len(columns)), max(0.75, 5 / max(heights)))
    with mpl.rc_context(STYLE):
        size = (max(5.6, cell * sum(columns) + 0.4 * len(columns) + 0.1), max(1.9, cell * max(heights) + 1.3))
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(1, len(layers), width_ratios=columns, squeeze=False)[0]
        for axes, layer, rows in zip(grid, numbers, layers, strict=True):
            _edge_cells(axes, rows)
            axes.set_title(_name(names, layer), loc="left")
        figure.suptitle(title, fontsize=9)
        return figure


def _edge_cells(axes: Axes, rows: pd.DataFrame) -> None:
    low, high = rows["x"].min(), rows["x"].max()
    centred = rows["y"] - rows.groupby(["state", "output", "input"])["y"].transform("mean")
    # The largest curve fills its cell; when all are flat there is nothing to scale.
    scale = 0.46 / (centred.abs().max() or 1.0)
    for (state, colour), width in zip(STATE_COLOURS.items(), (0.8, 1.2), strict=True):
        here = rows[rows["state"] == state]
        x = here["input"] + 0.06 + 0.88 * (here["x"] - low) / (high - low or 1.0)
        y = here["output"] + 0.5 - centred[here.index] * scale  # rows count downwards
        count = here.groupby(["output", "input"]).ngroups
        lines = np.stack([x.to_numpy().reshape(count, -1), y.to_numpy().reshape(count, -1)], axis=-1)
        axes.add_collection(LineCollection(list(lines), colors=colour, linewidths=width))
    wide, tall = rows["input"].max() + 1, rows["output"].max() + 1
    axes.set(xlim=(0, wide), ylim=(tall, 0), aspect="equal", anchor="N")
    axes.set_xticks(np.arange(wide) + 0.5, np.arange(wide) + 1, fontsize=7)
    axes.set_yticks(np.arange(tall) + 0.5, np.arange(tall) + 1, fontsize=7)
    axes.set_xlabel(f"input, each over\n[{low:.2g}, {high:.2g}]", fontsize=7)
    axes.set_ylabel("output", fontsize=7)
    axes.grid(False)
    axes.tick_params(length=0)
    for edge in (*range(wide + 1),):
        axes.axvline(edge, color="#DDDDDD", linewidth=0.5, zorder=0)
    for edge in (*range(tall + 1),):
        axes.axhline(edge, color="#DDDDDD", linewidth=0.5, zorder=0)


def spectra(table: pd.DataFrame, names: Sequence[str] = ()) -> Figure:
    """Power over frequency, one panel per layer: median over seeds as a line, their range as a band."""
    layers = sorted(table["layer"].unique())
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.9 * len(layers) + 0.6, 2.9), layout="constrained")
        panels = figure.subplots(1, len(layers), sharey=True, squeeze=False)[0]
        floor = table["power"].max() * 1e-12
        powers = seed_range(table.groupby(["layer", "state", "frequency"])["power"]).reset_index()
        for axes, layer in zip(panels, layers, strict=True):
            spectrum(axes, powers[powers["layer"] == layer], floor)
            axes.set(title=_name(names, layer), xlabel="frequency")
        panels[0].set_ylabel("power per edge")
        panels[0].legend(fontsize=8)
        return figure


def layers(table: pd.DataFrame, names: Sequence[str] = ()) -> Figure:
    """A panel per metric of the layers over steps, a line per layer: median over seeds and their range.

    Panels of shares that are zero all the time are left out.
    """
    panels = {
        "gradient_norm": "gradient norm",
        "beta": "exponent of the spectrum's decay",
        "dead_edges": "share of dead edges",
        "outside": "share of inputs outside the domain",
    }
    values = {metric: table.loc[table["metric"] == metric, "value"].dropna() for metric in panels}
    measured = [metric for metric, own in values.items() if metric == "gradient_norm" or (own != 0).any()]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.9 * len(measured), 2.7), layout="constrained")
        several = table["layer"].nunique()
        panels_of = figure.subplots(1, len(measured), squeeze=False)[0]
        for axes, metric in zip(panels_of, measured, strict=True):
            here = table[table["metric"] == metric]
            for i, (layer, rows) in enumerate(here.groupby("layer")):
                seeds = seed_range(rows.groupby("step")["value"])
                line = {**look(i), "marker": "o", "markersize": 2.5, "label": _name(names, layer)}
                band(axes, seeds.index, seeds, alpha=0.2 if several <= 4 else 0.06, **line)
            axes.set_xscale("symlog", linthresh=1)
            if metric == "gradient_norm":
                log_where_positive(axes, here["value"])
            if metric in ("dead_edges", "outside"):
                axes.set_ylim(-0.03, 1.03)
            axes.set(title=panels[metric], xlabel="step")
        side_legend(figure, panels_of[0])
        return figure


def _name(names: Sequence[str], layer: int) -> str:
    """What a layer is called, by its number."""
    return names[layer] if names else f"layer {layer + 1}"


def training_spectra(table: pd.DataFrame, names: Sequence[str] = ()) -> Figure:
    """A panel per layer: its spectrum, median over seeds, from the first step (light) to the last (dark)."""
    numbers, steps = sorted(table["layer"].unique()), sorted(table["step"].unique())
    colours = mpl.colormaps["cividis_r"](np.linspace(0.05, 1, len(steps)))
    floor = table["power"].max() * 1e-14
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.9 * len(numbers) + 0.8, 2.9), layout="constrained")
        panels = figure.subplots(1, len(numbers), squeeze=False, sharey=True)[0]
        for axes, layer in zip(panels, numbers, strict=True):
            here = table[table["layer"] == layer]
            for step, colour in zip(steps, colours, strict=True):
                median = here[here["step"] == step].groupby("frequency")["power"].median().clip(lower=floor)
                axes.plot(median.index, median, color=colour, linewidth=1, label=f"{step}")
            spectrum_axes(axes)
            axes.set(title=_name(names, layer), xlabel="frequency")
        panels[0].set_ylabel("power per edge")
        side_legend(figure, panels[0], "step", fontsize=7)
        return figure


def diagnosis(table: pd.DataFrame) -> Figure:
    """Training loss of every seed before and after it was continued: a gap the optimizer left, or none."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.2, 0.32 * len(table) + 1.5), layout="constrained")
        axes = figure.subplots()
        rows = np.arange(len(table))
        axes.hlines(rows, table["loss_after"], table["loss_before"], color=SKY, linewidth=4, alpha=0.5, label="gap")
        axes.plot(table["loss_before"], rows, "o", color=BEFORE, markersize=6, label="as the run ended")
        states = table["state"].where(table["state"].isin(list(RESTS)), "lost")
        for state, (label, marker) in RESTS.items():
            here = (states == state).to_numpy()
            if here.any():
                at = table["loss_after" if state != "lost" else "loss_before"][here]
                axes.plot(at, rows[here], linestyle="", label=label, **marker)
        axes.set_xscale("log")
        # Whole decades: a gap of a few percent is to look like one.
        ends = table[["loss_after", "loss_before"]].clip(lower=1e-300)
        finite = ends.to_numpy()[np.isfinite(ends.to_numpy())]
        axes.set_xlim(10 ** np.floor(np.log10(finite.min())), 10 ** np.ceil(np.log10(finite.max()) + 0.05))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_yticks(rows, [f"seed {seed}" for seed in table["seed"]])
        axes.set(xlabel="training loss", ylim=(len(table) - 0.5, -0.5))
        axes.grid(axis="y", visible=False)
        figure.legend(loc="outside upper center", ncols=4, fontsize=8)
        return figure
