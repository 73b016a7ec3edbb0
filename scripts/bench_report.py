"""Time and memory of `kanexp report` on thousands of runs: scripts/bench_report.py [RUNS] [SEEDS].

The runs are made up by tests/helpers/runs.py, 4 layers x 5 inits x 10 learning rates and more data seeds; making them
is not measured. Prints seconds, peak memory and whether torch was imported, for several questions.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = """
import resource, sys
from kanexp.cli import main
main(["report", *sys.argv[1:]])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"peak {peak:.0f} MiB, torch imported: {'torch' in sys.modules}")
"""
QUESTIONS = (["--by", "layer,init"], ["--by", "layer,init", "--over", "evaluations"], [])


def main() -> None:
    sys.path.insert(0, str(ROOT / "tests"))
    from helpers.runs import make_many

    counts = [int(word) for word in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        made = make_many(Path(folder) / "runs", *counts)
        print(f"made {len(made)} runs in {time.perf_counter() - began:.1f} s")
        for i, words in enumerate(QUESTIONS):
            out = Path(folder) / f"report{i}"
            began = time.perf_counter()
            command = [sys.executable, "-c", CODE, str(Path(folder) / "runs"), "--out", str(out), *words]
            done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
            seconds = time.perf_counter() - began
            size = (out / "report.html").stat().st_size / 2**20
            print(f"report {' '.join(words)}: {seconds:.1f} s, page {size:.1f} MiB, {done.stdout.splitlines()[-1]}")


if __name__ == "__main__":
    main()
