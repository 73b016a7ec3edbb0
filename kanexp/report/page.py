"""The report: tables, figures and one page about some runs, from their folders alone."""

import base64
import html
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import pandas as pd
from jinja2 import Environment

from kanexp.error import ConfigError
from kanexp.report import figures, stats, table
from kanexp.run_folder import find_runs, new_version, write

MAX_STRIPS = 12  # arms whose pictures are drawn below each other
MAX_PICTURED_RUNS = 24  # the page carries their figures inside; more would be too much to load and to look at


def report(paths: Sequence[Path], out: Path | None, over: str = "step") -> tuple[Path, pd.DataFrame, list[str]]:
    """Write report.csv, figures and report.html about all runs at or below the paths.

    Curves are drawn over one of table.OVER. Returns the folder written, the summary per arm, and a sentence for each
    folder that could not be read. The folder is `out`, or `report` in the only path given, or a new version of
    outputs/report.
    Raises ConfigError where there is nothing to report or no place to write.
    """
    missing = [str(path) for path in paths if not path.is_dir()]
    if missing:
        raise ConfigError(*(f"{path}: no such folder; give run folders or folders above them" for path in missing))
    folders = {f.path.resolve(): f for path in paths for f in find_runs(path)}
    runs, problems = table.read(list(folders.values()))
    if not runs:
        where = ", ".join(map(str, paths))
        raise ConfigError(f"{where}: holds no run that can be read; make one with: kanexp layer=fourier", *problems)

    out = out or (paths[0] / "report" if len(paths) == 1 else new_version("outputs", "report"))
    try:
        out.mkdir(parents=True, exist_ok=True)
        summary = _write(runs, problems, out, over)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written ({error.strerror}); choose another with --out PATH") from error
    return out, summary, problems


def _write(runs: Sequence[table.Run], problems: list[str], out: Path, over: str) -> pd.DataFrame:
    rows, curves = table.rows(runs), table.curves(runs)
    summary = summarize(rows)
    drawn = {}
    if not curves.empty:
        drawn["curves"] = figures.arm_curves(curves, over)
        curves.to_csv(out / "curves.csv", index=False)
    metrics = [c for c in rows.columns if c.startswith("test_")]
    if metrics and rows[metrics[0]].notna().any():
        drawn["arms"] = figures.arm_points(rows, metrics[0])
    if pictures := table.pictures(runs)[:MAX_STRIPS]:
        drawn["pictures"] = figures.arm_pictures(pictures)
    rows.to_csv(out / "report.csv", index=False)
    summary.to_csv(out / "summary.csv", index=False)
    for name, figure in drawn.items():
        figures.save(figure, out / name)

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((files("kanexp.report") / "page.html").read_text("utf-8"))
    pictured = runs if len(runs) <= MAX_PICTURED_RUNS else []
    page = template.render(
        title=f"kanexp report: {len(runs)} run{'s' if len(runs) != 1 else ''}",
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=version("kanexp"),
        summary=_html(summary),
        rows=_html(rows),
        figures=[(name, *_embed(out / f"{name}.png")) for name in drawn],
        runs=[(run, [(f.stem, *_embed(f)) for f in table.figure_files(run)]) for run in pictured],
        count=len(runs),
        problems=problems,
    )
    write(out / "report.html", page)
    return summary


def summarize(rows: pd.DataFrame) -> pd.DataFrame:
    """Per arm and test metric: how many seeds, how many diverged, median and its interval.

    A seed that did not end well counts among `failed`; its metric is left out of the median and said to be.
    """
    metrics = [c for c in rows.columns if c.startswith("test_")]
    table_rows = []
    for arm, here in rows.groupby("arm", sort=False):
        fine = stats.ended_well(here["status"])
        for metric in metrics:
            values = here.loc[fine, metric].dropna().astype(float)
            if here[metric].notna().any():
                m = stats.median_interval(values)
                table_rows.append((arm, metric, len(here), int((~fine).sum()), m.median, m.low, m.high, m.coverage))
    columns = ["arm", "metric", "seeds", "failed", "median", "low", "high", "coverage"]
    return pd.DataFrame(table_rows, columns=columns)


def _html(frame: pd.DataFrame) -> str:
    """A table whose cells are escaped and whose numbers keep their full value for sorting."""
    head = "".join(f"<th>{html.escape(str(c))}</th>" for c in frame.columns)
    body = []
    for record in frame.itertuples(index=False):
        cells = []
        for value in record:
            number = isinstance(value, int | float) and not isinstance(value, bool)
            text = (
                ""
                if value is None or (number and value != value)
                else f"{value:.5g}"
                if isinstance(value, float)
                else str(value)
            )
            sort = f' data-sort="{value!r}"' if number and text else ""
            cells.append(f"<td{sort}>{html.escape(text)}</td>")
        body.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _embed(file: Path) -> tuple[str, int]:
    """A PNG as a data address, and its width on the page: an inch of the figure is 96 of the page's pixels."""
    data = file.read_bytes()
    pixels = int.from_bytes(data[16:20], "big")  # the width in a PNG's header
    return "data:image/png;base64," + base64.b64encode(data).decode(), round(pixels * 96 / figures.DPI)
