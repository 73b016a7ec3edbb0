"""Checks of summaries: means and deviations that are not what they are called, or of nobody knows how many."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from kanexp.audit.columns import Column
from kanexp.audit.finding import Check, Finding, sentence
from kanexp.audit.study import Study

TIGHT = 0.01  # by which a summary may differ from that of the seeds, beyond rounding
FEWEST = 3


def summaries(study: Study) -> Iterator[Finding]:
    """Deviations without a number of seeds, standard errors called deviations, and means of other numbers."""
    if any(c.statistic == "std" for c in study.columns) and not (study.has("n") or study.scores):
        said = "there are deviations, but nothing says of how many seeds"
        yield Finding(sentence(study.name, said, "give the number of seeds of each arm"), evidence="no column n")
    for problem, here in study.ends.by_problem():
        for column in [c for c in here.columns if c.statistic == "std"]:
            yield from _of_range(here, problem, column)
        for column in [c for c in here.columns if c.statistic in ("mean", "std")]:
            seeds = here.find(column.score, column.part or "test")
            if seeds is not None:
                yield from _of_seeds(here, problem, column, here.samples(seeds))


def _of_range(study: Study, problem: str, column: Column) -> Iterator[Finding]:
    """A deviation too small, or too large, for the least and the largest of so many seeds.

    Of n numbers in a range R, sqrt(sum of squares / (n - 1)) is at least R / sqrt(2 (n - 1)), where all others lie in
    the middle, and at most R sqrt(n / (4 (n - 1))), where half of them lie at each end.
    """
    low, high = (study.find(column.score, column.part or "test", name) for name in ("min", "max"))
    if low is None or high is None:
        return
    n = study.rows["n"].where(study.rows["n"] > 1)
    near = study.units[low.name] + study.units[high.name]
    width = study.values[high.name] - study.values[low.name]
    std, unit = study.values[column.name], study.units[column.name]
    few = std + unit < (width - near) / np.sqrt(2 * (n - 1))
    # Those that divide by n have less: the bound is that of n - 1.
    many = std - unit > (width + near) * np.sqrt(n / (4 * (n - 1)))
    for at, said in (
        (few, "too small for the least and the largest seed: it looks like a standard error"),
        (many, "too large for the least and the largest seed"),
    ):
        for row in std.index[at]:
            arm = study.rows.loc[row, "arm"]
            yield _wrong(
                study,
                problem,
                column,
                arm,
                f"{std[row]:.4g} of {arm} is {said}",
                f"range {width[row]:.4g}, n {n[row]:g}",
            )


def _of_seeds(study: Study, problem: str, column: Column, samples: dict[str, "pd.Series[float]"]) -> Iterator[Finding]:
    """A mean or a deviation that is not that of the seeds beside it."""
    for arm, sample in samples.items():
        told = study.values.loc[sample.index, column.name]
        if len(sample) < FEWEST or told.nunique() != 1:
            continue
        value, near = float(told.iloc[0]), study.units.loc[sample.index, column.name].max()
        if column.statistic == "mean":
            fits, error = [sample.mean()], None
        else:
            fits, error = [sample.std(), sample.std(ddof=0)], sample.std() / np.sqrt(len(sample))
        if _is_one_of(value, fits, near):
            continue
        if error is not None and _is_one_of(value, [error], near):
            said = f"{value:.4g} of {arm} is the standard error of its {len(sample)} seeds"
            said += f", whose deviation is {fits[0]:.4g}"
        else:
            said = f"{value:.4g} of {arm} is not that of its {len(sample)} seeds, {fits[0]:.4g}"
        yield _wrong(study, problem, column, arm, said, f"{value!r}, of the seeds {float(fits[0])!r}")


def _is_one_of(value: float, fits: list[float], near: float) -> bool:
    return any(abs(value - one) <= near + TIGHT * abs(one) for one in fits)


def _wrong(study: Study, problem: str, column: Column, arm: str, said: str, evidence: str) -> Finding:
    text = sentence(problem or study.name, f"{column.name} {said}", "call it what it is, and say of how many seeds")
    return Finding(text, arm, "", column.name, problem, evidence)


CHECKS = (
    Check(
        "wrong summaries",
        "Are means and deviations what they are called, and of how many seeds?",
        "A deviation without a number of seeds; one that no numbers in the range from least to largest have; a mean or "
        f"a deviation that is not that of the seeds in the same file, beyond rounding and {100 * TIGHT:g} %.",
        summaries,
        lambda study: "" if any(c.statistic in ("mean", "std") for c in study.columns) else "means or deviations",
    ),
)
