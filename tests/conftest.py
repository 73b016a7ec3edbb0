import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "tests" / "reference"


def pytest_report_header() -> str:
    if torch.cuda.is_available():
        return f"GPU: {torch.cuda.get_device_name()}; what concerns devices is tested on it as well"
    return "GPU: none found; on one, only shapes and a mix of devices are tested (test_device.py)"


@pytest.fixture(scope="session")
def layers() -> dict:
    """Outputs, slopes and penalties of published layers for given weights."""
    return json.loads((REFERENCE / "layers.json").read_text())


@pytest.fixture
def kanexp(tmp_path):
    """The real command in a folder of its own: kanexp("layer=fourier", ...) -> CompletedProcess."""

    def command(*words: str, cwd: Path = tmp_path, **more) -> subprocess.CompletedProcess:
        environment = os.environ | {"COLUMNS": "120", "PYTHONWARNINGS": "error"}
        more = {"env": environment, "capture_output": True, "text": True, "timeout": 300} | more
        return subprocess.run([sys.executable, "-m", "kanexp.cli", *words], cwd=cwd, check=False, **more)

    return command
