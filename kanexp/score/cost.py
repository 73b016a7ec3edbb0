"""Metric: a score's numbers as costs, the scale they are compared on, and how a difference is said."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kanexp.score.score import Score

# The cost of a seed that was lost: beyond every real one, yet a number, for infinities turn intervals into NaN.
LOST = 1e9
BEYOND = 1e6  # costs from here on are of lost seeds, whatever they were averaged with


@dataclass(frozen=True)
class Metric:
    """A column of scores as costs, of which less is better: log10 of an error, the negative of a score.

    Errors spread over decades, so that they are compared by ratios; scores are compared by differences, and so are
    errors of which some are zero or negative.
    """

    score: Score
    log: bool

    @classmethod
    def of(cls, score: Score, values: ArrayLike) -> "Metric":
        """The metric with the scale that these values allow."""
        x = np.asarray(values, dtype=float)
        return cls(score, not score.higher_is_better and bool((x[np.isfinite(x)] > 0).all()))

    @property
    def name(self) -> str:
        """The column that holds its numbers."""
        return self.score.name

    def cost(self, values: ArrayLike) -> np.ndarray:
        """Costs of values, where what is not finite was lost."""
        x = np.asarray(values, dtype=float)
        fine = np.isfinite(x)
        x = np.where(fine, x, 1.0)
        return np.where(fine, np.log10(x) if self.log else -x if self.score.higher_is_better else x, LOST)

    def value(self, cost: float) -> float:
        """The value of a cost: the infinitely bad one for those of lost seeds."""
        score = self.score.higher_is_better
        if not abs(cost) < BEYOND:
            return np.nan if np.isnan(cost) else -np.inf if score else np.inf
        return float(10**cost if self.log else -cost if score else cost)

    def gain(self, difference: float) -> float:
        """What a difference of costs means: the factor between two errors, or the distance between two scores."""
        if not abs(difference) < BEYOND:
            return np.nan if np.isnan(difference) else np.inf if difference > 0 else 0.0 if self.log else -np.inf
        return float(10**difference if self.log else difference)

    def gain_text(self, gain: float) -> str:
        """A gain as a reader wants it: factors and decibels with a digit behind the point, shares in points."""
        if not np.isfinite(gain):
            return "inf" if gain > 0 else "-inf"
        if self.log:
            if gain >= 1e5:
                return f"{gain:.1e}".replace("e+0", "e").replace("e+", "e")
            return f"{gain:.1f}" if 0.95 <= gain < 100 else f"{gain:.2g}" if gain < 1 else f"{gain:.0f}"
        text = f"{100 * gain:.1f}" if self._points else f"{gain:.1f}" if self._decibels else f"{gain:.3g}"
        return "0.0" if text == "-0.0" else text

    @property
    def unit(self) -> str:
        """What stands behind a difference."""
        unit = "times" if self.log else "points" if self._points else self.score.unit
        return f" {unit}" if unit else ""

    @property
    def title(self) -> str:
        """The name within a sentence."""
        return self.score.label.removesuffix(" (dB)")

    @property
    def better(self) -> str:
        return self.score.better

    @property
    def _points(self) -> bool:
        return self.score.unit == "share"

    @property
    def _decibels(self) -> bool:
        return self.score.unit == "dB"
