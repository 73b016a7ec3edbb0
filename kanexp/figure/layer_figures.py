"""Figures of what is inside a network: its edge functions, their spectra, what enters its layers."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from kanexp.figure.panel import (
    STATE_COLOURS,
    STATES,
    band,
    frequency_scale,
    log_where_positive,
    look,
    seed_range,
    side_legend,
    spectrum,
)
from kanexp.figure.style import SKY, STYLE, axis_label

MOST_ACROSS = 5  # panels side by side


LETTERS, LETTER = 24, 0.062  # most letters of an input's name below its cells, and the inches that each takes


def edges(
    table: pd.DataFrame,
    title: str,
    names: Sequence[str] = (),
    inputs: Sequence[str] = (),
    categories: Sequence[bool] = (),
) -> Figure:
    """Every edge function in its cell: columns are a layer's inputs, rows its outputs; gray before, blue after.

    All cells of a layer share one scale, so that strong and weak edges can be told apart, and one interval, that of its
    inputs after training; each curve is centred, for a constant belongs to the bias. Inputs of the first layer that are
    1 for a category and -1 for all others are bars: what the category adds.
    """
    numbers, layers = zip(*table.groupby("layer"), strict=True)
    columns = [rows["input"].max() + 1 for rows in layers]
    heights = [rows["output"].max() + 1 for rows in layers]
    # Cells of few edges are large enough for the words below them, those of many small enough for a page.
    cell = min(1.6, 12 / (sum(columns) + 0.4 * len(columns)), max(0.75, 5 / max(heights)))
    with mpl.rc_context(STYLE):
        named = [axis_label(name, LETTERS) for name in inputs] if len(inputs) == columns[0] else []
        longest = max(map(len, named), default=0)
        turned = longest > cell / LETTER  # names that have no room below their cells stand upright
        below = LETTER * longest if turned else 0.0
        size = (max(5.6, cell * sum(columns) + 0.4 * len(columns) + 0.1), max(1.9, cell * max(heights) + 1.3 + below))
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(1, len(layers), width_ratios=columns, squeeze=False)[0]
        for axes, layer, rows in zip(grid, numbers, layers, strict=True):
            first = layer == 0
            _edge_cells(axes, rows, named if first else (), categories if first else ())
            if first and turned:
                axes.tick_params(axis="x", rotation=90)
            axes.set_title(_name(names, layer), loc="left")
        figure.suptitle(title, fontsize=9)
        return figure


def _edge_cells(axes: Axes, rows: pd.DataFrame, named: Sequence[str], categories: Sequence[bool]) -> None:
    after = rows.loc[rows["state"] == "after", "x"]
    wide, tall = rows["input"].max() + 1, rows["output"].max() + 1
    low, high = (after.min(), after.max()) if after.notna().any() else (0.0, 0.0)  # of a lost seed no curve is left
    rows = rows[(rows["x"] >= low) & (rows["x"] <= high)]
    centred = rows["y"] - rows.groupby(["state", "output", "input"])["y"].transform("mean")
    # The largest curve fills its cell; when all are flat there is nothing to scale.
    most = (centred.abs().max() if len(centred) else 0.0) or 1.0
    scale = 0.46 / most
    stepped = {j for j, category in enumerate(categories) if category}
    for (state, colour), width in zip(STATE_COLOURS.items(), (0.8, 1.2), strict=True):
        here = rows[(rows["state"] == state) & ~rows["input"].isin(stepped)]
        x = here["input"] + 0.06 + 0.88 * (here["x"] - low) / (high - low or 1.0)
        y = here["output"] + 0.5 - centred[here.index] * scale  # rows count downwards
        edges = here.groupby(["output", "input"]).indices.values()
        lines = [np.stack([x.to_numpy()[at], y.to_numpy()[at]], axis=-1) for at in edges]
        axes.add_collection(LineCollection(lines, colors=colour, linewidths=width))
        bars = rows[(rows["state"] == state) & rows["input"].isin(stepped)].groupby(["output", "input"])["y"]
        for (output, j), values in bars:
            adds = (values.iloc[-1] - values.iloc[0]) / 2
            place = j + (0.34 if state == "before" else 0.62)
            axes.bar(place, -adds * scale, 0.24, output + 0.5, color=colour)
    axes.set(xlim=(0, wide), ylim=(tall, 0), aspect="equal", anchor="N")
    axes.set_xticks(np.arange(wide) + 0.5, named or [f"{j + 1}" for j in range(wide)], fontsize=7)
    axes.set_yticks(np.arange(tall) + 0.5, np.arange(tall) + 1, fontsize=7)
    axes.set_xlabel(f"input, over [{low:.2g}, {high:.2g}];\na cell is {most / 0.46:.2g} high", fontsize=7)
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


def training_spectra(table: pd.DataFrame, names: Sequence[str] = ()) -> Figure:
    """A panel per layer: power, median over seeds, as colour over step (those that were looked at) and frequency."""
    numbers, steps = sorted(table["layer"].unique()), sorted(table["step"].unique())
    most = max(table["power"].max(), 1e-299) if table["power"].notna().any() else 1.0  # lost seeds have none
    norm = LogNorm(max(most * 1e-12, table["power"].min()), most)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.7 * len(numbers) + 0.9, 2.9), layout="constrained")
        panels = figure.subplots(1, len(numbers), squeeze=False, sharey=True)[0]
        for axes, layer in zip(panels, numbers, strict=True):
            here = table[table["layer"] == layer]
            median = here.pivot_table(values="power", index="step", columns="frequency", aggfunc="median", dropna=False)
            frequencies = median.columns.to_numpy(float)
            ends = np.append(frequencies, frequencies[-1] + 1) - 0.5
            values = median.reindex(steps).to_numpy().clip(min=norm.vmin)
            picture = axes.pcolormesh(ends, np.arange(len(steps) + 1) - 0.5, values, cmap="magma", norm=norm)
            picture.set_rasterized(True)
            axes.grid(False)
            axes.set(title=_name(names, layer), xlabel="frequency")
            if len(frequencies) > 16:
                frequency_scale(axes)
            axes.set_yticks(range(len(steps)), [str(step) for step in steps])
        panels[0].set_ylabel("step")
        figure.colorbar(picture, ax=panels.tolist(), label="power per edge", extend="min")
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


def entering(table: pd.DataFrame, names: Sequence[str] = ()) -> Figure:
    """What enters each layer, before and after training: shares of its inputs, with the domain of its functions shaded.

    `table` has state, layer, low, high, share, and the domain's ends, domain_low and domain_high, where there is one.
    """
    numbers = sorted(table["layer"].unique())
    across = min(MOST_ACROSS, len(numbers))
    down = -(-len(numbers) // across)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.5 * across + 1.2, 2.5 * down + 0.2), layout="constrained")
        grid = figure.subplots(down, across, squeeze=False)
        panels = grid.ravel()
        for axes in panels[len(numbers) :]:
            axes.remove()
        for axes, layer in zip(panels, numbers, strict=False):
            here = table[table["layer"] == layer]
            ends = here[["domain_low", "domain_high"]].iloc[0]
            if ends.notna().all():
                axes.axvspan(*ends, color=SKY, alpha=0.15, linewidth=0, label="domain")
            for state, colour in STATE_COLOURS.items():
                own = here[here["state"] == state]
                axes.stairs(own["share"], [*own["low"], own["high"].iloc[-1]], color=colour, label=STATES[state])
            axes.set(title=_name(names, layer), xlabel="input of the layer")
        for axes in grid[:, 0]:
            axes.set_ylabel("share of inputs")
        side_legend(figure, panels[0])
        return figure
