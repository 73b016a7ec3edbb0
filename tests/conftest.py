import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "tests" / "reference"


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
