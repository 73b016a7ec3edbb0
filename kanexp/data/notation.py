"""Notation: how the numbers of a column are written, found from all of its texts and remembered for the next file."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from kanexp.data.reading import DECIMALS, THOUSANDS, Reading

# Texts that stand for a number that is missing, in columns of numbers; among other texts they are texts.
MISSING = ("na", "n/a", "#n/a", "n.a.", "nan", "null", "none", "nil", "<na>", "-", "--", "---", "?", ".", "missing")
CURRENCY = r"US\$|[$€£¥₹₽₩₺]|USD|EUR|GBP|CHF|JPY|CNY|INR|CAD|AUD|SEK|NOK|DKK|PLN|kr|zł"
AFFIXED = re.compile(
    rf"(?P<open>\()?(?P<sign>[+-]?)\s*(?P<before>{CURRENCY})?\s*(?P<number>[+-]?[\d.,][\d.,' \u00a0\u202f\u2019eE+-]*?)"
    rf"\s*(?P<behind>%|‰|{CURRENCY})?(?P<close>\))?"
)
HEAD = 1000  # rows that tell how a long column of plain numbers is written
PRINTED_MINUS = "\u2212"
APOSTROPHES = "['\u2019]"
SPACES = "[ \u00a0\u202f]"
# A day is found by one of these in all rows; the first that fits.
DATES = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%d-%b-%Y", "%d %b %Y", "%b %d, %Y")
TRUE, FALSE = ("True", "TRUE", "true"), ("False", "FALSE", "false")
WORDS = {"comma": "commas", "point": "points", "space": "spaces", "apostrophe": "apostrophes"}


@dataclass(frozen=True)
class Notation:
    """Numbers with a mark for decimals, one between thousands and a sign of percent or currency; dates; or truth.

    A date becomes days since 1970, true becomes 1.
    """

    kind: Literal["number", "date", "truth"] = "number"
    decimal: str = "."
    thousands: str = ""
    affix: str = ""
    format: str = ""

    def numbers(self, given: pd.Series) -> np.ndarray:
        """Numbers (rows,) float64 of a column of texts or numbers; NaN for what is missing or no number."""
        if pd.api.types.is_datetime64_any_dtype(given):
            return days(given)
        if pd.api.types.is_numeric_dtype(given) or pd.api.types.is_bool_dtype(given):
            return given.to_numpy(dtype=float, na_value=np.nan)
        if self.kind == "date":
            return days(parsed_dates(given, self.format))
        if self.kind == "truth":
            return given.map({**dict.fromkeys(TRUE, 1.0), **dict.fromkeys(FALSE, 0.0)}).to_numpy(dtype=float)
        if (self.decimal, self.thousands, self.affix) != (".", "", ""):
            given = self._plain(given.astype("string"))
        elif is_text(given) and not are_plain(given):
            given = given.str.replace(PRINTED_MINUS, "-", regex=False)
        return pd.to_numeric(given, errors="coerce").to_numpy(dtype=float, na_value=np.nan)

    def strangers(self, given: pd.Series) -> pd.Series:
        """Those of a column's entries that are neither numbers nor missing."""
        wrong = given[np.isnan(self.numbers(given)) & given.notna().to_numpy()]
        return wrong[~is_missing_word(wrong)]

    @property
    def said(self) -> str:
        """What is remarkable about it, as one says it; empty where nothing is."""
        said = []
        if self.affix:
            said.append({"%": "percent", "‰": "per mille"}.get(self.affix, f"in {self.affix}"))
        if self.thousands:
            word = next(name for name, mark in THOUSANDS.items() if mark == self.thousands)
            said.append(f"thousands separated by {WORDS[word]}")
        if self.decimal == ",":
            said.append("numbers with a decimal comma")
        if self.kind == "date":
            said.append("dates as days since 1970")
        return " and ".join(said)

    def _plain(self, texts: pd.Series) -> pd.Series:
        """Texts as Python writes numbers; missing where they are none in this notation."""
        affix, bare = stripped(texts)
        bare = bare.where((affix == self.affix) | is_zero(bare))
        bare = bare.where(bare.str.fullmatch(pattern(self.decimal, self.thousands, strict=False)).fillna(False))
        if self.thousands:
            mark = (
                SPACES if self.thousands == " " else APOSTROPHES if self.thousands == "'" else re.escape(self.thousands)
            )
            bare = bare.str.replace(mark, "", regex=True)
        return bare.str.replace(self.decimal, ".", regex=False)


