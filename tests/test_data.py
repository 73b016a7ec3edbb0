"""Real data: scores against references, tables and pictures from files, and what is wrong with them."""

import gzip
import importlib.util
import io
import json
import struct
import sys
import tarfile

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image as Picture
from sklearn import metrics as reference
from torch.testing import assert_close

from kanexp.data import picture_sets
from kanexp.init.default import Default
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.model import network as networks
from kanexp.model.kan import KAN
from kanexp.score import functions
from kanexp.seeding import generator
from kanexp.task.function import Function
from kanexp.task.tabular import Tabular
from kanexp.task.vision import Vision


def load(task):
    return task.load(generator(0, "data"))


# -- scores ---------------------------------------------------------------------------------------------------------


def test_scores_of_classes_are_scikit_learns(rng):
    labels = torch.from_numpy(rng.integers(0, 4, 200))
    logits = torch.from_numpy(rng.normal(size=(3, 5, 200)))  # the fifth class never occurs
    logits[2] = 0.0
    logits[2, 0] = 1.0  # one class for all
    target = torch.eye(5, dtype=torch.float64)[labels].T[None]
    got = functions.class_scores(logits, target)
    for seed in range(3):
        answer, p = logits[seed].argmax(0), logits[seed].softmax(0).T
        assert float(got["accuracy"][seed]) == pytest.approx(reference.accuracy_score(labels, answer))
        assert float(got["macro_f1"][seed]) == pytest.approx(
            reference.f1_score(labels, answer, average="macro", zero_division=0.0)
        )
        assert float(got["log_loss"][seed]) == pytest.approx(reference.log_loss(labels, p, labels=range(5)))
        assert_close(
            functions.confusion(logits, target)[seed].numpy(),
            reference.confusion_matrix(labels, answer, labels=range(5)).astype(float),
        )


def test_r2_is_scikit_learns(rng):
    y, guess = rng.normal(size=50), rng.normal(size=50)
    got = functions.r2(torch.from_numpy(guess)[None, None], torch.from_numpy(y)[None, None])
    assert float(got) == pytest.approx(reference.r2_score(y, guess))


def test_ssim_is_that_of_a_plain_loop(rng):
    x, y = rng.random((2, 2, 14, 17))
    at = np.arange(-5, 6)
    window = np.exp(-(at[:, None] ** 2 + at**2) / 4.5)
    window /= window.sum()
    found = []
    for channel in range(2):
        for i in range(14 - 10):
            for j in range(17 - 10):
                a, b = x[channel, i : i + 11, j : j + 11], y[channel, i : i + 11, j : j + 11]
                ma, mb = (window * a).sum(), (window * b).sum()
                va, vb = (window * (a - ma) ** 2).sum(), (window * (b - mb) ** 2).sum()
                cov = (window * (a - ma) * (b - mb)).sum()
                found.append((2 * ma * mb + 1e-4) * (2 * cov + 9e-4) / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4)))
    a, b = (torch.from_numpy(p.reshape(1, 2, -1)) for p in (x, y))
    assert float(functions.ssim(a, b, (14, 17))) == pytest.approx(np.mean(found))
    assert float(functions.ssim(a, a, (14, 17))) == pytest.approx(1.0)
    assert functions.ssim(a[..., :100], b[..., :100], (10, 10)).isnan().all()


def test_the_error_on_the_dense_grid_is_known():
    task = Function(function="product")
    scene = task.scene(load(task))
    got = task.scene_metrics(torch.stack([1.1 * scene.target, 0 * scene.target]), scene)
    assert got["grid_relative_l2"].tolist() == [pytest.approx(0.1), 1.0]


