"""Where the known sets of pictures come from, and where they are kept on this machine."""

import os
from pathlib import Path

from kanexp.data.picture_files import CIFAR_ARCHIVE, IDX

# Where each set comes from, with the MD5 sums that its publishers and torchvision give for the files.
_MNIST = [
    "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "d53e105ee54ea40749a09fcbcd1e9432",
    "9fb629c4189551a2d022fa330f9573f3",
    "ec29112dd5afa0611ce80d1b7f02629c",
]
_FASHION = [
    "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "25c81989df183df01b3e8a0aad5dffbe",
    "bef4ecab320f06d8554ea6380940ec79",
    "bb300cfdad3c16e7a12a480ee83cd310",
]
_IDX_FILES = [f"{name}.gz" for part in IDX.values() for name in part]
SOURCES: dict[str, tuple[str, dict[str, str]]] = {
    "mnist": ("https://ossci-datasets.s3.amazonaws.com/mnist/", dict(zip(_IDX_FILES, _MNIST, strict=True))),
    "fashion_mnist": (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        dict(zip(_IDX_FILES, _FASHION, strict=True)),
    ),
    "cifar10": ("https://www.cs.toronto.edu/~kriz/", {CIFAR_ARCHIVE: "c32a1d4ab5d03f1284b67883e8d87530"}),
}

# 3,670 photographs in five class folders, https://www.tensorflow.org/datasets/catalog/tf_flowers
FLOWERS = "https://storage.googleapis.com/download.tensorflow.org/example_images/flower_photos.tgz"

PACKAGED = Path("/usr/share/datasets")  # where Debian's packages put sets, such as dataset-fashion-mnist


def kept(name: str) -> Path:
    """The set's folder in the user's cache, whether it is there or not."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "kanexp" / name


def here(name: str) -> Path | None:
    """The folder that holds all of the set's files, as they are or gzipped: the cache, or where a package put them."""
    for folder in (kept(name), PACKAGED / name.replace("_", "-")):
        if all((folder / f).is_file() or (folder / f.removesuffix(".gz")).is_file() for f in SOURCES[name][1]):
            return folder
    return None


def fetched(name: str) -> Path:
    """The set's folder, where it is, or in the user's cache, filled from its source.

    Raises ValueError where it cannot be.
    """
    if found := here(name):
        return found
    folder = kept(name)
    address, sums = SOURCES[name]
    try:
        import pooch  # only those who fetch need it
    except ImportError as error:
        raise ValueError(
            f"data_dir: {name} is not on this machine, and pooch, which fetches it, is not installed: "
            f"pip install 'kanexp[fetch]', or {wanted(name)}"
        ) from error
    try:
        for file, md5 in sums.items():
            pooch.retrieve(address + file, known_hash=f"md5:{md5}", fname=file, path=folder)
    except (OSError, ValueError) as error:  # no network, no space, another file than expected
        why = " ".join(str(error).split()).split(" (Caused by")[0][:200]  # what follows is of the library's insides
        raise ValueError(f"data_dir: cannot fetch {name} from {address} ({why}); {wanted(name)}") from error
    return folder


def wanted(name: str) -> str:
    """What to do for a set that is not here."""
    package = "install Debian's package dataset-fashion-mnist, or " if name == "fashion_mnist" else ""
    return f"{package}put {', '.join(SOURCES[name][1])} into '{kept(name)}', or into a folder that task.data_dir names"
