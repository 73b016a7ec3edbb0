"""Tables as they come: files that went wrong elsewhere, each for a kind of situation, and what is right.

The files in reference/cases are made data: a in [-5, 5], b in [0, 4], y = 2 a + b^2 unless a test says otherwise.
"""

import bz2
import json
import lzma
import zipfile
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import REFERENCE
from helpers.training import experiment, train
from numpy.testing import assert_allclose

from kanexp.data.encoding import Encoding
from kanexp.init.default import Default
from kanexp.layer.bspline import BSpline
from kanexp.seeding import generator
from kanexp.task.tabular import Tabular

CASES = REFERENCE / "cases"
PLAIN = pd.read_csv(CASES / "plain.csv")


def load(task):
    return task.load(generator(0, "data"))


def case(file, target="y", **more):
    return Tabular(path=str(CASES / file), target=target, **more)


def saved(folder, text, name="table.csv"):
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(file)


def notes(task):
    return "; ".join(load(task).notes)


def column(task, name):
    """A column of the encoded features in its own units, in the order of the rows."""
    encoding = load(task).encoding
    return encoding.read(task.table.rows)[encoding.names.index(name)].numpy()


# -- the command: numbers of any size -------------------------------------------------------------------------------

SIZES = [
    ("plain.csv", "y", 1),
    ("plain.csv.gz", "y", 1),
    ("comment.csv", "y", 1),
    ("index.csv", "y", None),  # in another order
    ("julian.csv", "jd", 1e-2),
    ("offset_target.csv", "y", 1e-3),
    ("large_offset_million.csv", "v", None),  # other units, and rounded
    ("luminosity.csv", "lum", 1e26),
    ("si_small.csv", "E", 1.6e-25),
    ("huge_input.csv", "y", 1),
    ("decimal_in.parquet", "y", None),  # rounded
    ("thousand.csv", "y", None),
    ("percent.csv", "y", None),
]


@pytest.mark.parametrize(("file", "target", "unit"), SIZES)
def test_tables_are_learned_as_well_in_any_units(file, target, unit):
    task = case(file, target)
    data = load(task).to(torch.device("cpu"), torch.float32)
    words = experiment(BSpline(), init=Default(), task=task, steps=30, seeds=2, dtype="float32")
    result, _, _ = train(replace(words, widths=[2, 10, 10, 1]), data=data)
    assert all(values.isfinite().all() for values in result.test.values())
    r2, mae = (float(result.test[name].double().mean()) for name in ("r2", "mae"))
    if unit is not None:
        assert r2 == pytest.approx(0.5789, abs=2e-4)
        assert mae / unit == pytest.approx(3.793, rel=2e-3)
    else:
        assert 0.3 < r2 < 0.8


def test_the_command_says_how_a_table_was_read(asked, tmp_path):
    words = ["task=tabular", "layer=bspline", "steps=30", "seeds=2", "diagnostics=false", "device=cpu"]
    done = asked(*words, f"task.path={CASES / 'huge_input.csv'}", "task.target=y", "task.drop=[]")
    assert (done.returncode, done.stderr) == (0, "")
    assert "0.5789" in done.stdout
    done = asked(*words, f"task.path={CASES / 'noheader.csv'}", "task.target=5")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("error: task.header: the first row of ")


# -- what columns mean ----------------------------------------------------------------------------------------------


def test_words_for_nothing_are_classes_among_words_and_missing_among_numbers(tmp_path):
    task = case("noneclass.csv", "disorder")
    assert task.table.classes == ("Mild", "None", "Severe")
    assert len(task.table.rows) == 120
    rows = "".join(f"{i},{('NA', 'null', 'nan')[i % 3]},{('NA', '?', '-', i)[i % 4]},{i}\n" for i in range(40))
    task = Tabular(path=saved(tmp_path, "a,word,b,y\n" + rows), target="y")
    assert load(task).encoding.names == ["a", "b", "word=NA", "word=nan", "word=null"]
    assert "'NA', '?', '-' in b taken for missing; missing numbers set to the training mean: b (30 rows)" in notes(task)
    rows = "".join(f"{i},{'N/A' if i == 7 else i / 2}\n" for i in range(40))
    task = Tabular(path=saved(tmp_path, "a,y\n" + rows), target="y")
    assert "1 row without 'y' left out" in notes(task)
    assert "'N/A' in y taken for missing" in notes(task)


