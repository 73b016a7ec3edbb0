"""Rebuild what the README and the pages of outputs/readme show, from real runs.

usage: scripts/readme examples                  what commands print, on every page that shows it: two minutes
       scripts/readme numbers [ROW ...]         outputs/readme/numbers.md and its figures: an hour, or these rows alone
       scripts/readme reproductions [ROW ...]   outputs/readme/reproductions.md: an hour, or these rows of it alone
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from marked import ROOT, fill

Row = tuple[str, str, str]  # the command, what it finds, its time
KANEXP = Path(sys.executable).with_name("kanexp")
FIGURES = ROOT / "outputs" / "readme"
# Commands, and what they print.
PRINTED = r"(```bash\n[^`]*```\n\n<!-- printed -->\n```text\n).*?(```\n<!-- /printed -->)"
# Every optimizer, with its words and the steps between rows of its race.
OPTIMIZERS = {
    "adam": ("optimizer=adam", "log_every=10"),
    "sgd": ("optimizer=sgd", "optimizer.clip=1", "log_every=10"),
    "lbfgs": ("optimizer=lbfgs", "log_every=1"),
    "ssbroyden": ("optimizer=ssbroyden", "log_every=1"),
    "chain": (
        "optimizer=chain",
        "optimizer.parts={adam: 0.01, ssbroyden: {}}",
        "optimizer.switch=[200]",
        "log_every=10",
    ),
    "hessian_free": ("optimizer=hessian_free", "log_every=1"),
    "levenberg_marquardt": ("optimizer=levenberg_marquardt", "log_every=1"),
}


def kanexp(*words: str, code: int = 0) -> float:
    """Run the command, return its wall seconds."""
    print("$ kanexp", *words, flush=True)
    began = time.perf_counter()
    done = subprocess.run([KANEXP, *words], cwd=ROOT, check=False)
    if done.returncode != code:
        sys.exit(f"kanexp {' '.join(words)} exited with {done.returncode}")
    return time.perf_counter() - began


def record(path: str) -> dict:
    return json.loads((ROOT / "outputs" / path / "run.json").read_text())


def scores(path: str, metric: str) -> np.ndarray:
    return np.array(list(record(path)["test"][metric].values()))


def spread(values: np.ndarray, digits: str) -> str:
    return f"{np.median(values):{digits}} [{values.min():{digits}}, {values.max():{digits}}]"


def answers() -> Row:
    """How soon the command line answers."""
    help_seconds = sorted(kanexp("--help") for _ in range(3))[1]
    typo_seconds = sorted(kanexp("layer=forier", code=2) for _ in range(3))[1]
    return "`kanexp --help`, and a typo", f"answered after {help_seconds:.2f} s and {typo_seconds:.2f} s", ""


def first() -> Row:
    """The README's first run."""
    seconds = kanexp("layer=fourier", "init=smooth")
    psnr = scores("image-fourier-smooth/latest", "psnr")
    return (
        "`kanexp layer=fourier init=smooth`",
        f"held-out PSNR {spread(psnr, '.1f')} dB, 5 seeds",
        f"{seconds:.0f} s",
    )


def tutorial() -> Row:
    """jaxKAN's third tutorial."""
    seconds = kanexp("experiment=jaxkan_t3")
    mse, run = scores("jaxkan_t3/latest", "mse"), record("jaxkan_t3/latest")
    found = f"test MSE {spread(mse, '.2g')}, {len(mse)} seeds (published, one seed: 9.0e-4); "
    found += f"training {run['train_seconds']:.1f} s"
    return "`kanexp experiment=jaxkan_t3`", found, f"{seconds:.0f} s"


