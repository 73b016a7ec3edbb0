"""Panels that several figures share: pictures, bands and points of seeds, spectra, scales, legends, looks of arms."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter
from numpy.typing import ArrayLike

from kanexp.figure.label import arm_label
from kanexp.figure.style import AFTER, BEFORE, BLACK, BLUE, CYCLE, SKY
from kanexp.score.cost import Metric

DASHES = ("-", "--", ":", "-.")
END_SIZE = 7.5  # points of a name at the end of a line
# The two states of a network: what each is called, and its colour.
STATES = {"before": "before training", "after": "after training"}
STATE_COLOURS = {"before": BEFORE, "after": AFTER}


def look(i: int) -> dict[str, Any]:
    """Colour and dashes of the i-th arm; 32 arms can be told apart."""
    return {"color": CYCLE[i % len(CYCLE)], "linestyle": DASHES[i // len(CYCLE) % len(DASHES)]}


def picture(axes: Axes, pixels: np.ndarray, title: str) -> None:
    """A picture (rows, columns) or (rows, columns, 3) of numbers between 0 and 1, without a frame."""
    axes.imshow(pixels.clip(0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set(title=title, xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set_visible(False)


def picture_row(row: Sequence[Axes], table: pd.DataFrame, shape: Sequence[int]) -> None:
    """Three panels: the target, the prediction before and the prediction after training, with their PSNR."""
    for axes, (name, label) in zip(row, {"target": "target", **STATES}.items(), strict=True):
        pixels = table[name].to_numpy().reshape(-1, *shape).transpose(1, 2, 0)  # (rows, columns, channels)
        if name != "target":
            error = np.mean((table[name] - table["target"]) ** 2)
            label += f", {-10 * np.log10(max(error, 1e-20)):.1f} dB on all pixels"
        picture(axes, pixels.squeeze(), label)


def seed_range(grouped: Any) -> pd.DataFrame:
    """Lowest, median and highest over the seeds of each group, columns low, median and high."""
    return grouped.agg(low="min", median="median", high="max")


def band(axes: Axes, at: ArrayLike, table: pd.DataFrame, color: str, alpha: float, **line: Any) -> None:
    """A line at the median of seeds and a band over their range, of columns low, median and high."""
    axes.plot(at, table["median"], color=color, **line)
    axes.fill_between(at, table["low"], table["high"], color=color, alpha=alpha, linewidth=0)


def seed_lines(axes: Axes, table: pd.DataFrame, **median: Any) -> None:
    """A thin line for each seed, a column of the table, over its index, and a thick one for their median."""
    axes.plot(table.index, table.to_numpy(), color=SKY, linewidth=0.8)
    axes.plot(table.index, table.median(axis=1), color=BLUE, linewidth=1.8, **median)
    axes.plot([], [], color=SKY, linewidth=0.8, label=f"each of {table.shape[1]} seeds")
    axes.plot([], [], color=BLUE, linewidth=1.8, label="median", **median)


def spread(count: int, places: int) -> np.ndarray:
    """Places between -1 and 1 for so many points in a row; fixed and not random: the same runs, the same picture."""
    return (np.arange(count) % places - places // 2) / (places // 2)


def seed_points(axes: Axes, row: int, values: "pd.Series[float]") -> None:
    """Every seed's score as a point, in the row of its arm."""
    axes.plot(values, row + 0.24 * spread(len(values), 5), "o", color=BLUE, alpha=0.6, markersize=4)


def median_bar(axes: Axes, row: int, median: float) -> None:
    """A bar across the row of an arm at the median of its seeds."""
    axes.plot([median] * 2, [row - 0.36, row + 0.36], color=BLACK, linewidth=2)


def arm_rows(axes: Axes, arms: Sequence[str], xlabel: str) -> None:
    """A row for each arm, named, the first on top."""
    axes.set_yticks(range(len(arms)), [arm_label(arm) for arm in arms])
    axes.set(ylim=(len(arms) - 0.4, -0.6), xlabel=xlabel)
    axes.grid(axis="y", visible=False)


def spectrum(axes: Axes, table: pd.DataFrame, floor: float) -> None:
    """Power over frequency before and after training, columns state, frequency, low, median and high.

    What lies below the floor is drawn on it: what rounding leaves of absent frequencies is no power.
    """
    for state, label in STATES.items():
        here = table[table["state"] == state]
        powers = here[["low", "median", "high"]].clip(lower=floor)
        dots = {"marker": "o", "markersize": 3} if len(here) <= 16 else {}
        band(axes, here["frequency"], powers, STATE_COLOURS[state], alpha=0.25, label=label, **dots)
    spectrum_axes(axes)


def spectrum_axes(axes: Axes) -> None:
    """Both axes logarithmic, with frequencies as plain numbers, but for lost networks alone, which have no power."""
    if not np.isfinite(axes.dataLim.minposy):
        return
    axes.set_yscale("log")
    frequency_scale(axes)


