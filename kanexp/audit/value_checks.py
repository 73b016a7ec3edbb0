"""Checks of values: numbers that cannot be, and columns that contradict each other."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from kanexp.audit.columns import ERRORS, SHARES, Column
from kanexp.audit.finding import Check, Finding, sentence
from kanexp.audit.study import Study, in_percent, listed, named
from kanexp.folder.record import ENDED_WELL

TIGHT = 0.01  # by which a number may be too large for another, beyond rounding
LOOSE = 0.2  # by which the square of a mean RMSE over batches may be below the MSE
TWICE = 2.0  # the factor between variances that R² and MSE of one problem may imply
DECIBELS = 0.5  # by which a PSNR, which is a mean over pictures, may differ from that of the mean MSE
FEWEST = 3  # rows of an arm that are all the other way round
OTHERS = 5  # rows of other arms that are all as usual
CLEAR = 0.1  # of ln(train / test), from which on one is larger
SINGLE = 1e-5  # what sums in single precision may be above one
FINE = (*ENDED_WELL, "done", "finished", "completed", "success", "succeeded", "1", "true", "yes", "")
BETWEEN = {"ssim": (-1.0, 1.0), "r2": (-np.inf, 1.0)} | dict.fromkeys(ERRORS, (0.0, np.inf))


def impossible(study: Study) -> Iterator[Finding]:
    """Values outside of what their score can be, and results that are not there."""
    for problem, here in study.ends.by_problem():
        for column in here.columns:
            yield from _outside(here, problem, column)
            if column.statistic == "value":
                yield from _not_there(here, problem, column)
        yield from _decibels(here, problem)
        yield from _between(here, problem)
        for name in ("parameters", "steps", "evaluations", "seconds", "n"):
            low = here.rows.index[here.rows[name] < 0]
            yield from _found(here, problem, name, low, f"{name} is negative", here.rows[name])


def _outside(study: Study, problem: str, column: Column) -> Iterator[Finding]:
    values = study.values[column.name]
    if column.statistic in ("std", "error"):
        low, high, said = 0.0, np.inf, "is a negative deviation"
    elif column.score in SHARES:
        low, high, said = 0.0, 100.0 if in_percent(values) else 1.0, "is no share"
        if _mixes_percent(study, column):  # which has its own check
            return
    else:
        low, high = BETWEEN.get(column.score, (-np.inf, np.inf))
        said = f"cannot be: {column.score} is {_between_words(low, high)}"
    wrong = values.index[(values < low) | (values > high + SINGLE)]
    yield from _found(study, problem, column.name, wrong[np.isfinite(values[wrong])], said, values)


def _between_words(low: float, high: float) -> str:
    if not np.isfinite(high):
        return f"never below {low:g}"
    return f"between {low:g} and {high:g}" if np.isfinite(low) else f"at most {high:g}"


def _not_there(study: Study, problem: str, column: Column) -> Iterator[Finding]:
    """Seeds without a number where others of their arm have one, and no status says that they were lost."""
    values, status = study.values[column.name], study.rows["status"].str.lower()
    fine = status.str.split(" ").str[0].isin(FINE)
    has = values.notna().groupby(study.rows["arm"]).transform("any")
    wrong = values.index[~np.isfinite(values) & fine & has]
    for arm, here in study.rows.loc[wrong].groupby("arm", sort=False):
        seeds = study.seeds(here.index)
        said = f"{column.name} of {arm}, {named(seeds)}, is no finite number, and nothing says why"
        text = sentence(problem or study.name, said, "say what became of it, and count a lost seed as the worst")
        yield Finding(
            text, str(arm), seeds, column.name, problem, f"{len(here)} of {(study.rows['arm'] == arm).sum()} rows"
        )


def _decibels(study: Study, problem: str) -> Iterator[Finding]:
    """PSNR and MSE whose peak is not the same in all rows."""
    for part in ("test", "train", "val"):
        psnr, mse = study.find("psnr", part), study.find("mse", part)
        if psnr is None or mse is None:
            continue
        errors = study.values[mse.name].where(study.values[mse.name] > 0)
        peak = (study.values[psnr.name] + 10 * np.log10(errors)).replace([np.inf, -np.inf], np.nan)
        slack = DECIBELS + study.units[psnr.name] / 2 + 10 / np.log(10) * study.units[mse.name] / 2 / errors
        wrong = peak.index[(peak - peak.median()).abs() > slack]
        said = f"is not {peak.median():.4g} - 10 log10({mse.name}) dB as in the other rows"
        yield from _found(study, problem, psnr.name, wrong, said, study.values[psnr.name])


def _between(study: Study, problem: str) -> Iterator[Finding]:
    for column in [c for c in study.columns if c.statistic in ("mean", "median")]:
        low, high = (study.find(column.score, column.part or "test", name) for name in ("min", "max"))
        values, slack = study.values[column.name], study.units[column.name]
        if low is not None and high is not None:
            ends = study.values[low.name] - slack, study.values[high.name] + slack
            wrong = values.index[(values < ends[0]) | (values > ends[1])]
            said = f"is not between {low.name} and {high.name}"
            yield from _found(study, problem, column.name, wrong, said, values)


def contradicting(study: Study) -> Iterator[Finding]:
    """Columns that cannot both be what they are called: exchanged, or in other units."""
    for problem, here in study.ends.by_problem():
        for part in ("test", "train", "val"):
            yield from _squares(here, problem, part)
            yield from _variances(here, problem, part)
        yield from _exchanged_parts(here, problem)
        for column in here.columns:
            if _mixes_percent(here, column):
                values = here.values[column.name]
                wrong = values.index[(values > 0) & (values <= 1)]
                said = "is a share, where other rows are in percent"
                yield from _found(here, problem, column.name, wrong, said, values)


def _squares(study: Study, problem: str, part: str) -> Iterator[Finding]:
    """RMSE² is the MSE; below it where it is a mean over batches. The MAE is never above the RMSE."""
    mse, rmse, mae = (study.find(score, part) for score in ("mse", "rmse", "mae"))
    if mse is not None and rmse is not None:
        squares, squared = study.values[rmse.name] ** 2, study.values[mse.name]
        slack = _relative(study, mse) + 2 * _relative(study, rmse)
        ratio = squares / squared
        wrong = ratio.index[(ratio > 1 + TIGHT + slack) | (ratio < 1 - LOOSE - slack)]
        exchanged = (squared**2 / study.values[rmse.name] - 1).abs()[wrong].median() < TIGHT
        said = f"is not the square of {rmse.name}" + (", but its root: they are exchanged" if exchanged else "")
        yield from _found(study, problem, mse.name, wrong, said, squared)
    root = rmse or mse
    if mae is None or root is None:
        return
    roots = study.values[root.name] if rmse else study.values[root.name].clip(lower=0) ** 0.5
    most = roots * (1 + TIGHT + _relative(study, mae) + _relative(study, root))
    wrong = roots.index[study.values[mae.name] > most]
    said = f"is above {'' if rmse else 'the root of '}{root.name}, which no mean of absolute errors can be"
    yield from _found(study, problem, mae.name, wrong, said, study.values[mae.name])


def _variances(study: Study, problem: str, part: str) -> Iterator[Finding]:
    """MSE / (1 - R²) is the variance of the targets, the same in all rows of a problem."""
    mse, r2 = study.find("mse", part), study.find("r2", part)
    if mse is None or r2 is None:
        return
    rest = 1 - study.values[r2.name]
    sure = rest > 5 * study.units[r2.name]
    variances = (study.values[mse.name] / rest).where(sure & (study.values[mse.name] > 0))
    ratio = variances / variances.median()
    wrong = ratio.index[(ratio > TWICE) | (ratio < 1 / TWICE)]
    said = f"does not go with {mse.name}: MSE / (1 - R²) is {variances.median():.3g} in the other rows"
    yield from _found(study, problem, r2.name, wrong, said, study.values[r2.name])


def _exchanged_parts(study: Study, problem: str) -> Iterator[Finding]:
    """An arm whose errors in training are above those on test data, while those of all others are below."""
    for score in (*ERRORS, "r2", "psnr", *SHARES):
        train, test = study.find(score, "train"), study.find(score, "test")
        if train is None or test is None or test.part == "" or test.better is None:
            continue
        a, b = study.values[train.name], study.values[test.name]
        gap = (np.log(a / b) if score in ERRORS else b - a if test.better == "higher" else a - b)[(a > 0) & (b > 0)]
        clear = CLEAR if score in ERRORS else 0.0
        for arm, at in study.by_arm().items():
            own, others = gap[gap.index.intersection(at)], gap[gap.index.difference(at)]
            if len(own) >= FEWEST and len(others) >= OTHERS and (own > clear).all() and (others < 0).all():
                said = f"is worse than {test.name} in all rows of {arm} and better in all others; they look exchanged"
                yield from _found(study, problem, train.name, own.index, said, a)


def _mixes_percent(study: Study, column: Column) -> bool:
    """Whether some rows of a share are in percent, and whole arms or seeds are not."""
    values = study.values[column.name]
    if column.score not in SHARES or column.statistic in ("std", "error"):
        return False
    return bool(((values > 1.5) & (values <= 100)).any() and ((values > 0.01) & (values <= 1)).any())


def _relative(study: Study, column: Column) -> pd.Series:
    """What rounding can change of a number, as a share of it."""
    return study.units[column.name] / 2 / study.values[column.name].abs()


def _found(
    study: Study, problem: str, name: str, wrong: pd.Index, said: str, values: "pd.Series[float]"
) -> Iterator[Finding]:
    """A finding for each arm that has such rows."""
    for arm, here in study.rows.loc[wrong].groupby("arm", sort=False):
        seeds, shown = study.seeds(here.index), listed([f"{v:.6g}" for v in values[here.index]], 3)
        whose = f"of {arm}" if study.has("n") else f"of {arm}, {named(seeds)},"
        text = sentence(problem or study.name, f"{name} {shown} {whose} {said}", "see how it was written")
        yield Finding(text, str(arm), "" if study.has("n") else seeds, name, problem, shown)


def _single(study: Study) -> str:
    pairs = (("mse", "rmse"), ("mse", "mae"), ("rmse", "mae"), ("mse", "r2"))
    known = any(study.find(a, part) and study.find(b, part) for a, b in pairs for part in ("test", "train", "val"))
    parts = any(study.find(c.score, "train") and c.part == "test" for c in study.columns)
    return (
        ""
        if known or parts or any(c.score in SHARES for c in study.columns)
        else "two scores that depend on each other"
    )


CHECKS = (
    Check(
        "contradicting columns",
        "Do columns contradict each other, as exchanged ones do?",
        f"Beyond rounding: RMSE² is above the MSE by {100 * TIGHT:g} %, or below by {100 * LOOSE:g} % (a mean over "
        f"batches is below); the MAE is above the RMSE by {100 * TIGHT:g} %; MSE / (1 - R²) is more than {TWICE:g} "
        f"times the usual, or less than one in {TWICE:g}; training is worse than test data in all rows of an arm "
        f"({FEWEST} and more) and better in all others ({OTHERS} and more); shares and percent stand in one column.",
        contradicting,
        _single,
    ),
    Check(
        "impossible values",
        "Are there numbers that cannot be, or that are not there?",
        "A negative error or deviation, a share above 1 (100 in percent), R² or SSIM above 1; no finite number, and no "
        f"status says that the seed was lost; PSNR + 10 log10(MSE) differs from the usual by {DECIBELS} dB beyond "
        "rounding; a mean outside of least and largest.",
        impossible,
        lambda study: "",
    ),
)