def _class(thousands: str) -> str:
    """What stands between thousands, as a regular expression: any of the spaces, and of the apostrophes."""
    return {" ": SPACES, "'": APOSTROPHES}.get(thousands, re.escape(thousands))


def pattern(decimal: str, thousands: str, strict: bool = True) -> str:
    """What numbers look like; strictly, with marks between all their thousands."""
    digits, d = r"\d{1,3}" if strict and thousands else r"\d+", re.escape(decimal)
    t = _class(thousands)
    whole = rf"(?:[1-9]\d{{0,2}}(?:{t}\d{{3}})+|[1-9]\d?(?:{t}\d\d)+{t}\d{{3}}|{digits})" if thousands else digits
    return rf"[+-]?(?:{whole}(?:{d}\d*)?|{d}\d+)(?:[eE][+-]?\d+)?"


def is_zero(bare: pd.Series) -> pd.Series:
    """Which texts are nothing, in whatever units."""
    return bare.str.fullmatch("0([.,]0*)?").fillna(False)


def stripped(texts: pd.Series) -> tuple[pd.Series, pd.Series]:
    """The sign of percent or currency of each text, and the rest; negative where it stands in brackets."""
    texts = texts.str.strip().str.replace(PRINTED_MINUS, "-", regex=False)
    found = texts.str.extract(rf"^{AFFIXED.pattern}$").fillna("")
    fits = found["number"] != ""
    brackets = (found["open"] == "(") & (found["close"] == ")")
    sign = found["sign"].mask(brackets, "-")
    affix = found["before"].where(found["before"] != "", found["behind"])
    return affix.where(fits, ""), (sign + found["number"]).where(fits, texts)


PLAIN = Notation()  # as programs write numbers


@dataclass(frozen=True)
class Style:
    """How the numbers of a whole file are written: the mark of decimals that its columns show, and options.

    `decimal` is empty where nothing shows it; `likely` is what the separator makes likely then, empty where it may be
    either. `thousands` is None where each column shows it.
    """

    decimal: str = ""
    likely: str = "."
    thousands: str | None = None

    @classmethod
    def of(cls, table: pd.DataFrame, separator: str, reading: Reading) -> "Style":
        """What the columns of texts show together, or options say."""
        thousands = None if reading.thousands == "auto" else THOUSANDS[reading.thousands]
        if reading.decimal != "auto":
            return cls(DECIMALS[reading.decimal], "", thousands)
        if thousands in (",", "."):
            return cls("," if thousands == "." else ".", "", thousands)
        shown = {mark for name in table for mark in _shown(table[name])}
        # Semicolons separate where commas do not, for those are in the numbers.
        likely = {";": ",", ",": ".", "": "."}.get(separator, "")
        return cls(shown.pop() if len(shown) == 1 else "", likely, thousands)

    def notation(self, given: pd.Series) -> Notation | None:
        """How a column of texts writes numbers, if it does in all rows.

        Raises ValueError where a comma may mean two things, and nothing in the file tells which.
        """
        if are_plain(given) and not self._may_group(given):
            return PLAIN
        texts = known(given)
        if texts.empty:
            return None
        if texts.isin([*TRUE, *FALSE]).all():
            return Notation("truth") if given.notna().all() else None
        affix, bare = stripped(texts)
        signs = set(affix[(affix != "") | ~is_zero(bare)])  # nothing is nothing in any currency
        fits = [marks for marks in self._marks() if bare.str.fullmatch(pattern(*marks)).all()]
        if len(signs) > 1 or not fits:
            plain = pd.to_numeric(texts, errors="coerce").notna().all()
            return PLAIN if plain else None
        if not (self.decimal or self.likely) and (".", "") not in fits and {(",", ""), (".", ",")} <= set(fits):
            raise ValueError(
                f"'{given.name}' holds '{bare[bare.str.contains(',')].iloc[0]}', whose comma may stand before decimals "
                "or between thousands; say which by task.decimal=comma or task.thousands=comma"
            )
        decimal, thousands = fits[0]
        return Notation("number", decimal, thousands, signs.pop() if signs else "")

    def ways(self, given: pd.Series) -> list[Notation]:
        """How most of a column of texts may write numbers."""
        signs = stripped(known(given))[0]
        sign = signs.mode().iloc[0] if len(signs) else ""
        return [Notation("number", *marks, sign) for marks in dict.fromkeys(self._marks())]

    def _may_group(self, given: pd.Series) -> bool:
        """Whether points may stand between thousands, in a file whose decimals have commas."""
        return self.decimal == "," and bool(given.dropna().iloc[:HEAD].str.fullmatch(pattern(",", ".")).all())

    def _marks(self) -> list[tuple[str, str]]:
        """Pairs of marks for decimals and for thousands, the likeliest first."""
        between = ("", ".", ",", " ", "'") if self.thousands is None else ("", self.thousands)
        ways = {mark: [(mark, other) for other in between if other != mark] for mark in (".", ",")}
        first = self.decimal or self.likely or "."
        # A text that fits a grouping means that; only what fits none may have the other mark before decimals. And as
        # long as no column shows commas, points are before decimals.
        plain = [] if self.decimal else [(".", "")]
        return [*plain, *ways[first], *ways["," if first == "." else "."]]