@pytest.mark.parametrize("basis", [Chebyshev(), BSpline(bound="affine")])
def test_answers_in_parts_equal_the_whole(basis, monkeypatch):
    network = KAN().network([3, 4, 2], basis)
    x = 2 * torch.rand((1, 3, 101), generator=generator(1, "check"), dtype=torch.float64) - 1
    theta = network.start(Default(), [generator(s, "init") for s in range(2)], torch.float64, x[0])
    whole, prepared = network(theta, x), network.forward(theta, network.prepare(x))
    monkeypatch.setattr(networks, "PART", 300)
    monkeypatch.setattr(networks, "KEPT", 1)
    for parts in (network(theta, x), network.forward(theta, network.prepare(x))):
        assert_close(parts, whole, rtol=1e-12, atol=1e-12)
    assert_close(prepared, whole, rtol=1e-12, atol=1e-12)
    for part, value in zip(network.entering(theta, x), network.inputs(theta, x), strict=True):
        assert_close(part, value, rtol=1e-12, atol=1e-12)


# -- tables ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def houses(tmp_path, rng):
    """A table with a hole, texts, a constant and an empty column; the price is three times the size."""
    size = rng.normal(50, 10, 60)
    table = pd.DataFrame({"size": size, "town": rng.choice(["A", "B"], 60), "planet": "earth", "none": np.nan})
    table["price"] = 3 * size + 7
    table["kind"] = np.where(table["town"] == "A", "flat", "house")
    table.loc[3, "size"] = np.nan
    table.to_csv(tmp_path / "houses.csv", index=False)
    return tmp_path / "houses.csv"


def test_tables_are_standardized_by_their_training_rows_and_scored_in_own_units(houses):
    task = Tabular(path=str(houses), target="price")
    data, table = load(task), pd.read_csv(houses)
    assert (task.inputs, task.outputs, task.least_squares) == (5, 1, True)  # size, two towns, two kinds
    assert data.train.x[0].mean() == pytest.approx(0, abs=1e-12)
    assert data.train.x[0].std(correction=0) == pytest.approx(1)
    assert abs(data.test.x[0].mean()) > 1e-6
    rows = [data.own_units(getattr(data, part).y)[0] for part in ("train", "val", "test")]
    assert_close(torch.cat(rows).sort().values, torch.from_numpy(np.sort(table["price"].to_numpy())))
    got = task.metrics(data.own_units(data.test.y[None]) + 2.0, data.own_units(data.test.y[None]))
    assert float(got["rmse"]) == pytest.approx(2.0)
    said = "; ".join(data.notes)
    for sentence in (
        "training mean: size (1 row)",
        "town (2), kind (2)",
        "planet (constant), none (empty)",
        "36/12/12",
    ):
        assert sentence in said


def test_classes_are_in_every_part_and_in_their_order(houses):
    task = Tabular(path=str(houses), target="kind")
    data = load(task)
    assert task.table.classes == ("flat", "house")
    assert not task.least_squares
    for part in (data.train, data.val, data.test):
        assert (part.y.sum(dim=0) == 1).all()
        assert (part.y.sum(dim=1) > 0).all()
    largest = load(Tabular(normalize="range")).train.x.abs().amax(dim=1).tolist()
    assert set(largest) <= {0.0, 1.0}  # zero where a pixel is blank in all training rows
    assert largest.count(1.0) > 55


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators(houses, separator, tmp_path):
    pd.read_csv(houses).to_csv(tmp_path / "other.csv", index=False, sep=separator)
    assert Tabular(path=str(tmp_path / "other.csv"), target="price").inputs == 5


def test_decimal_commas_between_semicolons(houses, tmp_path):
    pd.read_csv(houses).to_csv(tmp_path / "europe.csv", index=False, sep=";", decimal=",")
    theirs, ours = (load(Tabular(path=str(file), target="price")) for file in (tmp_path / "europe.csv", houses))
    assert_close(theirs.train.x, ours.train.x)
    assert_close(theirs.train.y, ours.train.y)


