"""Sweeps by the real command: small ones, what they leave, and how they are broken off."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

SMALL = ["task=function", "layer=chebyshev", "seeds=3", "steps=30", "widths=[in,3,out]", "task.train=50"]


NAME = "name=x"


def folders(root: Path, version: str = "v001") -> list[str]:
    return sorted(path.parent.name for path in (root / f"outputs/x/{version}").glob("*/run.json"))


def record(root: Path, job: str, version: str = "v001") -> dict:
    return json.loads((root / f"outputs/x/{version}/{job}/run.json").read_text())


def results(root: Path) -> dict[str, bytes]:
    """Every file of every job that is no measurement of time, by its place."""
    found = {p.relative_to(root): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}
    left = {p: data for p, data in found.items() if ".packs" not in p.parts and p.name not in ("timings.csv", ".lock")}
    return {str(p): _untimed(data) if p.name == "run.json" else data for p, data in left.items()}


def _untimed(record: bytes) -> bytes:
    """A run.json without what is measured in seconds, and without the digests that see it."""
    timed = rb'"(started|ended|seconds|train_seconds|milliseconds_per_step|peak_memory_bytes)": .*'
    return re.sub(rb'"timings\.csv": \{[^}]*\}|"seal": .*', b"", re.sub(timed, b"", record))


def user_starts(root: Path, **bodies: str) -> None:
    """Starts of a user's own: what each does before it returns Glorot's."""
    (root / "conf/init").mkdir(parents=True)
    code = "import os, signal, time\nimport torch\nfrom kanexp.init.glorot import Glorot\n"
    for name, body in bodies.items():
        code += f"class {name.title()}(Glorot):\n    def coef(self, *given):\n        {body}\n"
        code += "        return super().coef(*given)\n"
        (root / f"conf/init/{name}.yaml").write_text(f"# Mine.\n_target_: mine.{name.title()}\n")
    (root / "mine.py").write_text(code)


RESTING = """\
import os, time
from pathlib import Path
from kanexp.train.checkpoint import Checkpoint

save, saved = Checkpoint.save, []

def save_and_rest(*given):
    save(*given)
    saved.append(None)
    if len(saved) == 100:
        Path(__file__).with_name(f"{os.getpid()}.rests").touch()
        time.sleep(600)

Checkpoint.save = save_and_rest
"""


def start_and_rest(root: Path, *words: str) -> subprocess.Popen:
    """A command whose training has come to its hundredth step, with checkpoint=0, and goes no further."""
    folder = root.with_name(f"{root.name}-rests")
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(RESTING)
    paths = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    process = start(root, *words, env=os.environ | {"PYTHONPATH": paths})
    wait_for(folder, "*.rests", process)
    return process


def start(root: Path, *words: str, env: dict[str, str] | None = None) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "kanexp.cli", *words],
        cwd=root,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_with_usual_signals,
    )


def _with_usual_signals() -> None:
    """As in a terminal, though the tests themselves may be behind nohup or in the background."""
    for name in (signal.SIGINT, signal.SIGHUP):
        signal.signal(name, signal.SIG_DFL)


def wait_for(root: Path, pattern: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while not list(root.glob(pattern)) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list(root.glob(pattern)), f"no {pattern} came up"


def workers(root: Path) -> list[int]:
    """Processes that work in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "cwd") == str(root):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def assert_none_left(root: Path) -> None:
    deadline = time.monotonic() + 20
    while (left := workers(root)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left
