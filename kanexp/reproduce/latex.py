"""The table of reproductions for a paper."""

from collections.abc import Sequence

from kanexp.report.latex import escape
from kanexp.reproduce.outcome import Outcome


def table(outcomes: Sequence[Outcome]) -> str:
    """A tabular environment with a line per claim; \\input it into a table environment of any style."""
    lines = [r"\begin{tabular}{lllll}", r"row & claim & published & ours & verdict \\ \hline"]
    for outcome in outcomes:
        name = outcome.row.name
        for verdict, word in outcome.verdicts:
            cells = (name, verdict.claim, verdict.published, verdict.ours, word)
            lines.append(" & ".join(map(escape, cells)) + r" \\")
            name = ""  # once is enough
        lines.append(r"\hline")
    return "\n".join([*lines, r"\end{tabular}", ""])
