"""What a metric's numbers mean: which way is better, on which scale they are compared, how a difference is said."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

# The cost of a seed that was lost: beyond every real one, yet a number, for infinities turn intervals into NaN.
LOST = 1e9
BEYOND = 1e6  # costs from here on are of lost seeds, whatever they were averaged with


def higher_is_better(metric: str) -> bool:
    """Whether a metric is a score, as accuracy is, and no error."""
    return metric.endswith(("psnr", "ssim", "accuracy", "f1", "r2"))


def metric_label(metric: str) -> str:
    """A metric's name as people write it."""
    known = {"val": "validation", "psnr": "PSNR (dB)", "mse": "MSE", "rmse": "RMSE", "mae": "MAE", "max": "max error"}
    known |= {"r2": "R²", "f1": "F1", "l2": "L2", "ssim": "SSIM"}
    return " ".join(known.get(word, word) for word in metric.split("_"))


@dataclass(frozen=True)
class Metric:
    """A column of scores as costs, of which less is better: log10 of an error, the negative of a score.

    Errors spread over decades, so that they are compared by ratios; scores are compared by differences, and so are
    errors of which some are zero or negative.
    """

    name: str
    log: bool

    @classmethod
    def of(cls, name: str, values: ArrayLike) -> "Metric":
        """The metric with the scale that these values allow."""
        x = np.asarray(values, dtype=float)
        return cls(name, not higher_is_better(name) and bool((x[np.isfinite(x)] > 0).all()))

    def cost(self, values: ArrayLike) -> np.ndarray:
        """Costs of values, where what is not finite was lost."""
        x = np.asarray(values, dtype=float)
        fine = np.isfinite(x)
        x = np.where(fine, x, 1.0)
        return np.where(fine, np.log10(x) if self.log else -x if higher_is_better(self.name) else x, LOST)

    def value(self, cost: float) -> float:
        """The value of a cost: the infinitely bad one for those of lost seeds."""
        score = higher_is_better(self.name)
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
            return f"{gain:.1f}" if 0.95 <= gain < 100 else f"{gain:.2g}" if gain < 1 else f"{gain:.0f}"
        text = f"{100 * gain:.1f}" if self._points else f"{gain:.1f}" if self._decibels else f"{gain:.3g}"
        return "0.0" if text == "-0.0" else text

    @property
    def unit(self) -> str:
        return " times" if self.log else " points" if self._points else " dB" if self._decibels else ""

    @property
    def title(self) -> str:
        """The name within a sentence."""
        return metric_label(self.name).removesuffix(" (dB)")

    @property
    def better(self) -> str:
        return "higher" if higher_is_better(self.name) else "lower"

    @property
    def _points(self) -> bool:
        return self.name.endswith(("accuracy", "f1"))

    @property
    def _decibels(self) -> bool:
        return self.name.endswith("psnr")
