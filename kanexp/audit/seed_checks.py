"""Checks of seeds: whether they are seeds, and whether one of them decides."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from kanexp.audit.columns import SHARES, Column
from kanexp.audit.digits import significant
from kanexp.audit.finding import Check, Finding, sentence
from kanexp.audit.scale import has_scale, log_errors, slopes
from kanexp.audit.study import Study, listed, named

FULL = 6  # significant digits from which on two equal numbers are no accident
NEAR = 50  # last digits within which other pairs of values are counted
CHANCE = 0.05  # equal pairs that may be expected by chance where equal ones are called the same run
STEADY = 0.02  # of the error: the least spread that trainings from different seeds are held to have
STEADIER = 0.01  # the spread of a sample that is too small among those of other arms
RATIO = 10.0  # spreads of the other arms over one's own, from which on it is too small among them
LEVEL = 0.001  # of both rules of spreads, shared among arms
TO_ONE = (*SHARES, "r2", "ssim")  # which networks that learned nothing, or all, have without spread
FEWEST = 3  # seeds that have a spread
TURNED = 0.02  # p of a rank test without the seed that decides


def twins(study: Study) -> Iterator[Finding]:
    """Different seeds, or arms, with the same value to all digits."""
    for problem, here in study.ends.by_problem():
        found: dict[tuple[str, ...], list[tuple[pd.Index, Column]]] = defaultdict(list)
        names = pd.Series({row: arm for arm, at in here.by_arm().items() for row in at})
        for column in here.scores:
            for at in equal_rows(here, column):
                found[tuple(dict.fromkeys(names[at]))].append((at, column))
        for arms, groups in found.items():
            yield _twin(here, problem, listed(list(arms)), groups, len(arms) > 1)


def _twin(study: Study, problem: str, arms: str, groups: list[tuple[pd.Index, Column]], several: bool) -> Finding:
    """What is said of groups of equal rows in one arm, or in the same several."""
    rows = pd.Index(np.unique(np.concatenate([at for at, _ in groups])))
    first = f"{groups[0][1].name} {float(study.values.loc[groups[0][0][0], groups[0][1].name])!r}"
    metrics = listed(list(dict.fromkeys(column.name for _, column in groups)))
    seeds = study.seeds(rows)
    what, advice = "are no different trainings", "give every seed a generator of its own and run them again"
    if several:
        what, advice = "do not differ in what was trained", "see whether the option that names them is read"
    said = f"{named(seeds)} of {arms} have the same {metrics} to all digits, {first}, and {what}"
    text = sentence(problem or study.name, said, advice)
    return Finding(text, arms, seeds, metrics, problem, f"{first} in {len(rows)} rows")


def equal_rows(study: Study, column: Column) -> list[pd.Index]:
    """Groups of rows that have the same value in full, where no two would have by chance."""
    if column.score in SHARES:  # are counted, so that equal ones are common
        return []
    values = study.values[column.name].replace([np.inf, -np.inf], np.nan).dropna()
    last = study.units.loc[values.index, column.name]
    full = significant(values, last) >= FULL
    same = values[full & values.duplicated(keep=False)]
    if same.empty or _near(values.to_numpy(), float(last[full].median())) / (2 * NEAR) > CHANCE:
        return []
    return [pd.Index(at) for at in same.groupby(same).groups.values()]


def _near(values: np.ndarray, last: float) -> int:
    """How many pairs of values differ, but by few of their last digits: as many as 2 NEAR times the equal ones."""
    x = np.sort(values)
    above = np.searchsorted(x, x + NEAR * last, side="right")
    return int((above - np.searchsorted(x, x + last / 2, side="right")).sum())


def too_steady(study: Study) -> Iterator[Finding]:
    """Seeds that spread less than trainings from different starts do."""
    for problem, here in study.ends.by_problem():
        for column in here.tested:
            if not has_scale(column) or equal_rows(here, column):  # the finer evidence
                continue
            spreads = {
                arm: (len(sample), _spread(here, column, sample))
                for arm, sample in here.samples(column).items()
                if len(sample) >= FEWEST
            }
            yield from _steady(study, problem, column, spreads)
        for column in here.columns:
            if column.statistic == "std" and (mean := here.find(column.score, column.part, "mean")):
                yield from _steady(study, problem, column, _summed(here, mean, column))


def _spread(study: Study, column: Column, sample: "pd.Series[float]") -> float:
    """The deviation of ln of the error over seeds, no less than rounding lets one see."""
    values = study.share(column)[sample.index]
    rounded = study.units.loc[sample.index, column.name] * slopes(column, values)
    return float(max(log_errors(column, values).std(), rounded.median()))


def _summed(study: Study, mean: Column, std: Column) -> dict[str, tuple[int, float]]:
    """Numbers of seeds and spreads of arms whose seeds are summed up."""
    if not has_scale(mean):
        return {}
    slope = slopes(mean, study.share(mean))
    deviation = study.values[std.name].clip(lower=study.units[std.name])
    spreads = deviation * slope
    arms = study.by_arm()
    known = {arm: at[0] for arm, at in arms.items() if len(at) == 1 and study.rows.loc[at[0], "n"] >= FEWEST}
    return {arm: (int(study.rows.loc[row, "n"]), float(spreads[row])) for arm, row in known.items()}


def _steady(study: Study, problem: str, column: Column, spreads: dict[str, tuple[int, float]]) -> Iterator[Finding]:
    fine = {arm: one for arm, one in spreads.items() if np.isfinite(one[1])}
    level = LEVEL / max(len(fine), 1)
    for arm, (n, spread) in fine.items():
        others = [one for name, one in fine.items() if name != arm]
        most = spread * np.sqrt((n - 1) / stats.chi2.ppf(level, n - 1))
        said = f"{n} seeds of {arm} differ in {column.name} by {100 * spread:.2g} % of the error"
        if most < STEADY:
            why = f"at most {100 * most:.2g} % are likely, and trainings from different starts differ by more"
        elif column.score not in TO_ONE and spread < STEADIER and _among(n, spread, others, level):
            usual = np.median([s for _, s in others])
            why = f"those of the other arms differ by {100 * usual:.2g} %"
        else:
            continue
        advice = "see whether the seed reaches the start and the batches, or a constructor sets it again"
        yield Finding(
            sentence(problem or study.name, f"{said}, where {why}", advice),
            arm,
            f"{n} seeds",
            column.name,
            problem,
            f"spread {spread:.3g}, upper limit {most:.3g}",
        )


def _among(n: int, spread: float, others: list[tuple[int, float]], level: float) -> bool:
    """Whether a spread is far below those of the other arms, by an F test as well."""
    if not others or np.median([s for _, s in others]) < RATIO * spread:
        return False
    ratio = (spread / np.median([s for _, s in others])) ** 2
    return bool(stats.f.cdf(ratio, n - 1, sum(m - 1 for m, _ in others)) < level)


def one_decides(study: Study) -> Iterator[Finding]:
    """Arms whose means are ordered by one seed against all others; and the best seed in the place of the mean."""
    for problem, here in study.ends.by_problem():
        for column in here.tested:
            samples = {arm: s for arm, s in here.samples(column).items() if len(s) >= FEWEST}
            if column.better and len(samples) > 1:
                yield from _turned(here, problem, column, samples)
        yield from _best_seed(here, problem)


def _turned(study: Study, problem: str, column: Column, samples: dict[str, "pd.Series[float]"]) -> Iterator[Finding]:
    sign = -1 if column.better == "higher" else 1
    first = min(samples, key=lambda arm: sign * samples[arm].mean())
    for second in [arm for arm in samples if arm != first]:
        for arm, other in ((first, second), (second, first)):
            rest = _without_decisive(sign * samples[arm], sign * samples[other], arm == first)
            if rest is None:
                continue
            row, p = rest
            seed, ends = study.rows.loc[row, "seed"], sign * samples[arm].drop(row).mean()
            said = f"{first} is ahead of {second} in mean {column.name} by seed {seed} of {arm} alone"
            why = f"without it {second} is ahead (p = {p:.2g}) and {arm} has {ends:.4g} in place of "
            advice = "compare medians, or say what became of this seed"
            evidence = (
                f"seed {seed}: {samples[arm][row]:.6g}; means {samples[first].mean():.6g}, {samples[second].mean():.6g}"
            )
            text = sentence(problem or study.name, f"{said}: {why}{samples[arm].mean():.4g}", advice)
            yield Finding(text, f"{first} and {second}", str(seed), column.name, problem, evidence)
            break


def _without_decisive(own: "pd.Series[float]", other: "pd.Series[float]", ahead: bool) -> tuple[int, float] | None:
    """The row without which the order of means turns, and p of a rank test that it is the other way; or nothing.

    Costs, of which less is better. Of the arm that is ahead the best seed may decide, of the other the worst.
    """
    row = own.idxmin() if ahead else own.idxmax()
    rest = own.drop(row)
    if (rest.mean() > other.mean()) != ahead:
        return None
    way = "greater" if ahead else "less"
    p = float(stats.mannwhitneyu(rest, other, alternative=way, method="auto").pvalue)
    return (row, p) if p < TURNED / 2 else None


def _best_seed(study: Study, problem: str) -> Iterator[Finding]:
    """Reported numbers that are those of the best seed."""
    column = next((c for c in study.tested if c.better), None)
    if column is None or not study.has("reported") or study.is_curves:
        return
    for arm, sample in study.samples(column).items():
        told = study.rows.loc[sample.index, "reported"]
        if len(sample) < FEWEST or told.nunique() != 1 or told.isna().any():
            continue
        near = study.units.loc[sample.index, column.name].max()
        best = sample.max() if column.better == "higher" else sample.min()
        value = float(told.iloc[0])
        if abs(value - best) <= near and min(abs(value - sample.mean()), abs(value - sample.median())) > near:
            said = f"{value:.6g} is reported of {arm}, the {column.name} of its best seed of {len(sample)}"
            advice = f"report the mean ({sample.mean():.4g}) or the median ({sample.median():.4g})"
            row = int((sample - best).abs().idxmin())
            text = sentence(problem or study.name, said, advice)
            yield Finding(text, arm, str(study.rows.loc[row, "seed"]), column.name, problem, f"reported {value!r}")


def _few(study: Study) -> str:
    sizes = [len(s) for c in study.ends.tested for s in study.ends.samples(c).values()]
    return "" if max(sizes, default=0) > 1 else "results of several seeds"


def _unsummed(study: Study) -> str:
    summed = study.has("n") and any(c.statistic == "std" for c in study.columns)
    return "" if summed else _few(study)


CHECKS = (
    Check(
        "identical seeds",
        "Do different seeds, or different arms, have the same value to all digits?",
        f"Values of {FULL} and more significant digits; no shares, which are counted; not where more than {CHANCE} "
        f"equal pairs are expected by chance, of which pairs that differ by up to {NEAR} last digits tell.",
        twins,
        _few,
    ),
    Check(
        "spread too small",
        "Do seeds differ as little as no trainings do that start differently?",
        f"From {FEWEST} seeds on. The spread of ln of the error: its upper limit (p = {LEVEL} shared among arms) is "
        f"below {STEADY}; or it is below {STEADIER} as it is, {RATIO:g} times less than the median of the other arms', "
        f"and an F test has p < {LEVEL} shared among them (no shares, R² or SSIM). Of a share, R² or SSIM the error is "
        "what it lacks of one. Not where seeds are identical, which says more.",
        too_steady,
        _unsummed,
    ),
    Check(
        "one seed decides",
        "Does the order of two arms turn without one seed, or stands the best seed for the arm?",
        "The arm of the best mean against every other: without its best seed, or the worst of the other, the means are "
        f"the other way round, and a rank test of what is left as well (two-sided p < {TURNED}). A column of reported "
        "numbers has the best seed's, and neither mean nor median.",
        one_decides,
        _few,
    ),
)
