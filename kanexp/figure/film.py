"""Answers while a network trains: a strip of them, and a moving picture."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from kanexp.figure.panel import picture
from kanexp.figure.style import BLACK, BLUE, STYLE, axis_label

MOST = 7  # answers of a strip, evenly among those that were kept, the first and the last with them
MILLISECONDS, LAST = 400, 2000  # that a frame is shown, and the last one
DPI = 110


def strip(table: pd.DataFrame, target: np.ndarray, scene: tuple[str, Sequence[int]], axis: str, title: str) -> Figure:
    """Answers of some steps side by side, and the target last.

    `table` has step, channel, point and value of one seed; target (channels, points), NaN where there is none; the
    scene's kind and shape. Of several outputs that are no colours the first is drawn.
    """
    steps = list(dict.fromkeys(table["step"]))
    chosen = [steps[i] for i in np.unique(np.linspace(0, len(steps) - 1, MOST).round().astype(int))]
    known = np.isfinite(target).all()
    panels = {f"step {step}": _values(table, step) for step in chosen} | ({"target": target} if known else {})
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.7 * len(panels), 2.2), layout="constrained")
        row = figure.subplots(1, len(panels), squeeze=False, sharey=scene[0] == "curve")[0]
        for axes, (name, values) in zip(row, panels.items(), strict=True):
            _draw(axes, values, target, scene, axis, name)
        figure.suptitle(title, fontsize=9)
        return figure


def write_gif(table: pd.DataFrame, target: np.ndarray, scene: tuple[str, Sequence[int]], axis: str, file: Path) -> None:
    """A moving picture of all steps that were kept, of what `strip` draws."""
    frames = list(_frames(table, target, scene, axis))
    held = [MILLISECONDS] * (len(frames) - 1) + [LAST]
    frames[0].save(file, save_all=True, append_images=frames[1:], duration=held, loop=0)


def _frames(
    table: pd.DataFrame, target: np.ndarray, scene: tuple[str, Sequence[int]], axis: str
) -> Iterator[Image.Image]:
    for step in dict.fromkeys(table["step"]):
        with mpl.rc_context(STYLE):
            figure = Figure(figsize=(3.2, 3.2), dpi=DPI, layout="constrained")
            _draw(figure.subplots(), _values(table, step), target, scene, axis, f"step {step}")
            canvas = FigureCanvasAgg(figure)
            canvas.draw()
            yield Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])


def _values(table: pd.DataFrame, step: int) -> np.ndarray:
    """Answers (channels, points) after a step."""
    own = table[table["step"] == step]
    return own["value"].to_numpy().reshape(own["channel"].nunique(), -1)


def _draw(
    axes: Axes, values: np.ndarray, target: np.ndarray, scene: tuple[str, Sequence[int]], axis: str, title: str
) -> None:
    """One answer (channels, points) in the way the scene's kind asks for; scales are the target's."""
    kind, shape = scene
    reference = target if np.isfinite(target).all() else values
    if kind == "picture":
        picture(axes, values.reshape(-1, *shape).transpose(1, 2, 0).squeeze(), title)
    elif kind == "surface":
        ends = {"vmin": reference[0].min(), "vmax": reference[0].max()}
        axes.imshow(values[0].reshape(shape), cmap="viridis", origin="lower", aspect="auto", **ends)
        axes.set(title=title, xticks=[], yticks=[])
        axes.grid(False)
    else:
        at = np.linspace(0, 1, values.shape[1])
        axes.plot(at, target[0], color=BLACK, linewidth=2.5, alpha=0.3)
        axes.plot(at, values[0], color=BLUE)
        low, high = reference[0].min(), reference[0].max()
        air = 0.1 * (high - low) or 1.0
        axes.set(title=title, xticks=[], xlabel=axis_label(axis))
        if np.isfinite([low, high]).all():  # of a lost seed nothing is left to scale by where no solution is known
            axes.set_ylim(low - air, high + air)
