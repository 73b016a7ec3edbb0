"""What the README says, done as it says."""

import re
import shlex
import subprocess
import sys

from conftest import ROOT

from kanexp.config.catalog import Catalog, config_folder

README = (ROOT / "README.md").read_text()


def block(after: str) -> str:
    """The first fenced block behind a text."""
    return re.search(r"```\w+\n(.*?)```", README.split(after, 1)[1], re.DOTALL)[1]


def test_a_layer_of_ones_own_in_two_files(kanexp, tmp_path):
    (tmp_path / "power.py").write_text(block("`power.py`"))
    (tmp_path / "my_conf" / "layer").mkdir(parents=True)
    (tmp_path / "my_conf" / "layer" / "power.yaml").write_text(block("`my_conf/layer/power.yaml`"))
    check, run = block("Check it and run it").strip().splitlines()
    subprocess.run([sys.executable, *shlex.split(check)[1:]], cwd=tmp_path, check=True, timeout=60)
    done = kanexp(*shlex.split(run)[1:], "steps=20", "seeds=2")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "outputs/function-power-glorot/v001/figures/edges.png").is_file()
    for words in (["init=smooth"], ["init=default", "reg=frequency"], ["optimizer=lbfgs"]):
        done = kanexp("--config-dir", "my_conf", "task=function", "layer=power", "steps=5", "seeds=2", *words)
        assert done.returncode == 0, done.stderr
    assert "Powers of tanh(x)." in kanexp("list", "--config-dir", "my_conf").stdout


def test_the_table_of_words_names_every_option():
    for group, options in Catalog((config_folder(),)).options.items():
        if group != "experiment":
            (row,) = re.findall(rf"\| `{group}=` \| (.*?) \|", README)
            assert sorted(row.split(", ")) == list(options)


def test_the_commands_shown_are_right(kanexp):
    commands = [line.split("#")[0].strip() for line in block("## Use").splitlines()]
    assert len(commands) > 4
    for command in commands:
        words = shlex.split(command)[1:]
        if words[0] not in ("report", "compare", "resume", "reproduce", "diagnose", "list", "--help"):
            assert kanexp("--cfg", *words).returncode == 0, command


def test_the_numbers_were_filled_in():
    rows = re.search(r"<!-- numbers -->\n(.*?)<!-- /numbers -->", README, re.DOTALL)[1].splitlines()[2:]
    assert len(rows) > 4
    assert all(re.fullmatch(r"\| `kanexp .*`.* \| .*\d.* \|.*\|", row) for row in rows)


def test_the_pictures_shown_are_there():
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", README)
    assert len(pictures) > 1
    assert all((ROOT / path).is_file() for path in pictures)
