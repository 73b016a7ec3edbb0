"""What each job of a sweep costs beside its training: scripts/bench_sweep.py [JOBS].

Prints milliseconds per job for composing and checking, planning and writing, starting a process, and figures, each
measured alone on one core with jobs of the smallest network; and the size of a job's folder.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SMALL = ["task=function", "layer=chebyshev", "seeds=5", "steps=1", "widths=[in,3,out]", "task.train=50"]


def main(jobs: int) -> None:
    from kanexp.config.catalog import Catalog, config_folder
    from kanexp.config.compose import load
    from kanexp.folder.sweep_folder import SweepFolder
    from kanexp.paths import find_plugins
    from kanexp.sweep import plan
    from kanexp.sweep.sweep import check
    from kanexp.train.ensemble import packs

    find_plugins()
    catalog = Catalog((config_folder(),))
    rates = ",".join(f"{1e-4 * 1.01**i:.6g}" for i in range(jobs))
    words, each = measured("compose", jobs, lambda: load([*SMALL, f"optimizer.learning_rate={rates}"], catalog, True))
    (experiments, samples), more = measured("check", jobs, lambda: check(words))
    _, third = measured("pack", jobs, lambda: packs(experiments, samples))
    with tempfile.TemporaryDirectory() as folder:
        todo = plan.new(SweepFolder(Path(folder)), words)
        todo.packs = [[i] for i in range(jobs)]
        _, fourth = measured("write the plan", jobs, lambda: todo.write(""))
        measured("read it again, as every process does", 1, lambda: plan.read(todo.folder))
    print(f"together {each + more + third + fourth:.1f} ms per job in the command itself")
    measured("a process of its own that imports torch", 1, lambda: python("import kanexp.sweep.worker"))
    with tempfile.TemporaryDirectory() as folder:
        _, one = measured("a pack of one job", 1, lambda: sweep(folder, 1))
        _, many = measured("a pack of 16 jobs", 1, lambda: sweep(folder, 16))
        print(f"so {(many - one) / 15:.0f} ms per job for scores, files and figures")
        made = list(Path(folder).rglob("run.json"))
        sizes = [file.stat().st_size for record in made for file in record.parent.rglob("*") if file.is_file()]
        print(f"{sum(sizes) / len(made) / 1024:.0f} KiB and {len(sizes) / len(made):.0f} files per job")


def measured(what: str, count: int, work):
    """What the work gives, and milliseconds per job, which are printed."""
    began = time.perf_counter()
    result = work()
    each = 1000 * (time.perf_counter() - began) / count
    print(f"{what}: {each:.2f} ms{' per job' if count > 1 else ''}", flush=True)
    return result, each


def python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def sweep(folder: str, jobs: int) -> None:
    """By the real command, in one process."""
    rates = ",".join(f"{1e-4 * 1.01**i:.6g}" for i in range(jobs))
    words = ["-m", *SMALL, f"optimizer.learning_rate={rates}", f"name=of_{jobs}", "launcher.workers=1"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "kanexp.cli", *words]
    subprocess.run(command, check=True, cwd=folder, env=environment, capture_output=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
