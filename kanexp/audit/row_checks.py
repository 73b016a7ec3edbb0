"""Checks of rows: whether each is there once, and of the same data as those it is compared with."""

from collections.abc import Iterator

import pandas as pd

from kanexp.audit.finding import Check, Finding, sentence
from kanexp.audit.study import RUN, Study, listed, named


def repeated(study: Study) -> Iterator[Finding]:
    """Rows that are there twice, with the same values or with others."""
    if not study.has_seeds or study.own:  # of which the newest counts
        return
    keys = pd.concat([study.rows[[*RUN, "epoch"]], study.others], axis=1)
    twice = keys.duplicated(keep=False)
    same: dict[tuple[str, str], list[str]] = {}
    other: dict[tuple[str, str], list[str]] = {}
    for _, at in keys[twice].groupby(list(keys.columns), sort=False, dropna=False).groups.items():
        row = study.rows.loc[at[0]]
        differ = (study.values.loc[at].nunique() > 1).any()
        (other if differ else same).setdefault((row["problem"], row["arm"]), []).append(row["seed"])
    for found, said, advice in (
        (same, "stand there more than once", "keep one row of each; copies make an arm look surer"),
        (other, "stand there more than once with different values", "say which of them counts, and why there are two"),
    ):
        for (problem, arm), seeds in found.items():
            told = listed(list(dict.fromkeys(seeds)))
            text = sentence(problem or study.name, f"rows of {arm}, {named(told)}, {said}", advice)
            yield Finding(text, arm, told, "", problem, f"{len(seeds)} times")


def mixed_data(study: Study) -> Iterator[Finding]:
    """Arms that were measured on different data."""
    rows = study.ends.rows
    there = {str(arm): set(own) for arm, own in rows.groupby("arm", sort=False)["problem"]}
    every = list(dict.fromkeys(rows["problem"]))
    for arm, own in there.items():
        if lacking := [problem for problem in every if problem not in own]:
            said = f"{arm} has no results on {listed(lacking)}, which other arms have"
            text = sentence(study.name, said, "compare arms on the same data alone")
            yield Finding(text, arm, "", "", listed(lacking), f"{len(own)} of {len(every)} problems")
    for problem, here in study.ends.by_problem():
        for name, what in (("test_size", "test"), ("train_size", "training")):
            sizes = here.medians(name)
            if sizes.nunique() > 1:
                most, least = sizes.idxmax(), sizes.idxmin()
                said = f"{most} has {sizes.max():g} {what} rows, {least} {sizes.min():g}: their data differ"
                text = sentence(problem or study.name, said, "compare arms on the same data alone")
                yield Finding(text, f"{most} and {least}", "", name, problem, f"{sizes.max():g} and {sizes.min():g}")


CHECKS = (
    Check(
        "repeated rows",
        "Does a row, or a seed of an arm, stand there twice?",
        "The same problem, arm, setting, seed and epoch, and the same in all columns that are no results. Of runs of "
        "kanexp that were repeated, the newest counts.",
        repeated,
        lambda study: "" if study.has_seeds else "a column of seeds",
    ),
    Check(
        "different data",
        "Were arms measured on different data?",
        "An arm lacks a data set that another has; or the numbers of test or training rows differ.",
        mixed_data,
        lambda study: (
            ""
            if study.rows["problem"].nunique() > 1 or study.has("test_size") or study.has("train_size")
            else "data sets, or numbers of rows"
        ),
    ),
)