def test_parquet(houses, tmp_path):
    file = tmp_path / "houses.parquet"
    if importlib.util.find_spec("pyarrow") is None:
        file.write_bytes(b"PAR1")
        with pytest.raises(ValueError, match="Parquet needs pyarrow, which is not installed: pip install"):
            _ = Tabular(path=str(file), target="price").inputs
        return
    pd.read_csv(houses).to_parquet(file)
    assert_close(
        load(Tabular(path=str(file), target="price")).train.x, load(Tabular(path=str(houses), target="price")).train.x
    )
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"path: cannot read a table from .*houses.parquet"):
        _ = Tabular(path=str(file), target="price").inputs


GOOD = "a,b\n" + "".join(f"{i},{i % 2}\n" for i in range(30))
BAD_TABLES = [
    (None, {}, "path: cannot read a table from 'table.csv' (no such file); give a CSV or Parquet file"),
    ("", {}, "cannot read a table from 'table.csv' (it is empty)"),
    ("a,b\n", {}, "'table.csv' has no rows below its header"),
    (b"\x89PNG\xff\xfe", {}, "(it is no text in UTF-8)"),
    (GOOD + "7", {}, "(its last line has 1 of 2 columns: the file was cut short)"),
    (GOOD + "7,1,5\n", {}, "cannot read a table from 'table.csv' (row 31 has 3 fields, and the header 2; put"),
    (GOOD, {"target": "c"}, "target: there is no column 'c'; the columns are a, b"),
    (GOOD, {"target": None}, "target: must name the column to learn, one of a, b"),
    (GOOD + "seven,1\n", {}, "path: column 'a' holds numbers, but 'seven' in row 31; put a number there"),
    (GOOD + "inf,1\n", {}, "path: column 'a' is infinite in 1 row; put numbers there"),
    (GOOD.replace(",1", ",0"), {}, "target: 'b' has the one value '0' in all rows"),
    (GOOD + "7,5\n", {}, "target: class '5' of 'b' has 1 row, and training, validation and test data need one each"),
    (
        GOOD + "7,one\n",
        {},
        "target: 'b' holds numbers, but 'one' in row 31; put a number there or leave the field empty, or",
    ),
    (GOOD + "7,one\n", {"kind": "classification"}, "target: class 'one' of 'b' has 1 row, and"),
    ("b\n" + "0\n1\n" * 9, {}, "path: no column is left to learn from"),
    (
        GOOD.replace("\n0,", "\nx,").replace(",1", ",yes").replace(",0", ",no"),
        {"kind": "regression"},
        "is no number; mend",
    ),
    ("a,b\n1,2.5\n2,3.5\n", {}, "path: 2 rows are too few"),
]


@pytest.mark.parametrize(("content", "more", "sentence"), BAD_TABLES)
def test_what_is_wrong_with_a_table_is_one_sentence(content, more, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "table.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its whole text is compared below
        load(Tabular(**({"path": "table.csv", "target": "b"} | more)))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


# -- pictures -------------------------------------------------------------------------------------------------------


def idx(values):
    return bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes() + values.astype(np.uint8).tobytes()


@pytest.fixture
def mnist(tmp_path, rng):
    """Forty training and ten test pictures, half of the files gzipped."""
    pictures, labels = rng.integers(0, 256, (50, 28, 28)), np.arange(50) % 10
    for name, part in (("train", slice(40)), ("t10k", slice(40, 50))):
        (tmp_path / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pictures[part])))
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(idx(labels[part]))
    return tmp_path, pictures, labels


