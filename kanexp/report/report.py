"""The report: tables, figures and one page about some runs, from their folders alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from kanexp.error import ConfigError
from kanexp.figure.style import save
from kanexp.folder.file import write
from kanexp.folder.sheet import write_sheet
from kanexp.folder.version import find_runs, new_version
from kanexp.report import arm, axis, gallery, latex, page, pair, rank, stats, table
from kanexp.report.importance import Importance, importances
from kanexp.report.methods import methods
from kanexp.report.summary import summarize
from kanexp.report.warning import warnings
from kanexp.score.cost import Metric
from kanexp.score.score import Score


@dataclass(frozen=True)
class Question:
    """What a report is asked."""

    by: Sequence[str] = ()  # groups and options that make an arm; none takes all that differ
    baseline: str | None = None  # KEY=VALUE or an arm, that others are compared with; none compares all with all
    metric: str | None = None  # none takes the first of every task
    over: str = "step"  # what curves are drawn over


@dataclass(frozen=True)
class Findings:
    """All that a report says, before it is drawn or written."""

    runs: list[table.Run]
    rows: pd.DataFrame
    arms: arm.Arms
    metrics: dict[str, Metric]  # by problem
    summary: pd.DataFrame
    pairs: list[pair.Pair]
    warnings: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)  # a sentence for each folder that could not be read
    firsts: list[str] = field(default_factory=list)  # the arms that all others are compared with, if there are some

    @cached_property
    def importances(self) -> dict[str, Importance]:
        """By problem, what settings its scores vary with."""
        return importances(self.runs, self.rows, self.arms, self.metrics)

    @cached_property
    def axes(self) -> list[axis.Axis]:
        """Where there are several problems and axes, the settings of each axis ranked over them."""
        return axis.axes(self.runs, self.rows, self.arms, self.metrics)

    @property
    def over_problems(self) -> list[str]:
        """A sentence about each axis over all problems."""
        return [one.sentence for one in self.axes if one.kind == axis.ALL]

    @property
    def rankings(self) -> list[str]:
        """For each problem of more than MOST_LISTED arms that were all compared, the arms from the best on, as text."""
        several = len(self.metrics) > 1
        return [
            f"{problem}: {text}" if several else text
            for problem, here in self.headline().groupby("problem", sort=False)
            if (text := rank.ranking(here, [q for q in self.pairs if q.problem == problem], self.metrics[str(problem)]))
        ]

    def headline(self) -> pd.DataFrame:
        """The rows of the summary in the metric that is compared."""
        wanted = {(problem, metric.name) for problem, metric in self.metrics.items()}
        keys = zip(self.summary["problem"], self.summary["metric"], strict=True)
        return self.summary[np.array([key in wanted for key in keys], dtype=bool)]


def report(paths: Sequence[Path], out: Path | None, question: Question | None = None) -> tuple[Path, Findings]:
    """Write tables, figures and report.html about all runs at or below the paths.

    Returns the folder written, which is `out`, or `report` in the only path given, or a new version of outputs/report.
    Raises ConfigError where there is nothing to report, no such metric, option or arm, or no place to write.
    """
    question = question or Question()
    found = find(*read(paths), question)
    out = out or (paths[0] / "report" if len(paths) == 1 else new_version("outputs", "report"))
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write(found, out, question.over)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written ({error.strerror}); choose another with --out PATH") from error
    return out, found


def read(paths: Sequence[Path]) -> tuple[list[table.Run], list[str]]:
    """All runs at or below the paths, each once. Raises ConfigError where there are none."""
    missing = [str(path) for path in paths if not path.is_dir()]
    if missing:
        raise ConfigError(*(f"{path}: no such folder; give run folders or folders above them" for path in missing))
    folders = {f.path.resolve(): f for path in paths for f in find_runs(path)}
    runs, problems = table.read(list(folders.values()))
    if not runs:
        where = ", ".join(map(str, paths))
        raise ConfigError(f"{where}: holds no run that can be read; make one with: kanexp layer=fourier", *problems)
    return runs, problems


def find(runs: list[table.Run], left_out: list[str], question: Question) -> Findings:
    """The findings where arms are told apart by what was asked, or by all that differs."""
    return conclude(runs, arm.assign(runs, question.by), left_out, question)


def conclude(runs: list[table.Run], arms: arm.Arms, left_out: list[str], question: Question) -> Findings:
    """Statistics and warnings about these arms."""
    rows, choices = arm.choose(table.rows(runs, arms.differing), arms, runs)
    compared = rows[rows["compared"]]
    scores = table.scores(runs)
    own = {problem: list(run.record.test or {}) for problem, run in zip(arms.problems, runs, strict=True)}
    metrics = choose_metrics(compared, scores, question.metric, own)
    wanted, notes = pair.pairs_of(compared, arms, question.baseline)
    starts = [key for key in arms.differing if key.split(".")[0] in pair.STARTS]
    looks = {problem: run.looks for problem, run in zip(arms.problems, runs, strict=True) if run.looks}
    pairs = pair.compare(compared, metrics, [one for one in wanted if one[0] in metrics], starts, looks)
    notes += [f"{p}: its arms share no score" for p in compared["problem"].unique() if p not in metrics]
    notes += _undeclared(compared, scores)
    said = [*warnings(rows, runs, arms, choices, pairs), *notes]
    summary = summarize(rows, choices, scores, [metric.name for metric in metrics.values()])
    firsts = arm.baselines(arms, question.baseline) if question.baseline else []
    return Findings(runs, rows, arms, metrics, summary, pairs, said, left_out, firsts)


def _undeclared(rows: pd.DataFrame, scores: Mapping[str, Score]) -> list[str]:
    """A sentence about scores of which nobody said which way is better."""
    unknown = [c.removeprefix("test_") for c in rows.columns if c.startswith("test_") and c not in scores]
    return [
        f"{name} is not compared: no run says if higher or lower is better; declare it in the task's scores"
        for name in unknown
    ]


def choose_metrics(
    rows: pd.DataFrame, scores: Mapping[str, Score], asked: str | None, own: Mapping[str, Sequence[str]]
) -> dict[str, Metric]:
    """The metric that is compared on each problem: the one asked for, or the first that all of its arms have.

    `own` are by problem the scores of its task, in their order, which is not that of the table's columns. Raises
    ConfigError where no problem has the one asked for.
    """
    found: dict[str, Metric] = {}
    known: dict[str, Metric] = {}
    for problem, here in rows.groupby("problem", sort=False):
        order = {f"test_{name}": place for place, name in enumerate(own.get(str(problem), ()))}
        found_here = sorted(shared(here, scores), key=lambda m: order.get(m.name, len(order)))
        metrics = {m.name: m for m in found_here}
        known |= metrics
        name = next(iter(metrics), None) if asked is None else asked if asked in metrics else f"test_{asked}"
        if name in metrics:
            found[str(problem)] = metrics[name]
    if asked and not found:
        raise ConfigError(f"--metric: no score '{asked}' here; known: {', '.join(known) or 'none'}")
    return found


def shared(rows: pd.DataFrame, scores: Mapping[str, Score]) -> list[Metric]:
    """The declared scores of a problem that every arm has which has any; the loss that selected them comes last."""
    fine = rows[stats.ended_well(rows["status"])]
    names = [c for c in rows.columns if c.startswith("test_") and c in scores] + ["best_val_loss"]
    has = fine.groupby("arm")[names].agg(lambda column: column.notna().any()).all()
    return [Metric.of(scores[name], rows[name]) for name in names if len(fine) and has[name]]


def _write(found: Findings, out: Path, over: str) -> None:
    about = (found.runs, found.rows, found.arms, found.metrics, found.summary)
    subject = gallery.Subject(*about, over, found.left_out, found.axes)
    drawn = []
    for drawing in gallery.draw(subject):
        write_sheet(drawing.table, out / f"{drawing.name}.csv", 7)
        save(drawing.figure, out / drawing.name, pdf=True)
        drawn.append((out / f"{drawing.name}.png", drawing.caption))
    comparisons = pair.as_table(found.pairs)
    write_sheet(found.rows, out / "report.csv")
    write_sheet(found.summary, out / "summary.csv")
    write_sheet(comparisons, out / "comparisons.csv")
    if found.axes:
        write_sheet(axis.as_table(found.axes), out / "axes.csv")
    if found.metrics:
        write(out / "table.tex", latex.latex(found.summary, found.pairs, found.metrics))
    write(out / "methods.md", methods(found))
    write(out / "report.html", page.page(found, comparisons, drawn, out))
