"""Axes over problems: which layer, start or optimizer for tasks like these, each setting with its best partners."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from kanexp.config.catalog import GROUPS
from kanexp.report import stats
from kanexp.report.arm import Arms, describe, usable
from kanexp.report.pair import p_text
from kanexp.report.place import FEWEST_PROBLEMS, Places
from kanexp.report.rank import letters
from kanexp.report.table import Run
from kanexp.score.cost import BEYOND, LOST, Metric

ALL = "all tasks"
MOST_NAMED = 5  # settings that a sentence names before it counts the others


@dataclass(frozen=True)
class Axis:
    """The settings of an axis, ranked on every problem of a kind; 1 is best, and mean ranks are compared.

    `p` is that of Friedman's test, of two settings that of the exact sign test; NaN where problems are too few to test.
    `distance` is how far apart mean ranks must be (Nemenyi's test at .05); NaN where that is not what decides.
    """

    key: str  # a group or option: layer, optimizer.learning_rate
    kind: str  # of the problems, or ALL
    ranks: pd.DataFrame  # problems, settings; those of the best mean first
    p: float
    distance: float
    chosen: pd.DataFrame  # problem, setting: partner, partners, metric, value
    absent: tuple[str, ...] = ()  # settings that were not tried on all problems, and are left out

    @classmethod
    def of(cls, key: str, kind: str, chosen: pd.DataFrame) -> "Axis | None":
        """From the cost of each setting on each problem (problem, setting, cost, ...), less is better.

        None where fewer than two settings have been tried on every problem.
        """
        costs = chosen.pivot(index="problem", columns="setting", values="cost")
        costs = costs.loc[list(dict.fromkeys(chosen["problem"])), list(dict.fromkeys(chosen["setting"]))]
        absent = tuple(str(name) for name in costs.columns[costs.isna().any()])
        costs = costs.dropna(axis=1)
        if costs.shape[1] < 2:
            return None
        ranks = costs.rank(axis=1)
        ranks = ranks[ranks.mean().sort_values(kind="stable").index]
        p = distance = np.nan
        if len(ranks) >= FEWEST_PROBLEMS and (places := Places.of(costs)):
            p, distance = places.p, places.distance
        elif len(ranks) >= FEWEST_PROBLEMS:
            p = _sign_test(ranks)
        kept = chosen.set_index(["problem", "setting"])
        return cls(key, kind, ranks, p, distance, kept, absent)

    @property
    def mean(self) -> "pd.Series[float]":
        """The mean rank of each setting, the best first."""
        return self.ranks.mean()

    @property
    def wins(self) -> "pd.Series[int]":
        """On how many problems each setting is the best, or as good as the best."""
        return self.ranks.eq(self.ranks.min(axis=1), axis=0).sum()

    @property
    def told_apart(self) -> set[tuple[int, int]]:
        """Settings that differ for sure, two by two, by their numbers in order of their mean ranks."""
        if not self.p <= stats.LEVEL:
            return set()
        mean = self.mean.to_numpy()
        pairs = combinations(range(len(mean)), 2)
        return {(i, j) for i, j in pairs if np.isnan(self.distance) or mean[j] - mean[i] > self.distance}

    @property
    def letters(self) -> list[str]:
        """Of each setting; two have one in common where they cannot be told apart. None where problems are too few."""
        if np.isnan(self.p):
            return [""] * len(self.mean)
        return letters(len(self.mean), self.told_apart)

    @property
    def table(self) -> pd.DataFrame:
        """A row for each setting, the best first: its group, mean_rank, wins, usual partners and ranks."""
        own = {"setting": self.mean.index, "group": self.letters, "mean_rank": self.mean.round(3), "wins": self.wins}
        own["partners"] = [self._usual_partners(setting) for setting in self.mean.index]
        # The task of a function has its name twice: function function=runge.
        ranks = self.ranks.T.rename(columns=lambda problem: re.sub(r"^(\w+) \1=", "", str(problem)))
        found = pd.concat([pd.DataFrame(own).reset_index(drop=True), ranks.reset_index(drop=True)], axis=1)
        return found if any(self.letters) else found.drop(columns="group")

    def _usual_partners(self, setting: str) -> str:
        """Those that validation chose on most problems, and on how many."""
        counts = self.chosen.xs(setting, level="setting")["partner"].value_counts(sort=False)
        return f"{counts.idxmax()} ({counts.max()} of {counts.sum()})"

    @property
    def long(self) -> pd.DataFrame:
        """A row for each setting and problem, with the partners that validation chose and the score they had."""
        named = self.ranks.rename_axis(index="problem", columns="setting")
        found = named.stack().rename("rank").reset_index()
        found = found.join(self.chosen.drop(columns="cost"), on=["problem", "setting"])
        group = dict(zip(self.mean.index, self.letters, strict=True))
        of = {"group": group, "mean_rank": self.mean, "wins": self.wins}
        columns = {name: found["setting"].map(by) for name, by in of.items()}
        found = found.assign(kind=self.kind, axis=self.key, **columns)
        first = ["kind", "axis", "setting", *of, "problem", "rank"]
        return found[[*first, *(name for name in found if name not in first)]]

    @property
    def sentence(self) -> str:
        """Which settings are first, which cannot be told apart from them, and which are behind."""
        n = len(self.ranks)
        tasks = f"{n} task{'s' if n > 1 else ''}"
        text = f"{self.key} over {tasks if self.kind == ALL else f'{self.kind} ({tasks})'}: {self._said}"
        return text + (f" (not tried on all, left out: {_named(self.absent)})" if self.absent else "")

    @property
    def _said(self) -> str:
        names = [f"{setting} {rank:.3g}" for setting, rank in self.mean.items()]
        if np.isnan(self.p):
            return f"so few tasks decide nothing; mean ranks {_named(names)}"
        test = "Friedman's" if len(names) > 2 else "sign test,"
        if not self.told_apart:
            able = len(names) > 2 or stats.least_p(len(self.ranks)) <= stats.LEVEL
            why = f"{test} {p_text(self.p)}" if able else f"fewer than {_fewest()} tasks cannot tell two apart"
            return f"no difference is established ({why}); mean ranks {_named(names)}"
        behind = sorted(j for i, j in self.told_apart if i == 0)
        first = [name for j, name in enumerate(names) if j not in behind]
        alike = "" if len(first) == 1 else ", which cannot be told apart"
        last = _named([names[j] for j in behind])
        return f"first by mean rank {_named(first)}{alike}; behind {last} ({test} {p_text(self.p)})"


def axes(runs: Sequence[Run], rows: pd.DataFrame, arms: Arms, metrics: Mapping[str, Metric]) -> list[Axis]:
    """The axes over all problems, and over those of each kind where there are several kinds.

    None where there is one problem or one axis: then arms are ranked as they are. What a search tuned is no axis.
    """
    of = {run.label: run for run in runs}
    keys = _keys(runs, arms)
    if len(keys) < 2 or len(metrics) < 2 or not arms.keys:
        return []
    tried = _tried(rows, metrics)
    kinds: dict[str, str] = {}
    for run, problem in zip(runs, arms.problems, strict=True):
        if problem not in kinds or run.record.scene:  # which one that has hardly begun has not
            kinds[problem] = kind_of(run)
    several = len({kinds[problem] for problem in metrics}) > 1
    found = []
    for kind in [ALL, *(dict.fromkeys(kinds[problem] for problem in metrics) if several else ())]:
        own = tried[[kind in (ALL, kinds[problem]) for problem in tried["problem"]]]
        found += [one for key in keys if (one := Axis.of(key, kind, _chosen(own, key, keys, of))) is not None]
    return found


def kind_of(run: Run) -> str:
    """What a run's task is about, as its options and what is drawn of it say."""
    scene = (run.record.scene or {}).get("kind")
    if "task.edge_points" in run.config:
        return "equations"
    if scene in ("classes", "picture"):
        return {"classes": "classes", "picture": "pictures"}[scene]
    return "tables" if "task.target" in run.config else "functions"


def as_table(found: Iterable[Axis]) -> pd.DataFrame:
    """All of them as axes.csv has them."""
    tables = [one.long for one in found]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _keys(runs: Sequence[Run], arms: Arms) -> list[str]:
    """Groups and options that every run has, in which runs of one problem differ, but those that a search tuned.

    Nor is one an axis that follows from another, as the precision does from the optimizer, or an option that a group
    follows from, as where every layer has a learning rate of its own.
    """
    tuned = {key for run in runs for key in run.tune.get("over", ())}
    every = [
        key for key in (*arms.keys, *arms.pooled) if key not in tuned and all(run.option(key) != "" for run in runs)
    ]
    values = {key: [run.option(key) for run in runs] for key in every}

    def finer(key: str, group: str) -> bool:
        return len(set(zip(values[key], values[group], strict=True))) == len(set(values[key]))

    groups = [key for key in every if key in GROUPS]
    every = [key for key in every if key in groups or not any(finer(key, group) for group in groups)]

    def follows(key: str, other: str) -> bool:
        pairs = set(zip(values[other], values[key], strict=True))
        same_way_back = len(pairs) == len(set(values[key]))
        return len(pairs) == len(set(values[other])) and not (same_way_back and every.index(key) < every.index(other))

    return [key for key in every if not any(follows(key, other) for other in every if other != key)]


def _tried(rows: pd.DataFrame, metrics: Mapping[str, Metric]) -> pd.DataFrame:
    """A row for every combination of settings that ended on a problem, by the medians over its seeds.

    Columns problem, run (one of its), loss (of validation) and cost (of the test score), of which lost seeds have the
    worst, and metric and value.
    """
    kept = rows[usable(rows) & rows["problem"].isin(list(metrics))]
    fine = stats.ended_well(kept["status"])
    kept = kept.assign(loss=kept["best_val_loss"].where(fine, LOST).fillna(LOST), cost=LOST)
    for problem, metric in metrics.items():
        here = kept["problem"] == problem
        kept.loc[here, "cost"] = metric.cost(kept.loc[here, metric.name].where(fine[here]))
    grouped = kept.groupby(["problem", "arm", "setting"], sort=False)
    found = grouped.agg(run=("run", "first"), loss=("loss", "median"), cost=("cost", "median")).reset_index()
    found["cost"] = found["cost"].where(found["cost"] < BEYOND, LOST)
    found["metric"] = [metrics[problem].name for problem in found["problem"]]
    found["value"] = [metrics[p].value(cost) for p, cost in zip(found["problem"], found["cost"], strict=True)]
    return found


def _chosen(tried: pd.DataFrame, key: str, keys: Sequence[str], runs: Mapping[str, Run]) -> pd.DataFrame:
    """For every problem and setting of an axis its partners of lowest validation loss: test scores have no say."""
    others = [other for other in keys if other != key]
    setting = [runs[label].option(key) for label in tried["run"]]
    partner = [describe(runs[label], others) for label in tried["run"]]
    by = tried.assign(setting=setting, partner=partner).groupby(["problem", "setting"], sort=False)
    best = by.apply(lambda own: own.loc[own["loss"].idxmin()].drop("setting", errors="ignore"), include_groups=False)
    best = best.assign(partners=by.size()).reset_index()
    return best[["problem", "setting", "partner", "partners", "metric", "value", "cost"]]


def _sign_test(ranks: pd.DataFrame) -> float:
    """Two-sided p of how often the first of two settings is ahead; problems on which they are equal say nothing."""
    ahead = int((ranks.iloc[:, 0] < ranks.iloc[:, 1]).sum())
    behind = int((ranks.iloc[:, 0] > ranks.iloc[:, 1]).sum())
    return float(binomtest(ahead, ahead + behind).pvalue) if ahead + behind else 1.0


def _fewest() -> int:
    """Problems of which a sign test can establish anything."""
    return next(n for n in range(1, 20) if stats.least_p(n) <= stats.LEVEL)


def _named(names: Sequence[str]) -> str:
    """The names as a sentence has them, of many the first and how many more."""
    if len(names) > MOST_NAMED + 1:
        names = [*names[:MOST_NAMED], f"{len(names) - MOST_NAMED} more"]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
