"""How an environment is made, and what is known of what is in it."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution

import pytest
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
PINS = {
    canonicalize_name(name): version
    for name, version in re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "scripts/constraints.txt").read_text(), re.MULTILINE)
}


# -- versions -------------------------------------------------------------------------------------------------------


def wanted(requirements: list[str], extras: set[str]) -> list[Requirement]:
    """Those that hold here."""
    found = [Requirement(text) for text in requirements]
    return [r for r in found if r.marker is None or any(r.marker.evaluate({"extra": extra}) for extra in {"", *extras})]


def reached(start: list[Requirement]) -> Iterator[Requirement]:
    """With what these need in turn, as far as the known versions are installed."""
    left, seen = list(start), set()
    while left:
        requirement = left.pop()
        if str(requirement) not in seen:
            seen.add(str(requirement))
            yield requirement
            left += wanted(needs(requirement.name), requirement.extras)


def needs(package: str) -> list[str]:
    """None of torch's, whose build for a GPU brings libraries of its own."""
    try:
        here = distribution(package)
    except PackageNotFoundError:
        return []
    return (here.requires or []) if package != "torch" and here.version == known(package) else []


def known(package: str) -> str | None:
    return PINS.get(canonicalize_name(package))


@pytest.mark.parametrize("extra", ["", *sorted(set(EXTRAS) - {"bench", "all"})])
def test_every_package_has_one_known_version_that_all_agree_to(extra):
    start = wanted(EXTRAS[extra] if extra else PROJECT["dependencies"], set())
    unknown = [str(r) for r in reached(start) if not (known(r.name) and r.specifier.contains(known(r.name)))]
    assert unknown == []


def test_all_is_every_extra_but_the_benchmarks():
    (everything,) = EXTRAS["all"]
    assert Requirement(everything).extras == set(EXTRAS) - {"all", "bench", "dev"}


# -- scripts/setup --------------------------------------------------------------------------------------------------

# Stands in for Python: makes a venv that has itself in it, and writes down what it is asked for.
PYTHON = """\
[[ $1 == -c ]] && exit
if [[ $1 == --version ]]; then echo Python 3.12; exit; fi
echo "${@: -1}" >> "$LOG"
if [[ $2 == venv ]]; then rm -rf "${@: -1}"; mkdir -p "${@: -1}/bin"; cp "$0" "${@: -1}/bin/python"; fi
"""


@pytest.fixture
def setup(tmp_path):
    """scripts/setup in a checkout of its own, with few other commands: setup("--all") -> what it asked of others."""
    (tmp_path / "scripts").mkdir()
    for name in ("pyproject.toml", "scripts/constraints.txt", "scripts/setup"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "bin").mkdir()
    for name in ("bash", "cat", "cp", "dirname", "grep", "mkdir", "rm"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    for name, script in {"python3": PYTHON, "apt-get": 'echo "apt-get $*" >> "$LOG"', "id": "echo $USER_ID"}.items():
        (tmp_path / "bin" / name).write_text(f"#!/usr/bin/env bash\n{script}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    log = tmp_path / "log"

    def command(*words: str, user: int = 0) -> list[str]:
        log.write_text("")
        environment = {"PATH": str(tmp_path / "bin"), "LOG": str(log), "USER_ID": str(user)}
        script = [tmp_path / "scripts/setup", *words]
        done = subprocess.run(script, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        command.told = done.stderr
        return [line.replace(str(tmp_path), "HERE") for line in log.read_text().splitlines()]

    return command


TORCH = f"torch=={PINS['torch']}"
CHROMIUM = ["apt-get -qq update", "apt-get -qq install --no-install-recommends chromium"]


def test_all_extras_come_on_top_and_stay(setup, tmp_path):
    assert setup() == ["HERE/.venv", TORCH, "HERE[dev]"]
    assert setup() == []
    assert setup("--all") == [TORCH, "HERE[dev,all]", *CHROMIUM]
    assert setup("--all") == CHROMIUM, "as long as there is none"
    assert setup() == []
    os.utime(tmp_path / "pyproject.toml", (2**32, 2**32))
    assert setup() == ["HERE/.venv", TORCH, "HERE[dev,all]"]


def test_where_chromium_cannot_be_installed_a_sentence_says_how(setup, tmp_path):
    assert setup("--all", user=1000)[-1] == "HERE[dev,all]"
    assert (
        "no Chromium here, so no test in a browser; on Debian, 'sudo apt-get install chromium' brings it" in setup.told
    )
    (tmp_path / "bin/chromium").symlink_to(shutil.which("true"))
    assert setup("--all", user=1000) == []
    assert setup.told == ""


# -- no test is skipped ---------------------------------------------------------------------------------------------

SKIPPED = """
import pytest
def test_gpu(): pytest.skip("torch finds no GPU")
@pytest.mark.skipif(True, reason="needs an extra")
def test_extra(): pass
def test_browser(): pytest.skip("no browser")
def test_good(): pass
"""


def test_where_none_may_be_a_skipped_test_is_no_success(tmp_path):
    (tmp_path / "test_skipped.py").write_text(SKIPPED)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests")}
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider", "--no-skips", tmp_path]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "1 failed, 1 passed, 1 skipped, 1 error" in done.stdout.splitlines()[-1]
    assert "--no-skips: Skipped: no browser" in done.stdout
    assert "--no-skips: Skipped: needs an extra" in done.stdout
    assert done.returncode == 1
