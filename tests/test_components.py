"""Every part in conf/ is found by itself, so that every battery runs over it."""

import re
import sys

import pytest
from conftest import ROOT
from helpers import components
from helpers.components import (
    BASES,
    INCOMPLETE,
    INITS,
    LOGGERS,
    MODELS,
    OPTIMIZERS,
    REGS,
    TASKS,
    classes,
    instances,
    name,
)

from kanexp.seeding import generator
from kanexp.task.base import Task

LISTS = {
    "layer": BASES,
    "init": INITS,
    "reg": REGS,
    "model": MODELS,
    "optimizer": OPTIMIZERS,
    "task": TASKS,
    "logger": LOGGERS,
}


def test_every_kind_of_part_has_its_list():
    files = (ROOT / "conf").glob("*/[!_]*.yaml")
    assert set(LISTS) == {file.parent.name for file in files if "_target_" in file.read_text()}


@pytest.mark.parametrize("group", LISTS)
def test_every_part_is_in_its_list(group):
    found, listed = classes(group), LISTS[group]
    assert set(found) == {file.stem for file in (ROOT / "conf" / group).glob("[!_]*.yaml")}
    assert len(found) > 1
    complete = {option: cls for option, cls in found.items() if f"{group}/{option}" not in INCOMPLETE}
    assert {name(cls()) for cls in complete.values()} <= {name(part) for part in listed}
    found.pop("custom", None)  # for which test_init.py makes a file
    assert {type(part) for part in listed} == set(found.values())
    assert len({name(part) for part in listed}) == len(listed)


@pytest.mark.parametrize("option", INCOMPLETE)
def test_what_is_incomplete_says_what_it_lacks(option, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # pictures that this machine may have kept
    monkeypatch.setitem(sys.modules, "pooch", None)  # which would fetch them
    group, stem = option.split("/")
    with pytest.raises(ValueError, match=re.escape(INCOMPLETE[option])):
        use(classes(group)[stem])


def use(cls):
    """Make one by its defaults; of a task, read its data."""
    part = cls()
    if isinstance(part, Task):
        part.load(generator(0, "data"))


def test_a_new_part_is_two_files(tmp_path, monkeypatch):
    (tmp_path / "conf" / "layer").mkdir(parents=True)
    (tmp_path / "conf" / "layer" / "mine.yaml").write_text("_target_: mine_of_a_test.Mine\n")
    (tmp_path / "mine_of_a_test.py").write_text("class Mine:\n    __repr__ = lambda self: 'Mine()'\n")
    monkeypatch.setattr(components, "ROOT", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert [str(part) for part in instances("layer", [1, 1])] == ["Mine()", "1"]
