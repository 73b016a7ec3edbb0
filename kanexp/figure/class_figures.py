"""Figures of classification: how often each class was taken for which, and where two inputs are divided."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kanexp.figure.panel import STATES
from kanexp.figure.style import CYCLE, STYLE, axis_label

MOST_NUMBERED = 20  # classes from which on counts in the cells are too small to read


def confusion(table: pd.DataFrame, title: str) -> Figure:
    """Rows are the true classes, columns the answers, before and after training; colour is the share of the row."""
    names = list(dict.fromkeys(table["true"].astype(str)))
    side = min(1.9 + 0.3 * len(names), 7.0)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2 * side + 0.9, side + 0.4), layout="constrained")
        panels = figure.subplots(1, 2)
        for axes, (state, label) in zip(panels, STATES.items(), strict=True):
            counts = table[table["state"] == state]["count"].to_numpy().reshape(len(names), len(names))
            right = counts.trace() / max(1, counts.sum())
            shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
            picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
            _name_classes(axes, names)
            axes.set(title=f"{label}: {100 * right:.1f} % right", xlabel="predicted class")
            if len(names) <= MOST_NUMBERED:
                _number_cells(axes, counts, shares)
        panels[0].set_ylabel("true class")
        figure.colorbar(picture, ax=panels.tolist(), shrink=0.8, label="share of the true class")
        figure.suptitle(title, fontsize=9)
        return figure


def _name_classes(axes: Axes, names: Sequence[str]) -> None:
    every = -(-len(names) // 40)
    at = range(0, len(names), every)
    long = max(map(len, names)) > 3
    axes.set_xticks(at, [names[i] for i in at], rotation=45 if long else 0, ha="right" if long else "center")
    axes.set_yticks(at, [names[i] for i in at])
    axes.tick_params(length=0, labelsize=8 if len(names) <= MOST_NUMBERED else 5)
    axes.grid(False)


def _number_cells(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    for i, j in zip(*counts.nonzero(), strict=True):
        axes.text(j, i, f"{counts[i, j]:g}", ha="center", va="center", fontsize=7, color="wk"[int(shares[i, j] < 0.5)])


def regions(table: pd.DataFrame, names: Sequence[str], title: str, inputs: Sequence[str] = ("x1", "x2")) -> Figure:
    """The class that each place is given, before and after training, with the test samples in their true colours.

    `names` are those of the classes, `inputs` those of the axes.
    """
    across, up = map(axis_label, inputs)
    colours = [CYCLE[i % len(CYCLE)] for i in range(len(names))]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.4, 3.5), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for axes, (state, label) in zip(panels, STATES.items(), strict=True):
            grid = table[table["state"] == state].pivot(index="x2", columns="x1", values="answer")
            x, y = grid.columns.to_numpy(), grid.index.to_numpy()
            axes.imshow(
                grid.to_numpy(),
                origin="lower",
                extent=(x[0], x[-1], y[0], y[-1]),
                aspect="auto",
                cmap=ListedColormap(colours),
                vmin=-0.5,
                vmax=len(names) - 0.5,
                alpha=0.3,
                interpolation="nearest",
            )
            samples = table[table["state"] == "sample"]
            for k, (name, colour) in enumerate(zip(names, colours, strict=True)):
                here = samples[samples["answer"] == k]
                axes.plot(here["x1"], here["x2"], "os^Dv"[k % 5], color=colour, markersize=3.5, label=name)
            axes.set(title=label, xlabel=across)
            axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
            axes.grid(False)
        panels[0].set_ylabel(up)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right center", fontsize=8, title="test samples", title_fontsize=8)
        figure.suptitle(title, fontsize=9)
        return figure
