"""Labelled pictures from files: IDX, CIFAR's binary batches, class folders. Nothing is unpickled or unpacked to disk.

Mistakes are ValueErrors that begin with the task's field. Pictures are uint8, (samples, values), channel by channel and
each channel in reading order.
"""

import gzip
import tarfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image as Picture
from PIL import ImageOps, UnidentifiedImageError

IDX = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
CIFAR = {"train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test": ("test_batch.bin",)}
CIFAR_ARCHIVE, CIFAR_FOLDER, CIFAR_RECORD = "cifar-10-binary.tar.gz", "cifar-10-batches-bin", 1 + 3 * 32 * 32
MOST_BYTES = 2**30  # of one file after unpacking: ten times what any of these sets has
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")


class Pictures(NamedTuple):
    """Pictures (samples, values), uint8, and the number of each one's class."""

    values: np.ndarray
    labels: np.ndarray

    def take(self, rows: np.ndarray) -> "Pictures":
        return Pictures(self.values[rows], self.labels[rows])


def read_idx(folder: Path, part: str) -> Pictures:
    """The training or test part of mnist or fashion_mnist, from files as they are or gzipped."""
    images, labels = (_idx(folder, name, axes) for name, axes in zip(IDX[part], (3, 1), strict=True))
    if len(images) != len(labels):
        raise ValueError(f"data_dir: '{folder}' has {len(images)} {part} pictures and {len(labels)} labels for them")
    return Pictures(images.reshape(len(images), -1), labels.astype(np.int64))


def _idx(folder: Path, name: str, axes: int) -> np.ndarray:
    content = _content(folder, name)
    # Two zeros, 8 for unsigned bytes, the number of axes, then the length of each in four bytes, high ones first.
    if content[:4] != bytes([0, 0, 8, axes]) or len(content) < 4 + 4 * axes:
        raise ValueError(
            f"data_dir: '{name}' in '{folder}' is no IDX file of {axes} axes of bytes; put the original there"
        )
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", axes, offset=4))
    if 0 in shape:
        raise ValueError(f"data_dir: '{name}' in '{folder}' holds nothing; put the original there")
    expected = 4 + 4 * axes + int(np.prod(shape, dtype=object))
    if len(content) != expected:
        what = "cut short" if len(content) < expected else "too long"
        raise ValueError(
            f"data_dir: '{name}' in '{folder}' is {what}, {len(content)} of {expected} bytes; put the original there"
        )
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def read_cifar(folder: Path, part: str) -> Pictures:
    """The training or test part of cifar10's binary version, from its archive or from what was in it."""
    batches = []
    for name in CIFAR[part]:
        content = _content(folder, name)
        if not content or len(content) % CIFAR_RECORD:
            raise ValueError(
                f"data_dir: '{name}' in '{folder}' is cut short, {len(content)} bytes are no multiple of "
                f"{CIFAR_RECORD}; put the original there"
            )
        batches.append(np.frombuffer(content, np.uint8).reshape(-1, CIFAR_RECORD))
    records = np.concatenate(batches)
    return Pictures(records[:, 1:], records[:, 0].astype(np.int64))


def _content(folder: Path, name: str) -> bytes:
    """A file's bytes, from the file itself, its gzipped form or CIFAR's archive."""
    plain, zipped, archive = folder / name, folder / f"{name}.gz", folder / CIFAR_ARCHIVE
    unpacked = folder / CIFAR_FOLDER / name
    try:
        if plain.is_file() or unpacked.is_file():
            return (plain if plain.is_file() else unpacked).read_bytes()
        if zipped.is_file():
            with gzip.open(zipped) as file:
                return file.read(MOST_BYTES)
        if archive.is_file():
            with tarfile.open(archive) as files:
                member = files.extractfile(f"{CIFAR_FOLDER}/{name}")
                if member is not None:
                    return member.read(MOST_BYTES)
    except (OSError, EOFError, KeyError, zlib.error, tarfile.TarError) as error:
        why = " ".join(str(error).split())  # tarfile lists what it tried on lines of their own
        raise ValueError(f"data_dir: cannot read '{name}' in '{folder}' ({why}); put the original there") from error
    raise ValueError(f"data_dir: there is no '{name}' in '{folder}'; put it there, as it is or gzipped")


def class_folders(folder: Path) -> list[Path]:
    """The folders below that hold pictures, sorted by name."""
    if not folder.is_dir():
        why = "it is a file" if folder.exists() else "no such folder"
        raise ValueError(f"data_dir: cannot read pictures from '{folder}' ({why}); give a folder of class folders")
    found = [path for path in sorted(folder.iterdir()) if path.is_dir() and _pictures_in(path)]
    if len(found) < 2:
        what = f"only the class '{found[0].name}'" if found else "no folder with pictures"
        raise ValueError(f"data_dir: '{folder}' has {what}; give a folder with one folder of pictures per class")
    return found


def read_folders(folders: list[Path], size: int) -> Pictures:
    """Every picture of the class folders, cut to a square from its middle and reduced to size x size, in colour."""
    values, labels = [], []
    for label, folder in enumerate(folders):
        for file in _pictures_in(folder):
            values.append(_square(file, size))
            labels.append(label)
    return Pictures(np.stack(values), np.array(labels))


def _pictures_in(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.iterdir()) if file.suffix.lower() in SUFFIXES and file.is_file()]


def read_pictures(place: Path, size: int, colours: int) -> tuple[list[Path], np.ndarray]:
    """A picture, or all pictures of a folder, sorted, and their values (pictures, colours * size * size), 0 to 255.

    Each is cut to a square from its middle and reduced to size x size, gray where there is one colour. Raises
    ValueError where there is none, or one cannot be read.
    """
    files = _pictures_in(place) if place.is_dir() else [place]
    if not files:
        raise ValueError(f"data_dir: '{place}' has no pictures; give a picture, or a folder of some")
    return files, np.stack([_square(file, size, "L" if colours == 1 else "RGB") for file in files])


def _square(file: Path, size: int, mode: str = "RGB") -> np.ndarray:
    try:
        with Picture.open(file) as picture:
            square = ImageOps.fit(picture.convert(mode), (size, size), Picture.Resampling.LANCZOS)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError, Picture.DecompressionBombError) as error:
        raise ValueError(f"data_dir: cannot read a picture from '{file}' ({error}); remove or replace it") from error
    values = np.asarray(square)
    return (values.transpose(2, 0, 1) if mode == "RGB" else values).ravel()
