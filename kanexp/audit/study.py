"""Study: results that are audited, as one table whose columns have roles."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from kanexp.audit.columns import SHARES, Column

RUN = ["problem", "arm", "setting", "seed"]  # what tells one training from another


@dataclass(frozen=True)
class Study:
    """A row for each training, or for each epoch of it, or for each arm where seeds are summed up.

    `rows` has what a row is: problem, arm, setting, seed as texts, `epoch`, `status`, and the numbers of
    `columns.NUMBERS`, NaN where the study does not say. `values` and `units` have, in the same order, the results and
    the unit of the last digit each is written with.
    """

    name: str
    rows: pd.DataFrame
    values: pd.DataFrame
    units: pd.DataFrame
    columns: tuple[Column, ...]
    others: pd.DataFrame  # texts of columns without a role
    has_seeds: bool = True
    own: bool = False  # kanexp's runs, which select on validation data
    notes: tuple[str, ...] = ()  # how the table was understood

    def only(self, at: pd.Index) -> "Study":
        """The study of these rows."""
        parts = {name: getattr(self, name).loc[at] for name in ("rows", "values", "units", "others")}
        return replace(self, **parts)

    @cached_property
    def ends(self) -> "Study":
        """One row for each training: of its epochs the last, of rows that are there twice the first."""
        last = self.rows.sort_values("epoch", ascending=False, kind="stable", na_position="last")
        return self.only(last.drop_duplicates(RUN).index.sort_values())

    @cached_property
    def is_curves(self) -> bool:
        return bool(self.rows["epoch"].notna().any())

    @cached_property
    def scores(self) -> list[Column]:
        """Results of single seeds, those on test data first."""
        found = [c for c in self.columns if c.statistic == "value"]
        return sorted(found, key=lambda c: ("test", "", "val", "train").index(c.part))

    @cached_property
    def tested(self) -> list[Column]:
        """Scores that arms are compared by: of test data, or of what nobody says."""
        return [c for c in self.scores if c.part in ("test", "")]

    def find(self, score: str, part: str = "test", statistic: str = "value") -> Column | None:
        """The column of a score on a part of the data; where no part is named at all, the one without."""
        found = [c for c in self.columns if c.score == score and c.statistic == statistic and not c.best]
        return next((c for wanted in (part, "") for c in found if c.part == wanted and part in ("test", wanted)), None)

    def by_problem(self) -> Iterator[tuple[str, "Study"]]:
        """The study of each problem; no number is compared with one of another problem."""
        for problem, at in self.rows.groupby("problem", sort=False).groups.items():
            yield str(problem), self.only(at)

    def by_arm(self) -> dict[str, pd.Index]:
        """The rows of each arm; of one with several settings, the rows of each setting."""
        keys = self.rows["arm"] + self.rows["setting"].map(lambda text: f" ({text})" if text else "")
        several = self.rows.groupby("arm")["setting"].transform("nunique") > 1
        return dict(self.rows.groupby(keys.where(several, self.rows["arm"]), sort=False).groups)

    def samples(self, column: Column) -> dict[str, "pd.Series[float]"]:
        """The finite values of a column in each arm that has some, by row."""
        values = self.values[column.name].replace([np.inf, -np.inf], np.nan)
        found = {arm: values.loc[at].dropna() for arm, at in self.by_arm().items()}
        return {arm: sample for arm, sample in found.items() if len(sample)}

    def medians(self, name: str) -> "pd.Series[float]":
        """The median of one of the rows' numbers in each arm, where it is known."""
        return self.rows.groupby("arm", sort=False)[name].median().dropna()

    def has(self, name: str) -> bool:
        """Whether any row says this of itself."""
        return bool(self.rows[name].notna().any())

    def seeds(self, at: pd.Index) -> str:
        """The seeds of these rows, to be read."""
        return listed(list(dict.fromkeys(self.rows.loc[at, "seed"])))

    def share(self, column: Column) -> "pd.Series[float]":
        """A share as a number up to one, whether it is written so or in percent."""
        values = self.values[column.name]
        return values / 100 if column.score in SHARES and in_percent(values) else values


def in_percent(values: pd.Series) -> bool:
    """Whether shares are written in percent: most are above what a share can be."""
    return bool(values.median() > 1.5)


def named(seeds: str) -> str:
    """Seeds with the word before them: seed 3, seeds 1 and 2."""
    return f"seeds {seeds}" if " and " in seeds else f"seed {seeds}"


def listed(items: list[str], most: int = 6) -> str:
    """A few of them, and how many more there are."""
    if len(items) <= most + 1:
        return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)
    return f"{', '.join(items[:most])} and {len(items) - most} more"
