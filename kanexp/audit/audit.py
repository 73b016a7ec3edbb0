"""The audit: what is wrong with a study, in the terminal's words and as files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kanexp.audit import page
from kanexp.audit.asked import Asked
from kanexp.audit.checks import Answer, ask
from kanexp.audit.finding import Finding
from kanexp.audit.folders import study_of_runs
from kanexp.audit.reading import read_study
from kanexp.audit.study import Study
from kanexp.error import ConfigError
from kanexp.folder.file import said, write
from kanexp.folder.sheet import write_sheet
from kanexp.folder.version import new_version

COLUMNS = ("check", "problem", "arm", "seeds", "metric", "sentence", "evidence")


@dataclass(frozen=True)
class Audit:
    """A study and what every check says of it."""

    study: Study
    answers: Sequence[Answer]

    @property
    def findings(self) -> list[Finding]:
        return [finding for answer in self.answers for finding in answer.findings]

    def table(self) -> pd.DataFrame:
        """A row for each finding."""
        rows = [[getattr(finding, column) for column in COLUMNS] for finding in self.findings]
        return pd.DataFrame(rows, columns=list(COLUMNS))


def audit(paths: Sequence[Path], asked: Asked | None = None, out: Path | None = None) -> tuple[Path, Audit]:
    """Read one file of results, or run folders, and write audit.html, audit.csv and audit.tex.

    Returns the folder written and the audit. Raises ConfigError where there is nothing to audit or no place to write.
    """
    found = examine(paths, asked or Asked())
    out = out or _place(paths)
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_sheet(found.table(), out / "audit.csv")
        write(out / "audit.tex", page.latex(found.study, found.answers))
        write(out / "audit.html", page.page(found.study, found.answers))
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written ({said(error)}); choose another with --out PATH") from error
    return out, found


def examine(paths: Sequence[Path], asked: Asked) -> Audit:
    """What the checks say of these results, with nothing written."""
    files = [path for path in paths if not path.is_dir()]
    if not files:
        if given := [flag for flag, value in vars(asked).items() if value]:
            flag = given[0].replace("_", "-")
            raise ConfigError(f"--{flag}: is for the columns of a file; what a run folder holds is known")
        study = study_of_runs(paths)
    elif len(paths) > 1:
        raise ConfigError(f"audit: give one file, or run folders, got {len(paths)} paths with the file {files[0]}")
    else:
        study = read_study(files[0], asked)
    return Audit(study, ask(study))


def _place(paths: Sequence[Path]) -> Path:
    """FILE-audit beside a file, `audit` in a folder, or a new version of outputs/audit for several."""
    if len(paths) > 1:
        return new_version("outputs", "audit")
    (path,) = paths
    if path.is_dir():
        return path / "audit"
    stem = re.sub(r"(\.(csv|tsv|txt|parquet|pq|gz|bz2|xz|zip))+$", "", path.name, flags=re.IGNORECASE)
    return path.with_name(f"{stem or path.name}-audit")