def _shown(column: pd.Series) -> Iterable[str]:
    """The marks of decimals that a column of texts shows beyond doubt."""
    if not is_text(column):
        return
    head = column.dropna().iloc[:HEAD]
    if are_plain(head) and (any("." in text for text in head) or are_plain(column)):
        # Plain numbers have points before decimals unless all of these may stand between thousands.
        either = f"{pattern(',', '')}|{pattern(',', '.')}"
        if not all(re.fullmatch(either, text.strip()) for text in head):
            yield "."
        return
    texts = known(column)
    if texts.empty:
        return
    bare = stripped(texts)[1]
    if not bare.str.contains("[.,]", regex=True).any():
        return
    comma = any(bare.str.fullmatch(pattern(",", mark)).all() for mark in ("", ".", " ", "'"))
    point = any(bare.str.fullmatch(pattern(".", mark)).all() for mark in ("", ",", " ", "'"))
    if comma != point:
        yield "," if comma else "."


def are_plain(given: pd.Series) -> bool:
    """Whether all texts of a column are numbers as programs write them; a quick look at most columns."""
    numbers = pd.to_numeric(given, errors="coerce")
    return len(given) > 0 and numbers.count() == given.count() > 0


def known(given: pd.Series) -> pd.Series:
    """The different texts of a column, without those that may stand for a missing number."""
    texts = pd.Series(given.dropna().unique(), dtype="string").str.strip()
    return texts[~is_missing_word(texts)]


def is_missing_word(texts: pd.Series) -> pd.Series:
    """Which texts stand for a missing number in a column of numbers."""
    return texts.astype(str).str.strip().str.lower().isin(MISSING)


def is_text(column: pd.Series) -> bool:
    """Whether a column holds texts."""
    if pd.api.types.is_object_dtype(column):
        return all(isinstance(value, str) for value in column.dropna())
    return isinstance(column.dtype, pd.StringDtype)


def without(given: pd.Series, words: Sequence[str]) -> pd.Series:
    """A column in which these words, or numbers, are missing."""
    if not len(words):
        return given
    gone = as_texts(given).isin(list(words))
    numbers = [float(word) for word in words if pd.notna(pd.to_numeric(word, errors="coerce"))]
    if numbers:
        gone |= pd.to_numeric(given, errors="coerce").isin(numbers)
    return given.mask(gone)


def as_texts(given: pd.Series) -> pd.Series:
    """A column as texts, whole numbers without a point."""
    if pd.api.types.is_float_dtype(given) and not (given.dropna() % 1).any():
        given = given.astype("Int64")
    return given.astype(str).where(given.notna())


def date_format(given: pd.Series) -> str:
    """How all texts of a column write a date; empty where they do not."""
    texts = pd.Series(given.dropna().unique(), dtype="string")
    if texts.empty or not texts.iloc[0][:1].isalnum() or not texts.str.contains(r"\d", regex=True).all():
        return ""
    for way in ("ISO8601", *DATES):
        if texts.str.contains(r"[-/.: T]", regex=True).all() and parsed_dates(texts, way).notna().all():
            return way
    return ""


def parsed_dates(given: pd.Series, way: str) -> pd.Series:
    return pd.to_datetime(given.astype(object), format=way, errors="coerce", utc=True)


def days(dates: pd.Series) -> np.ndarray:
    """Days since 1970 (rows,), NaN where there is no date."""
    dates = dates.dt.tz_convert(None) if dates.dt.tz is not None else dates
    return ((dates - pd.Timestamp(0)) / pd.Timedelta(days=1)).to_numpy(dtype=float, na_value=np.nan)
