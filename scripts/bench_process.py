"""Whole processes, from the command to its last figure: a packed sweep beside the same runs, and a hundred members.

Seconds of the processor, all processes of a command together, on one thread each; the compiler's cache is one of its
own, so that the first time of a command compiles. Medians; ratios to the runs one by one.

usage: python scripts/bench_process.py [--repeats N] [--steps N]
"""

import argparse
import contextlib
import ctypes
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

STARTS = ["default", "lecun", "glorot", "glorot_fine", "power"]
TASK = ["task=function", "layer=chebyshev", "widths=[2,6,6,1]", "task.train=800"]


def adopt_orphans() -> None:
    """Become the parent of processes whose own has gone, so that theirs are counted, too (Linux)."""
    subreaper = 36  # PR_SET_CHILD_SUBREAPER
    ctypes.CDLL(None).prctl(subreaper, 1)


def wait_for_all() -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


def seconds(place: Path, *commands: list[str]) -> float:
    """Processor time of commands, one after the other, in a folder."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(place / "cache"), "COLUMNS": "100"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for words in commands:
        kanexp = [sys.executable, "-m", "kanexp.cli", *words]
        subprocess.run(kanexp, cwd=place, env=environment, check=True, stdout=subprocess.DEVNULL)
    wait_for_all()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(repeats: int, steps: int) -> None:
    """Print what each way takes."""
    run = [*TASK, f"steps={steps}"]
    ways = {
        "five runs of 20 seeds": [[*run, "seeds=20", f"init={init}"] for init in STARTS],
        "as one sweep": [["-m", "rerun=all", *run, "seeds=20", f"init={','.join(STARTS)}"]],
        "one run of 100 seeds": [[*run, "seeds=100"]],
    }
    with tempfile.TemporaryDirectory() as folder:
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for way, commands in ways.items():
            print(f"{way}, compiling: {seconds(Path(folder), *commands):.1f} s", flush=True)
        for _ in range(repeats):
            for way, commands in ways.items():
                taken[way].append(seconds(Path(folder), *commands))
    base = statistics.median(taken["five runs of 20 seeds"])
    for way, own in taken.items():
        print(f"{way}: {statistics.median(own):.1f} s ({statistics.median(own) / base:.2f})")


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2000)
    given = parser.parse_args(words)
    adopt_orphans()
    measure(given.repeats, given.steps)


if __name__ == "__main__":
    main()