def test_idx_files(mnist):
    folder, pictures, labels = mnist
    task = Vision(data_dir=str(folder))
    data = load(task)
    assert (task.inputs, task.outputs) == (784, 10)
    assert [part.x.shape[1] for part in (data.train, data.val, data.test)] == [36, 4, 10]
    assert_close(data.test.x.T.numpy(), (pictures[40:].reshape(10, -1) / 127.5 - 1).astype(np.float32))
    assert data.test.y.argmax(0).tolist() == labels[40:].tolist()
    seen = torch.cat([data.train.x, data.val.x], dim=1).T.double().sum(1).sort().values
    assert_close(seen, torch.from_numpy(np.sort((pictures[:40] / 127.5 - 1).sum((1, 2)))), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("file", "mend", "sentence"),
    [
        ("train-images-idx3-ubyte.gz", lambda b: b[:-900], "cannot read 'train-images-idx3-ubyte' in"),
        (
            "train-images-idx3-ubyte.gz",
            lambda b: gzip.compress(gzip.decompress(b)[:-5]),
            "is cut short, 31371 of 31376 bytes",
        ),
        ("train-images-idx3-ubyte.gz", lambda b: gzip.compress(gzip.decompress(b) + b"x"), "is too long"),
        ("train-images-idx3-ubyte.gz", lambda b: b"text", "cannot read 'train-images-idx3-ubyte' in"),
        ("train-labels-idx1-ubyte", lambda b: b"text", "is no IDX file of 1 axes of bytes"),
        ("train-labels-idx1-ubyte", lambda b: idx(np.zeros(0)), "holds nothing; put the original there"),
        ("train-labels-idx1-ubyte", lambda b: idx(np.zeros(39)), "has 40 train pictures and 39 labels"),
        ("train-labels-idx1-ubyte", lambda b: idx(np.full(40, 12)), "mnist has 10 classes, got a label 12"),
        ("train-labels-idx1-ubyte", None, "there is no 'train-labels-idx1-ubyte' in"),
        ("train-images-idx3-ubyte.gz", lambda b: gzip.compress(idx(np.zeros((40, 9, 9)))), "have 784 values, got 81"),
    ],
)
def test_damaged_idx_files(mnist, file, mend, sentence):
    path = mnist[0] / file
    path.unlink() if mend is None else path.write_bytes(mend(path.read_bytes()))
    with pytest.raises(ValueError, match=r"^data_dir: ") as caught:
        load(Vision(data_dir=str(mnist[0])))
    assert sentence in str(caught.value)


@pytest.mark.parametrize("packed", [False, True])
def test_cifar(tmp_path, packed, rng):
    records = rng.integers(0, 256, (6, 4, 3073), dtype=np.uint8)
    records[..., 0] = rng.integers(0, 10, (6, 4))
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    if packed:
        with tarfile.open(tmp_path / "cifar-10-binary.tar.gz", "w:gz") as archive:
            for name, batch in zip(names, records, strict=True):
                member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
                member.size = batch.nbytes
                archive.addfile(member, io.BytesIO(batch.tobytes()))
    else:
        for name, batch in zip(names, records, strict=True):
            (tmp_path / name).write_bytes(batch.tobytes())
    task = Vision(dataset="cifar10", data_dir=str(tmp_path))
    data = load(task)
    assert (task.inputs, data.train.x.shape[1] + data.val.x.shape[1]) == (3072, 20)
    assert_close(data.test.x.T.numpy(), (records[5, :, 1:] / 127.5 - 1).astype(np.float32))
    assert data.test.y.argmax(0).tolist() == records[5, :, 0].tolist()
    file = tmp_path / ("cifar-10-binary.tar.gz" if packed else "data_batch_3.bin")
    file.write_bytes(file.read_bytes()[:-400])
    with pytest.raises(ValueError, match=r"^data_dir: .*put the original there"):
        load(task)
    file.write_bytes(b"text")
    with pytest.raises(ValueError, match=r"^data_dir: [^\n]*put the original there$"):
        load(task)


@pytest.fixture
def flowers(tmp_path):
    for name, colour in (("rose", (250, 0, 0)), ("tulip", (0, 0, 250))):
        (tmp_path / name).mkdir()
        for i in range(10):
            Picture.new("RGB", (12 + i, 9), colour).save(tmp_path / name / f"{i}.png")
    return tmp_path


def test_class_folders(flowers):
    task = Vision(dataset="folder", data_dir=str(flowers), size=4)
    data = load(task)
    assert (task.inputs, task.classes) == (48, ("rose", "tulip"))
    assert [part.x.shape[1] for part in (data.train, data.val, data.test)] == [14, 2, 4]
    red = data.train.x[:16].mean(0) > 0
    assert torch.equal(red, data.train.y[0] == 1)


