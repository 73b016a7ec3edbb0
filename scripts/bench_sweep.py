"""What each job of a sweep costs beside its training, and what 100,000 of them would.

Prints milliseconds per job for composing and checking, planning and writing, starting a process, and figures, each
measured alone on one core with jobs of the smallest network; and the size of a job's folder.

usage: scripts/bench_sweep.py [--jobs N] [--readme]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

from marked import ROOT, fill

sys.path.insert(0, str(ROOT))
SMALL = ["task=function", "layer=chebyshev", "seeds=5", "steps=1", "widths=[in,3,out]", "task.train=50"]
# What is extrapolated to: jobs in all, those of one sweep (Slurm's arrays usually end there), and cores.
ALL, SWEEP, CORES = 100_000, 1_000, 256
PACK = 16
REPEATS = 3  # of every measurement, the fastest of which counts: what else a machine does only adds to it


@dataclass(frozen=True)
class Costs:
    """Of a job beside its training: seconds, bytes and files."""

    command: float  # composed, checked, planned and written in the command itself
    reading: float  # of its part of the plan, in every process of its sweep
    process: float  # to start one that imports torch
    figures: float  # and scores and files
    bare: float  # scores and files without figures
    size: float
    files: float

    def of(self, pack: int) -> float:
        """Seconds of each job where so many share a process."""
        return (self.process + SWEEP * self.reading) / pack + self.figures

    @property
    def text(self) -> str:
        """A table of the costs, and what many jobs come to."""
        sweeps, submitting = ALL // SWEEP, self.command * SWEEP
        packed, alone = (self.of(pack) * ALL / 3600 for pack in (PACK, 1))  # core hours
        gigabytes, millions = self.size * ALL / 1e9, self.files * ALL / 1e6
        many = (
            f"So {ALL:,} jobs, as {sweeps} sweeps of {SWEEP:,} (where Slurm's arrays usually end) that `name=` tells "
            f"apart, take {sweeps * submitting / 60:.0f} minutes to submit and, in packs of {PACK}, {packed:.0f} core "
            f"hours beside their training: {60 * packed / CORES:.0f} minutes on {CORES} cores. One by one it would be "
            f"{alone:.0f} core hours. They leave {gigabytes:.0f} GB in {millions:.1f} million files, which is what "
            "will ask for a talk with whoever runs the file system first. None of this has been run at that size."
        )
        return f"""\
| what a job costs beside its training | best of {REPEATS}, on {os.cpu_count()} cores |
|---|---|
| composed, checked, planned and written by the command | {1000 * self.command:.0f} ms |
| starting a process that imports torch | {self.process:.1f} s |
| in every process: reading the plan of {SWEEP:,} jobs | {SWEEP * self.reading:.1f} s |
| scores, files and figures | {self.figures:.1f} s |
| scores and files, with figures=false | {self.bare:.2f} s |
| on disk | {self.size / 1e6:.1f} MB in {self.files:.0f} files |

{textwrap.fill(many, 120)}
"""


def measure(jobs: int) -> Costs:
    from kanexp.config.catalog import Catalog, config_folder
    from kanexp.config.compose import load
    from kanexp.folder.sweep_folder import SweepFolder
    from kanexp.paths import find_plugins
    from kanexp.sweep import plan
    from kanexp.sweep.sweep import check
    from kanexp.train.ensemble import packs

    find_plugins()
    catalog = Catalog((config_folder(),))
    words, composing = measured("compose", jobs, lambda: load([*SMALL, rates(jobs)], catalog, True))
    (experiments, samples), checking = measured("check", jobs, lambda: check(words))
    _, packing = measured("pack", jobs, lambda: packs(experiments, samples))
    with tempfile.TemporaryDirectory() as folder:
        todo = plan.new(SweepFolder(Path(folder)), words)
        todo.packs = [[i] for i in range(jobs)]
        _, writing = measured("write the plan", jobs, lambda: todo.write(""))
        _, reading = measured("read a job of it, as every process does", jobs, lambda: plan.read(todo.folder, pack=0))
    command = composing + checking + packing + writing
    print(f"together {1000 * command:.1f} ms per job in the command itself")
    _, process = measured("a process of its own that imports torch", 1, lambda: python("import kanexp.sweep.worker"))
    _, one = measured("a pack of one job", 1, lambda: sweep(1))
    (size, files), many = measured(f"a pack of {PACK} jobs", 1, lambda: sweep(PACK))
    _, quick = measured("the same without figures", 1, lambda: sweep(PACK, "figures=false"))
    figures = (many - one) / (PACK - 1)
    bare = figures - (many - quick) / PACK
    print(f"so {1000 * figures:.0f} ms per job for scores, files and figures, {1000 * bare:.0f} ms without these")
    print(f"{size / 1024:.0f} KiB and {files:.0f} files per job")
    return Costs(command, reading, process, figures, bare, size, files)


def measured(what: str, count: int, work):
    """What the work gives, and seconds per job, which are printed in milliseconds."""
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - began)
    each = min(seconds) / count
    print(f"{what}: {1000 * each:.2f} ms{' per job' if count > 1 else ''}", flush=True)
    return result, each


def rates(jobs: int) -> str:
    """Words that make so many jobs."""
    return "optimizer.learning_rate=" + ",".join(f"{1e-4 * 1.01**i:.6g}" for i in range(jobs))


def python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def sweep(jobs: int, *more: str) -> tuple[float, float]:
    """By the real command, in one process; returns bytes and files of each job's folder."""
    words = ["-m", *SMALL, rates(jobs), "launcher.workers=1", *more]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "kanexp.cli", *words]
        subprocess.run(command, check=True, cwd=folder, env=environment, capture_output=True)
        made = [record.parent for record in Path(folder).rglob("run.json")]
        sizes = [file.stat().st_size for path in made for file in path.rglob("*") if file.is_file()]
    return sum(sizes) / len(made), len(sizes) / len(made)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=200, help="of the plan that is measured")
    parser.add_argument("--readme", action="store_true", help="write the paragraph into kanexp/sweep/README.md as well")
    given = parser.parse_args()
    costs = measure(given.jobs)
    print(costs.text)
    if given.readme:
        fill("kanexp/sweep/README.md", f"{ALL:,} jobs", costs.text)


if __name__ == "__main__":
    main()
