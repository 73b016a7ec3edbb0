"""Commands: all of one shape, each found by its name."""

import argparse
from importlib import import_module

import pytest
from conftest import ROOT

from kanexp.command.overview import COMMANDS

NAMES = ["run", *COMMANDS]


def test_every_file_with_a_command_is_in_the_table():
    files = (ROOT / "kanexp" / "command").glob("*.py")
    assert sorted(NAMES) == sorted(file.stem for file in files if "\ndef command(" in file.read_text())


@pytest.mark.parametrize("name", NAMES)
def test_a_command_has_a_parser_with_its_name(name):
    parser = import_module(f"kanexp.command.{name}").parser()
    assert isinstance(parser, argparse.ArgumentParser)
    assert parser.prog == ("kanexp" if name == "run" else f"kanexp {name}")


def test_help_has_a_line_for_every_command(kanexp):
    usage = kanexp("--help").stdout.split("usage:\n")[1].split("\n\n")[0].splitlines()
    assert [line.split()[1] for line in usage[2:]] == list(COMMANDS)
    columns = {len(line) - len(line.split("  ")[-1].strip()) for line in usage}
    assert len(columns) == 1, "what commands do stands in one column"
