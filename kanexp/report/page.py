"""The page: one HTML file that carries its tables, curves, figures and scripts inside and needs no network."""

import os
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, FunctionLoader
from markupsafe import Markup

from kanexp.figure.style import embedded
from kanexp.report import pair, rank, table
from kanexp.report.content import as_json, data

if TYPE_CHECKING:
    from kanexp.report.report import Findings

MAX_PICTURED_RUNS = 24  # the page carries their figures inside; more would be too much to load and to look at
MOST_PICTURED = 6_000_000  # bytes of runs' figures that it carries; the folders have the others
LIBRARIES = ("d3", "plot")
SCRIPTS = ("state", "format", "table", "figure", "points", "curves", "settings", "parallel", "gallery", "axes", "main")


def page(
    found: "Findings",
    comparisons: pd.DataFrame,
    drawn: Sequence[tuple[Path, str]] = (),
    out: Path | None = None,
    live: str = "",
) -> str:
    """The page's text. Its links to runs are relative to `out`, so that both may be moved together; without it none.

    `live` says of what runs it is a view that asks for what is new, while they go on.
    """
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, loader=FunctionLoader(_file))
    links = {run.label: _link(run, out) for run in found.runs} if out else {}
    rows = found.rows[_order(found.rows)].assign(status=found.rows["status"].astype(str))
    rows, same = _varying(rows, [c for c in rows.columns if c not in ("run", "arm", "seed", "status")])
    comparisons = comparisons.drop(columns=["sentence"])
    ranking = found.headline()[["problem", "arm", "median", "low", "high", "seeds", "failed", "trials", "parameters"]]
    tables = {
        "ranking": _varying(_ranked(ranking, found), ("problem", "failed", "trials"))[0],
        "comparisons": _varying(comparisons, ("problem", "metric", "ties", "lost_arm", "lost_other"))[0],
        "summary": _varying(found.summary, ("problem", "setting"))[0],
        "rows": rows,
        "runs": _provenance(found.runs),
    }
    pictures = _pictures(found)
    return environment.get_template("page.html").render(
        title=f"kanexp report: {len(found.runs)} run{'s' if len(found.runs) != 1 else ''}",
        version=version("kanexp"),
        started=_span(found.runs),
        left_out=found.left_out,
        warnings=found.warnings,
        metrics=[(problem, metric.title) for problem, metric in found.metrics.items()],
        verdicts=[
            (kind, [q for q in found.pairs if q.verdict == kind]) for kind in (pair.ESTABLISHED, pair.LOOKS, pair.OPEN)
        ],
        partners=sum(q.paired for q in found.pairs),
        axes=found.over_problems,
        rankings=found.rankings,
        same=same,
        data=Markup(data(found, tables, pictures)),
        links=Markup(as_json(links)),
        figures=[(caption, file.stem, *embedded(file)) for file, caption in drawn],
        formulas=[(run.label, rows) for run in found.runs if (rows := table.formulas_of(run))],
        count=len(found.runs),
        pictured=len({picture["run"] for picture in pictures}),
        style=Markup(_file("style.css")),
        libraries=[Markup(_file(f"library/{name}.js")) for name in LIBRARIES],
        scripts=[Markup(_file(f"{name}.js")) for name in SCRIPTS],
        live=live,
        progress=_progress(found.runs),
    )


@cache
def _file(name: str) -> str:
    return (files("kanexp.report") / "web" / name).read_text("utf-8")


def _link(run: table.Run, out: Path) -> str:
    return quote(os.path.relpath(run.folder.path, out).replace(os.sep, "/")) + "/"


def _span(runs: Sequence[table.Run]) -> str:
    """When the runs were started: the page itself has no time, so that the same runs give the same page."""
    times = sorted(run.record.started[:16].replace("T", " ") for run in runs if run.record.started)
    return "" if not times else times[0] if times[0] == times[-1] else f"{times[0]} to {times[-1]}"


def _progress(runs: Sequence[table.Run]) -> str:
    """How many runs are of each status."""
    statuses = [run.record.status for run in runs]
    return ", ".join(f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses))


def _ranked(headline: pd.DataFrame, found: "Findings") -> pd.DataFrame:
    """The arms of each problem from the best on, with letters in common where they cannot be told apart."""
    parts = []
    for problem, here in headline.groupby("problem", sort=False):
        metric = found.metrics[str(problem)]
        own = here.sort_values("median", ascending=metric.better == "lower", kind="stable")
        arms, pairs = own["arm"].tolist(), [q for q in found.pairs if q.problem == problem]
        if 2 < len(arms) <= 60 and len(pairs) == len(arms) * (len(arms) - 1) // 2:
            place = {arm: number for number, arm in enumerate(arms)}
            told = {(place[q.arm], place[q.other]) for q in pairs if q.verdict == pair.ESTABLISHED}
            own.insert(2, "group", rank.letters(len(arms), told))
        parts.append(own)
    return pd.concat(parts, ignore_index=True) if parts else headline


def _pictures(found: "Findings") -> list[dict[str, Any]]:
    """The figures that the runs left, inside, as long as they are not too many or too large."""
    if len(found.runs) > MAX_PICTURED_RUNS:
        return []
    pictures, left = [], MOST_PICTURED
    arms = zip(found.runs, found.arms.problems, found.arms.names, strict=True)
    every = [(place, *one, file) for one in arms for place, file in enumerate(table.figure_files(one[0]))]
    # Kind by kind, so that where they are too many, every run has those that matter most.
    for _, run, problem, arm, file in sorted(every, key=lambda one: one[0]):
        left -= file.stat().st_size
        if left > 0:
            source, width = embedded(file)
            what = {"run": run.label, "problem": problem, "arm": arm, "name": file.stem}
            pictures.append(what | {"source": source, "width": width})
    return pictures


def _order(rows: pd.DataFrame) -> list[str]:
    """The columns as a reader wants them: what a row is, how it ended, what it scored, and then the rest."""
    first = ["run", "problem", "arm", "setting", "compared", "seed", "status", "cause"]
    first += [c for c in rows.columns if c.startswith("test_")]
    return [*first, *(c for c in rows.columns if c not in first)]


def _varying(rows: pd.DataFrame, among: Sequence[str]) -> tuple[pd.DataFrame, str]:
    """A table without those of these columns in which all rows agree, and what they hold in one line."""
    constant = [c for c in among if rows[c].nunique(dropna=False) <= 1]
    if rows.empty:
        return rows, ""
    first = rows.iloc[0]
    same = [f"{c} {first[c]}" for c in constant if pd.notna(first[c]) and first[c] != ""]
    return rows.drop(columns=constant), ", ".join(same)


def _provenance(runs: Sequence[table.Run]) -> pd.DataFrame:
    """A row per run: what was run, with what, where, and how it ended."""
    rows = []
    for run in runs:
        record, hardware, versions = run.record, run.record.hardware or {}, run.record.versions or {}
        fine = sum(status.kind == "ok" for status in (record.seed_status or {}).values())
        row: dict[str, Any] = {"run": run.label, "status": record.status}
        row |= {"seeds": len(record.seeds), "seeds ok": fine, "cause": record.cause}
        row |= {key: getattr(record, key) for key in ("seconds", "started", "command", "config_hash")}
        row |= {key: versions.get(key) for key in ("kanexp", "torch", "numpy", "python")}
        row |= {"commit": (record.git_commit or "")[:9], "host": hardware.get("host")}
        row |= {"device": hardware.get("gpu") or hardware.get("processor"), "cores": hardware.get("cores")}
        rows.append(row)
    return pd.DataFrame(rows)
