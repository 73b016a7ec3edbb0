"""The table of reproductions as Markdown: a line per row."""

from collections.abc import Sequence

from kanexp.reproduce.outcome import MET, Outcome
from kanexp.reproduce.row import Remark

HEAD = "| command | found (published) | claims met | time |\n|---|---|---|---|"


def table(outcomes: Sequence[Outcome]) -> str:
    """Every row's command, its claims with what was measured and published, how many are met, and its time.

    Claims that are not met stand in bold; the row's remarks stand below them all, with the commands of their numbers.
    """
    return "\n".join([HEAD, *map(_line, outcomes), ""])


def remark_text(remark: Remark) -> str:
    """A remark with the commands that its numbers came from."""
    commands = ", ".join(f"`{command}`" for command in remark.commands)
    return f"{remark.text} ({commands})" if commands else remark.text


def _line(outcome: Outcome) -> str:
    row = outcome.row
    quick = " --quick" if row.quick else ""
    title = f"[{row.row.title}]({row.row.link})" if row.row.link else row.row.title
    found = [f"*{title}*"]
    for verdict, word in outcome.verdicts:
        published = f" ({verdict.published})" if verdict.published else ""
        text = f"{verdict.claim}: {verdict.ours}{published}"
        found.append(text if word == MET else f"**{text}: {word}, asked {verdict.asked}**")
    found += map(remark_text, row.remarks)
    met = sum(word == MET for _, word in outcome.verdicts)
    cells = (f"`kanexp reproduce{quick} {row.name}`", "<br>".join(found), f"{met} of {len(outcome.verdicts)}")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + f" | {outcome.runs.seconds:.0f} s |"
