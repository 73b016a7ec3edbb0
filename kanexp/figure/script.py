"""Texts in any script: by a font that has their letters, and where there is none, in Latin ones."""

from functools import cache

from anyascii import anyascii
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

USUAL = "DejaVu Sans"  # which comes with matplotlib
NONE = "Last Resort"  # a font that has the same box for every letter


def readable(figure: Figure) -> dict[Text, str]:
    """Let every text be drawn: with an installed font that has its letters, or transliterated.

    Returns those that were transliterated with what they said, for a file that the reader's own fonts draw.
    """
    written = {}
    for text in figure.findobj(Text):
        shown = text.get_text()
        if shown.isascii() or not (letters := _lacking(shown)):
            continue
        if font := _font_with(frozenset(letters)):
            text.set_fontfamily([USUAL, font])
        else:
            written[text] = shown
            text.set_text("".join(anyascii(letter) if letter in letters else letter for letter in shown))
    return written


def _lacking(text: str) -> set[str]:
    """Letters that the usual font has none of."""
    known = _letters(font_manager.findfont(USUAL))
    return {letter for letter in text if ord(letter) not in known and not letter.isspace()}


@cache
def _font_with(letters: frozenset[str]) -> str | None:
    """The name of an installed font that has all of these letters, the first by name."""
    needed = {ord(letter) for letter in letters}
    fonts = sorted((e.name, e.fname) for e in font_manager.fontManager.ttflist if not e.name.startswith(NONE))
    return next((name for name, file in fonts if needed <= _letters(file)), None)


@cache
def _letters(file: str) -> frozenset[int]:
    """Code points of a font file; none of one that cannot be read."""
    try:
        return frozenset(FT2Font(file).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()
