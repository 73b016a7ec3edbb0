"""Asked: which columns of a file have which role, by their names or as somebody says."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from kanexp.audit import columns
from kanexp.error import ConfigError, quoted

SHOWN = 12  # columns that a sentence names


@dataclass(frozen=True)
class Asked:
    """Which columns have which role, where their names do not say; of --test-size a number for all rows as well."""

    arm: Sequence[str] = ()
    seed: Sequence[str] = ()
    metric: Sequence[str] = ()
    value: str | None = None
    dataset: str | None = None
    test_size: str | None = None


def roles_of(texts: pd.DataFrame, asked: Asked, path: str) -> dict[str, list[str]]:
    """The columns of each role. Raises ConfigError for one that is not there."""
    long = asked.value is not None
    given = {"arm": asked.arm, "seed": asked.seed, "metric": asked.metric if long else ()}
    given |= {"value": [asked.value] if asked.value else (), "problem": [asked.dataset] if asked.dataset else ()}
    size = asked.test_size
    given |= {"test_size": [size] if size and not size.isdigit() else ()}
    words = {"problem": "dataset", "test_size": "test-size"}
    for role, names in given.items():
        for name in names:
            if name not in texts.columns:
                raise ConfigError(f"--{words.get(role, role)}: {missing(name, texts, path)}")
    found = columns.roles(texts.columns, {role: list(names) for role, names in given.items()})
    if "value" in found and "metric" not in found:
        del found["value"]  # a column of results that is called value or score
    if "metric" in found and "value" not in found and not named_statistics(texts):
        raise ConfigError(
            f"audit: no column of '{path}' holds the values of '{found['metric'][0]}'; name it by --value"
        )
    if "arm" not in found:
        raise ConfigError(f"audit: no column of '{path}' names the arms ({some(texts)}); say which by --arm COLUMN")
    return found


def missing(name: str, texts: pd.DataFrame, path: str) -> str:
    """What is said of a column that is not there."""
    close = difflib.get_close_matches(name, list(texts.columns), n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"'{path}' has no column {quoted(name)}; {hint}columns: {some(texts)}"


def some(texts: pd.DataFrame) -> str:
    """The names of the columns, or the first of them."""
    names = [quoted(str(name)).strip("'") for name in texts.columns]
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def named_statistics(texts: pd.DataFrame) -> list[str]:
    """Columns that are called mean, std, min or max, and nothing else."""
    return [name for name in texts.columns if columns.normal(name) in columns.STATISTICS]
