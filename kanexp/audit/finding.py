"""Finding: one thing that is wrong with a study; Check: what looks for it, by which rule."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kanexp.audit.study import Study


@dataclass(frozen=True)
class Finding:
    """What is wrong: where, what was found, what to do as one sentence, and the numbers that show it."""

    sentence: str
    arm: str = ""
    seeds: str = ""
    metric: str = ""
    problem: str = ""
    evidence: str = ""
    check: str = ""  # the name of the check that found it


@dataclass(frozen=True)
class Check:
    """A question that is put to every study, and the rule that was fixed before any study was seen."""

    name: str
    question: str
    rule: str  # how strict it is
    look: Callable[[Study], Iterable[Finding]]
    lacks: Callable[[Study], str]  # what the study does not say, without which the question has no answer; or empty


def sentence(where: str, what: str, advice: str) -> str:
    """Where, what is wrong, what to do."""
    return f"{where}: {what}; {advice}"
