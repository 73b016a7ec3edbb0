"""kanexp --profile: where the time of a command goes."""

import pstats

import pandas as pd
import pytest

from kanexp.cli import main
from kanexp.command.profile import profiled
from kanexp.error import ConfigError

SMALL = ["task=function", "layer=chebyshev", "seeds=1", "steps=2", "widths=[in,2,out]", "diagnostics=false"]


def test_a_command_leaves_a_table_of_its_functions(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["--profile", "where.csv", "--cfg", *SMALL]) == 0
    said = capsys.readouterr().out
    assert "where.csv has all" in said
    table = pd.read_csv(tmp_path / "where.csv")
    assert list(table) == ["function", "where", "calls", "own_seconds", "total_seconds"]
    assert table["own_seconds"].is_monotonic_decreasing
    (of_command,) = table[table["where"].str.startswith("kanexp/command/run.py") & (table["function"] == "_runs")].index
    assert table["total_seconds"][of_command] >= 0.9 * table["own_seconds"].sum()
    assert not list(tmp_path.glob("outputs"))


def test_what_ends_in_an_error_is_profiled_as_well(tmp_path):
    def wrong():
        raise ConfigError("layer: wrong")

    with pytest.raises(ConfigError, match="layer: wrong"):
        profiled(wrong, tmp_path / "where.prof")
    assert any(name == "wrong" for _, _, name in pstats.Stats(str(tmp_path / "where.prof")).stats)


@pytest.mark.parametrize(
    ("file", "text"),
    [("where.txt", "must end in .csv (a table) or .prof (for pstats and snakeviz)"), ("no/where.csv", "no folder")],
)
def test_mistakes_are_told_before_anything_runs(file, text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["--profile", file, *SMALL]) == 2
    assert text in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())
