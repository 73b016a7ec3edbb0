"""The table of reproductions for a paper."""

from collections.abc import Sequence

from kanexp.reproduce.outcome import Outcome

SPECIAL = {c: f"\\{c}" for c in "&%$#_{}"} | {"\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}"}
SPECIAL |= {"²": "$^2$", "<": "$<$", ">": "$>$"}


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


def escape(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(SPECIAL.get(c, c) for c in text)
