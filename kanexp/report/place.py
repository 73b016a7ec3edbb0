"""Mean ranks of arms over several problems, and which of them cannot be told apart there."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

FEWEST_ARMS, FEWEST_PROBLEMS = 3, 3  # below which ranks say nothing


@dataclass(frozen=True)
class Places:
    """Ranks of arms, 1 the best, on every problem; and how far mean ranks must be apart.

    `p` is that of Friedman's test of no difference at all, `distance` the critical difference of Nemenyi's test at .05,
    q sqrt(k (k + 1) / (6 N)) for k arms and N problems, with q from the studentized range divided by sqrt 2. Source:
    Demšar 2006, https://jmlr.org/papers/v7/demsar06a.html
    """

    ranks: pd.DataFrame  # problems, arms; those of the best mean first
    p: float
    distance: float

    @classmethod
    def of(cls, costs: pd.DataFrame) -> "Places | None":
        """From median costs (problems, arms), less is better; None where arms or problems are too few.

        Arms that have not been tried on every problem are left out.
        """
        costs = costs.dropna(axis=1)
        problems, arms = costs.shape
        if arms < FEWEST_ARMS or problems < FEWEST_PROBLEMS:
            return None
        ranks = costs.rank(axis=1)
        ranks = ranks[ranks.mean().sort_values(kind="stable").index]
        alike = (ranks.nunique(axis=1) == 1).all()  # every problem a tie of all: nothing to test
        p = 1.0 if alike else float(stats.friedmanchisquare(*costs.to_numpy().T).pvalue)
        q = float(stats.studentized_range.ppf(0.95, arms, np.inf)) / 2**0.5
        return cls(ranks, p, q * (arms * (arms + 1) / (6 * problems)) ** 0.5)

    @property
    def mean(self) -> "pd.Series[float]":
        """The mean rank of each arm, the best first."""
        return self.ranks.mean()

    @property
    def groups(self) -> list[tuple[int, int]]:
        """First and last number of the arms, in their order, that are closer than the distance; the largest groups."""
        mean = self.mean.to_numpy()
        lasts = [int(np.searchsorted(mean, low + self.distance, side="right")) - 1 for low in mean]
        return [(i, last) for i, last in enumerate(lasts) if last > i and (i == 0 or last > lasts[i - 1])]

    def table(self) -> pd.DataFrame:
        """A row for each problem and arm: problem, arm, rank, mean_rank, critical_difference, friedman_p."""
        long = self.ranks.rename_axis("problem").reset_index().melt("problem", var_name="arm", value_name="rank")
        mean = long["arm"].map(self.mean)
        return long.assign(mean_rank=mean, critical_difference=self.distance, friedman_p=self.p)
