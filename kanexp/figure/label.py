"""What stands beside rows, lines and panels: names of arms and inputs, as short and narrow as a figure needs them."""

import re
import textwrap
from collections.abc import Sequence

WIDTH = 34  # letters of a line beside a panel


def arm_label(name: str, width: int = WIDTH) -> str:
    """The name of an arm or problem without signs that tell nothing apart, wrapped at words.

    widths=["in", 5, "out"] becomes widths=[in,5,out].
    """
    plain = re.sub(r"(?<=[\[,]) |(?<=,) ", "", name.replace('"', ""))
    return "\n".join(textwrap.wrap(plain, width, break_on_hyphens=False)) or name


def lines(names: Sequence[str], width: int = WIDTH) -> int:
    """How many lines the longest of these names takes."""
    return max((arm_label(name, width).count("\n") + 1 for name in names), default=1)
