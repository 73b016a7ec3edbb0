"""A sound as a function of time."""

import math
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.io import wavfile
from scipy.signal import resample_poly
from torch import Generator, Tensor

from kanexp.data.encoding import Encoding
from kanexp.error import require
from kanexp.score.functions import snr
from kanexp.score.score import MSE, SNR, Score
from kanexp.task.base import Data, Scene, Task
from kanexp.task.shares import divide, share_is_right, shares_are_right

BELL = (
    (220.0, 1.0, 3.0),
    (607.2, 0.6, 4.0),
    (1188.0, 0.4, 6.0),
    (1964.6, 0.25, 9.0),
)  # Hz, amplitude, decay per second
BELL_RATE = 8000


@dataclass(frozen=True)
class Audio(Task):
    """Time in [-extent, extent] to amplitude, of which the largest is 1; a random part of the samples is held out.

    `path` is a WAV file, or bell: one second of four waves that fade, made here. Channels are averaged. `seconds` keeps
    the beginning, `rate` brings it to so many samples per second.

    Source: Sitzmann et al. 2020, https://arxiv.org/abs/2006.09661
    """

    path: str = "bell"
    seconds: float | None = None
    rate: int | None = None
    extent: float = 1.0
    val: float = 0.1
    test: float = 0.1

    def __post_init__(self):
        require(
            (
                self.seconds is None or 0 < self.seconds < math.inf,
                f"seconds must be positive, or null for all, got {self.seconds}",
            ),
            (self.rate is None or self.rate >= 1, f"rate must be at least 1, or null as it is, got {self.rate}"),
            (0 < self.extent < math.inf, f"extent must be positive, got {self.extent}"),
            share_is_right("val", self.val, "samples"),
            share_is_right("test", self.test, "samples"),
            shares_are_right(self.val, self.test, "samples"),
        )

    @property
    def inputs(self) -> int:
        return 1

    @property
    def outputs(self) -> int:
        return 1

    def load(self, generator: Generator) -> Data:
        rate, x, y = self._sound()
        parts, notes = divide(x, y, self.val, self.test, generator, "samples")
        note = f"{x.shape[1]} samples, {rate} per second, divided by the largest"
        return Data(*parts, notes=(note, *notes), encoding=Encoding.unchanged(("time",), ("amplitude",)))

    def scene(self, data: Data) -> Scene:
        _, x, y = self._sound()
        return Scene("curve", x, y, (x.shape[1],))

    @property
    def scores(self) -> tuple[Score, ...]:
        return (SNR, MSE, SNR.on("sound"))

    def metrics(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        return {"snr": snr(prediction, target), "mse": (prediction - target).square().mean(dim=(1, 2))}

    def scene_metrics(self, prediction: Tensor, scene: Scene) -> dict[str, Tensor]:
        """Of all samples, those that train too."""
        return {"sound_snr": snr(prediction, scene.target[None])}

    def _sound(self) -> tuple[int, Tensor, Tensor]:
        """Samples per second, times (1, samples) and amplitudes (1, samples)."""
        rate, values = _bell() if self.path == "bell" else self._read()
        if self.seconds is not None:
            values = values[: max(1, round(self.seconds * rate))]
        if self.rate is not None and self.rate != rate:
            common = math.gcd(self.rate, rate)
            rate, values = self.rate, resample_poly(values, self.rate // common, rate // common)
        largest = np.abs(values).max(initial=0)
        if len(values) < 16 or not 0 < largest < math.inf:
            what = f"{len(values)} samples" if len(values) < 16 else "nothing but silence, or numbers that are none"
            raise ValueError(f"path: '{self.path}' has {what}; give a sound of 16 samples or more")
        time = torch.linspace(-self.extent, self.extent, len(values), dtype=torch.float64)
        return rate, time[None], torch.from_numpy(values / largest)[None]

    def _read(self) -> tuple[int, np.ndarray]:
        file = Path(self.path).expanduser()
        try:
            with warnings.catch_warnings(
                action="ignore", category=wavfile.WavFileWarning
            ):  # of parts that are no sound
                rate, values = wavfile.read(file)
        except (OSError, ValueError, EOFError, struct.error) as error:
            why = "no such file" if isinstance(error, FileNotFoundError) else str(error) or type(error).__name__
            raise ValueError(
                f"path: cannot read a sound from '{self.path}' ({why}); give a WAV file, or bell"
            ) from error
        # Eight bits are written without a sign, their silence is 128.
        values = values.astype(np.float64) - (128 if values.dtype == np.uint8 else 0)
        return rate, values.reshape(len(values), -1).mean(axis=1)


def _bell() -> tuple[int, np.ndarray]:
    t = np.arange(BELL_RATE) / BELL_RATE
    waves = [a * np.exp(-d * t) * np.sin(2 * np.pi * f * t) for f, a, d in BELL]
    return BELL_RATE, np.sum(waves, axis=0)
