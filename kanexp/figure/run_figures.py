"""Figures of one run: one function each, from a DataFrame to a matplotlib Figure."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from kanexp.figure.panel import (
    log_where_positive,
    picture_row,
    same_range,
    seed_lines,
)
from kanexp.figure.style import AFTER, BEFORE, BLACK, BLUE, ORANGE, RED, SKY, STYLE, axis_label
from kanexp.figure.surface import surface
from kanexp.score.score import metric_label

# How a seed that was continued ended: what a legend says, and its mark.
RESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "at rest": ("at rest", {"marker": "|", "color": BLUE, "markersize": 14, "mew": 3}),
    "falling": ("still falling", {"marker": "<", "color": ORANGE, "markersize": 7}),
    "lost": ("lost", {"marker": "x", "color": RED, "markersize": 7}),
}


LOSSES = ("train_loss", "val_loss")


def curves(
    metrics: pd.DataFrame,
    names: Sequence[str] = LOSSES,
    linear: Sequence[str] = (),
    alike: Sequence[str] = LOSSES,
) -> Figure:
    """One panel per metric over steps: a thin line per seed, a thick one for their median.

    All have a logarithmic scale where they allow it, but for those that are `linear`, such as shares; those that are
    `alike` have the same one.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.6 * len(names), 2.9), layout="constrained")
        panels = dict(zip(names, figure.subplots(1, len(names), squeeze=False)[0], strict=True))
        for name, axes in panels.items():
            table = metrics[metrics["metric"] == name].pivot(index="step", columns="seed", values="value")
            seed_lines(axes, table)
            if name not in linear:
                log_where_positive(axes, table)
            axes.set(title=metric_label(name), xlabel="step")
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axes.legend(fontsize=8)
        same_range([axes for name, axes in panels.items() if name in alike])
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
            figure = surface(table, shape, inputs, outputs)
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
    axes.set(xlabel="x₁", ylabel="y")
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
