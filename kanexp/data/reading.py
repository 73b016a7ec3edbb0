"""Reading: how a table is to be read where its own words are not to decide."""

import codecs
from dataclasses import dataclass
from typing import Literal

from kanexp.error import quoted, require

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}
DECIMALS = {"point": ".", "comma": ","}
THOUSANDS = {"none": "", "comma": ",", "point": ".", "space": " ", "apostrophe": "'"}
Decimal = Literal["auto", "point", "comma"]
Thousands = Literal["auto", "none", "comma", "point", "space", "apostrophe"]


@dataclass(frozen=True)
class Reading:
    """What stands between columns, how numbers are written, whether names come first, and the encoding of text."""

    separator: str = "auto"
    decimal: Decimal = "auto"
    thousands: Thousands = "auto"
    header: Literal["auto"] | bool = "auto"
    encoding: str = "auto"

    def __post_init__(self):
        names = ", ".join(SEPARATORS)
        require(
            (
                self.separator == "auto" or len(self.mark) == 1,
                f"separator must be auto, {names} or one character, got {quoted(self.separator)}",
            ),
            (
                self.decimal == "auto" or self.thousands in ("auto", "none") or self.decimal != self.thousands,
                f"decimal and thousands must be different marks, got {self.decimal} for both",
            ),
            (_is_encoding(self.encoding), f"encoding must be auto or one that Python knows, got '{self.encoding}'"),
        )

    @property
    def mark(self) -> str:
        """The character between columns where it is given."""
        return SEPARATORS.get(self.separator, "\t" if self.separator == "\\t" else self.separator)


def _is_encoding(name: str) -> bool:
    try:
        return name == "auto" or bool(codecs.lookup(name))
    except (LookupError, ValueError):
        return False
