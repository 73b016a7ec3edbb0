"""What each word for hard equations does by itself, beside the same run without it.

usage: scripts/ablation [--only WORD ...] [--problems TASK ...] [--steps 60] [--seeds 3] [--readme]

Small networks on four equations, by Levenberg-Marquardt: every word alone, and off. Every cell is the median relative
L2 error of the seeds against the solution, with the lowest and the highest; the best state of each is selected on
validation points. Below are the evaluations that it took, looks at pools and for weights among them. --readme puts both
tables into outputs/readme/ablation.md, which takes about ten minutes.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from marked import ROOT, fill
from rich.console import Console

from kanexp.folder.record import Record
from kanexp.folder.run_folder import RunFolder

USUAL = (
    "layer=chebyshev init=smooth widths=[in,6,6,out] optimizer=levenberg_marquardt "
    "task.points=600 task.edge_points=40 task.weight=0.01 log_every=5 diagnostics=false"
)
PROBLEMS = {"burgers": "", "allen_cahn": "", "advection": "task.speed=10", "korteweg_de_vries": ""}
WORDS = {
    "off": "",
    "new points": "task.resample=10",
    "new points, adapted": "task.resample=10 task.adapt=residual",
    "causal": "task.weighing=causal",
    "attention": "task.weighing=attention task.reweigh=1",
    "balance": "task.weighing=balance",
    "periodic": "task.periodic=[x]",
    "frequencies": "model.frequencies=3",
    "windows": "task.windows={{0:0.25,{quarter}:0.5,{half}:1}}",
}


def words(word: str, steps: int) -> list[str]:
    """What is typed for it, in a run of so many steps."""
    return WORDS[word].format(quarter=max(1, steps // 4), half=max(2, steps // 2)).split()


def measure(problem: str, word: str, steps: int, seeds: int) -> Record:
    """The record of a run, by the real command. Raises SystemExit with what it said where it fails."""
    with tempfile.TemporaryDirectory() as place:
        told = [
            f"task={problem}",
            *PROBLEMS[problem].split(),
            *USUAL.split(),
            *words(word, steps),
            f"steps={steps}",
            f"seeds={seeds}",
        ]
        told += ["name=x", f"output_dir={place}"]
        command = [sys.executable, "-m", "kanexp.cli", *told]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(told)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return RunFolder(Path(place) / "x" / "v001").read_record()


def errors(record: Record) -> str:
    """The median relative L2 error, and the range over seeds."""
    values = sorted((record.test or {})["relative_l2"].values())
    return f"{median(values):.2g} ({values[0]:.2g} to {values[-1]:.2g})"


def spent(record: Record) -> str:
    """The median of the evaluations of a seed."""
    return f"{median((record.evaluations or {}).values()):g}"


def table(rows: dict[str, Sequence[str]], problems: Sequence[str]) -> str:
    """Markdown, with a line for each word."""
    lines = [f"| {' | '.join(('word', *problems))} |", "|---" * (len(problems) + 1) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join((word, *cells))} |" for word, cells in rows.items())])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=WORDS, default=list(WORDS), metavar="WORD")
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS), metavar="TASK")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--readme", action="store_true")
    given = parser.parse_args(arguments)
    out = Console()
    found: dict[str, list[Record]] = {}
    for word in given.only:
        found[word] = []
        for problem in given.problems:
            found[word].append(measure(problem, word, given.steps, given.seeds))
            out.print(f"{word}, {problem}: {errors(found[word][-1])}", highlight=False)
    for name, cell in (("errors", errors), ("evaluations", spent)):
        text = table({word: [cell(record) for record in records] for word, records in found.items()}, given.problems)
        if given.readme:
            fill("outputs/readme/ablation.md", name, text)
        print(f"\n{name}\n{text}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