def pictures() -> Row:
    """A picture from two starts, and the figure of them."""
    seconds = kanexp("-m", "experiment=fourierkan_pr4", "init=default,smooth")
    default, smooth = (scores(f"fourierkan_pr4/latest/{init}", "psnr") for init in ("default", "smooth"))
    found = f"held-out PSNR: default {spread(default, '.1f')}, smooth {spread(smooth, '.1f')} dB; "
    gain = smooth - default
    found += f"smooth above default in {(gain > 0).sum()} of {len(gain)} seeds, by {spread(gain, '.1f')} dB"
    kanexp("report", "outputs/fourierkan_pr4/latest")
    shutil.copy(ROOT / "outputs/fourierkan_pr4/latest/report/pictures.png", FIGURES / "pictures.png")
    return "`kanexp -m experiment=fourierkan_pr4 init=default,smooth`", found, f"{seconds:.0f} s"


def pairs() -> Row:
    """L-BFGS against Adam on the same ten starts."""
    seconds = kanexp("experiment=jaxkan_t11", "name=t11_adam")
    seconds += kanexp("experiment=jaxkan_t11", "optimizer=lbfgs", "steps=100", "name=t11_lbfgs")
    adam, lbfgs = scores("t11_adam/latest", "mse"), scores("t11_lbfgs/latest", "mse")
    ratio = adam / lbfgs
    found = f"test MSE: Adam {spread(adam, '.2g')} (published 5.6e-3), L-BFGS {spread(lbfgs, '.2g')} (4.8e-4); "
    found += f"L-BFGS lower in {(ratio > 1).sum()} of {len(ratio)} pairs, {spread(ratio, '.1f')} times"
    return "`kanexp experiment=jaxkan_t11`, and with `optimizer=lbfgs steps=100`", found, f"{seconds:.0f} s"


def penalty() -> Row:
    """The best of a log grid of weights, chosen on validation, against none of it."""
    weights = ["0", "0.001", "0.003", "0.01"]
    seconds = kanexp("-m", "experiment=fourier_penalty", f"reg.weight={','.join(weights)}")
    folders = {weight: f"fourier_penalty/latest/weight={weight}" for weight in weights}
    val = {w: np.median(list(record(folder)["best_val_loss"].values())) for w, folder in folders.items()}
    best = min(weights[1:], key=lambda weight: val[weight])
    none, with_it = scores(folders["0"], "psnr"), scores(folders[best], "psnr")
    gain = with_it - none
    found = f"held-out PSNR: weight 0 {spread(none, '.1f')}, {best} {spread(with_it, '.1f')} dB; "
    found += f"higher in {(gain > 0).sum()} of {len(gain)} seeds, by {spread(gain, '.1f')} dB"
    return f"`kanexp -m experiment=fourier_penalty reg.weight={','.join(weights)}`", found, f"{seconds:.0f} s"


def race() -> Row:
    """Every optimizer on the same network and ten starts for the same seconds, in double precision."""
    words = ["experiment=jaxkan_t11", "dtype=float64", "budget={seconds: 10}"]
    seconds, reached = compete("race", words, "train_loss", "optimizers.png")
    found = f"median training MSE after ten seconds for ten seeds together: {reached}"
    return f"`kanexp {' '.join(map(shlex.quote, words))} optimizer=...`", found, f"{seconds:.0f} s"


def race_equation() -> Row:
    """The same on Helmholtz' equation, by the error against its solution."""
    words = ["experiment=helmholtz_lm", "dtype=float64", "budget={seconds: 60}"]
    seconds, reached = compete("race_equation", words, "val_solution_error", "optimizers_equation.png")
    found = f"median relative L2 after 60 seconds for five seeds together: {reached}"
    return f"`kanexp {' '.join(map(shlex.quote, words))} optimizer=...`", found, f"{seconds:.0f} s"


def compete(name: str, words: list[str], metric: str, figure: str) -> tuple[float, str]:
    """Run every optimizer, draw its curves over seconds; seconds of all, and the last median of a metric of each."""
    seconds, folders, reached = 0.0, [], {}
    for optimizer, own in OPTIMIZERS.items():
        seconds += kanexp(*words, "steps=1000000", "diagnostics=false", *own, f"name={name}_{optimizer}")
        folder = ROOT / f"outputs/{name}_{optimizer}/latest"
        folders.append(str(folder.resolve().relative_to(ROOT)))
        metrics = pd.read_csv(folder / "metrics.csv")
        reached[optimizer] = metrics[metrics["metric"] == metric].groupby("seed")["value"].last().median()
    kanexp("report", *folders, "--over", "seconds", "--out", f"outputs/{name}")
    shutil.copy(ROOT / f"outputs/{name}/curves.png", FIGURES / figure)
    return seconds, ", ".join(f"{one} {value:.1e}" for one, value in sorted(reached.items(), key=lambda p: -p[1]))


