"""How a search went: every trial's validation loss, and the best so far."""

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kanexp.figure.panel import log_where_positive
from kanexp.figure.style import BEFORE, BLUE, ORANGE, STYLE


def history(table: pd.DataFrame) -> Figure:
    """Points over columns trial, status ("complete", "pruned", ...), val_loss; a line for best."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.8, 2.9), layout="constrained")
        axes = figure.subplots()
        for status, color, marker in (("complete", BLUE, "o"), ("pruned", BEFORE, "x")):
            own = table[table["status"] == status]
            axes.plot(own["trial"], own["val_loss"], marker, color=color, markersize=4, label=f"{len(own)} {status}")
        axes.step(table["trial"], table["best"], where="post", color=ORANGE, label="best so far")
        log_where_positive(axes, table["val_loss"])
        axes.set(title="validation loss, median over seeds", xlabel="trial")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.legend(fontsize=8)
        return figure
