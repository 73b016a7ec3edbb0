"""All checks, in the order in which a reader wants them, and what becomes of them with a study."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kanexp.audit import digit_checks, protocol_checks, row_checks, seed_checks, summary_checks, value_checks
from kanexp.audit.finding import Check, Finding
from kanexp.audit.study import Study

CHECKS: tuple[Check, ...] = (
    *seed_checks.CHECKS,
    *protocol_checks.CHECKS,
    *digit_checks.CHECKS,
    *value_checks.CHECKS,
    *row_checks.CHECKS,
    *summary_checks.CHECKS,
)


@dataclass(frozen=True)
class Answer:
    """What a check says of a study: what it found, or what the study lacks for it."""

    check: Check
    findings: Sequence[Finding]
    lacks: str = ""

    @property
    def outcome(self) -> str:
        """In a word or two, for a table."""
        count = len(self.findings)
        return f"not checked for want of {self.lacks}" if self.lacks else f"{count} found" if count else "nothing found"


def ask(study: Study) -> list[Answer]:
    """The answer of every check."""
    answers = []
    for check in CHECKS:
        lacks = check.lacks(study)
        found = [] if lacks else list(check.look(study))
        answers.append(Answer(check, [replace(one, check=check.name) for one in found], lacks))
    return answers
