"""One row per problem, arm and metric: medians, means and intervals over seeds, and what they cost."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from kanexp.report import stats
from kanexp.report.arm import Choice, medians
from kanexp.report.interval import median_interval
from kanexp.score.cost import LOST, Metric
from kanexp.score.score import Score

RESAMPLES = 999  # there are as many intervals as arms times metrics, and no verdict hangs on them
COLUMNS = (
    "problem",
    "arm",
    "metric",
    "seeds",
    "failed",
    "median",
    "low",
    "high",
    "coverage",
    "iqm",
    "iqm_low",
    "iqm_high",
    "trials",
    "setting",
    "parameters",
    "evaluations",
    "train_seconds",
)


def summarize(
    rows: pd.DataFrame, choices: Sequence[Choice], scores: Mapping[str, Score], also: Iterable[str] = ()
) -> pd.DataFrame:
    """Per problem, arm and declared test score, and what else was asked for, from the rows that are compared.

    Seeds that diverged or failed count: as the worst possible, so that a median over mostly lost seeds is infinite. The
    median's interval is exact for its coverage; that of the interquartile mean (of log10 errors) a 95 % bootstrap.
    """
    chosen = {(c.problem, c.arm): c for c in choices}
    compared = rows[rows["compared"]]
    table = []
    names = list(dict.fromkeys([*(c for c in rows.columns if c.startswith("test_") and c in scores), *also]))
    for problem, rows_of in compared.groupby("problem", sort=False):
        metrics = [Metric.of(scores[name], rows_of[name]) for name in names if rows_of[name].notna().any()]
        costs = pd.DataFrame({c: medians(rows_of, c) for c in ("parameters", "evaluations", "train_seconds")})
        by_arm = list(rows_of.groupby("arm", sort=False))
        for metric in metrics:
            for arm, here in by_arm:
                choice, fine = chosen[problem, arm], here[stats.ended_well(here["status"])]
                if len(fine) == 0 or fine[metric.name].notna().any():  # or the score was not taken there
                    numbers = _numbers(here, metric)
                    table.append((problem, arm, metric.name, *numbers, choice.trials, choice.setting, *costs.loc[arm]))
    return pd.DataFrame(table, columns=list(COLUMNS))


def _numbers(rows: pd.DataFrame, metric: Metric) -> tuple[float, ...]:
    values = rows[metric.name].where(stats.ended_well(rows["status"]))
    m = median_interval(values.fillna(metric.value(LOST)))
    mean = stats.bootstrap(metric.cost(values), stats.interquartile_mean, RESAMPLES)
    iqm, *ends = (metric.value(cost) for cost in mean)
    return len(rows), int(values.isna().sum()), *m, iqm, min(ends), max(ends)
