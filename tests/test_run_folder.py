import errno
import json
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from kanexp.error import ConfigError
from kanexp.folder.file import UnreadableRun
from kanexp.folder.names import FORMAT
from kanexp.folder.record import Record, SeedStatus
from kanexp.folder.run_folder import RunFolder
from kanexp.folder.version import find_runs, new_version
from kanexp.score.score import Score


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_is_called_latest_and_is_no_link_stays(kind, tmp_path, capsys):
    there = tmp_path / "name" / "latest"
    there.parent.mkdir()
    there.mkdir() if kind == "folder" else there.write_text("mine")
    assert new_version(str(tmp_path), "name").name == "v001"
    assert capsys.readouterr().err == (
        f"warning: '{there}' is no link and is left as it is; move it away to find the newest version there\n"
    )
    assert there.is_dir() if kind == "folder" else there.read_text() == "mine"
    assert sorted(path.name for path in there.parent.iterdir()) == ["latest", "v001"]


def test_versions_count_up_and_latest_points_at_the_newest(tmp_path):
    made = [new_version(str(tmp_path), "name") for _ in range(3)]
    assert [m.name for m in made] == ["v001", "v002", "v003"]
    assert os.readlink(tmp_path / "name" / "latest") == "v003"
    (tmp_path / "name" / "v041").mkdir()
    assert new_version(str(tmp_path), "name").name == "v042"


def test_ten_runs_at_once_get_ten_versions(tmp_path):
    with ProcessPoolExecutor(5) as pool:
        made = list(pool.map(new_version, [str(tmp_path)] * 10, ["name"] * 10))
    assert sorted(m.name for m in made) == [f"v{i:03d}" for i in range(1, 11)]


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"output_dir: cannot write to .* choose another with output_dir=PATH"):
        new_version(str(tmp_path / "file"), "name")


def test_a_place_that_the_system_protects(tmp_path, monkeypatch):
    def refuse(path, *given, **more):  # as it does to anyone but root, who may run these tests
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(ConfigError, match=r"output_dir: cannot write to '.*name' \(Permission denied\); choose"):
        new_version(str(tmp_path), "name")


RECORD = Record("running", choices={}, overrides=[], seeds=[3], widths=[2, 1])


def test_records(tmp_path):
    folder = RunFolder(tmp_path)
    record = replace(RECORD, status="done", seed_status={3: SeedStatus("diverged", 7, "its loss is not finite")})
    record = replace(record, test={"auc": {3: None}}, scores={"auc": Score("auc", "higher")}, evaluations={3: 8})
    folder.write_record(record)
    assert folder.read_record() == record
    assert list(tmp_path.iterdir()) == [tmp_path / "run.json"]  # nothing temporary is left


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "no run.json"),
        ('{"format": 1, "sta', "damaged"),
        ("[]", "damaged"),
        ("{}", "damaged"),
        (json.dumps({"format": FORMAT + 1}), "update kanexp"),
    ],
)
def test_records_that_cannot_be_read(tmp_path, content, why):
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(UnreadableRun, match=why):
        RunFolder(tmp_path).read_record()


def test_metrics_are_on_disk_while_running(tmp_path):
    folder = RunFolder(tmp_path)
    with folder.logs() as logs:
        logs.metrics(0, [3, 7], "loss", [0.1, 1 / 3])
        logs.timing(0, 1.25, 2)
        assert folder.metrics.read_text() == "step,seed,metric,value\n0,3,loss,0.1\n0,7,loss,0.333333333\n"


def test_runs_are_found_below_and_links_do_not_double_them(tmp_path):
    for name in ("a", "b"):
        path = new_version(str(tmp_path), name)
        RunFolder(path).write_record(RECORD)
    sweep = new_version(str(tmp_path), "sweep")
    for job in ("one", "two"):
        (sweep / job).mkdir()
        RunFolder(sweep / job).write_record(RECORD)
    assert len(find_runs(tmp_path)) == 4
    assert [f.path.name for f in find_runs(sweep)] == ["one", "two"]
    assert [f.path for f in find_runs(tmp_path / "a" / "latest")] == [tmp_path / "a" / "latest"]
    assert find_runs(Path(tmp_path / "nothing")) == []


def test_runs_are_found_in_the_order_of_the_numbers_in_their_names(tmp_path):
    names = ["²", "degree=5", "degree=5-glorot", "degree=20", "learning_rate=0.01", "learning_rate=1", "trial-002"]
    for name in sorted(names):
        (tmp_path / name).mkdir()
        RunFolder(tmp_path / name).write_record(RECORD)
    assert [folder.path.name for folder in find_runs(tmp_path)] == [*names[1:], names[0]]
