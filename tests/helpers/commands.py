"""Commands that pages show, checked without being carried out."""

import contextlib
import io
import os
import re
import shlex
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from unittest import mock

from conftest import ROOT

from kanexp.cli import main

# What is asked about folders, or files, that were made before.
READERS = (
    "report",
    "compare",
    "resume",
    "diagnose",
    "predict",
    "export",
    "explain",
    "figures",
    "formula",
    "prune",
    "runs",
    "audit",
    "watch",
)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def shown(page: str) -> list[str]:
    """Every command in a page's bash blocks and in its text, but for mere names and what trails off in dots."""
    blocks = [block for kind, block in BLOCK.findall(page) if kind == "bash"]
    lines = [re.sub(r"\s+# .*", "", line) for block in blocks for line in block.splitlines()]
    inline = re.findall(r"`((?:kanexp|python|pip|(?:\./)?scripts/\w+) [^`]+)`", BLOCK.sub("", page))
    asked = [" ".join(command.split()) for command in inline if command.split()[1:] not in [[name] for name in READERS]]
    return [command for command in dict.fromkeys([*lines, *asked]) if "..." not in command]


def check_command(command: str, folder: Path) -> None:
    """Raise AssertionError, or SystemExit, unless a command would run in a folder that has the files it names."""
    words = shlex.split(command)
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words = words[1:]
    if Path(words[0]).name == "kanexp":
        _check_kanexp(words[1:], folder)
    elif words[:2] == ["pip", "install"]:
        _check_extras(words[2:])
    elif words[:2] == ["python", "-c"]:
        compile(words[2], "-c", "exec")
    else:
        script = ROOT / (words[1] if words[0] == "python" else words[0])
        assert script.is_file(), f"{command}: there is no {script}"
        assert words[0] == "python" or os.access(script, os.X_OK), f"{script} cannot be run"


def _check_kanexp(words: list[str], folder: Path) -> None:
    """Its words compose, its rows and groups are known; of commands about folders, the options are right."""
    if words[0] in READERS:
        import_module(f"kanexp.command.{words[0]}").parser().parse_args(words[1:])
        return
    if words[0] == "reproduce":
        words = [*words, "--list"]
    elif words[0] not in ("list", "--help", "--cfg"):
        words = ["--cfg", *words]
    code, told = _run(words, folder)
    # What is not on this machine is asked for after the words are looked at, but for optuna, which reads them.
    missing = r"; install it with: pip install 'kanexp\[\w+\]'|there is no srun here; .*"
    assert code == 0 or re.fullmatch(rf"error: .*({missing})\n", told), told


def _run(words: list[str], folder: Path) -> tuple[int, str]:
    """Exit code and errors of the command in a folder, in this process, which it leaves as it was."""
    told = io.StringIO()
    with (
        contextlib.chdir(folder),
        mock.patch.dict(os.environ),
        mock.patch.object(sys, "path", [*sys.path]),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(told),
    ):
        return main(words), told.getvalue()


def _check_extras(words: list[str]) -> None:
    """This package, with extras that it has."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for word in words:
        package, extras = re.fullmatch(r"(\.|-e|kanexp|mlflow)(?:\[(.*)\])?", word).groups()
        assert set((extras or "").split(",")) <= {"", *known}, f"{package} has no extra {extras}"
