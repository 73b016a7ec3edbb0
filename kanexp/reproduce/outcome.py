"""What came of a row: a verdict for each claim, from its run folders alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kanexp.figure.style import save
from kanexp.folder.file import UnreadableRun
from kanexp.folder.sheet import write_sheet
from kanexp.folder.version import find_runs
from kanexp.report import table
from kanexp.report.table import Run
from kanexp.reproduce.claim import Claim, Verdict
from kanexp.reproduce.figures import FIGURES
from kanexp.reproduce.row import Reproduction
from kanexp.reproduce.runs import NotFound, Runs

COLUMNS = ("row", "quick", "claim", "published", "ours", "asked", "seeds", "verdict", "seconds", "source", "link")
MET, NOT_MET, UNJUDGED = "met", "not met", "cannot be judged"


@dataclass(frozen=True)
class Outcome:
    """A row with its runs and what they say."""

    row: Reproduction
    runs: Runs
    verdicts: tuple[tuple[Verdict, str], ...]  # each with one of MET, NOT_MET, UNJUDGED
    figures: tuple[Path, ...]  # PNG files
    problems: tuple[str, ...]  # sentences about what is missing

    @property
    def met(self) -> bool:
        """Whether all was there and every claim is met."""
        return not self.problems and all(verdict == MET for _, verdict in self.verdicts)

    @property
    def table(self) -> pd.DataFrame:
        """A line per claim, in COLUMNS."""
        row, seconds = self.row, round(self.runs.seconds, 1)
        lines = [
            (row.name, row.quick, *verdict[:-1], word, seconds, row.row.source, row.row.link)
            for verdict, word in self.verdicts
        ]
        return pd.DataFrame(lines, columns=list(COLUMNS))


def judge(row: Reproduction, folder: Path) -> Outcome:
    """Verdicts and figures about the newest runs of each of a row's commands, which are below `folder`/<command>."""
    found, problems = table.read([run for name in row.commands for run in find_runs(_newest(folder / name))])
    done = [run for run in found if run.record.status == "done"]
    problems += [_why(run) for run in found if run not in done]
    runs = Runs(done)
    verdicts = tuple(_verdict(claim, runs) for claim in row.claims)
    drawn, more = _draw(row, runs, folder)
    return Outcome(row, runs, verdicts, tuple(drawn), (*problems, *more))


def _newest(folder: Path) -> Path:
    """The newest version of a sweep, followed here: find_runs follows links only where they are named."""
    return folder / "latest"


def _verdict(claim: Claim, runs: Runs) -> tuple[Verdict, str]:
    try:
        verdict = claim.judge(runs)
    except (NotFound, UnreadableRun) as error:
        return Verdict(type(claim).__name__.lower(), "", str(error), "", 0, False), UNJUDGED
    return verdict, MET if verdict.met else NOT_MET


def _why(run: Run) -> str:
    cause = run.record.cause
    return f"{run.label}: its status is '{run.record.status}'{f': {cause}' if cause else ''}"


def _draw(row: Reproduction, runs: Runs, folder: Path) -> tuple[list[Path], list[str]]:
    """Every figure of the row as PNG and SVG with the CSV that it is drawn from."""
    files, problems = [], []
    place = folder / "figures"
    for name in row.row.figures if runs.all else ():
        try:
            found = FIGURES[name].table(runs, row.claims)
        except (NotFound, UnreadableRun) as error:
            problems.append(f"figure {name}: {error}")
            continue
        place.mkdir(exist_ok=True)
        write_sheet(found, place / f"{name}.csv", 7)
        files.append(save(FIGURES[name].draw(found), place / name)[0])
    return files, problems


def whole(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """The lines of all rows."""
    tables = [outcome.table for outcome in outcomes]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))
