"""Parts that several figures share: a row of pictures, ticks on logarithmic axes, how arms are told apart."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, NullFormatter, StrMethodFormatter

from kanexp.figure.style import CYCLE

DASHES = ("-", "--", ":", "-.")


def look(i: int) -> dict[str, Any]:
    """Colour and dashes of the i-th arm; 32 arms can be told apart."""
    return {"color": CYCLE[i % len(CYCLE)], "linestyle": DASHES[i // len(CYCLE) % len(DASHES)]}


def picture_row(row: Sequence[Axes], table: pd.DataFrame, shape: Sequence[int]) -> None:
    titles = {"target": "target", "before": "before training", "after": "after training"}
    for axes, (name, label) in zip(row, titles.items(), strict=True):
        picture = table[name].to_numpy().reshape(-1, *shape).transpose(1, 2, 0)  # (rows, columns, channels)
        if name != "target":
            error = np.mean((table[name] - table["target"]) ** 2)
            label += f", {-10 * np.log10(max(error, 1e-20)):.1f} dB on all pixels"
        axes.imshow(picture.clip(0, 1).squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set(title=label, xticks=[], yticks=[])
        axes.grid(False)
        axes.spines[:].set_visible(False)


def decades(axis: Any, low: float, high: float) -> None:
    """Ticks that are readable over one decade as over ten: 1, 2, 5 where there is room, powers of ten elsewhere."""
    narrow = np.log10(high / low) < 2.2
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,), numticks=10))
    axis.set_major_formatter(LogFormatterSciNotation(minor_thresholds=(np.inf, np.inf) if narrow else None))
    axis.set_minor_formatter(NullFormatter())


def plain_ticks(axes: Axes) -> None:
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