def test_what_is_wrong_with_class_folders(flowers, tmp_path):
    (flowers / "rose" / "3.png").write_bytes(b"text")
    with pytest.raises(ValueError, match=r"data_dir: cannot read a picture from '.*rose.3.png'"):
        load(Vision(dataset="folder", data_dir=str(flowers)))
    for path, sentence in (
        (flowers / "rose", "has no folder with pictures; give a folder with one folder of pictures per class"),
        (flowers / "tulip" / "1.png", "(it is a file); give a folder of class folders"),
        (flowers / "nowhere", "(no such folder); give a folder of class folders"),
    ):
        with pytest.raises(ValueError, match="data_dir: ") as caught:
            load(Vision(dataset="folder", data_dir=str(path)))
        assert sentence in str(caught.value)


# -- the command ----------------------------------------------------------------------------------------------------

QUICK = ["layer=chebyshev", "seeds=2", "steps=5", "widths=[in,3,out]"]


def test_classes_from_the_command(asked, tmp_path):
    done = asked("task=tabular", "task.dataset=two_moons", "batch_size=32", *QUICK)
    assert (done.returncode, done.stderr) == (0, "")
    folder = tmp_path / "outputs/tabular-chebyshev-default/v001"
    record = json.loads((folder / "run.json").read_text())
    assert list(record["test"]) == ["accuracy", "macro_f1", "log_loss"]
    assert record["data"]["train"] == 600
    counts = pd.read_csv(folder / "figures/confusion.csv")
    assert counts.groupby("state")["count"].sum().tolist() == [200, 200]
    regions = pd.read_csv(folder / "figures/regions.csv")
    assert regions["state"].value_counts().to_dict() == {"before": 121**2, "after": 121**2, "sample": 200}
    assert (folder / "figures/regions.png").is_file()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["task=tabular", "task.path=no.csv"], "error: task.path: cannot read a table from 'no.csv' (no such file)"),
        (["task=tabular", "task.path=."], "(it is a folder); give a CSV or Parquet file"),
        (["task=tabular", "task.target=price"], "error: task.target: there is no column 'price'"),
        (["task=tabular", "widths=[in,5,3]"], "its 10 outputs, one for each class (or the word out), got [in, 5, 3]"),
        (["task=tabular", "optimizer=levenberg_marquardt", "dtype=float64"], "which the loss of Tabular is not"),
        (
            ["task=vision", "task.data_dir=no"],
            "error: task.data_dir: cannot read mnist from 'no' (no such folder); put",
        ),
        (["task=vision", "task.dataset=folder"], "per class, got null; flowers: unpack http"),
    ],
)
def test_mistakes_in_data_cost_nothing(asked, tmp_path, words, sentence):
    done = asked(*words)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("error:") == 1
    assert list(tmp_path.iterdir()) == []


def test_pictures_are_found_where_a_package_puts_them(tmp_path, monkeypatch):
    """And those in the user's cache before them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(picture_sets, "PACKAGED", tmp_path / "packaged")
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ValueError, match="install Debian's package dataset-fashion-mnist, or put train-images"):
        picture_sets.fetched("fashion_mnist")
    for folder in (tmp_path / "packaged" / "fashion-mnist", tmp_path / "cache" / "kanexp" / "fashion_mnist"):
        folder.mkdir(parents=True)
        for part, count in (("train", 30), ("t10k", 10)):
            images = struct.pack(">IIII", 2051, count, 28, 28) + bytes(count * 784)
            (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
            labels = struct.pack(">II", 2049, count) + bytes(i % 10 for i in range(count))
            (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
        assert picture_sets.fetched("fashion_mnist") == folder
    data = Vision(dataset="fashion_mnist").load(generator(0, "data"))
    assert [split.x.shape[1] for split in (data.train, data.val, data.test)] == [27, 3, 10]
