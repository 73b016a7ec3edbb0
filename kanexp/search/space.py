"""What a search may choose from: Hydra's words for several values, read as ranges and choices."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from kanexp.config.catalog import GROUPS, Catalog
from kanexp.config.combination import swept_values
from kanexp.config.compose import load
from kanexp.config.overrides import parse
from kanexp.config.run_config import RunConfig
from kanexp.config.settings import role_of
from kanexp.error import ConfigError


@dataclass(frozen=True)
class Range:
    """Numbers between two ends, both included."""

    low: float
    high: float
    step: float | None = None
    log: bool = False  # spaced by ratios
    whole: bool = False


@dataclass(frozen=True)
class Space:
    """Words that stay, as typed; and for each key that is searched a range, or choices as they would be typed."""

    fixed: tuple[str, ...]
    searched: dict[str, Range | list[str]]

    @property
    def plain(self) -> dict[str, Any]:
        """What is searched as plain values, for sweep.json."""
        return {k: v if isinstance(v, list) else asdict(v) for k, v in self.searched.items()}

    @classmethod
    def of(cls, fixed: Sequence[str], plain: Mapping[str, Any]) -> "Space":
        """From what a file says."""
        return cls(tuple(fixed), {k: v if isinstance(v, list) else Range(**v) for k, v in plain.items()})

    def overrides(self, values: Mapping[str, Any]) -> list[str]:
        """A command's words with a value for each key."""
        return [*self.fixed, *(f"{key}={value}" for key, value in values.items())]

    def corners(self) -> list[dict[str, Any]]:
        """Values that try every choice and every end once, the others at their first."""
        ends = {key: _ends(values) for key, values in self.searched.items()}
        first = {key: values[0] for key, values in ends.items()}
        others = [first | {key: value} for key, values in ends.items() for value in values[1:]]
        return [first, *others]


def read(overrides: Sequence[str], catalog: Catalog) -> Space:
    """The space that a command describes. Raises ConfigError with all mistakes in its words."""
    parsed, mistakes = parse(overrides, catalog, sweep=True, search=True)
    if mistakes:
        raise ConfigError(*mistakes)
    fixed = tuple(str(o.input_line) for o in parsed if not o.is_sweep_override())
    swept = {o.key_or_group: o for o in parsed if o.is_sweep_override()}
    if not swept:
        raise ConfigError(
            "sweeper: nothing to search; give several values or an interval, as in "
            "'optimizer.learning_rate=tag(log, interval(1e-4, 1e-1))' init=default,glorot"
        )
    if unsuitable := [key for key in swept if key in ("experiment", "task") or role_of(key) != "result"]:
        raise ConfigError(*(f"{key}: is no setting to choose by the validation loss; give one" for key in unsuitable))
    groups = {key: swept_values(o, catalog) for key, o in swept.items() if key in GROUPS}
    # Whether an interval is of whole numbers is said by the value that its option has without it.
    (usual,) = load([*fixed, *(f"{group}={values[0]}" for group, values in groups.items())], catalog)
    return Space(fixed, {key: groups.get(key) or _values(o, _at(usual, key)) for key, o in swept.items()})


def _values(override: Override, usual: Any) -> Range | list[str]:
    sweep = override.value()
    if isinstance(sweep, IntervalSweep):
        assert sweep.start is not None
        assert sweep.end is not None
        low, high, log = float(sweep.start), float(sweep.end), "log" in sweep.tags
        whole = isinstance(sweep.start, int) or (isinstance(usual, int) and low.is_integer() and high.is_integer())
        if not low < high or (log and low <= 0):
            must = "rise from a positive number" if log else "rise"
            raise ConfigError(f"{override.input_line}: an interval must {must}, got {low:g} to {high:g}")
        return Range(low, high, None, log, whole)
    texts = list(override.sweep_string_iterator())
    if isinstance(sweep, RangeSweep) and len(texts) > 1:
        numbers = [float(text) for text in texts]
        whole = all("." not in text and "e" not in text.lower() for text in texts)
        return Range(min(numbers), max(numbers), abs(numbers[1] - numbers[0]), whole=whole)
    return texts


def _ends(values: Range | list[str]) -> list[Any]:
    if isinstance(values, list):
        return values
    return [int(end) if values.whole else end for end in (values.low, values.high)]


def _at(config: RunConfig, key: str) -> Any:
    value: Any = config.values
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
