"""Which figures a report has, and the table that each is drawn from."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kanexp.figure import arm_figures, axis_figures
from kanexp.figure.label import arm_label
from kanexp.figure.place_figures import critical_difference
from kanexp.figure.style import Figure, head
from kanexp.folder.file import UnreadableRun
from kanexp.report import curve, stats
from kanexp.report.arm import Arms, describe
from kanexp.report.axis import ALL, Axis
from kanexp.report.pair import p_text
from kanexp.report.place import Places
from kanexp.report.table import GROUPS, Run
from kanexp.score.cost import Metric

MOST_CURVES = 12  # arms whose curves, costs and profiles can be told apart in one figure
MOST_POINTS = 40  # arms that have a row of points
MOST_STRIPS = 12  # arms whose pictures are drawn below each other
MOST_PROBLEMS = 6  # problems that have figures of their own
MOST_LINES = 8  # lines in a figure over a swept number
LEAST_SPREAD = 1.05  # of costs, below which a front is one of noise
MOST_VALUES = 60  # cells along an axis of a map
LONGEST_WORD = 60  # letters of a problem in names of files, of which systems allow 255 bytes


@dataclass(frozen=True)
class Drawing:
    """A figure, the table it was drawn from, and what a reader should know of both."""

    name: str  # of its files
    figure: Figure
    table: pd.DataFrame
    caption: str


@dataclass(frozen=True)
class Subject:
    """What all figures are about."""

    runs: Sequence[Run]
    rows: pd.DataFrame  # of all runs
    arms: Arms
    metrics: dict[str, Metric]  # by problem
    summary: pd.DataFrame
    over: str
    left_out: list[str]  # sentences about what could not be drawn are added
    axes: Sequence[Axis] = ()

    @property
    def compared(self) -> pd.DataFrame:
        return self.rows[self.rows["compared"]]

    def ranked(self, problem: str) -> list[str]:
        """Arms of a problem, the best median first."""
        name = self.metrics[problem].name
        here = self.summary[(self.summary["problem"] == problem) & (self.summary["metric"] == name)]
        return list(here.sort_values("median", ascending=self.metrics[problem].better == "lower", kind="stable")["arm"])


def draw(subject: Subject) -> Iterable[Drawing]:
    """The figures one after another, each to be written before the next is made."""
    problems = list(subject.metrics)
    for problem in problems[:MOST_PROBLEMS]:
        suffix = "" if len(problems) == 1 else "-" + _file_word(problem, problems)
        left_out = f"; {len(problems) - MOST_PROBLEMS} more problems have no figures" if problem == problems[-1] else ""
        where = ("" if len(problems) == 1 else f" on {problem}") + (left_out if len(problems) > MOST_PROBLEMS else "")
        for make in (_points, _curves, _front, _heat, _sensitivity, _pictures, _spectra):
            for drawing in make(subject, problem):
                if len(problems) > 1:
                    head(drawing.figure, arm_label(problem, 80))
                caption = drawing.caption + where
                yield Drawing(drawing.name + suffix, drawing.figure, drawing.table, caption)
    yield from _profiles(subject)
    yield from _places(subject)
    yield from _axes(subject)


def _file_word(problem: str, problems: Sequence[str]) -> str:
    """A problem as a part of names of files, which has an end of its own where it is cut short."""
    word = re.sub(r"[^\w=.,+-]+", "_", problem)
    return word if len(word) <= LONGEST_WORD else f"{word[:LONGEST_WORD]}-{list(problems).index(problem) + 1}"


def _best(subject: Subject, problem: str, most: int) -> tuple[list[str], str]:
    """The arms to draw, in the order of the table, and a remark where these are not all."""
    ranked = subject.ranked(problem)
    kept = set(ranked[:most])
    named = [arm for arm in dict.fromkeys(subject.compared["arm"]) if arm in kept]
    return named, f" (the best {most} of {len(ranked)} arms)" if len(ranked) > most else ""


def _of(rows: pd.DataFrame, problem: str, arms: Sequence[str]) -> pd.DataFrame:
    return rows[(rows["problem"] == problem) & rows["arm"].isin(arms)]


def _points(s: Subject, problem: str) -> Iterable[Drawing]:
    metric, (arms, remark) = s.metrics[problem], _best(s, problem, MOST_POINTS)
    here = _of(s.compared, problem, arms)
    table = here[["problem", "arm", "run", "data_seed", "seed", "status"]].assign(
        value=here[metric.name], ended_well=stats.ended_well(here["status"])
    )
    if table["value"].notna().any():
        own = s.summary[(s.summary["problem"] == problem) & (s.summary["metric"] == metric.name)]
        ends = own.set_index("arm")[["low", "high"]]
        ordered = [arm for arm in s.ranked(problem) if arm in set(arms)]
        figure = arm_figures.points(table, metric, intervals=ends, order=ordered)
        yield Drawing("arms", figure, table, f"{_capital(metric.title)} of every seed, the best arm first{remark}")


def _curves(s: Subject, problem: str) -> Iterable[Drawing]:
    arms, remark = _best(s, problem, MOST_CURVES)
    table = curve.bands(s.runs, _of(s.compared, problem, arms), s.over)
    if len(table):
        if s.compared.groupby("arm")["run"].nunique().max() > curve.MOST_RUNS:
            remark += f", of at most {curve.MOST_RUNS} runs each"
        caption = f"Losses over {arm_figures.SPENT[s.over]}{remark}"
        yield Drawing("curves", arm_figures.curves(table), table, caption)


def _front(s: Subject, problem: str) -> Iterable[Drawing]:
    """Only over costs in which the arms differ: of equal sizes there is no front."""
    metric, (arms, remark) = s.metrics[problem], _best(s, problem, MOST_CURVES)
    here = _of(s.summary[s.summary["metric"] == metric.name], problem, arms)
    tables = []
    for cost in ("parameters", "train_seconds"):
        at = here[cost].astype(float)
        if at.notna().all() and at.max() > LEAST_SPREAD * at.min():
            table = here[["problem", "arm", "median", "low", "high"]].assign(cost=cost, at=at)
            tables.append(table.assign(front=_on_front(at.to_numpy(), here["median"].to_numpy(float), metric)))
    tables = [table[np.isfinite(table["median"])] for table in tables]
    if tables and len(tables[0]) > 1:
        table = pd.concat(tables, ignore_index=True)
        caption = f"{_capital(metric.title)} over what it cost{remark}"
        yield Drawing("front", arm_figures.front(table, metric), table, caption)


def _on_front(costs: np.ndarray, values: np.ndarray, metric: Metric) -> list[bool]:
    bad = values if metric.better == "lower" else -values
    return [
        not any(
            (costs[j] <= costs[i] and bad[j] <= bad[i]) and (costs[j] < costs[i] or bad[j] < bad[i])
            for j in range(len(costs))
        )
        for i in range(len(costs))
    ]


def _heat(s: Subject, problem: str) -> Iterable[Drawing]:
    """Map of medians over exactly two axes: those that make the arms, or those searched within the only arm."""
    metric = s.metrics[problem]
    keys, rows = s.arms.keys, s.compared
    if len(keys) != 2:
        keys, rows = s.arms.pooled, s.rows
    if len(keys) != 2 or (keys != s.arms.keys and len(s.ranked(problem)) > 1):
        return
    rows = rows[rows["problem"] == problem]
    cells = {run.label: [run.option(key) or "-" for key in keys] for run in s.runs}
    table = pd.DataFrame([cells[label] for label in rows["run"]], columns=["row", "column"], index=rows.index)
    fine = stats.ended_well(rows["status"])
    table["value"] = rows[metric.name].where(fine, np.inf if metric.better == "lower" else -np.inf)
    table = table.groupby(["row", "column"], sort=False)["value"].agg(median="median", seeds="size").reset_index()
    order = {name: sorted(table[name].unique(), key=_natural) for name in ("row", "column")}
    if min(map(len, order.values())) < 2 or max(map(len, order.values())) > MOST_VALUES:
        return
    for name, values in order.items():
        table[name] = pd.Categorical(table[name], values)
    table = table.sort_values(["row", "column"]).astype({"row": str, "column": str})
    table = table.assign(row_key=keys[0], column_key=keys[1])
    caption = f"Median {metric.title} over {keys[0]} and {keys[1]}; darker is better"
    yield Drawing("map", axis_figures.heat(table, metric), table, caption)


def _natural(text: str) -> tuple[int, float, str]:
    number = _number(text)
    return (1, 0.0, text) if np.isnan(number) else (0, number, text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def _sensitivity(s: Subject, problem: str) -> Iterable[Drawing]:
    """A figure for every option with three numbers or more; all settings, not only those that stand for an arm."""
    metric = s.metrics[problem]
    rows = s.rows[(s.rows["problem"] == problem) & s.rows[metric.name].notna()]
    runs = {run.label: run for run in s.runs}
    here = [runs[label] for label in dict.fromkeys(rows["run"])]
    for key in s.arms.differing:
        numbers = {run.label: _number(run.options.get(key, "")) for run in here}
        known = {label: number for label, number in numbers.items() if np.isfinite(number)}
        if key in GROUPS or len(set(known.values())) < 3:
            continue
        others = [other for other in s.arms.keys if other != key]
        lines = {label: describe(runs[label], others) for label in known}
        remark = ""
        if len(set(lines.values())) > MOST_LINES:
            remark = f" ({len(set(lines.values()))} arms taken together)"
            lines = dict.fromkeys(known, "median of all")
        own = rows[rows["run"].isin(list(known))]
        table = own[["problem", "run", "data_seed", "seed", "status"]].assign(
            key=key,
            line=own["run"].map(lines),
            at=own["run"].map(known),
            value=own[metric.name],
            ended_well=stats.ended_well(own["status"]),
        )
        if table["ended_well"].any():
            caption = f"{_capital(metric.title)} over {key}, every seed and the medians{remark}"
            name = f"sensitivity-{key.split('.')[-1]}"
            yield Drawing(name, axis_figures.sensitivity(table, metric), table, caption)


def _first_runs(s: Subject, problem: str) -> tuple[dict[str, Run], str]:
    """A run of each arm, and a remark where there are more arms than fit."""
    arms, remark = _best(s, problem, MOST_STRIPS)
    runs = {run.label: run for run in s.runs}
    first = _of(s.compared, problem, arms).drop_duplicates("arm")
    return {arm: runs[label] for arm, label in zip(first["arm"], first["run"], strict=True)}, remark


def _drawn(s: Subject, run: Run, name: str) -> pd.DataFrame | None:
    """The table of a figure of a run on a picture; None where the run has none, or none that can be read."""
    if (run.record.scene or {}).get("kind") != "picture" or not (run.folder.figures / f"{name}.csv").is_file():
        return None
    try:
        return run.folder.read_figure(name)
    except UnreadableRun as error:
        s.left_out.append(f"{error}; it is not drawn")
        return None


def _pictures(s: Subject, problem: str) -> Iterable[Drawing]:
    tables, shapes = [], []
    runs, remark = _first_runs(s, problem)
    for arm, run in runs.items():
        table = _drawn(s, run, "prediction")
        if table is not None:
            tables.append(table.assign(arm=arm, run=run.label))
            shapes.append(tuple((run.record.scene or {})["shape"]))
    if tables:
        table = pd.concat(tables, ignore_index=True)
        caption = f"Target and prediction, the seed of median validation loss of each arm{remark}"
        yield Drawing("pictures", arm_figures.pictures(table, shapes), table, caption)


def _spectra(s: Subject, problem: str) -> Iterable[Drawing]:
    """Spectra of the arms side by side, for pictures, where what a network can express is a matter of frequencies."""
    tables = []
    runs, remark = _first_runs(s, problem)
    for arm, run in runs.items():
        drawn = _drawn(s, run, "spectra")
        if drawn is not None:
            power = drawn.groupby(["layer", "state", "frequency"], sort=False)["power"]
            table = power.agg(low="min", median="median", high="max").reset_index()
            tables.append(table.assign(arm=arm, run=run.label))
    if tables:
        table = pd.concat(tables, ignore_index=True)
        caption = f"Spectra of the edge functions before and after training{remark}"
        yield Drawing("spectra", arm_figures.spectra(table), table, caption)


def _profiles(s: Subject) -> Iterable[Drawing]:
    """Over several problems that share a metric, of the arms that all have been tried on."""
    metrics = list(s.metrics.values())
    if len(metrics) < 2 or len({(m.name, m.log) for m in metrics}) > 1:
        return
    metric, compared = metrics[0], s.compared[s.compared["problem"].isin(list(s.metrics))]
    costs = metric.cost(compared[metric.name].where(stats.ended_well(compared["status"])))
    wide = compared.assign(cost=costs).pivot_table(
        values="cost", index=["problem", "data_seed", "seed"], columns="arm", sort=False
    )
    wide = wide.dropna()
    if wide.shape[0] < 2 or not 2 <= wide.shape[1] <= MOST_CURVES:
        return
    excess = wide.sub(wide.min(axis=1), axis=0)
    real = excess.to_numpy()[(excess < 1e6).to_numpy()]
    within = np.linspace(0, real.max() or 1.0, 200)
    tables = [
        pd.DataFrame(
            {"arm": arm, "within": [metric.gain(w) for w in within], "share": stats.profile(column.to_numpy(), within)}
        )
        for arm, column in excess.items()
    ]
    table = pd.concat(tables, ignore_index=True)
    caption = (
        f"Performance profiles over {len(s.metrics)} problems and {len(wide)} problems and seeds: higher is better"
    )
    yield Drawing("profiles", arm_figures.profiles(table, metric), table, caption)


def _places(s: Subject) -> Iterable[Drawing]:
    """Ranks over problems, whatever they are scored by, of arms that all have been tried on."""
    medians = {}
    for problem, metric in s.metrics.items():
        own = s.summary[(s.summary["problem"] == problem) & (s.summary["metric"] == metric.name)].set_index("arm")
        medians[problem] = pd.Series(metric.cost(own["median"]), own.index)
    places = Places.of(pd.DataFrame(medians).T)
    if places is None or len(places.mean) > MOST_CURVES:
        return
    sure = "" if places.p < stats.LEVEL else ", no difference is established"
    caption = (
        f"Mean ranks over {len(places.ranks)} problems (1 is best), arms within the critical difference joined: "
        f"Friedman's {p_text(places.p)}{sure}"
    )
    yield Drawing("ranks", critical_difference(places.mean, places.distance, places.groups), places.table(), caption)


def _axes(s: Subject) -> Iterable[Drawing]:
    """The settings of every axis over all problems, where Nemenyi's test is what tells them apart."""
    for one in s.axes:
        if one.kind == ALL and one.told_apart and np.isfinite(one.distance) and len(one.mean) <= MOST_POINTS:
            places = Places(one.ranks, one.p, one.distance)
            caption = f"Mean ranks of {one.key} over {len(one.ranks)} problems, each setting with its best partners"
            caption += f"; those within the critical difference are joined: Friedman's {p_text(one.p)}"
            figure = critical_difference(places.mean, places.distance, places.groups, one.key)
            yield Drawing(f"ranks-{one.key.split('.')[-1]}", figure, places.table(), caption)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