def test_decimal_commas_are_seen_in_all_rows():
    task = case("semi_lastwhole.csv")
    assert task.inputs == 2
    assert_allclose(column(task, "a")[:-1], PLAIN["a"])
    assert_allclose(task.table.targets[0].values[:-1], PLAIN["y"])
    assert "y, a, b: numbers with a decimal comma" in notes(task)
    silent = case("semi_silent.csv", "ok")
    assert_allclose(column(silent, "b")[:-1], PLAIN["b"])
    assert silent.table.classes == ("no", "yes")


def test_numbers_as_people_write_them():
    assert_allclose(column(case("thousand.csv"), "pop"), 1e4 * PLAIN["b"], atol=1)
    assert "pop: thousands separated by commas" in notes(case("thousand.csv"))
    assert_allclose(column(case("percent.csv"), "rate"), PLAIN["b"], atol=0.0501)
    assert "rate: percent" in notes(case("percent.csv"))
    assert_allclose(column(case("decimal_in.parquet"), "a"), PLAIN["a"])
    assert load(case("decimal_in.parquet")).encoding.names == ["a", "b"]


WRITTEN = [
    ("1.234,5", ";", 1234.5, "thousands separated by points and numbers with a decimal comma"),
    ("1 234,5", ";", 1234.5, "thousands separated by spaces and numbers with a decimal comma"),
    ("1\u202f234,5", "\t", 1234.5, "thousands separated by spaces and numbers with a decimal comma"),
    ("1'234.5", ",", 1234.5, "thousands separated by apostrophes"),
    ('"1,234.5"', ",", 1234.5, "thousands separated by commas"),
    ('"1,234,567"', ",", 1234567, "thousands separated by commas"),
    ("12,5 %", ";", 12.5, "percent and numbers with a decimal comma"),
    ("$12.50", ",", 12.5, "in $"),
    ('"$1,234.50"', ",", 1234.5, "in $ and thousands separated by commas"),
    ("12.50 EUR", ",", 12.5, "in EUR"),
    ("(12.50 €)", ",", -12.5, "in €"),
    ("\u221212.5", ",", -12.5, ""),
    ("1.234", ";", 1.234, ""),  # no column has commas: points stand before decimals, as ever
    ("1e-200", ",", 1e-200, ""),
]


@pytest.mark.parametrize(("text", "separator", "number", "said"), WRITTEN)
def test_how_a_number_is_written_is_found_said_and_remembered(text, separator, number, said, tmp_path):
    lines = [separator.join((text if i else text.replace("2", "3"), str(i), str(i * i))) for i in range(40)]
    file = saved(tmp_path, "\n".join([separator.join("pay"), *lines]) + "\n")
    task = Tabular(path=file, target="y")
    data = load(task)
    assert column(task, "p")[1:].tolist() == [number] * 39
    assert (f"p: {said};" in "; ".join(data.notes)) == bool(said)
    # One row alone would not tell how it is written; what training saw does.
    again = Encoding.from_plain(json.loads(json.dumps(data.encoding.plain())))
    one = saved(tmp_path, f"{separator.join('pa')}\n{text}{separator}7\n", "new.csv")
    assert again.read(task.read(one)).tolist() == [[number], [7.0]]
    with pytest.raises(ValueError, match=r"column 'p' holds 'much' in row 1, which is no number"):
        again.read(pd.DataFrame({"p": ["much"], "a": [1]}))


def test_a_comma_that_may_mean_two_things_is_asked_about(tmp_path):
    file = saved(tmp_path, "p\ta\ty\n" + "".join(f"13,77{i % 10}\t{i}\t{i * i}\n" for i in range(40)))
    with pytest.raises(ValueError, match=r"^path: column 'p' holds '13,770', whose comma may stand before decimals or"):
        _ = Tabular(path=file, target="y").inputs
    assert column(Tabular(path=file, target="y", decimal="comma"), "p")[0] == 13.77
    assert column(Tabular(path=file, target="y", thousands="comma"), "p")[0] == 13770


