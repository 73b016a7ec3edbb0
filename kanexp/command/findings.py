"""What a report or a comparison found, in the terminal."""

from kanexp import console
from kanexp.report.report import Findings

MOST_ROWS = 40  # of a table or list that a terminal shows


def show(found: Findings) -> None:
    """Medians, verdicts and warnings."""
    several = len(found.metrics) > 1
    rows = [
        (
            f"{s.problem}: {s.arm}" if several else s.arm,
            s.metric,
            f"{s.median:.4g}",
            f"{s.low:.3g} .. {s.high:.3g}",
            f"{s.seeds}",
            f"{s.failed}",
            f"{s.trials}",
        )
        for s in found.headline().itertuples()
    ]
    columns = ("arm", "metric", "median", "interval", "seeds", "failed", "trials")
    console.table("median over seeds", columns, rows[:MOST_ROWS])
    if len(rows) > MOST_ROWS:
        console.say(f"and {len(rows) - MOST_ROWS} more arms in summary.csv")
    for sentence in found.rankings:
        console.say(sentence)
    for pair in found.pairs[:MOST_ROWS]:
        console.say(pair.sentence + (f" ({pair.problem})" if several else ""))
    if len(found.pairs) > MOST_ROWS:
        console.say(f"and {len(found.pairs) - MOST_ROWS} more comparisons in comparisons.csv")
    for warning in found.warnings:
        console.say(f"warning: {warning}")
    for sentence in found.left_out:
        console.say(f"left out: {sentence}")
