"""scripts/ablation: what each word for hard equations does by itself."""

import re
import sys

import pytest
from conftest import ROOT

from kanexp.config.catalog import find_catalog
from kanexp.config.compose import load
from kanexp.config.experiment import build_experiment
from kanexp.folder.record import Record

sys.path.insert(0, str(ROOT / "scripts"))
import ablation

WORDS = ("off", "attention")


def composed(*given):
    (config,) = load(given, find_catalog())
    return config


def test_the_words_of_the_ablation_were_found():
    assert len(ablation.WORDS) == 9
    assert len(ablation.PROBLEMS) == 4


@pytest.mark.parametrize("word", ablation.WORDS)
def test_every_word_changes_what_it_says_and_nothing_else(word):
    usual = ["task=burgers", *ablation.USUAL.split(), "steps=60"]
    plain, changed = (composed(*usual, *own).values for own in ([], ablation.words(word, 60)))
    different = {
        f"{group}.{key}"
        for group in ("task", "model", "layer", "optimizer")
        for key in plain[group]
        if plain[group][key] != changed[group][key]
    }
    assert different == {text.split("=")[0] for text in ablation.words(word, 60)}
    build_experiment(composed(*usual, *ablation.words(word, 60)))


def test_a_table_holds_what_runs_came_to(capsys):
    assert ablation.main(["--only", "off", "attention", "--problems", "burgers", "--steps", "4", "--seeds", "2"]) == 0
    out = capsys.readouterr().out
    off, attention = (re.search(rf"^\| {word} \| (\S+) \((\S+) to (\S+)\) \|$", out, re.M).groups() for word in WORDS)
    assert off != attention
    for middle, low, high in (off, attention):
        assert 0 < float(low) <= float(middle) <= float(high)
    assert re.search(r"^\| off \| [\d.]+ \|\n\| attention \| [\d.]+ \|$", out, re.M)


def test_a_cell_is_the_median_and_the_range():
    record = Record("done", {}, [], [0, 1, 2], [], test={"relative_l2": {0: 0.5, 1: 0.25, 2: 4.0}})
    record.evaluations = {0: 7, 1: 9, 2: 8}
    assert ablation.errors(record) == "0.5 (0.25 to 4)"
    assert ablation.spent(record) == "8"


@pytest.mark.parametrize("given", [["--only", "loud"], ["--problems", "poisson"], ["--steps", "few"]])
def test_what_it_does_not_know_is_said(given, capsys):
    with pytest.raises(SystemExit):
        ablation.main(given)
    assert f"{given[0]}: invalid" in capsys.readouterr().err


def test_a_run_that_fails_says_why():
    with pytest.raises(SystemExit, match="steps: must be at least 1, got -1"):
        ablation.measure("burgers", "off", -1, 2)
