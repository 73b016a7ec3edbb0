"""Labelled pictures: digits, mnist, fashion_mnist, cifar10, and folders of class folders."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Generator, Tensor

from kanexp.data.encoding import Encoding
from kanexp.data.picture_files import Pictures, class_folders, read_cifar, read_folders, read_idx, read_pictures
from kanexp.data.picture_sets import FLOWERS, fetched, wanted
from kanexp.error import require
from kanexp.score.functions import class_scores, cross_entropy
from kanexp.score.score import CLASS_SCORES, Score
from kanexp.task.base import Data, Scene, Split, Task

NAMES = {
    "digits": tuple("0123456789"),
    "mnist": tuple("0123456789"),
    "fashion_mnist": ("top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"),
    "cifar10": ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
}
VALUES = {"digits": 8 * 8, "mnist": 28 * 28, "fashion_mnist": 28 * 28, "cifar10": 3 * 32 * 32}


@dataclass(frozen=True)
class Vision(Task):
    """The values of a picture, in [-1, 1], to its class. Nothing is flipped, turned or cut: a six would become a nine.

    Test pictures are those of the set; of digits and of a folder without `train` and `test` below it, a random share.
    Validation pictures are a random share of the others. digits comes with scikit-learn, on 8 x 8 pixels.

    Source: LeCun et al. 1998 (IDX); https://github.com/zalandoresearch/fashion-mnist; Krizhevsky 2009
    """

    dataset: Literal["digits", "mnist", "fashion_mnist", "cifar10", "folder"] = "mnist"
    data_dir: str | None = None
    size: int = 32
    val: float = 0.1
    test: float = 0.2

    def __post_init__(self):
        require(
            (
                self.dataset != "folder" or self.data_dir is not None,
                "data_dir must name the folder with one folder of pictures per class, got null; "
                f"flowers: unpack {FLOWERS}",
            ),
            (4 <= self.size <= 512, f"size must be between 4 and 512, got {self.size}"),
            (0 < self.val < 1, f"val must be a share of the pictures between 0 and 1, got {self.val}"),
            (0 < self.test < 1, f"test must be a share of the pictures between 0 and 1, got {self.test}"),
            (self.val + self.test < 1, f"val and test must leave pictures, got {self.val} + {self.test}"),
        )

    @property
    def inputs(self) -> int:
        return VALUES.get(self.dataset, 3 * self.size**2)

    @property
    def outputs(self) -> int:
        return len(self.classes)

    @property
    def least_squares(self) -> bool:
        return False

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Their names; of a folder, those of the folders in it."""
        if self.dataset in NAMES:
            return NAMES[self.dataset]
        return tuple(folder.name for folder in class_folders(self._folders("train")))

    def load(self, generator: Generator) -> Data:
        known, scored = self._read("train"), self._read("test")
        assert known is not None
        order = torch.randperm(len(known.labels), generator=generator).numpy()
        if scored is None:
            last = len(order) - (round(self.test * len(order)) or 1)
            order, scored = order[:last], known.take(order[last:])
        held = round(self.val * len(order)) or 1
        if len(order) <= held:
            raise ValueError(f"data_dir: {len(known.labels)} pictures are too few to train on; give more")
        parts = known.take(order[held:]), known.take(order[:held]), scored
        sizes = "/".join(str(len(part.labels)) for part in parts)
        note = f"{self.dataset}: {len(self.classes)} classes, {sizes} pictures to train on, to select on and to score"
        train, chosen, test = (self._split(part) for part in parts)
        encoding = Encoding.unchanged(self.inputs, ("class",), self.classes)
        return Data(train, chosen, test, notes=(note,), encoding=encoding)

    def read(self, place: str) -> tuple[list[Path], Tensor]:
        """The files of new pictures, one or a folder of them, and what goes in for them (pictures, inputs).

        Raises ValueError where they cannot be read.
        """
        colours = 1 if self.dataset in ("digits", "mnist", "fashion_mnist") else 3
        files, values = read_pictures(Path(place).expanduser(), math.isqrt(self.inputs // colours), colours)
        return files, torch.from_numpy(values.astype(np.float64)) / 127.5 - 1

    def scene(self, data: Data) -> Scene:
        return Scene("classes", data.test.x, data.test.y, (data.test.x.shape[1],), self.classes)

    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        return cross_entropy(prediction, target)

    @property
    def scores(self) -> tuple[Score, ...]:
        return CLASS_SCORES

    def metrics(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        return class_scores(prediction, target)

    def _split(self, pictures: Pictures) -> Split:
        values, labels = pictures
        if values.shape[1] != self.inputs:
            raise ValueError(
                f"data_dir: pictures of {self.dataset} have {self.inputs} values, got {values.shape[1]}; "
                "put the original files there"
            )
        if labels.max(initial=0) >= len(self.classes):
            raise ValueError(
                f"data_dir: {self.dataset} has {len(self.classes)} classes, got a label {labels.max()}; "
                "put the original files there"
            )
        x = torch.from_numpy(values.astype(np.float32)).div_(127.5).sub_(1)
        # Pictures stay in rows, as batches are read; only the view is turned.
        return Split(x.T, torch.eye(len(self.classes))[torch.from_numpy(labels)].T)

    def _read(self, part: str) -> Pictures | None:
        """None for the test part of what is not divided."""
        if self.dataset == "digits":
            return _digits() if part == "train" else None
        return self._from_folders(part) if self.dataset == "folder" else self._from_set(part)

    def _from_set(self, part: str) -> Pictures:
        where = Path(self.data_dir).expanduser() if self.data_dir is not None else fetched(self.dataset)
        if not where.is_dir():
            why = "it is a file" if where.exists() else "no such folder"
            raise ValueError(f"data_dir: cannot read {self.dataset} from '{where}' ({why}); {wanted(self.dataset)}")
        return read_cifar(where, part) if self.dataset == "cifar10" else read_idx(where, part)

    def _from_folders(self, part: str) -> Pictures | None:
        folder = self._folders(part)
        if part == "test" and folder == self._folders("train"):
            return None
        found = class_folders(folder)
        if (names := tuple(path.name for path in found)) != self.classes:
            raise ValueError(
                f"data_dir: '{folder}' has the classes {', '.join(names)}, the training pictures "
                f"{', '.join(self.classes)}; give the same ones"
            )
        return read_folders(found, self.size)

    def _folders(self, part: str) -> Path:
        """The folder of the class folders of a part."""
        folder = Path(self.data_dir or "").expanduser()
        divided = all((folder / name).is_dir() for name in ("train", "test"))
        return folder / part if divided else folder


def _digits() -> Pictures:
    from sklearn.datasets import load_digits  # takes half a second

    values, labels = load_digits(return_X_y=True)
    return Pictures(np.rint(values * (255 / 16)).astype(np.uint8), labels.astype(np.int64))