# The table's rows by their names, in its order.
NUMBERS: dict[str, Callable[[], Row]] = {
    row.__name__: row for row in (answers, first, tutorial, pictures, pairs, race, race_equation, penalty)
}


def reproductions(rows: list[str]) -> None:
    """The table of published results, or these rows of it alone: others stay. What has run is not run again."""
    page, began = "outputs/readme/reproductions.md", time.time()
    done = subprocess.run([KANEXP, "reproduce", *rows], cwd=ROOT, check=False)
    if done.returncode not in (0, 1):  # a claim that is not met is a finding, and stands in the table
        sys.exit(f"kanexp reproduce exited with {done.returncode}")
    tables = [path for path in (ROOT / "outputs" / "reproduce").glob("*.md") if path.stat().st_mtime >= began]
    newest = max(tables, key=lambda path: path.stat().st_mtime)
    head, found = table_of(newest.read_text())
    kept = (table_of((ROOT / page).read_text())[1] if rows else {}) | found
    fill(page, "reproductions", "\n".join([*head, *kept.values()]))


def table_of(text: str) -> tuple[list[str], dict[str, str]]:
    """The two lines at the head of the one table in a text, and its other lines by their first cell."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return lines[:2], {line.split(" | ")[0]: line for line in lines[2:]}


def numbers(rows: list[str]) -> None:
    """The table of all numbers, or these rows of it alone: others stay as they were."""
    page = "outputs/readme/numbers.md"
    head, before = table_of((ROOT / page).read_text())
    kept = dict(zip(NUMBERS, before.values(), strict=True))
    for name in rows or NUMBERS:
        kept[name] = f"| {' | '.join(NUMBERS[name]())} |"
    fill(page, "numbers", "\n".join([*head, *kept.values()]))


def examples() -> None:
    """On every page, below the blocks with a place for it, what their commands print in a folder that was empty."""
    with tempfile.TemporaryDirectory() as folder:

        def run(block: re.Match[str]) -> str:
            commands = block[1].split("```")[1].splitlines()[1:]
            return block[1] + "".join(printed(command, folder) for command in commands) + block[2]

        for page in (ROOT / "README.md", *sorted((ROOT / "kanexp").rglob("README.md"))):
            page.write_text(re.sub(PRINTED, run, page.read_text(), flags=re.DOTALL))
        run_folder = Path(folder) / "outputs/image-fourier-smooth/latest"
        shutil.copy(run_folder / "figures/prediction.png", FIGURES / "first_run.png")


def printed(command: str, folder: str) -> str:
    """All that a kanexp command prints there, without the spaces at the ends of lines."""
    print("$", command, flush=True)
    words = shlex.split(command, comments=True)
    done = subprocess.run([KANEXP, *words[1:]], cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode or done.stderr:
        sys.exit(f"{command}: exited with {done.returncode}\n{done.stderr}")
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def main() -> None:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, usage=argparse.SUPPRESS, formatter_class=usage)
    parser.add_argument("part", choices=("examples", "numbers", "reproductions"))
    parser.add_argument("rows", nargs="*", metavar="ROW")
    given = parser.parse_args()
    if given.rows and given.part == "examples":
        parser.error("examples: takes no rows")
    if given.part == "numbers" and (unknown := set(given.rows) - set(NUMBERS)):
        parser.error(f"numbers: has the rows {', '.join(NUMBERS)}, got {', '.join(sorted(unknown))}")
    os.environ["COLUMNS"] = "110"
    FIGURES.mkdir(parents=True, exist_ok=True)
    if given.part == "reproductions":
        reproductions(given.rows)
    elif given.part == "numbers":
        numbers(given.rows)
    else:
        examples()


if __name__ == "__main__":
    main()
