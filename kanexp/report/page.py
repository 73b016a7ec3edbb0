"""The page: one HTML file that carries its tables and figures inside and needs no network."""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment

from kanexp.figure.style import embedded
from kanexp.report import pair, table

if TYPE_CHECKING:
    from kanexp.report.report import Findings

MAX_PICTURED_RUNS = 24  # the page carries their figures inside; more would be too much to load and to look at


def page(found: "Findings", comparisons: pd.DataFrame, drawn: Sequence[tuple[Path, str]], out: Path) -> str:
    """The page's text. Its links to runs are relative to `out`, so that both may be moved together."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((files("kanexp.report") / "page.html").read_text("utf-8"))
    links = {run.label: quote(os.path.relpath(run.folder.path, out).replace(os.sep, "/")) + "/" for run in found.runs}
    rows = found.rows[_order(found.rows)].assign(status=found.rows["status"].astype(str))
    rows, same = _varying(rows, [c for c in rows.columns if c not in ("run", "arm", "seed", "status")])
    comparisons = comparisons.drop(columns=["sentence"])
    tables = {
        "comparisons": _columns(_varying(comparisons, ("problem", "metric", "ties", "lost_arm", "lost_other"))[0]),
        "summary": _columns(_varying(found.summary, ("problem", "setting"))[0]),
        "rows": _columns(rows),
        "runs": _columns(_provenance(found.runs)),
    }
    pictured = found.runs if len(found.runs) <= MAX_PICTURED_RUNS else []
    return template.render(
        title=f"kanexp report: {len(found.runs)} run{'s' if len(found.runs) != 1 else ''}",
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=version("kanexp"),
        left_out=found.left_out,
        warnings=found.warnings,
        metrics=[(problem, metric.title) for problem, metric in found.metrics.items()],
        verdicts=[
            (kind, [q for q in found.pairs if q.verdict == kind]) for kind in (pair.ESTABLISHED, pair.LOOKS, pair.OPEN)
        ],
        partners=sum(q.paired for q in found.pairs),
        rankings=found.rankings,
        same=same,
        # Inside a script element this sign alone could end it early.
        tables=json.dumps(tables).replace("<", "\\u003c"),
        links=json.dumps(links).replace("<", "\\u003c"),
        figures=[(caption, file.stem, *embedded(file)) for file, caption in drawn],
        formulas=[(run.label, rows) for run in found.runs if (rows := table.formulas_of(run))],
        runs=[
            (run, links[run.label], [(f.stem, *embedded(f)) for f in table.figure_files(run)])
            for run in pictured
            if table.figure_files(run)
        ],
        count=len(found.runs),
        hidden=len(found.runs) > MAX_PICTURED_RUNS,
    )


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


def _columns(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """A table as lists that JavaScript reads: nothing for what is missing, Infinity for what was lost."""
    return {str(c): [None if _missing(value) else value for value in frame[c].tolist()] for c in frame.columns}


def _missing(value: Any) -> bool:
    return value is None or value != value
