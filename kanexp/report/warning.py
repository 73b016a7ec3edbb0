"""What a reader must know before believing a comparison, as sentences."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from kanexp.report import stats
from kanexp.report.arm import Arms, Choice, medians
from kanexp.report.pair import Pair
from kanexp.report.table import Run

UNEQUAL_PARAMETERS = 1.01  # largest over smallest, from which on sizes are called different
UNEQUAL_EVALUATIONS = 1.1
MOST_NAMED = 4


def warnings(
    rows: pd.DataFrame, runs: Sequence[Run], arms: Arms, choices: Sequence[Choice], pairs: Sequence[Pair]
) -> list[str]:
    """All that is wrong or unequal, the gravest first."""
    compared = rows[rows["compared"]]
    return [
        *_twin_seeds(compared),
        *_twin_settings(rows),
        *_trials(choices),
        *_pooled(arms, choices),
        *_unequal(compared, "parameters", UNEQUAL_PARAMETERS, "match={like: ...} makes them equal"),
        *_unequal(
            compared,
            "evaluations",
            UNEQUAL_EVALUATIONS,
            "budget={evaluations: ...} or --over evaluations makes it fair",
        ),
        *_few(pairs),
        *_unequal_seeds(pairs),
        *_unfinished(rows),
        *_lost(compared),
        *_repeated(rows),
        *_versions(runs),
    ]


def _results(rows: pd.DataFrame) -> pd.DataFrame:
    """What a seed ended with, without seeds that were lost: the numbers that no two trainings share by chance."""
    columns = [c for c in rows.columns if c.startswith("test_") or c == "best_val_loss"]
    fine = rows[stats.ended_well(rows["status"])]
    numbers = fine[columns].dropna(how="all")
    return numbers.assign(**{c: fine[c] for c in ("problem", "arm", "setting", "data_seed", "seed")})


def _twin_seeds(rows: pd.DataFrame) -> Iterable[str]:
    found = _results(rows)
    numbers = [c for c in found.columns if c.startswith("test_") or c == "best_val_loss"]
    same = found[found.duplicated(["problem", "arm", "data_seed", *numbers], keep=False)]
    for (problem, arm), here in same.groupby(["problem", "arm"], sort=False):
        seeds = listed([str(seed) for seed in here["seed"]])
        yield f"identical results across seeds: {seeds} of {arm} on {problem}; they are not independent"


def _twin_settings(rows: pd.DataFrame) -> Iterable[str]:
    """Settings that have the same results on every seed they share: an option that changed nothing."""
    found = _results(rows)
    numbers = [c for c in found.columns if c.startswith("test_") or c == "best_val_loss"]
    found = found.assign(own=found["arm"] + found["setting"].map(lambda s: f" ({s})" if s else ""))
    found = found.drop_duplicates(["problem", "own", "data_seed", "seed"], keep="last")
    alike: dict[tuple[str, bytes], list[str]] = {}
    for (problem, own), here in found.sort_values(["data_seed", "seed"]).groupby(["problem", "own"], sort=False):
        if len(here) > 1:
            alike.setdefault((problem, here[["seed", *numbers]].to_numpy(float).tobytes()), []).append(own)
    for (problem, _), same in alike.items():
        if len(same) > 1:
            yield f"identical results across settings: {listed(same)} on {problem}; what differs had no effect"


def _trials(choices: Sequence[Choice]) -> Iterable[str]:
    for problem in dict.fromkeys(c.problem for c in choices):
        tried = {c.arm: c.trials for c in choices if c.problem == problem}
        if len(set(tried.values())) > 1:
            most, least = (f(tried, key=tried.__getitem__) for f in (max, min))
            yield (
                f"unequal effort on {problem}: {most} is the best of {tried[most]} settings, {least} of "
                f"{tried[least]}; more trials alone make an arm look better"
            )
    short = [f"{c.arm} has {c.trials} of {c.planned}" for c in choices if c.trials < c.planned]
    if short:
        yield f"trials are missing: {listed(short)}; the same command continues the sweep"


def _pooled(arms: Arms, choices: Sequence[Choice]) -> Iterable[str]:
    pooled = [key for key in arms.pooled if any(c.trials > 1 for c in choices)]
    if pooled:
        yield (
            f"arms hold several settings of {', '.join(pooled)}: in each the one of lowest median validation loss is "
            "compared (trials in the summary says of how many)"
        )
    if any(key in arms.keys for key in arms.keys if key.split(".")[0] == "task"):
        yield "arms differ in their task: their numbers are of different problems"


def _unequal(rows: pd.DataFrame, column: str, bound: float, advice: str) -> Iterable[str]:
    for problem, here in rows.groupby("problem", sort=False):
        values = medians(here, column).dropna()
        if len(values) > 1 and values.max() > bound * values.min():
            most, least = values.idxmax(), values.idxmin()
            yield (
                f"unequal {column} on {problem}: {most} has {values.max():,.0f}, {least} {values.min():,.0f} "
                f"({_times(values.max() / values.min())}); {advice}"
            )


def _times(ratio: float) -> str:
    return f"{100 * (ratio - 1):.0f} % more" if ratio < 2 else f"{ratio:.3g} times as many" if ratio < np.inf else "all"


def _few(pairs: Sequence[Pair]) -> Iterable[str]:
    few = [q for q in pairs if not q.able]
    if few:
        yield (
            f"{len(few)} of {len(pairs)} comparisons have too few seeds to establish anything; take "
            f"seeds={max(q.fewest for q in few)}"
        )


def _unequal_seeds(pairs: Sequence[Pair]) -> Iterable[str]:
    unequal = [q for q in pairs if len(set(q.seeds)) > 1 and q.looks == 1]
    told = [f"{q.arm} {q.seeds[0]}, {q.other} {q.seeds[1]}" for q in unequal]
    if told:
        yield f"unequal seeds: {listed(told)}"


def _unfinished(rows: pd.DataFrame) -> Iterable[str]:
    open_ = rows[stats.unfinished(rows["status"])].drop_duplicates("run")
    for status, here in open_.groupby("status", sort=False):
        yield f"{_runs(len(here))} {status} and not compared: {listed(list(here['run']))}"


def _lost(rows: pd.DataFrame) -> Iterable[str]:
    lost = rows[~stats.ended_well(rows["status"])]
    if len(lost):
        counts = lost.groupby(["problem", "arm"], sort=False).size()
        told = listed([f"{n} of {arm} on {problem}" for (problem, arm), n in counts.items()])
        yield f"{len(lost)} of {len(rows)} seeds diverged or failed ({told}); each counts as the worst possible"


def _repeated(rows: pd.DataFrame) -> Iterable[str]:
    ended = rows[~stats.unfinished(rows["status"])]
    again = ended.duplicated(["problem", "arm", "setting", "data_seed", "seed"]).sum()
    if again:
        yield f"{again} seeds were trained more than once in the same setting; the newest counts"


def _versions(runs: Sequence[Run]) -> Iterable[str]:
    for name in ("kanexp", "torch"):
        values = {str((run.record.versions or {}).get(name)) for run in runs}
        if len(values) > 1:
            yield f"runs come from different versions of {name}: {listed(sorted(values))}"
    commits = {run.record.git_commit[:9] for run in runs if run.record.git_commit}
    if len(commits) > 1:
        yield f"runs come from different commits: {listed(sorted(commits))}"


def _runs(count: int) -> str:
    return "1 run is" if count == 1 else f"{count} runs are"


def listed(items: Sequence[str]) -> str:
    """A few of them, and how many more there are."""
    if len(items) <= MOST_NAMED + 1:
        return ", ".join(items)
    return f"{', '.join(items[:MOST_NAMED])} and {len(items) - MOST_NAMED} more"
