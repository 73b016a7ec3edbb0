"""Checks of digits: whether there are enough of them, and whether they can arise from so few samples."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from kanexp.audit.columns import SHARES, Column
from kanexp.audit.digits import significant
from kanexp.audit.finding import Check, Finding, sentence
from kanexp.audit.study import Study, in_percent

COARSER = 3  # digits that one arm has fewer than another
COARSE = 4  # digits from which on there are enough in any case
FEWEST = 3  # values that show how many digits an arm has
SINGLE = 1.2e-7  # relative error of a number in single precision
COUNTED = ("accuracy", "error_rate")  # shares of test rows; others are made of several of them


def rounded(study: Study) -> Iterator[Finding]:
    """Comparisons that hang on digits which are not written."""
    for problem, here in study.ends.by_problem():
        for column in here.columns:
            if column.part in ("test", "") and column.statistic in ("value", "mean") and column.better:
                yield from _too_close(here, problem, column)
            if column.part in ("test", "") and column.statistic == "value" and column.score not in SHARES:
                yield from _mixed(here, problem, column)


def _too_close(study: Study, problem: str, column: Column) -> Iterator[Finding]:
    """Arms that differ from the best by less than the last digit, while their seeds do not hide it."""
    samples = study.samples(column)
    if len(samples) < 2:
        return
    sign = -1 if column.better == "higher" else 1
    first = min(samples, key=lambda arm: sign * samples[arm].mean())
    for second in [arm for arm in samples if arm != first]:
        pair = [samples[first], samples[second]]
        digits = min(_digits(study, column, sample) for sample in pair)
        difference, size = abs(pair[0].mean() - pair[1].mean()), max(abs(sample.mean()) for sample in pair)
        if digits >= COARSE or size == 0 or np.isnan(digits):
            continue
        last = 10 ** (np.floor(np.log10(size)) - digits + 1)
        if difference < last and _error(study, column, pair) < last and not _is_one_row(study, column, last):
            by = f"by {difference:.2g}" if difference > 1e-9 * size else "by nothing"
            said = f"{first} and {second} differ in {column.name} {by}, and its last digit is {last:.2g}"
            advice = "write more digits, or call them equal"
            text = sentence(problem or study.name, said, advice)
            yield Finding(text, f"{first} and {second}", "", column.name, problem, f"{difference:.3g} < {last:.3g}")


def _digits(study: Study, column: Column, sample: "pd.Series[float]") -> float:
    """How many digits an arm's numbers have: the most of any, since zeros at the end may have been left out."""
    return float(significant(sample, study.units.loc[sample.index, column.name]).max())


def _is_one_row(study: Study, column: Column, last: float) -> bool:
    """Whether a share's last digit is what one more right answer makes of it, so that none is left out."""
    size = study.rows["test_size"].max()
    return column.score in COUNTED and last <= (100 if in_percent(study.values[column.name]) else 1) / size * 1.001


def _error(study: Study, column: Column, samples: list["pd.Series[float]"]) -> float:
    """The standard error of the difference of two arms' means; of single numbers without a deviation it is 0."""
    std = study.find(column.score, column.part or "test", "std") if column.statistic == "mean" else None
    total = 0.0
    for sample in samples:
        if std is not None:
            n = study.rows.loc[sample.index, "n"].fillna(1)
            total += float((study.values.loc[sample.index, std.name].fillna(0) ** 2 / n).mean())
        elif len(sample) > 1:
            total += float(sample.var() / len(sample))
    return float(np.sqrt(total))


def _mixed(study: Study, problem: str, column: Column) -> Iterator[Finding]:
    """Arms whose numbers are written with far fewer digits than those of another."""
    digits = {
        arm: _digits(study, column, sample)
        for arm, sample in study.samples(column).items()
        if len(sample) >= FEWEST and (sample != 0).any()
    }
    if len(digits) < 2:
        return
    most, least = max(digits, key=digits.__getitem__), min(digits, key=digits.__getitem__)
    if digits[least] < COARSE and digits[most] - digits[least] >= COARSER:
        said = f"{column.name} has {digits[least]:.0f} digits in {least} and {digits[most]:.0f} in {most}"
        text = sentence(problem or study.name, said, "take all numbers from the same source, in full")
        yield Finding(text, least, "", column.name, problem, f"{digits[least]:.0f} and {digits[most]:.0f} digits")


def impossible_shares(study: Study) -> Iterator[Finding]:
    """Shares that no number of right answers among the test rows gives."""
    for problem, here in study.ends.by_problem():
        for column in here.columns:
            if column.score in COUNTED and column.part in ("test", "") and column.statistic in ("value", "mean"):
                yield from _not_counted(here, problem, column)


def _not_counted(study: Study, problem: str, column: Column) -> Iterator[Finding]:
    values = study.values[column.name]
    size = study.rows["test_size"].where(study.rows["test_size"] >= 1)
    of = size if column.statistic == "value" else size * study.rows["n"]
    scale = 100.0 if in_percent(values) else 1.0
    counts = values / scale * of
    slack = study.units[column.name] / scale * of / 2 + SINGLE * counts.abs()
    wrong = values.index[((counts - counts.round()).abs() > slack * (1 + 1e-9) + 1e-9) & of.notna() & values.notna()]
    rows = study.rows.loc[wrong]
    for arm, here in rows.groupby("arm", sort=False):
        row = here.index[0]
        n, value = int(of[row]), values[row]
        near = scale * np.floor(counts[row]) / n, scale * np.ceil(counts[row]) / n
        whose = f"seed {rows.loc[row, 'seed']} of {arm}" if column.statistic == "value" else str(arm)
        among = f"{n} test rows" if column.statistic == "value" else f"{n} answers ({size[row]:g} test rows each)"
        said = f"{column.name} {value:.10g} of {whose} is no number of {among}, "
        said += f"of which the nearest are {near[0]:.8g} and {near[1]:.8g}"
        more = f", and {len(here) - 1} more of {arm}" if len(here) > 1 else ""
        text = sentence(
            problem or study.name, said + more, "say how it was counted: on which rows, or averaged over what"
        )
        seeds = study.seeds(here.index) if column.statistic == "value" else ""
        yield Finding(text, str(arm), seeds, column.name, problem, f"{float(value)!r} x {n} = {counts[row]:.8g}")


def _uncounted(study: Study) -> str:
    if not any(c.score in COUNTED and c.part in ("test", "") for c in study.columns):
        return "an accuracy"
    return "" if study.has("test_size") else "the number of test rows (a column n_test, or --test-size)"


CHECKS = (
    Check(
        "rounding",
        "Does a comparison hang on digits that are not written?",
        "The best arm's mean and another's differ by less than the last digit written, the standard error of the "
        f"difference is below that digit as well, and there are fewer than {COARSE} digits; or one arm has fewer than "
        f"{COARSE} digits and another {COARSER} more (from {FEWEST} values on, no shares).",
        rounded,
        lambda study: "" if study.rows["arm"].nunique() > 1 else "a second arm",
    ),
    Check(
        "impossible counts",
        "Can an accuracy arise from so many test rows?",
        "Accuracy times test rows (times seeds, of a mean over them) is no whole number within half a unit of the last "
        "digit, and within single precision.",
        impossible_shares,
        _uncounted,
    ),
)
