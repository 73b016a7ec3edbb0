"""Powers of ten on the axes of figures as letters, 10⁻³: formulas take matplotlib a fifth of the time of a figure."""

import re
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import Formatter, LogFormatterMathtext

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
FORMULA = re.compile(r"\$\\mathdefault\{(.*)\}\$")
RAISE = re.compile(r"\^\{(.*?)\}")


class Letters(Formatter):
    """The labels of another formatter, whose formulas are letters: 10⁻³ for 10 to the minus third."""

    def __init__(self, own: Formatter):
        self.own = own

    def set_axis(self, axis: Any) -> None:
        super().set_axis(axis)
        self.own.set_axis(axis)

    def set_locs(self, locs: Sequence[float]) -> None:  # type: ignore[override]  # as matplotlib calls it
        self.own.set_locs(locs)  # type: ignore[arg-type]

    def __call__(self, x: float, pos: int | None = None) -> str:
        return letters(self.own(x, pos))


def letters(text: str) -> str:
    """A label of a logarithmic axis without its formula; any other as it is."""
    if not (found := FORMULA.fullmatch(text)):
        return text
    return RAISE.sub(lambda power: power[1].translate(RAISED), found[1]).replace(r"\times", "\N{MULTIPLICATION SIGN}")


def write_powers(figure: Figure) -> None:
    """Let all logarithmic axes of a figure, those of its colour bars as well, have powers in letters."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            for own, change in (
                (axis.get_major_formatter(), axis.set_major_formatter),
                (axis.get_minor_formatter(), axis.set_minor_formatter),
            ):
                if isinstance(own, LogFormatterMathtext):
                    change(Letters(own))
