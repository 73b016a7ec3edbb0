"""Scale: scores as logarithms of errors, on which spreads of any score can be compared."""

import numpy as np
import pandas as pd

from kanexp.audit.columns import ERRORS, HIGHER, SHARES, Column

PER_DECIBEL = np.log(10) / 10


def has_scale(column: Column) -> bool:
    return column.score in (*ERRORS, *SHARES, "loss", "r2", "ssim", "psnr")


def log_errors(column: Column, values: "pd.Series[float]") -> "pd.Series[float]":
    """ln of an error, of what a share or R² lacks to one, or of what decibels stand for; NaN where there is none."""
    if column.score == "psnr":
        return -values * PER_DECIBEL
    errors = 1 - values if column.score in HIGHER else values
    return np.log(errors.where(errors > 0))


def slopes(column: Column, values: "pd.Series[float]") -> "pd.Series[float]":
    """How much of ln of the error one unit of the score is."""
    if column.score == "psnr":
        return values * 0 + PER_DECIBEL
    errors = 1 - values if column.score in HIGHER else values
    return 1 / errors.where(errors > 0)
