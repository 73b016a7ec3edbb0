"""Wide: any shape of a table as a row for each training, or each epoch of it, with a column for each score."""

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from kanexp.audit import columns
from kanexp.audit.asked import Asked, missing, named_statistics, some
from kanexp.audit.columns import Column
from kanexp.data.header import NUMBER
from kanexp.data.notation import is_missing_word, is_text
from kanexp.error import ConfigError, quoted

SPREAD = re.compile(r"\s*(\S+?)\s*(?:±|\+-|\+/-|\\pm|\()\s*([\d.,eE+-]+)\s*\)?\s*")  # 0.12 ± 0.03, 0.12 (0.03)
Wide = tuple[pd.DataFrame, dict[str, list[str]], list[Column]]


def widened(texts: pd.DataFrame, roles: dict[str, list[str]], asked: Asked, path: str) -> Wide:
    """The table with a column for each score, the roles that are left, and the scores."""
    if "part" in roles and not texts[roles["part"][0]].str.lower().isin(columns.PARTS).all():
        roles.setdefault("fold", []).extend(roles.pop("part"))  # numbers of splits
    if "metric" in roles:
        texts = _of_metrics(texts, roles["metric"][0], () if asked.value else asked.metric, path)
        numbers = roles.get("value") or named_statistics(texts)
        wide, names = _spread_out(texts, roles, numbers)
    elif "part" in roles:
        numbers = [c.name for c in _scores(texts, roles, asked, path)]
        wide, names = _spread_out(texts, roles, numbers)
    else:
        wide, names = _split(texts, roles), []
        return wide, roles, _scores(wide, roles, asked, path)
    left = {role: named for role, named in roles.items() if role not in ("metric", "value", "part")}
    return wide, left, [found for name in names if (found := columns.column_of(name, asked=True))]


def _of_metrics(texts: pd.DataFrame, column: str, wanted: Sequence[str], path: str) -> pd.DataFrame:
    """The rows of these metrics, or all. Raises ConfigError for a metric that has none."""
    known = list(texts[column].dropna().unique())
    for name in wanted:
        if name not in known:
            raise ConfigError(f"--metric: '{path}' has no metric {quoted(name)}; metrics: {', '.join(known[:12])}")
    return texts[texts[column].isin(wanted)] if wanted else texts


def _spread_out(
    texts: pd.DataFrame, roles: Mapping[str, list[str]], numbers: list[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Rows that differ in a column of metrics or parts alone become one; a repeated row stays a row of its own."""
    by = [named[0] for role in ("part", "metric") if (named := roles.get(role))]
    clocks = [name for name in texts.columns if columns.normal(name) in columns.CLOCKS]
    keys = [name for name in texts.columns if name not in (*by, *numbers, *clocks)]
    place = texts[keys].fillna("").agg("\x1f".join, axis=1)
    label = texts[by].fillna("").agg("_".join, axis=1)
    row = place + "\x1f" + texts.groupby([place, label]).cumcount().astype(str)
    wide = texts[keys].groupby(row, sort=False).first()
    names = []
    for name in numbers:
        for word, here in texts.groupby(label, sort=False):
            simple = name in roles.get("value", ())
            full = str(word) if simple else f"{word}_{name}"
            wide[full] = pd.Series(here[name].to_numpy(), index=row[here.index])
            names.append(full)
    return wide.reset_index(drop=True), names


def _split(texts: pd.DataFrame, roles: Mapping[str, list[str]]) -> pd.DataFrame:
    """Columns of 0.12 ± 0.03 as two, a mean and a deviation."""
    named = {name for names in roles.values() for name in names}
    made = dict(texts.items())
    for name, column in texts.items():
        given = column.dropna() if name not in named and is_text(column) else pd.Series(dtype=str)
        if len(given) and given.map(lambda text: bool(SPREAD.fullmatch(text))).all():
            parts = column.str.extract(SPREAD.pattern)
            del made[name]
            made |= {f"{name}_mean": parts[0], f"{name}_std": parts[1]}
    return pd.DataFrame(made)


def _scores(texts: pd.DataFrame, roles: Mapping[str, list[str]], asked: Asked, path: str) -> list[Column]:
    """The columns of results. Raises ConfigError for one that was asked for and is not there, or if there are none."""
    named = {name for names in roles.values() for name in names}
    for name in asked.metric:
        if name not in texts.columns and f"{name}_mean" not in texts.columns:
            raise ConfigError(f"--metric: {missing(name, texts, path)}")
    wanted = [n for name in asked.metric for n in (name, f"{name}_mean", f"{name}_std") if n in texts.columns]
    names = wanted or [name for name in texts.columns if name not in named]
    found = [column for name in names if (column := columns.column_of(name, bool(wanted)))]
    if not wanted:  # a loss or a precision may be a word as well
        found = [column for column in found if not _are_words(texts[column.name])]
    if not found:
        raise ConfigError(
            f"audit: no column holds results that are known ({some(texts)}); say which by --metric COLUMN"
        )
    return found


def strangers(column: pd.Series) -> pd.Series:
    """The texts of a column that are neither numbers, as programs write them, nor stand for a missing one."""
    given = column.dropna()
    return given[pd.to_numeric(given, errors="coerce").isna() & ~is_missing_word(given)]


def _are_words(column: pd.Series) -> bool:
    """Whether a column has texts and no number in any notation."""
    strange = strangers(column)
    return len(strange) > 0 and not any(NUMBER.fullmatch(text.strip()) for text in column.dropna())