def test_names_of_rows_and_dates_are_left_out_and_dates_used_where_asked_for(tmp_path):
    assert load(case("ids40.csv")).encoding.names == ["a"]
    assert "columns left out: id (40 different texts in 40 rows)" in notes(case("ids40.csv"))
    assert len(load(case("ids40.csv", categories=["id"])).encoding.names) == 41
    for file in ("dates40.csv", "dates120.csv"):
        assert load(case(file)).encoding.names == ["a", "b"]
        assert "columns left out: date (dates; task.dates=days makes numbers of them)" in notes(case(file))
    task = case("dates40.csv", dates="days")
    assert column(task, "date")[:2].tolist() == [19723, 19724]  # 2024 begins 54 years and 13 leap days after 1970
    again = Encoding.from_plain(json.loads(json.dumps(load(task).encoding.plain())))
    table = task.read(saved(tmp_path, "date,a,b\n1970-01-11,1,2\n"))
    assert again.read(table).tolist() == [[10.0], [1.0], [2.0]]


def test_parquet_columns_of_every_kind(tmp_path):
    pytest.importorskip("pyarrow")
    n = 30
    table = pd.DataFrame(
        {
            "whole": pd.array([None, *range(1, n)], dtype="Int64"),
            "decimal": [Decimal(i) / 4 for i in range(n)],
            "flag": np.arange(n) % 2 == 0,
            "colour": pd.Categorical(["red", "blue", "red"] * (n // 3)),
            "at": pd.date_range("2024-01-01", periods=n, tz="UTC"),
            "day": pd.date_range("2024-01-01", periods=n).date,
            "y": np.arange(n) / 3,
        }
    )
    table.to_parquet(tmp_path / "kinds.parquet")
    task = Tabular(path=str(tmp_path / "kinds.parquet"), target="y")
    assert load(task).encoding.names == ["whole", "decimal", "flag", "colour=blue", "colour=red"]
    assert column(task, "decimal")[:3].tolist() == [0, 0.25, 0.5]
    assert set(task.table.columns.dropped) == {"at", "day"}
    for kind, values in {"lists": [[1, 2]] * n, "records": [{"a": 1}] * n, "bytes": [b"12"] * n}.items():
        table.assign(v=values).to_parquet(tmp_path / "several.parquet")
        several = Tabular(path=str(tmp_path / "several.parquet"), target="y")
        with pytest.raises(
            ValueError, match=rf"^path: column 'v' holds {kind}, of which no number can be made; [^\n]*$"
        ):
            _ = several.inputs
        assert Tabular(path=str(tmp_path / "several.parquet"), target="y", drop=["v"]).inputs == 5
    with pytest.raises(ValueError, match="column 'v' holds lists"):
        _ = case("list.parquet").inputs


# -- how files are written ------------------------------------------------------------------------------------------


def test_a_first_row_that_may_be_data_is_asked_about(tmp_path):
    with pytest.raises(ValueError, match=r"^header: the first row of .*noheader.csv' \(-1.1817, .* task.header=false"):
        _ = case("noheader.csv", 5).inputs
    task = case("noheader.csv", 5, header=False)
    assert (len(task.table.rows), task.inputs, task.table.classes) == (120, 4, ("0", "1"))
    assert "columns without a header, called 1, 2, 3, 4, 5" in notes(task)
    iris = "5.1,3.5,setosa\n4.9,3.0,setosa\n6.2,2.9,virginica\n6.1,2.8,virginica\n" * 5
    with pytest.raises(ValueError, match="looks like data"):
        _ = Tabular(path=saved(tmp_path, iris), target=3).inputs
    assert Tabular(path=saved(tmp_path, iris), target=3, header=False).table.classes == ("setosa", "virginica")
    for names in ("2019,2020,country", "0,1,country", "a,b,c"):
        body = "".join(f"{i},{i * i % 7},{'xy'[i % 2]}\n" for i in range(30))
        task = Tabular(path=saved(tmp_path, f"{names}\n{body}"), target=names.split(",")[2])
        assert (task.inputs, len(task.table.rows)) == (2, 30)
    numbered = saved(tmp_path, "0,1,2\n" + "".join(f"{i},{i % 7},{i / 3}\n" for i in range(30)))
    assert "the first row, 0, 1, 2, taken for names" in notes(Tabular(path=numbered, target=2))


def test_columns_that_count_the_rows_are_left_out():
    task = case("index.csv")
    assert load(task).encoding.names == ["a", "b"]
    assert "column 1 without a name, which counts the rows, left out" in notes(task)


BODY = "".join(f"{i},{i % 7},{i / 4}\n" for i in range(30))
READ = {
    "cr": ("a,b,y\n" + BODY).replace("\n", "\r"),
    "crlf": ("a,b,y\n" + BODY).replace("\n", "\r\n"),
    "blank lines": ("a,b,y\n" + BODY).replace("\n", "\n\n") + "\n\n",
    "utf-8 with a mark": b"\xef\xbb\xbf" + ("a,b,y\n" + BODY).encode(),
    "utf-16": ("a,b,y\n" + BODY).encode("utf-16"),
    "separators at the end": "a,b,y,\n" + BODY.replace("\n", ",\n"),
    "separators at the end of rows": "a,b,y\n" + BODY.replace("\n", ",\n"),
    "empty rows": "a,b,y\n" + BODY + ",,\n,,\n",
    "quotes": "a,b,y\n" + "".join(f'"{line.replace(",", chr(34) + "," + chr(34))}"\n' for line in BODY.split()),
    "tabs": ("a,b,y\n" + BODY).replace(",", "\t"),
    "pipes": ("a,b,y\n" + BODY).replace(",", "|"),
    "spaces": ("a,b,y\n" + BODY).replace(",", "   "),
    "names of rows": "a b y\n"
    + "".join(f"row{i} {line}\n" for i, line in enumerate(BODY.replace(",", " ").split("\n")[:-1])),
    "comments": "# made\na,b,y\n# units\n" + BODY,
    "names in a comment": "# a,b,y\n" + BODY,
    "bzip2": bz2.compress(("a,b,y\n" + BODY).encode()),
    "xz": lzma.compress(("a,b,y\n" + BODY).encode()),
}


@pytest.mark.parametrize("content", READ.values(), ids=READ)
def test_files_are_read_however_they_are_written(content, tmp_path):
    task = Tabular(path=saved(tmp_path, content), target="y", kind="regression")
    assert load(task).encoding.names == ["a", "b"]
    assert column(task, "b").tolist() == [i % 7 for i in range(30)]
    assert task.table.targets[0].values.tolist() == [i / 4 for i in range(30)]


SAID = {
    "separators at the end of rows": "'y' is a number",
    "empty rows": "2 empty rows left out",
    "comments": "2 comment lines (#) skipped",
    "names in a comment": "names from the comment 'a, b, y'",
    "utf-16": "a text in UTF-16",
    "xz": "unpacked from xz",
    "names of rows": "columns separated by spaces; column 1 without a name, which names the rows, left out",
}


@pytest.mark.parametrize("what", SAID)
def test_how_a_file_was_read_is_said(what, tmp_path):
    assert SAID[what] in notes(Tabular(path=saved(tmp_path, READ[what]), target="y", kind="regression"))


def test_other_encodings_and_archives(tmp_path):
    rows = "".join(f"{'Köln' if i % 2 else 'Liège'},{i},{i / 4}\n" for i in range(30))
    western = saved(tmp_path, ("town,a,y\n" + rows).encode("cp1252"))
    assert load(Tabular(path=western, target="y")).encoding.names == ["a", "town=Köln", "town=Liège"]
    assert "no text in UTF-8, read as cp1252" in notes(Tabular(path=western, target="y"))
    russian = saved(tmp_path, ("town,a,y\n" + rows.replace("Köln", "Москва, Россия"[:6])).encode("koi8-r", "replace"))
    named = Tabular(path=russian, target="y", encoding="koi8-r")
    assert "town=Москва" in load(named).encoding.names
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        archive.writestr("folder/one.csv", "a,b,y\n" + BODY)
    assert Tabular(path=str(tmp_path / "one.zip"), target="y").inputs == 2
    with zipfile.ZipFile(tmp_path / "one.zip", "a") as archive:
        archive.writestr("two.csv", "a,b,y\n" + BODY)
    with pytest.raises(ValueError, match="it holds 2 files, and which one to read is not clear; unpack it"):
        _ = Tabular(path=str(tmp_path / "one.zip"), target="y").inputs


WRONG = [
    ("a,b,y\n" + BODY + "3,4\n" + BODY, "row 31 has 2 of 3 fields; complete it or delete it"),
    ("a,b,y\n" + BODY + "3,4,5,6\n" + BODY, "row 31 has 4 fields, and the header 3; put texts with separators in"),
    ("a,a,y\n" + BODY, "path: 2 columns of "),
    ("a,b,y\n" + BODY + "7,$5,1\n", "column 'b' holds numbers, but '$5' in row 31; put a number there or leave"),
    (b"\x1f\x8bno", "(it is damaged: "),
    (bytes(range(128, 256)) * 9, "(it is no text in UTF-8); give a CSV or Parquet file, or name its encoding"),
    ("a,b,y\n" + BODY.replace("2.5", "2024-05"), "target: 'y' holds numbers, but '2024-05' in row 11"),
]


@pytest.mark.parametrize(("content", "sentence"), WRONG)
def test_what_is_wrong_is_said(content, sentence, tmp_path):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its whole text is compared below
        _ = Tabular(path=saved(tmp_path, content), target="y").inputs
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


WIDE = "".join(f"{i},{i % 7},{i % 3},{i % 4},{i % 5},{i / 4}\n" for i in range(30))
EUROPE = BODY.replace(",", ";").replace(".", ",")
MEANT = {
    "decimal commas": ("a;b;y\n" + EUROPE, ["a", "b"]),
    "decimal commas without names": (EUROPE, "header: the first row of"),
    "what spreadsheets write": ("sep=;\na;b;y\n" + EUROPE, ["a", "b"]),
    "utf-16 without a mark": (("a,b,y\n" + BODY).encode("utf-16-be"), ["a", "b"]),
    "wavelengths": ("400.5,401,401.5,402,402.5,y\n" + WIDE, ["400.5", "401", "401.5", "402", "402.5"]),
    "years": ("2019,2021,y\n" + BODY, ["2019", "2021"]),
    "a name and numbers": ("p0,3,7\n" + BODY, "header: the first row of"),
    "a title": ("Report\n\na,b,y\n" + BODY, "(its first line has 1 field and the next 3; begin lines above the names"),
    "percent and not": (
        "a,b,y\n" + "".join(f"{i},{i}{'%' * (i > 3)},{i / 4}\n" for i in range(30)),
        "path: column 'b' holds numbers (percent), but '1' in row 2; put a number there or leave the field empty",
    ),
    "dates to learn": (
        "a,y\n" + "".join(f"{i},2024-01-{i + 1:02d}\n" for i in range(30)),
        "target: 'y' holds dates; task.dates=days learns days since 1970",
    ),
    "lists in fields": (
        "a,tags,y\n" + "".join(f"{i},u;{'vw'[i % 2]},{i / 4}\n" for i in range(30)),
        ["a", "tags=u;v", "tags=u;w"],
    ),
}


@pytest.mark.parametrize(("content", "right"), MEANT.values(), ids=MEANT)
def test_what_a_file_means(content, right, tmp_path):
    task = Tabular(path=saved(tmp_path, content), target="y")
    if isinstance(right, list):
        assert load(task).encoding.names == right
        return
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its whole text is compared below
        _ = task.inputs
    assert right in str(caught.value)


def test_words_for_nothing_may_be_most_of_the_classes(tmp_path):
    rows = "".join(f"{i},{('NA', 'EU', 'null')[i % 3]}\n" for i in range(30))
    assert Tabular(path=saved(tmp_path, "a,y\n" + rows), target="y").table.classes == ("EU", "NA", "null")


def test_short_rows_are_not_filled_up():
    with pytest.raises(ValueError, match=r"short_mid.csv' \(row 10 has 1 of 3 fields; complete it or delete it\)"):
        _ = case("short_mid.csv").inputs
