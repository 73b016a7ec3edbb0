"""What may be said of how the jobs of a sweep are found; conf/sweeper/*.yaml explain the fields."""

from dataclasses import dataclass
from typing import Literal

from kanexp.config.run_config import RunConfig
from kanexp.config.schema import as_options, build
from kanexp.error import require

MOST_TRIALS = 100_000  # each has a folder


@dataclass(frozen=True)
class Grid:
    """sweeper=grid: the command names all values."""


@dataclass(frozen=True)
class Search:
    """sweeper=optuna."""

    n_trials: int = 50
    sampler: Literal["tpe", "random"] = "tpe"
    pruner: Literal["median", "asha", "none"] = "median"
    at_once: int | None = None
    seed: int = 0

    def __post_init__(self):
        require(
            (self.n_trials >= 1, f"n_trials must be at least 1, got {self.n_trials}"),
            (self.n_trials <= MOST_TRIALS, f"n_trials must be at most {MOST_TRIALS}, got {self.n_trials}"),
            (self.at_once is None or self.at_once >= 1, f"at_once must be at least 1, got {self.at_once}"),
            (self.seed >= 0, f"seed must be 0 or more, got {self.seed}"),
        )


SWEEPERS: dict[str, type[Grid] | type[Search]] = {"grid": Grid, "optuna": Search}


def build_sweeper(config: RunConfig) -> tuple[Grid | Search | None, list[str]]:
    """The options of the sweeper that a run chose, or what is wrong with them."""
    name = config.choices.get("sweeper", "grid")
    values, mistakes = as_options(config.values.get("sweeper"), "sweeper", name)
    if mistakes:
        return None, mistakes
    if name not in SWEEPERS:
        return None, [f"sweeper={name}: jobs are found by {' or '.join(SWEEPERS)} alone; choose one of them"]
    return build(SWEEPERS[name], values, "sweeper.", name)
