"""Surfaces over two inputs: what was to be learned, what was, and where it is wrong."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from kanexp.figure.panel import STATES
from kanexp.figure.style import STYLE, axis_label

MOST_UNEQUAL = 4.0  # times as long as the other, from which on two inputs are not drawn in one scale


def surface(table: pd.DataFrame, shape: Sequence[int], inputs: Sequence[str], outputs: Sequence[str]) -> Figure:
    """A row of panels for each output; without a target, before and after training alone.

    Target, before and after share one scale, that of the target, whose ends are arrows where something lies beyond.
    """
    channels = [rows for _, rows in table.groupby("channel")]
    columns = 4 if table["target"].notna().any() else 2
    figure = Figure(figsize=(_width(table) * columns, 2.7 * len(channels)), layout="constrained")
    panels = figure.subplots(len(channels), columns, squeeze=False)
    for k, (row, rows) in enumerate(zip(panels, channels, strict=True)):
        _row(figure, row, rows, shape, f"{axis_label(outputs[k])}: " if len(channels) > 1 else "")
        _name_axes(row, inputs)
    return figure


def _row(figure: Figure, panels: Sequence[Axes], table: pd.DataFrame, shape: Sequence[int], of: str) -> None:
    solved = table["target"].notna().any()
    shown = {**({"target": "target"} if solved else {}), **STATES}
    scale = table["target" if solved else "after"]
    ends = {"vmin": scale.min(), "vmax": scale.max()}
    for axes, (name, label) in zip(panels, shown.items(), strict=False):
        picture = _plane(axes, table, table[name].to_numpy(), shape, cmap="viridis", **ends)
        axes.set(title=of + label)
    beyond = _extend(table[list(shown)].to_numpy(), **ends)
    figure.colorbar(picture, ax=list(panels[: len(shown)]), shrink=0.9, extend=beyond)
    if not solved:
        return
    error = np.abs(table["after"] - table["target"]).to_numpy()
    picture = _plane(panels[3], table, error, shape, cmap="cividis", vmin=0)
    panels[3].set(title="|error|")  # after training: narrow panels have no room to say so
    figure.colorbar(picture, ax=panels[3], shrink=0.9)


def error(
    table: pd.DataFrame,
    shape: Sequence[int],
    title: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    what: str = "error",
    picture: bool = False,
) -> Figure:
    """For each output where and which way a seed is wrong, how much on a logarithmic scale, and how far seeds spread.

    `table` has x1, x2, channel, error, low and high, the lowest and highest answer of all seeds. The second input of a
    picture counts downwards, and its pixels are squares.
    """
    channels = [rows for _, rows in table.groupby("channel")]
    several = (table["high"] > table["low"]).any()
    with mpl.rc_context(STYLE):
        columns = 3 if several else 2
        figure = Figure(figsize=((_width(table) + 0.5) * columns, 2.7 * len(channels)), layout="constrained")
        panels = figure.subplots(len(channels), columns, squeeze=False)
        for k, (row, rows) in enumerate(zip(panels, channels, strict=True)):
            wrong = rows["error"].to_numpy()
            most = np.abs(wrong).max() or 1.0
            spread = (rows["high"] - rows["low"]).to_numpy()
            drawn: list[tuple[str, np.ndarray, dict[str, Any]]] = [
                (what, wrong, {"cmap": "RdBu_r", "vmin": -most, "vmax": most}),
                (f"|{what}|", *_logarithmic(np.abs(wrong))),
                ("highest less lowest seed", *_logarithmic(spread)),
            ]
            for axes, (name, values, colours) in zip(row, drawn, strict=False):
                plane = _plane(axes, rows, values, shape, picture, **colours)
                axes.set_title(f"{axis_label(outputs[k])}: {name}" if len(channels) > 1 else name)
                figure.colorbar(plane, ax=axes, shrink=0.9, extend="neither" if name == what else "min")
            _name_axes(row, inputs)
        figure.suptitle(title, fontsize=9)
        return figure


def _logarithmic(values: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """Values over the four decades below the largest, and the colours that they get."""
    most = float(values.max()) or 1.0
    return values.clip(min=most * 1e-4), {"cmap": "magma", "norm": LogNorm(most * 1e-4, most)}


def _plane(
    axes: Axes, table: pd.DataFrame, values: np.ndarray, shape: Sequence[int], picture: bool = False, **colours: Any
) -> Any:
    """Values at a grid of points in reading order, smoothly between them: their number is no part of the answer."""
    low, high = table["x2"].min(), table["x2"].max()
    return axes.imshow(
        values.reshape(shape),
        origin="upper" if picture else "lower",
        extent=(table["x1"].min(), table["x1"].max(), *((high, low) if picture else (low, high))),
        aspect="equal" if 1 / MOST_UNEQUAL <= _proportion(table) <= MOST_UNEQUAL else "auto",
        interpolation="nearest" if picture else "bilinear",
        **colours,
    )


def _proportion(table: pd.DataFrame) -> float:
    """How long the first input's range is to the second's."""
    across, up = (float(table[name].max() - table[name].min()) for name in ("x1", "x2"))
    return across / up if up > 0 else 1.0


def _width(table: pd.DataFrame) -> float:
    """Inches of a panel, with its axis and its share of the bar, that is 1.9 inches high."""
    proportion = _proportion(table)
    return 0.8 + 1.9 * (min(proportion, 2.0) if 1 / MOST_UNEQUAL <= proportion <= MOST_UNEQUAL else 1.0)


def _extend(values: np.ndarray, vmin: float, vmax: float) -> Any:
    """Which ends of a colour bar hide something beyond them."""
    below, above = bool((values < vmin).any()), bool((values > vmax).any())
    return {(True, True): "both", (True, False): "min", (False, True): "max"}.get((below, above), "neither")


def _name_axes(row: Sequence[Axes], inputs: Sequence[str]) -> None:
    for axes in row:
        axes.set(xlabel=axis_label(inputs[0]), ylabel=axis_label(inputs[1]))
        axes.grid(False)
