"""The comparing half of scripts/replay: blind to times, and to nothing else."""

import json
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT
from PIL import Image

sys.path.insert(0, str(ROOT / "scripts"))
from replay_cases import cases
from replay_compare import Recording, differences

RECORD = {"status": "done", "seconds": 1.5, "started": "2026-01-01T00:00:00+00:00", "test": {"mse": {"0": 0.125}}}
SAID = "training  step 4/12  train 9  val 9  10 evals/s  2 s left\ntraining  step 12/12  train 7  val 8  62 evals/s\n"


def recording(path, record=RECORD, said=SAID, timing="0,0.5,1", weight=1.0, gray=9, more=()):
    """A case as scripts/replay leaves it, with one run."""
    run = path / "work" / "run"
    run.mkdir(parents=True)
    (path / "said").mkdir()
    (path / "case.json").write_text(json.dumps({"at": str(path / "work"), "tree": "/somewhere"}))
    (path / "said" / "01.txt").write_text(f"{said}2 seeds in {len(path.name)}.1 s\n{path}/work/run\n")
    (run / "run.json").write_text(json.dumps(record, indent=2))
    (run / "timings.csv").write_text(f"step,seconds,evaluations\n{timing}\n")
    torch.save({"state": {"coef": torch.tensor([1.0, weight])}}, run / "model.pt")
    Image.fromarray(np.full((2, 2), gray, np.uint8)).save(run / "loss.png")
    (run / "latest").symlink_to("v001")
    for name in more:
        (run / name).touch()
    return Recording.read(path)


def found(tmp_path, **changes):
    return list(differences(recording(tmp_path / "before"), recording(tmp_path / "after", **changes)))


def test_two_recordings_that_differ_in_time_alone_are_the_same(tmp_path):
    later = RECORD | {"seconds": 99.0, "started": "2027-02-03T04:05:06+00:00"}
    said = SAID.replace("62 evals", "1,234 evals").partition("\n")[2]  # quick enough for the last line alone
    assert found(tmp_path, record=later, said=said, timing="0,0.75,1") == []


def test_a_file_that_a_run_names_lies_in_the_folder_of_its_recording(tmp_path):
    sides = []
    for name, word in zip(("one", "two", "old", "new"), ["task.path=mine.csv"] * 2 + ["steps=3"] * 2, strict=True):
        record = RECORD | {"overrides": [word], "config_hash": name, "config_sha256": name}
        sides.append(recording(tmp_path / name, record=record | {"files": {"model.pt": {"size": 9, "sha256": name}}}))
        run = tmp_path / name / "work" / "run"
        torch.save({"config": {"path": str(run)}}, run / "model.pt")
    assert list(differences(*sides[:2])) == []
    assert any("config_hash" in text for text in differences(*sides[2:]))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"record": RECORD | {"test": {"mse": {"0": 0.126}}}},
            'work/run/run.json, line 7 (of 1 that differ)\n    before:       "0": 0.125\n    after:        "0": 0.126',
        ),
        ({"record": RECORD | {"status": "failed"}}, 'after:    "status": "failed",'),
        ({"said": SAID.replace("train 7", "train 6")}, "said/01.txt, line 1 (of 1 that differ)\n    before: training"),
        ({"said": SAID + "warning: something\n"}, "    after:  warning: something"),
        ({"timing": "0,0.5,2"}, "timings.csv, line 2 (of 1 that differ)\n    before: 0,<seconds>,1\n"),
        ({"timing": "0,0.5,1\n1,0.6,2"}, "before: <end of file>\n    after:  1,<seconds>,2"),
        (
            {"weight": 1.0 + 2**-23},
            "model.pt, state.coef: 1 of 2 numbers differ\n    before: 1.0\n    after:  1.00000011",
        ),
        ({"gray": 10}, "loss.png: 4 of 4 pixels differ"),
        ({"more": ["new.csv"]}, "work/run/new.csv: only after"),
    ],
    ids=lambda v: "+".join(v) if isinstance(v, dict) else "",
)
def test_whatever_else_differs_is_named(tmp_path, changes, sentence):
    (difference,) = found(tmp_path, **changes)
    assert sentence in difference


def test_every_option_of_the_tree_is_in_the_set():
    commands = " ".join(step.command for case in cases(ROOT / "conf") for step in case.steps)
    for group in ("layer", "init", "reg", "optimizer", "model", "task", "experiment"):
        options = [file.stem for file in (ROOT / "conf" / group).glob("[!_]*.yaml")]
        assert options
        for name in options:
            assert f"{group}={name} " in commands + " "
