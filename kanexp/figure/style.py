"""How every figure looks: its colours, its style, the files it is saved to, and how a page carries them."""

import base64
import re
import textwrap
import warnings
import zlib
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from kanexp.figure.power import write_powers
from kanexp.figure.script import readable

# Okabe and Ito's colours: told apart by every kind of colour vision, and in this order also in gray.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW, BLACK = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#F0E442",
    "#000000",
)
CYCLE = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED, BLACK, YELLOW)
BEFORE, AFTER = "#8C8C8C", BLUE
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.linewidth": 0.4,
    "grid.alpha": 0.5,
    "legend.frameon": False,
    "text.parse_math": False,  # names of arms, classes and columns are no formulas, and formulas are slow
    "svg.fonttype": "none",
    "svg.hashsalt": "kanexp",
    "pdf.fonttype": 42,  # letters stay letters, as journals ask
}
WIDTHS = {1: 3.5, 2: 7.2}  # inches of one and two columns of a paper
MOST_ACROSS = 2  # panels for which one column is wide enough
SMALLEST = 6.0  # points of a letter that can be read in print
DPI = 160
LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def save(figure: Figure, stem: Path, pdf: bool = False) -> list[Path]:
    """Write a figure beside its table, as PNG for screens and SVG, and with `pdf` PDF, for papers."""
    # Added, for a name may have dots of its own: function_low=0_high=0.9.
    files = [stem.with_name(stem.name + suffix) for suffix in (".png", ".svg", *([".pdf"] if pdf else []))]
    write_powers(figure)
    transliterated = readable(figure)
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # of the SVG, whose letters its reader's own fonts draw
        # By hand what savefig does twice for each file: laid out once, then drawn once as PNG and once as SVG.
        figure.dpi = DPI
        canvas = FigureCanvasAgg(figure)
        layout = figure.get_layout_engine()
        if layout is not None:
            layout.execute(figure)
        figure.set_layout_engine("none")
        for axes in figure.axes:
            # The layout differs in its last digits from time to time, and with it the names inside the SVG.
            left, bottom, width, height = (round(float(x), 6) for x in axes.get_position(original=True).bounds)
            axes.set_position((left, bottom, width, height))
        canvas.draw()
        # What savefig does, but for the fourth channel, for nothing can be seen through, and in two thirds of its time.
        pixels = np.asarray(canvas.buffer_rgba())[..., :3]
        Image.fromarray(pixels).save(files[0], dpi=(DPI, DPI), compress_type=zlib.Z_RLE)
        if pdf:
            from matplotlib.backends.backend_pdf import FigureCanvasPdf  # .3 s that nobody else waits for

            FigureCanvasPdf(figure).print_pdf(files[2], metadata={"CreationDate": None})
        for text, letters in transliterated.items():
            text.set_text(letters)
        FigureCanvasSVG(figure).print_svg(files[1], metadata={"Date": None})
    return files


def fit(figure: Figure, columns: int) -> None:
    """Make a figure as wide as one or two columns of a paper, its letters smaller with it as far as they are read.

    More than two panels side by side take two columns in any case.
    """
    across = max((place.get_gridspec().ncols for axes in figure.axes if (place := axes.get_subplotspec())), default=1)
    wide, tall = figure.get_size_inches()
    width = WIDTHS[2 if across > MOST_ACROSS else columns]
    factor = width / wide
    figure.set_size_inches(width, tall * max(factor, 0.6))
    for text in figure.findobj(Text):
        text.set_fontsize(max(SMALLEST, min(1.0, factor) * text.get_fontsize()))
    if said := figure.get_suptitle():  # a letter is about half as wide as it is high
        size = max(SMALLEST, min(1.0, factor) * 9)
        figure.suptitle(textwrap.fill(said, int(width * 72 / (0.52 * size))), fontsize=size)


def head(figure: Figure, text: str) -> None:
    """What all of a figure is about, above what it says of itself."""
    own = figure.get_suptitle()
    figure.suptitle(f"{text}\n{own}" if own else text, fontsize=9)


def axis_label(name: str, longest: int = 40) -> str:
    """The name of an input as its axis has it: x1 with the number below, long names cut short."""
    if found := re.fullmatch(r"([xy])(\d)", name):
        return found[1] + found[2].translate(LOWERED)
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def embedded(file: Path) -> tuple[str, int]:
    """A PNG as a data address, and its width on a page: an inch of the figure is 96 of the page's pixels."""
    data = file.read_bytes()
    pixels = int.from_bytes(data[16:20], "big")  # the width in a PNG's header
    return "data:image/png;base64," + base64.b64encode(data).decode(), round(pixels * 96 / DPI)
