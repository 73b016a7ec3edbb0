import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch

from kanexp.cli import main
from kanexp.paths import find_plugins
from kanexp.seeding import generator

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "tests" / "reference"


# The same examples in every run, however long one takes on a busy machine.
hypothesis.settings.register_profile("kanexp", derandomize=True, deadline=None)
hypothesis.settings.load_profile("kanexp")
find_plugins()  # as every command does first: Hydra looks for plugins once in a process


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=0, help="of the random inputs that tests draw; each has its own")
    parser.addoption("--no-skips", action="store_true", help="a test that is skipped fails, unless a GPU decides it")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Where everything is said to be installed, a skipped test has not found what is."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("no_skips"):
        reason = str(report.longrepr[2])
        if "GPU" not in reason:
            report.outcome, report.longrepr = "failed", f"--no-skips: {reason}"
    return report


def pytest_report_header() -> str:
    if torch.cuda.is_available():
        return f"GPU: {torch.cuda.get_device_name()}; what concerns devices is tested on it as well"
    return "GPU: none found; on one, only shapes and a mix of devices are tested (test_device.py)"


@pytest.fixture(autouse=True)
def denormals():
    """Commands that ran in this process leave the smallest numbers as other tests expect them."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def layers() -> dict:
    """Outputs, slopes and penalties of published layers for given weights."""
    return json.loads((REFERENCE / "layers.json").read_text())


@pytest.fixture
def draws(request) -> torch.Generator:
    """Random numbers of the case's own, the same in every run; other ones by --seed."""
    seed = request.config.getoption("seed")
    print(f"random inputs: --seed {seed}")  # seen where the case fails
    return generator(seed, request.node.nodeid)


@pytest.fixture
def randn(draws):
    """torch.randn in float64, from the case's own random numbers."""
    return partial(torch.randn, generator=draws, dtype=torch.float64)


@pytest.fixture
def rng(draws) -> np.random.Generator:
    """The same of NumPy."""
    return np.random.default_rng(draws.initial_seed() % 2**64)


@pytest.fixture
def kanexp(tmp_path):
    """The real command in a folder of its own: kanexp("layer=fourier", ...) -> CompletedProcess."""

    def command(*words: str, cwd: Path = tmp_path, **more) -> subprocess.CompletedProcess:
        environment = os.environ | {"COLUMNS": "120", "PYTHONWARNINGS": "error"}
        more = {"env": environment, "capture_output": True, "text": True, "timeout": 300} | more
        return subprocess.run([sys.executable, "-m", "kanexp.cli", *words], cwd=cwd, check=False, **more)

    return command


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """The same within this process, without the seconds that one takes to start."""

    def command(*words: str, cwd: Path = tmp_path) -> subprocess.CompletedProcess:
        monkeypatch.chdir(cwd)
        monkeypatch.setenv("COLUMNS", "120")
        said, wrong = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(wrong):
            code = main(list(words))
        return subprocess.CompletedProcess(words, code, said.getvalue(), wrong.getvalue())

    return command


@pytest.fixture
def here(lab, tmp_path, monkeypatch):
    """A copy of the folder that a file's own `lab` has made, where we are."""
    shutil.copytree(lab, tmp_path / "lab", symlinks=True)
    monkeypatch.chdir(tmp_path / "lab")
    return tmp_path / "lab"
