"""The table of reproductions as one page that carries its figures and works from a file."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files

from jinja2 import Environment
from markupsafe import Markup, escape

from kanexp.figure.style import embedded
from kanexp.reproduce.outcome import MET, Outcome


def page(outcomes: Sequence[Outcome], left_out: Sequence[str] = ()) -> str:
    """HTML about all rows: claims, figures, commands, versions and times; and sentences about those left out."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["unbroken"] = _unbroken
    template = environment.from_string((files("kanexp.reproduce") / "page.html").read_text("utf-8"))
    return template.render(
        outcomes=outcomes,
        left_out=left_out,
        quick=any(outcome.row.quick for outcome in outcomes),
        MET=MET,
        count=sum(len(outcome.verdicts) for outcome in outcomes),
        met=sum(verdict == MET for outcome in outcomes for _, verdict in outcome.verdicts),
        minutes=sum(outcome.runs.seconds for outcome in outcomes) / 60,
        embedded=embedded,
        versions=_versions(outcomes),
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=version("kanexp"),
    )


def _unbroken(text: str) -> Markup:
    """The text with every 1.25e-5 kept in one line."""
    return Markup(re.sub(r"\d[\d.]*e-\d+", r"<span>\g<0></span>", str(escape(text))))


def _versions(outcomes: Sequence[Outcome]) -> list[str]:
    """What the runs were made with and on, each once."""
    found: dict[str, None] = {}
    for outcome in outcomes:
        for run in outcome.runs.all:
            versions = ", ".join(f"{name} {number}" for name, number in (run.record.versions or {}).items())
            machine = run.record.hardware or {}
            on = ", ".join(str(machine[k]) for k in ("gpu", "processor", "system") if machine.get(k))
            found[f"{versions}; {machine.get('cores', '?')} cores, {machine.get('threads', '?')} threads; {on}"] = None
    return list(found)
