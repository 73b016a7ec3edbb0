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
from kanexp.score.functions import WINDOW, psnr, ssim
from kanexp.score.score import MSE, PSNR, SSIM, Score
from kanexp.task.base import Data, Scene, Task
from kanexp.task.shares import divide, share_is_right, shares_are_right

# Pictures that come with installed packages: package, file inside it.
SAMPLES = {
    "grace_hopper": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    "china": ("sklearn", "datasets/images/china.jpg"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
    "camera": ("skimage", "data/camera.png"),
    "astronaut": ("skimage", "data/astronaut.png"),
    "coins": ("skimage", "data/coins.png"),
}
DISTRIBUTIONS = {"sklearn": "scikit-learn", "skimage": "scikit-image"}  # packages that are installed by another name


@dataclass(frozen=True)
class Image(Task):
    """Coordinates in [-extent, extent]^2 to gray (or RGB) values in [0, 1]; a random part of the pixels is held out.

    `path` is a file or one of the samples grace_hopper, china, flower, or with scikit-image camera, astronaut, coins.
    With one number as its `size` the picture is cut to a square from its middle, with two to a rectangle
    [width, height], and reduced to that many pixels. The longer side spans the coordinates, the shorter as much of them
    as its pixels are as large.

    Without `val` the state of the lowest loss on all training pixels is selected; without `test` all pixels are scored.
    Whole pictures are scored too, and where the file has more pixels, the answer at twice the size.

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
            share_is_right("val", self.val, "pixels"),
            share_is_right("test", self.test, "pixels"),
            shares_are_right(self.val, self.test, "pixels"),
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
        parts, notes = divide(x, y, self.val, self.test, generator, "pixels")
        colors = ("red", "green", "blue") if self.color else ("gray",)
        encoding = Encoding.unchanged(("x", "y"), colors)
        return Data(*parts, notes=(*self._cut(picture), *notes), encoding=encoding)

    def scene(self, data: Data) -> Scene:
        return Scene("picture", *self._pixels(self._open()), self.shape, held=self._held(data) if self.test else None)

    def finer_scene(self, data: Data) -> Scene | None:
        """The same part of the file at twice the size; None where the file has fewer pixels."""
        picture, shape = self._open(), (2 * self.shape[0], 2 * self.shape[1])
        if any(own < side for own, side in zip(self._kept(picture), shape[::-1], strict=True)):
            return None
        return Scene("picture", *self._pixels(picture, shape), shape)

    @property
    def scores(self) -> tuple[Score, ...]:
        return (PSNR, MSE, SSIM, *(score.on(what) for what in ("picture", "twice") for score in (PSNR, SSIM)))

    def metrics(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        return {"psnr": psnr(prediction, target), "mse": (prediction - target).square().mean(dim=(1, 2))}

    def scene_metrics(self, prediction: Tensor, scene: Scene) -> dict[str, Tensor]:
        """Of all pixels, those that train too, or of the larger picture; structures are compared where there is room.

        `ssim` is of the places around the test pixels, in windows that reach over the others.
        """
        what, target, places = "picture" if scene.shape == self.shape else "twice", scene.target[None], scene.held
        found = {f"{what}_psnr": psnr(prediction, target)}
        if min(scene.shape) >= WINDOW:
            found[f"{what}_ssim"] = _one_by_one(prediction, target, scene)
            if places is not None and bool(places.any()):
                found["ssim"] = _one_by_one(prediction, target, scene, places)
        return found

    def _held(self, data: Data) -> Tensor:
        """Which pixels (pixels,) are test data, by where they lie."""
        ends = self.coordinates(self.shape)[:, [0, -1]].to(data.test.x)
        sides = torch.tensor(self.shape[::-1], device=data.test.x.device)[:, None] - 1
        column, row = ((data.test.x - ends[:, :1]) / (ends[:, 1:] - ends[:, :1]) * sides).round().long()
        held = torch.zeros(self.made, dtype=torch.bool, device=data.test.x.device)
        held[row * self.shape[1] + column] = True
        return held

    def _pixels(self, picture: Picture.Image, shape: tuple[int, int] | None = None) -> tuple[Tensor, Tensor]:
        """Coordinates (2, pixels) and values (channels, pixels) in reading order, of this or of a finer shape."""
        rows, columns = shape or self.shape
        picture = _eight_bit(picture).convert("RGB" if self.color else "L")
        cut = ImageOps.fit(picture, (columns, rows), Picture.Resampling.LANCZOS)
        values = torch.from_numpy(np.asarray(cut, dtype=np.float64) / 255).reshape(rows * columns, self.outputs)
        return self._centres(rows // self.shape[0]), values.T.contiguous()

    def _centres(self, finer: int) -> Tensor:
        """Where pixels lie that are so many times as fine: those of one of ours around its place."""
        x = self.coordinates(self.shape)
        if finer == 1:
            return x
        pixel = x[0, 1] - x[0, 0]
        off = ((torch.arange(finer) + 0.5) / finer - 0.5) * pixel
        across, down = x.unflatten(1, self.shape)[0, 0], x.unflatten(1, self.shape)[1, :, 0]
        rows, columns = ((side[:, None] + off).flatten() for side in (down, across))
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        return torch.stack([x.flatten(), y.flatten()])

    def _cut(self, picture: Picture.Image) -> tuple[str, ...]:
        """A sentence about a picture of which parts are left out; none where that is less than a pixel's row."""
        rows, columns = self.shape
        kept = self._kept(picture)
        if all(side - own < side / max(rows, columns) for side, own in zip(picture.size, kept, strict=True)):
            return ()
        whole = [max(4, round(side * max(rows, columns) / max(picture.size))) for side in picture.size]
        return (
            f"of {picture.width} x {picture.height} pixels the middle {kept[0]:.0f} x {kept[1]:.0f} are learned, as "
            f"{columns} x {rows}; task.size=[{whole[0]},{whole[1]}] keeps the whole picture",
        )

    def _kept(self, picture: Picture.Image) -> list[float]:
        """Width and height of the middle that is learned, in the file's pixels."""
        rows, columns = self.shape
        ratios = (columns / rows, rows / columns)
        return [
            min(side, other * ratio)
            for side, other, ratio in zip(picture.size, picture.size[::-1], ratios, strict=True)
        ]

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


def _one_by_one(prediction: Tensor, target: Tensor, scene: Scene, places: Tensor | None = None) -> Tensor:
    """Structural similarity (seeds,), for one seed at a time: windows hold every pixel eleven times."""
    rows, columns = scene.shape
    return torch.cat([ssim(one[None], target, (rows, columns), places) for one in prediction])


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
        name = DISTRIBUTIONS.get(package, package)
        raise ValueError(f"the package {name} that brings it is not installed: pip install {name}")
    return Path(spec.origin).parent / file