def frequency_scale(axes: Axes) -> None:
    """Frequencies over decades, as plain numbers."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def log_where_positive(axes: Axes, values: "pd.Series[float] | pd.DataFrame") -> bool:
    """Make the y axis logarithmic if all these values allow it, and tell whether it is."""
    lowest = np.min(np.asarray(values.min()))
    positive = bool(np.isfinite(lowest) and lowest > 0)
    if positive:
        axes.set_yscale("log")
    return positive


def same_range(panels: Sequence[Axes]) -> None:
    """Give panels that are compared the same range of y, where all of them have the same kind of scale."""
    if len({axes.get_yscale() for axes in panels}) == 1:
        low, high = zip(*(axes.get_ylim() for axes in panels), strict=True)
        for axes in panels:
            axes.set_ylim(min(low), max(high))


def metric_scale(axes: Axes, which: str, metric: Metric, values: "pd.Series[float]") -> None:
    """The metric's scale on the axis x or y, with limits that leave some air on both sides of the values."""
    if not len(values):
        return
    low, high = float(values.min()), float(values.max())
    axis = axes.xaxis if which == "x" else axes.yaxis
    if metric.log:
        axes.set(**{f"{which}scale": "log"})
        pad = max((high / low) ** 0.06, 1.1)
        low, high = low / pad, high * pad
        decades(axis, low, high)
    else:
        pad = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
        low, high = low - pad, high + pad
        axis.set_major_locator(MaxNLocator(6))
    axes.set(**{f"{which}lim": (low, high)})


def decades(axis: Any, low: float, high: float) -> None:
    """Ticks of a logarithmic axis that are readable over a part of a decade as over ten.

    They are 1, 2, 5 where there is room, powers of ten elsewhere, and round numbers where there are not two of these.
    """
    if not np.log10(high / low) < 2.2:  # infinite ones too
        axis.set_major_locator(LogLocator(subs=(1,), numticks=10))
        axis.set_major_formatter(LogFormatterSciNotation())
    elif _marks_within(low, high) >= 2:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=10))
        axis.set_major_formatter(LogFormatterSciNotation(minor_thresholds=(np.inf, np.inf)))
    else:
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def _marks_within(low: float, high: float) -> int:
    """How many of 1, 2 and 5 times powers of ten lie between two positive numbers."""
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.log10(high) + 1)
    marks = np.outer(powers, (1, 2, 5))
    return int(((low <= marks) & (marks <= high)).sum())


def end_labels(figure: Figure, axes: Axes, ends: Sequence[float], arms: Sequence[str]) -> bool:
    """Name each arm's line where it ends, at the right of its panel, and tell whether there was room for all names.

    `ends` are the lines' last values. Names that would lie on each other are moved apart.
    """
    names, height = [arm_label(arm) for arm in arms], axes.get_position().height * figure.get_figheight() * 72
    to_share = axes.transScale + axes.transLimits
    left = axes.get_xlim()[0]
    places = np.array([to_share.transform((left, end))[1] for end in ends])
    sizes = np.array([(name.count("\n") + 1) * END_SIZE * 1.3 / height for name in names])
    if not np.isfinite(places).all() or sizes.sum() > 1:
        return False
    for i, place in enumerate(apart(places.clip(0, 1), sizes)):
        axes.annotate(
            names[i],
            (1, places[i]),
            (1.04, place),
            "axes fraction",
            va="center",
            fontsize=END_SIZE,
            color=look(i)["color"],
            arrowprops={"arrowstyle": "-", "color": look(i)["color"], "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0},
        )
    return True


def apart(places: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Places between 0 and 1, in the same order and as near the wanted ones, so that sizes around them do not overlap.

    As blocks: those that touch are one block in the middle of where its parts want to be.
    """
    blocks: list[tuple[list[int], float]] = []  # members from below, and the middle of the block
    for i in np.argsort(places, kind="stable"):
        members, middle = [int(i)], float(places[i])
        while True:
            half = sizes[members].sum() / 2
            middle = min(max(middle, half), 1 - half)
            if not blocks or middle - half >= blocks[-1][1] + sizes[blocks[-1][0]].sum() / 2:
                break
            members = blocks.pop()[0] + members
            middle = float(places[members].mean())
        blocks.append((members, middle))
    found = np.empty_like(places)
    for members, middle in blocks:
        tops = middle - sizes[members].sum() / 2 + sizes[members].cumsum()
        found[members] = tops - sizes[members] / 2
    return found


def side_legend(figure: Figure, axes: Axes, title: str | None = None, fontsize: int = 8) -> None:
    """The legend of one panel for all of them, on the right of the figure."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", fontsize=fontsize, title=title, title_fontsize=8)
