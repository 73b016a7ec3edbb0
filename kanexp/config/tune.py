"""The same number of trials for every arm of a comparison, at the same values."""

from collections.abc import Mapping, Sequence
from typing import Any

from kanexp.config.schema import LARGEST

LOG_FROM = 10.0  # ratio of the ends of a positive range from which on its values are spaced by ratios

MOST = 10_000  # trials of one arm


def trials(tune: Mapping[str, Any]) -> list[dict[str, float | int]]:
    """Values of {trials: 8, optimizer.learning_rate: [1e-4, 1e-1]} for each trial.

    One key takes evenly spaced values from end to end, several together Halton's sequence. Ranges of positive numbers
    that reach over a factor of ten or more are spaced by ratios; those of whole numbers give whole numbers.
    Raises ValueError where it is of no such form.
    """
    count, ranges = tune.get("trials"), {k: v for k, v in tune.items() if k != "trials"}
    if not (isinstance(count, int) and 2 <= count <= MOST and ranges and all(map(_is_range, ranges.values()))):
        given = ", ".join(f"{key}: {value}" for key, value in tune.items())
        raise ValueError(
            f"tune: must give 2 to {MOST} trials and ranges of options, as in "
            f"{{trials: 8, optimizer.learning_rate: [1e-4, 1e-1]}}, got {{{given}}}"
        )
    if len(ranges) == 1:
        shares = [[i / (count - 1)] for i in range(count)]
    else:
        from scipy.stats import qmc  # takes a second, for which no other command should wait

        sequence = qmc.Halton(len(ranges), scramble=False)
        sequence.fast_forward(1)  # its first point is the corner of all low ends
        shares = sequence.random(count).tolist()
    return [{key: _at(ends, share) for (key, ends), share in zip(ranges.items(), row, strict=True)} for row in shares]


def _is_range(value: object) -> bool:
    numbers = isinstance(value, list) and len(value) == 2 and all(type(end) in (int, float) for end in value)
    return numbers and -LARGEST <= value[0] < value[1] < LARGEST  # type: ignore[index]


def _at(ends: Sequence[float], share: float) -> float | int:
    low, high = ends
    by_ratio = low > 0 and high / low >= LOG_FROM
    value = low * (high / low) ** share if by_ratio else low + (high - low) * share
    return round(value) if isinstance(low, int) and isinstance(high, int) else float(f"{value:.3g}")
