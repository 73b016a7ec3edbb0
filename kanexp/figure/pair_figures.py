"""The figure of a network of functions of two inputs: each of them as a surface."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from kanexp.figure.style import STYLE, axis_label

CELL, LETTERS = 1.1, 16  # inches of a surface, and the letters of an input's name that have room below it


def pairs(table: pd.DataFrame, title: str, inputs: Sequence[str] = ()) -> Figure:
    """Every function f(a, b) in its cell: columns are a level's pairs of inputs, rows its outputs.

    Cells of a level share one scale of colours and one range of inputs; each surface is centred, for a constant belongs
    to what is added. `table` has level, pair, output, first and second (of the inputs), a, b, y, in order.
    """
    numbers, levels = zip(*table.groupby("level"), strict=True)
    columns = [rows["pair"].max() + 1 for rows in levels]
    heights = [rows["output"].max() + 1 for rows in levels]
    with mpl.rc_context(STYLE):
        size = max(5.6, CELL * sum(columns) + 1.1 * len(columns)), max(2.0, CELL * max(heights) + 1.0)
        figure = Figure(figsize=size, layout="constrained")
        parts = figure.subfigures(1, len(levels), width_ratios=[n + 1 for n in columns], squeeze=False)[0]
        for part, number, rows, down in zip(parts, numbers, levels, heights, strict=True):
            panels = part.subplots(max(heights), rows["pair"].max() + 1, squeeze=False)
            for axes in panels[down:].ravel():
                axes.remove()
            _cells(part, panels[:down], rows, inputs if number == 0 else ())
            part.suptitle(f"level {number + 1}, over [{rows['a'].min():.2g}, {rows['a'].max():.2g}]", fontsize=8)
        figure.suptitle(title, fontsize=9)
        return figure


def _cells(part: SubFigure, panels: np.ndarray, rows: pd.DataFrame, names: Sequence[str]) -> None:
    centred = rows["y"] - rows.groupby(["pair", "output"])["y"].transform("mean")
    most = float(centred.abs().max()) or 1.0  # when all are flat there is nothing to scale
    for (pair, output), cell in rows.groupby(["pair", "output"]):
        axes: Axes = panels[output, pair]
        values = centred[cell.index].to_numpy().reshape(cell["a"].nunique(), -1).T  # b upwards
        picture = axes.imshow(values, cmap="RdBu_r", vmin=-most, vmax=most, origin="lower", interpolation="bilinear")
        axes.set(xticks=[], yticks=[])
        axes.grid(False)
        if output == len(panels) - 1:
            both = [axis_label(names[k], LETTERS) if names else f"{k + 1}" for k in cell[["first", "second"]].iloc[0]]
            axes.set_xlabel(f"{both[0]},\nup {both[1]}", fontsize=7)
        if pair == 0:
            axes.set_ylabel(f"output {output + 1}", fontsize=7)
    part.colorbar(picture, ax=panels.ravel().tolist(), shrink=0.6, aspect=30)
