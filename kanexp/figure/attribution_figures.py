"""Figures of what networks use: importance of columns, and how a network is pruned."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kanexp.figure.panel import log_where_positive, spread
from kanexp.figure.style import BLACK, BLUE, ORANGE, STYLE, axis_label

MOST = 30  # columns that are drawn


def columns(table: pd.DataFrame) -> Figure:
    """Columns by median importance, the most important on top: a bar for the median, a point for each seed.

    Beside it, where it was measured, how many times the loss on test data is with the column shuffled.
    """
    order = table.groupby("name")["importance"].median().sort_values(ascending=False, kind="stable")
    names = list(order.index[:MOST])
    panels = {"importance": "importance"}
    if table["permuted"].notna().any():
        panels["permuted"] = "test loss with it shuffled, times as large"
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.6 + 3.1 * len(panels), 0.3 * len(names) + 1.2), layout="constrained")
        grid = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        for axes, (column, label) in zip(grid, panels.items(), strict=True):
            _bars(axes, table, column, names, base=1.0 if column == "permuted" else 0.0)
            axes.set_xlabel(label)
        if len(names) < len(order):
            figure.suptitle(f"the {len(names)} most important of {len(order)} columns", fontsize=9)
        return figure


def _bars(axes: Axes, table: pd.DataFrame, column: str, names: list[str], base: float) -> None:
    """A row for each name; on a logarithmic axis where values span more than two decades."""
    values = [table.loc[table["name"] == name, column] for name in names]
    everything = pd.concat(values)
    if everything.min() > 0 and everything.max() > 100 * max(everything.min(), base):
        axes.set_xscale("log")
        base = base or everything.min()
    for row, own in enumerate(values):
        axes.barh(row, own.median() - base, left=base, height=0.6, color=BLUE, alpha=0.35)
        axes.plot(own, row + 0.2 * spread(len(own), 5), "o", color=BLUE, markersize=3, alpha=0.7)
    axes.set_yticks(range(len(names)), [axis_label(name) for name in names])
    axes.set(ylim=(len(names) - 0.4, -0.6))
    axes.grid(axis="y", visible=False)


def pruning(table: pd.DataFrame) -> Figure:
    """Validation loss over the number of edges, a line for each seed: cuts that were kept, and those taken back."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.4, 3.4), layout="constrained")
        axes = figure.subplots()
        for i, (_, own) in enumerate(table.groupby("seed")):
            kept, back = own[own["kept"]], own[~own["kept"]]
            limit, ends = np.full(2, own["limit"].iloc[0]), [own["edges"].max(), own["edges"].min()]
            labels = ("kept", "taken back", "most that is allowed") if i == 0 else (None, None, None)
            axes.plot(kept["edges"], kept["val_loss"], "o-", color=BLUE, markersize=3, linewidth=1, label=labels[0])
            axes.plot(back["edges"], back["val_loss"], "x", color=ORANGE, markersize=5, label=labels[1])
            axes.plot(ends, limit, ":", color=BLACK, linewidth=0.8, label=labels[2])
        log_where_positive(axes, table["val_loss"])
        axes.invert_xaxis()
        axes.set(xlabel="edges", ylabel="validation loss, each seed")
        axes.legend(fontsize=8)
        return figure
