"""The figure of a network of functions of two inputs: each of them as a surface."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from kanexp.figure.style import STYLE, axis_label

CELL, LETTERS = 1.1, 16  # inches of a surface, and the letters of an input's name that have room below it
WIDEST, TALLEST = 12.0, 20.0  # inches of all surfaces, which are smaller where there are many
GAP = 0.03  # of a cell, on each side


def pairs(table: pd.DataFrame, title: str, inputs: Sequence[str] = ()) -> Figure:
    """Every function f(a, b) in its cell: columns are a level's pairs of inputs, rows its outputs.

    Cells of a level share one scale of colours and one range of inputs; each surface is centred, for a constant belongs
    to what is added. `table` has level, pair, output, first and second (of the inputs), a, b, y, in order; where the
    inputs of the first level are not those named, as after an embedding, they are numbered.
    """
    numbers, levels = zip(*table.groupby("level"), strict=True)
    columns = [rows["pair"].max() + 1 for rows in levels]
    tallest = max(rows["output"].max() + 1 for rows in levels)
    cell = min(CELL, WIDEST / sum(columns), TALLEST / tallest)
    entering = levels[0][["first", "second"]].to_numpy().max() + 1
    with mpl.rc_context(STYLE):
        size = max(5.6, cell * sum(columns) + 1.1 * len(columns)), max(2.0, cell * tallest + 1.0)
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(1, len(levels), width_ratios=[n + 1 for n in columns], squeeze=False)[0]
        for axes, number, rows in zip(grid, numbers, levels, strict=True):
            named = inputs if number == 0 and entering == len(inputs) and cell > 0.75 * CELL else ()
            figure.colorbar(_cells(axes, rows, named), ax=axes, shrink=0.6, aspect=30)
            axes.set_title(f"level {number + 1}, over [{rows['a'].min():.2g}, {rows['a'].max():.2g}]", loc="left")
        figure.suptitle(title, fontsize=9)
        return figure


def _cells(axes: Axes, rows: pd.DataFrame, names: Sequence[str]) -> AxesImage:
    centred = rows["y"] - rows.groupby(["pair", "output"])["y"].transform("mean")
    most = float(centred.abs().max())
    most = most if most > 0 else 1.0  # all are flat, or of a lost seed
    look: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -most, "vmax": most, "interpolation": "bilinear"}
    labels = []
    for (pair, output), cell in rows.groupby(["pair", "output"]):
        side = math.isqrt(len(cell))
        values = centred[cell.index].to_numpy().reshape(side, side).T  # b upwards
        # Outputs count downwards, and the axis with them.
        place = (pair + GAP, pair + 1 - GAP, output + 1 - GAP, output + GAP)
        picture = axes.imshow(values, extent=place, origin="lower", **look)
        if output == 0:
            numbers = cell[["first", "second"]].iloc[0]
            labels.append(",\nup ".join(axis_label(names[k], LETTERS) if names else f"{k + 1}" for k in numbers))
    wide, tall = rows["pair"].max() + 1, rows["output"].max() + 1
    axes.set(xlim=(0, wide), ylim=(tall, 0), aspect="equal", anchor="N", xlabel="inputs", ylabel="output")
    axes.set_xticks(np.arange(wide) + 0.5, labels, fontsize=7)
    axes.set_yticks(np.arange(tall) + 0.5, np.arange(tall) + 1, fontsize=7)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return picture
