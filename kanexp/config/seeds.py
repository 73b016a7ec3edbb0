"""Seeds until decided: how many at once, how many at most, and which of them a run has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kanexp.config.schema import brief

FORM = "{until: decided, most: 40}"


def seed_numbers(seeds: Any) -> list[int]:
    """The seeds of a run, of which a count, a list or a batch is given."""
    if until := UntilDecided.of(seeds):
        return until.seeds
    return list(seeds) if isinstance(seeds, list) else list(range(seeds))


@dataclass(frozen=True)
class UntilDecided:
    """Batches of seeds that the arms of a sweep get until their comparisons are decided.

    A run has the batch that begins with seed `first`; None in the words of a sweep that has not begun.
    """

    most: int
    batch: int = 5
    first: int | None = None

    @classmethod
    def of(cls, seeds: Any) -> "UntilDecided | None":
        """Read from the setting `seeds`; None where that is a count or a list. Raises ValueError for anything else."""
        if not isinstance(seeds, Mapping):
            return None
        given = dict(seeds)
        if given.pop("until", None) != "decided" or "most" not in given or set(given) - {"most", "batch", "first"}:
            raise ValueError(f"seeds: must be a count, a list, or {FORM} with batch, got {brief(seeds)}")
        if wrong := [f"{k} {brief(v)}" for k, v in given.items() if not isinstance(v, int) or isinstance(v, bool)]:
            raise ValueError(f"seeds: must have whole numbers, got {wrong[0]}")
        found = cls(**given)
        if not 2 <= found.batch <= found.most <= 1000:
            raise ValueError(
                f"seeds: must have a batch of at least 2, got {brief(found.batch)}, and most of that up to 1000, got "
                f"{brief(found.most)}"
            )
        if found.first not in (None, *found.starts):
            raise ValueError(f"seeds: has no batch that begins with seed {found.first}, got {brief(seeds)}")
        return found

    @property
    def starts(self) -> range:
        """The first seed of every batch."""
        return range(0, self.most, self.batch)

    @property
    def looks(self) -> tuple[int, ...]:
        """Seeds of each arm that are there when it is judged."""
        return tuple(min(start + self.batch, self.most) for start in self.starts)

    @property
    def seeds(self) -> list[int]:
        """Those of the batch, the first one where none is named."""
        first = self.first or 0
        return list(range(first, min(first + self.batch, self.most)))

    def beginning(self, first: int) -> dict[str, Any]:
        """The setting `seeds` of the batch that begins with this seed."""
        return {"until": "decided", "most": self.most, "batch": self.batch, "first": first}
