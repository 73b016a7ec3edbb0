"""A picture as a function of two coordinates."""

import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image as Picture
from PIL import ImageOps, UnidentifiedImageError
from torch import Generator, Tensor

from kanexp.data.encoding import Encoding
from kanexp.error import require
from kanexp.score.functions import psnr, ssim
from kanexp.score.score import MSE, PICTURE_SSIM, PSNR, Score
from kanexp.task.base import Data, Scene, Split, Task

# Pictures that come with installed packages: package, file inside it.
SAMPLES = {
    "grace_hopper": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    "china": ("sklearn", "datasets/images/china.jpg"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
}


@dataclass(frozen=True)
class Image(Task):
    """Coordinates in [-extent, extent]^2 to gray (or RGB) values in [0, 1]; a random part of the pixels is held out.

    `path` is a file or one of the samples grace_hopper, china, flower. With one number as its `size` the picture is cut
    to a square from its middle, with two to a rectangle [width, height], and reduced to that many pixels. The longer
    side spans the coordinates, the shorter as much of them as its pixels are as large.

    Source: SIREN, https://arxiv.org/abs/2006.09661; FourierKAN pull request 4
    """

    path: str = "grace_hopper"
    size: int | list[int] = 64
    color: bool = False
    extent: float = 1.0
    val: float = 0.1
    test: float = 0.1

    def __post_init__(self):
        sides = self.size if isinstance(self.size, list) else [self.size]
        require(
            (len(sides) <= 2 and len(sides) > 0, f"size must be a number, or [width, height], got {self.size}"),
            (all(4 <= side <= 4096 for side in sides), f"size must be between 4 and 4096, got {self.size}"),
            (0 < self.extent < math.inf, f"extent must be positive, got {self.extent}"),
            (0 < self.val < 1, f"val must be a share of the pixels between 0 and 1, got {self.val}"),
            (0 < self.test < 1, f"test must be a share of the pixels between 0 and 1, got {self.test}"),
            (self.val + self.test < 1, f"val and test must leave pixels to train on, got {self.val} + {self.test}"),
        )

    @property
    def inputs(self) -> int:
        return 2

    @property
    def outputs(self) -> int:
        return 3 if self.color else 1

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of pixels."""
        sides = self.size if isinstance(self.size, list) else [self.size]
        return sides[-1], sides[0]

    @property
    def made(self) -> int:
        return math.prod(self.shape)

    def load(self, generator: Generator) -> Data:
        picture = self._open()
        x, y = self._pixels(picture)
        order = torch.randperm(self.made, generator=generator)
        val, test = (max(1, round(share * self.made)) for share in (self.val, self.test))
        parts = order.split([self.made - val - test, val, test])
        train, chosen, scored = (Split(x[:, part], y[:, part]) for part in parts)
        colors = ("red", "green", "blue") if self.color else ("gray",)
        encoding = Encoding.unchanged(("x", "y"), colors)
        return Data(train, chosen, scored, notes=self._cut(picture), encoding=encoding)

    def scene(self, data: Data) -> Scene:
        return Scene("picture", *self._pixels(self._open()), self.shape)

    @property
    def scores(self) -> tuple[Score, ...]:
        return (PSNR, MSE, PICTURE_SSIM)

    def metrics(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        return {"psnr": psnr(prediction, target), "mse": (prediction - target).square().mean(dim=(1, 2))}

    def scene_metrics(self, prediction: Tensor, scene: Scene) -> dict[str, Tensor]:
        """Structural similarity is of whole pictures; of the training pixels too, which are most of them."""
        return {} if min(self.shape) < 11 else {"picture_ssim": ssim(prediction, scene.target[None], self.shape)}

    def _pixels(self, picture: Picture.Image) -> tuple[Tensor, Tensor]:
        """Coordinates (2, pixels) and values (channels, pixels) in reading order."""
        picture = _eight_bit(picture).convert("RGB" if self.color else "L")
        cut = ImageOps.fit(picture, self.shape[::-1], Picture.Resampling.LANCZOS)
        values = torch.from_numpy(np.asarray(cut, dtype=np.float64) / 255).reshape(self.made, self.outputs)
        return self.coordinates(self.shape), values.T.contiguous()

    def _cut(self, picture: Picture.Image) -> tuple[str, ...]:
        """A sentence about a picture of which parts are left out; none where that is less than a pixel's row."""
        rows, columns = self.shape
        kept = [
            min(side, other * ratio)
            for side, other, ratio in zip(
                picture.size, picture.size[::-1], (columns / rows, rows / columns), strict=True
            )
        ]
        if all(side - own < side / max(rows, columns) for side, own in zip(picture.size, kept, strict=True)):
            return ()
        whole = [max(4, round(side * max(rows, columns) / max(picture.size))) for side in picture.size]
        return (
            f"of {picture.width} x {picture.height} pixels the middle {kept[0]:.0f} x {kept[1]:.0f} are learned, as "
            f"{columns} x {rows}; task.size=[{whole[0]},{whole[1]}] keeps the whole picture",
        )

    def coordinates(self, shape: tuple[int, int]) -> Tensor:
        """Where the pixels of a picture of (rows, columns) lie, (2, pixels): x to the right and y downwards."""
        longest = max(2, *shape) - 1
        ends = [self.extent * (side - 1) / longest for side in shape]
        rows, columns = (
            torch.linspace(-end, end, side, dtype=torch.float64) for end, side in zip(ends, shape, strict=True)
        )
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        return torch.stack([x.flatten(), y.flatten()])

    def shape_at(self, longest: int) -> tuple[int, int]:
        """Rows and columns of the picture with so many pixels along its longer side."""
        rows, columns = (max(1, round(side * longest / max(self.shape))) for side in self.shape)
        return rows, columns

    def _open(self) -> Picture.Image:
        file = _sample(self.path) if self.path in SAMPLES else Path(self.path).expanduser()
        try:
            with Picture.open(file) as picture:
                picture.load()
                return picture.copy()
        except (OSError, UnidentifiedImageError, SyntaxError, ValueError, Picture.DecompressionBombError) as error:
            why = "no such file" if isinstance(error, FileNotFoundError) else str(error) or type(error).__name__
            raise ValueError(
                f"path: cannot read a picture from '{self.path}' ({why}); "
                f"give a PNG or JPEG file, or one of {', '.join(SAMPLES)}"
            ) from error


def _eight_bit(picture: Picture.Image) -> Picture.Image:
    """Deeper gray pictures (16 or 32 bits) brought to 0 .. 255 over their own range; Pillow would clip them."""
    if picture.mode[0] not in "IF":
        return picture
    values = np.asarray(picture, dtype=np.float64)
    span = values.max() - values.min() or 1.0
    return Picture.fromarray(np.round(255 * (values - values.min()) / span).astype(np.uint8))


def _sample(name: str) -> Path:
    package, file = SAMPLES[name]
    # Found, not imported: scikit-learn takes a second to import and only its folder is wanted.
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"the package {package} that brings it is not installed")
    return Path(spec.origin).parent / file
