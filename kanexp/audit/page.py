"""The page of an audit, one HTML file that needs no network; and its findings as a LaTeX table."""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files

from jinja2 import Environment

from kanexp.audit.checks import Answer
from kanexp.audit.study import Study, listed
from kanexp.report.latex import escape


def page(study: Study, answers: Sequence[Answer]) -> str:
    """Every check with what it found, or what the study does not say; and the rule it goes by."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((files("kanexp.audit") / "page.html").read_text("utf-8"))
    rows = study.ends.rows
    return template.render(
        name=study.name,
        answers=answers,
        found=[answer for answer in answers if answer.findings],
        count=sum(len(answer.findings) for answer in answers),
        unchecked=sum(bool(answer.lacks) for answer in answers),
        runs=len(rows),
        arms=listed(list(map(str, rows["arm"].unique())), 12),
        scores=", ".join(column.name for column in study.columns),
        notes=study.notes,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=version("kanexp"),
    )


def latex(study: Study, answers: Sequence[Answer]) -> str:
    """A row for each check in booktabs style, and below it what was found, a sentence each."""
    lines = [rf"{escape(answer.check.name)} & {escape(answer.outcome)} \\" for answer in answers]
    found = [f"% {escape(finding.sentence)}" for answer in answers for finding in answer.findings]
    body = "\n".join(lines)
    return "\n".join(
        [
            "% Needs \\usepackage{booktabs}. What an audit found, check by check; findings stand below as comments.",
            "\\begin{tabular}{ll}",
            "\\toprule",
            rf"check & {escape(study.name)} \\",
            "\\midrule",
            body,
            "\\bottomrule",
            "\\end{tabular}",
            *found,
            "",
        ]
    )
