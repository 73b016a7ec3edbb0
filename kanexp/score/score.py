"""Score: what a task reports of a prediction, declared: its name, which way is better, and its unit."""

from dataclasses import dataclass, replace
from typing import Literal

Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class Score:
    """A number per seed, and how it is to be read.

    Of errors, which are better when lower, ratios are compared where all are positive; of others differences, with
    their `unit` behind them ("dB"; those of a "share" are said in points, hundredths of it). A `relative` one is over
    the size of the target, and a `squared` one has its units squared.
    """

    name: str
    better: Better
    unit: str = ""
    relative: bool = False
    squared: bool = False

    def __post_init__(self):
        if self.better not in ("higher", "lower"):
            raise ValueError(f"the score '{self.name}' must say if higher or lower is better, got '{self.better}'")

    @property
    def higher_is_better(self) -> bool:
        return self.better == "higher"

    @property
    def label(self) -> str:
        """The name of the score as people write it."""
        return metric_label(self.name)

    def on(self, part: str) -> "Score":
        """This score of a part of the data, as a column of a table: test_mse."""
        return replace(self, name=f"{part}_{self.name}")


MSE, RMSE, MAE = Score("mse", "lower", squared=True), Score("rmse", "lower"), Score("mae", "lower")
RELATIVE_L2, MAX_ERROR, R2 = Score("relative_l2", "lower", relative=True), Score("max", "lower"), Score("r2", "higher")
GRID_RELATIVE_L2 = Score("grid_relative_l2", "lower")
PSNR, SSIM, PICTURE_SSIM = Score("psnr", "higher", "dB"), Score("ssim", "higher"), Score("picture_ssim", "higher")
SNR = Score("snr", "higher", "dB")
ACCURACY, MACRO_F1 = Score("accuracy", "higher", "share"), Score("macro_f1", "higher", "share")
LOG_LOSS = Score("log_loss", "lower")
ERRORS = (MSE, RMSE, MAE)
CLASS_SCORES = (ACCURACY, MACRO_F1, LOG_LOSS)
LOSSES = tuple(Score(name, "lower") for name in ("train_loss", "val_loss", "best_val_loss"))  # of every run


def metric_label(metric: str) -> str:
    """A metric's name as people write it: test MSE, validation loss."""
    known = {
        "val": "validation",
        "psnr": "PSNR (dB)",
        "snr": "SNR (dB)",
        "mse": "MSE",
        "rmse": "RMSE",
        "mae": "MAE",
        "max": "max error",
    }
    known |= {"r2": "R²", "f1": "F1", "l2": "L2", "ssim": "SSIM", "iou": "IoU"}
    return " ".join(known.get(word, word) for word in metric.split("_"))
