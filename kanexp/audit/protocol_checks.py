"""Checks of the protocol: what selected, how many settings were tried, and whether arms had the same means."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from kanexp.audit.columns import Column
from kanexp.audit.finding import Check, Finding, sentence
from kanexp.audit.study import RUN, Study, listed
from kanexp.report.warning import UNEQUAL_EVALUATIONS, UNEQUAL_PARAMETERS

FEWEST_RUNS = 3  # whose best epochs all agree with the test data
SLOWER = 2.0  # seconds over seconds, where nothing else says what a training cost


def selected_on_test(study: Study) -> Iterator[Finding]:
    """Results that were chosen by the test data they are of."""
    if study.own:
        return
    yield from _by_name(study)
    column = next((c for c in study.tested if c.better and not c.best), None)
    if study.is_curves and column:
        yield from _by_curve(study, column)
    elif _chosen(study.ends) and not any(c.part == "val" for c in study.columns):
        said = "a best epoch was chosen for each run, and there are no validation scores to choose it by"
        advice = "say what chose it; if it was the test data, choose on validation data"
        yield Finding(sentence(study.name, said, advice), metric="best_epoch", evidence="no column of validation data")


def _by_name(study: Study) -> Iterator[Finding]:
    summed = {c.score for c in study.columns if c.statistic in ("mean", "median")}
    for column in study.columns:
        least = column.statistic == ("min" if column.better == "lower" else "max") and column.score not in summed
        data = column.part == "test" or (column.part == "" and column.score != "loss")  # which is often of training
        if data and (column.best or (least and column.better)):
            said = f"'{column.name}' is by its name the best of several results on test data"
            advice = "report the result of the epoch that validation data chose"
            yield Finding(sentence(study.name, said, advice), metric=column.name, evidence=column.name)


def _chosen(study: Study) -> bool:
    return study.rows["best_epoch"].nunique() > 1


def _by_curve(study: Study, column: Column) -> Iterator[Finding]:
    """Runs whose reported epoch, or reported value, is the best of the test curve in every one of them."""
    runs = [
        found
        for _, at in study.rows.groupby(RUN, sort=False).groups.items()
        if (found := _curve(study, column, at)) is not None
    ]
    if len(runs) < FEWEST_RUNS or not all(on_test for on_test, _ in runs) or all(otherwise for _, otherwise in runs):
        return
    said = f"what is reported is the best {column.name} of all epochs in each of {len(runs)} runs"
    advice = "choose the epoch on validation data and report what it has on test data"
    text = sentence(study.name, said, advice)
    yield Finding(text, metric=column.name, evidence=f"best of its epochs in {len(runs)} of {len(runs)} runs")


def _curve(study: Study, column: Column, at: pd.Index) -> tuple[bool, bool] | None:
    """Whether a run reports the best of its test curve, and whether an honest rule has the same epoch; or nothing."""
    rows = study.rows.loc[at].sort_values("epoch")
    curve = study.values.loc[rows.index, column.name].dropna()
    if len(curve) < 3 or curve.nunique() < 3:
        return None
    best = curve.idxmax() if column.better == "higher" else curve.idxmin()
    honest = {curve.index[-1]}
    if val := study.find(column.score, "val") or study.find("loss", "val"):
        losses = study.values.loc[curve.index, val.name]
        if losses.notna().any():
            honest.add(losses.idxmax() if val.better == "higher" else losses.idxmin())
    chosen, told = rows["best_epoch"].dropna().unique(), rows["reported"].dropna().unique()
    if len(chosen) == 1:
        return bool(chosen[0] == rows.loc[best, "epoch"]), best in honest
    if len(told) == 1:
        near = study.units.loc[best, column.name]
        return bool(abs(told[0] - curve[best]) <= near), any(abs(curve[i] - curve[best]) <= near for i in honest)
    return None


def _no_selection(study: Study) -> str:
    named = any(c.best or c.statistic in ("min", "max") for c in study.columns)
    told = study.has("best_epoch") or study.has("reported") or any(c.part == "val" for c in study.columns)
    return "" if study.own or named or told else "a best epoch, a curve over epochs, or validation scores"


def unequal_trials(study: Study) -> Iterator[Finding]:
    """More settings tried for one arm than for another."""
    for problem, here in study.ends.by_problem():
        counts = here.medians("trials")
        if counts.empty:
            counts = here.rows.groupby("arm", sort=False)["setting"].nunique()
        if len(counts) > 1 and counts.max() > counts.min():
            most, least = counts.idxmax(), counts.idxmin()
            said = f"{most} is the best of {counts.max():g} settings, {least} of {counts.min():g}"
            advice = "try as many for each; more trials alone make an arm look better"
            text = sentence(problem or study.name, said, advice)
            yield Finding(text, f"{most} and {least}", "", "trials", problem, _counts(counts))


def unequal_parameters(study: Study) -> Iterator[Finding]:
    """Networks of different sizes."""
    for problem, here in study.ends.by_problem():
        counts = here.medians("parameters")
        if len(counts) > 1 and counts.max() > UNEQUAL_PARAMETERS * counts.min():
            most, least = counts.idxmax(), counts.idxmin()
            said = f"{most} has {counts.max():,.0f} parameters, {least} {counts.min():,.0f}"
            advice = "compare networks of equal size, or show the score over the size"
            text = sentence(problem or study.name, said, advice)
            yield Finding(text, f"{most} and {least}", "", "parameters", problem, _counts(counts))


def unequal_effort(study: Study) -> Iterator[Finding]:
    """Different seeds, or different budgets."""
    for problem, here in study.ends.by_problem():
        yield from _seeds(here, problem)
        # Evaluations say more than steps, and both more than seconds, which the machine has a part in.
        name = next((one for one in ("evaluations", "steps", "seconds") if here.has(one)), None)
        counts = here.medians(name) if name else pd.Series(dtype=float)
        bound = SLOWER if name == "seconds" else UNEQUAL_EVALUATIONS
        if len(counts) > 1 and counts.max() > bound * counts.min():
            most, least = counts.idxmax(), counts.idxmin()
            said = f"{most} had {counts.max():,.6g} {name}, {least} {counts.min():,.6g}"
            advice = "give arms the same budget, or show the score over what it cost"
            text = sentence(problem or study.name, said, advice)
            yield Finding(text, f"{most} and {least}", "", str(name), problem, _counts(counts))


def _seeds(study: Study, problem: str) -> Iterator[Finding]:
    if study.has("n"):
        counts = study.medians("n")
        if counts.nunique() > 1:
            yield _fewer(study, problem, counts, "")
        return
    seeds = {str(arm): set(own) for arm, own in study.rows.groupby("arm", sort=False)["seed"]}
    counts = pd.Series({arm: len(own) for arm, own in seeds.items()})
    every = set().union(*seeds.values())
    common = set.intersection(*seeds.values())
    missing = {arm: sorted(every - own, key=_natural) for arm, own in seeds.items()} if study.has_seeds else {}
    if counts.nunique() > 1:
        lost = missing.get(str(counts.idxmin()), []) if common else []
        yield _fewer(study, problem, counts, listed(lost))
    elif common and every != common:  # as many, and most the same: one was put in the place of another
        arm = min(seeds, key=lambda name: (sum(seeds[name] == own for own in seeds.values()), name))
        usual = max(seeds.values(), key=lambda own: sum(own == other for other in seeds.values()))
        gone, more = (sorted(s, key=_natural) for s in (usual - seeds[arm], seeds[arm] - usual))
        if not gone:
            return
        said = f"{arm} lacks seed {listed(gone)}, which the others have, and has {listed(more)} in its place"
        text = sentence(problem or study.name, said, "show all seeds that were run, lost ones as well")
        yield Finding(text, arm, listed(gone), "", problem, f"{len(common)} of {len(every)} seeds are in all arms")


def _fewer(study: Study, problem: str, counts: pd.Series, lost: str) -> Finding:
    most, least = counts.idxmax(), counts.idxmin()
    said = f"{least} has {counts.min():g} seeds, {most} {counts.max():g}" + (
        f"; seed {lost} is missing" if lost else ""
    )
    text = sentence(problem or study.name, said, "show all seeds that were run, lost ones as well")
    return Finding(text, str(least), lost, "", problem, _counts(counts))


def _natural(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return np.inf, text


def _counts(counts: pd.Series) -> str:
    return listed([f"{arm}: {count:g}" for arm, count in counts.items()])


def _no(name: str, *columns: str):
    return lambda study: "" if any(study.has(column) for column in columns) else name


CHECKS = (
    Check(
        "selection on test data",
        "Was the result chosen by the test data it is reported of?",
        "A column whose name says best of test data, or of no named part; a best epoch for each run where there are no "
        f"validation scores; from {FEWEST_RUNS} curves on, what is reported is the best of the test curve in all runs, "
        "and in one of them neither the last epoch nor the best on validation data is. Runs of kanexp select on "
        "validation data.",
        selected_on_test,
        _no_selection,
    ),
    Check(
        "unequal trials",
        "Were more settings tried for one arm than for another?",
        "Any difference in the column of trials, or else in the number of different settings.",
        unequal_trials,
        lambda study: (
            "" if study.own or study.has("trials") or study.rows["setting"].any() else "settings, or a number of trials"
        ),
    ),
    Check(
        "unequal parameters",
        "Are the networks of different sizes?",
        f"Medians over an arm's rows, the largest more than {UNEQUAL_PARAMETERS} times the least.",
        unequal_parameters,
        _no("numbers of parameters", "parameters"),
    ),
    Check(
        "unequal effort",
        "Do arms have different seeds or budgets?",
        "Any difference in the number of seeds, or one arm lacks a seed that the others have (arms without a seed in "
        f"common may have different ones); evaluations, else steps, more than {UNEQUAL_EVALUATIONS} times the least; "
        f"seconds more than {SLOWER:g} times where neither is known.",
        unequal_effort,
        lambda study: "" if study.rows["arm"].nunique() > 1 else "a second arm",
    ),
)
