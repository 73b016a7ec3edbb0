"""Rebuild what the README and the pages of outputs/readme show, from real runs.

usage: scripts/readme examples                  what commands print, on every page that shows it: two minutes
       scripts/readme numbers                   outputs/readme/numbers.md and its figures: three quarters of an hour
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
from pathlib import Path

import numpy as np
import pandas as pd
from marked import ROOT, fill

KANEXP = Path(sys.executable).with_name("kanexp")
FIGURES = ROOT / "outputs" / "readme"
# Commands, and what they print.
PRINTED = r"(```bash\n[^`]*```\n\n<!-- printed -->\n```text\n).*?(```\n<!-- /printed -->)"
OPTIMIZERS = {"adam": 10, "sgd": 10, "lbfgs": 1, "hessian_free": 1, "levenberg_marquardt": 1}  # steps between rows


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


def measure() -> list[tuple[str, str, str]]:
    rows = []
    help_seconds = sorted(kanexp("--help") for _ in range(3))[1]
    typo_seconds = sorted(kanexp("layer=forier", code=2) for _ in range(3))[1]
    rows.append(("`kanexp --help`, and a typo", f"answered after {help_seconds:.2f} s and {typo_seconds:.2f} s", ""))

    seconds = kanexp("layer=fourier", "init=smooth")
    psnr = scores("image-fourier-smooth/latest", "psnr")
    rows.append(
        ("`kanexp layer=fourier init=smooth`", f"held-out PSNR {spread(psnr, '.1f')} dB, 5 seeds", f"{seconds:.0f} s")
    )

    seconds = kanexp("experiment=jaxkan_t3")
    mse, run = scores("jaxkan_t3/latest", "mse"), record("jaxkan_t3/latest")
    found = f"test MSE {spread(mse, '.2g')}, {len(mse)} seeds (published, one seed: 9.0e-4); "
    found += f"training {run['train_seconds']:.1f} s"
    rows.append(("`kanexp experiment=jaxkan_t3`", found, f"{seconds:.0f} s"))

    seconds = kanexp("-m", "experiment=fourierkan_pr4", "init=default,smooth")
    default, smooth = (scores(f"fourierkan_pr4/latest/{init}", "psnr") for init in ("default", "smooth"))
    found = f"held-out PSNR: default {spread(default, '.1f')}, smooth {spread(smooth, '.1f')} dB; "
    gain = smooth - default
    found += f"smooth above default in {(gain > 0).sum()} of {len(gain)} seeds, by {spread(gain, '.1f')} dB"
    rows.append(("`kanexp -m experiment=fourierkan_pr4 init=default,smooth`", found, f"{seconds:.0f} s"))
    return rows


def pairs() -> tuple[str, str, str]:
    """L-BFGS against Adam on the same ten starts."""
    seconds = kanexp("experiment=jaxkan_t11", "name=t11_adam")
    seconds += kanexp("experiment=jaxkan_t11", "optimizer=lbfgs", "steps=100", "name=t11_lbfgs")
    adam, lbfgs = scores("t11_adam/latest", "mse"), scores("t11_lbfgs/latest", "mse")
    ratio = adam / lbfgs
    found = f"test MSE: Adam {spread(adam, '.2g')} (published 5.6e-3), L-BFGS {spread(lbfgs, '.2g')} (4.8e-4); "
    found += f"L-BFGS lower in {(ratio > 1).sum()} of {len(ratio)} pairs, {spread(ratio, '.1f')} times"
    return "`kanexp experiment=jaxkan_t11`, and with `optimizer=lbfgs steps=100`", found, f"{seconds:.0f} s"


def penalty() -> tuple[str, str, str]:
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


def race() -> tuple[str, str, str]:
    """Every optimizer on the same network and ten starts for the same seconds, in double precision."""
    words = ["experiment=jaxkan_t11", "dtype=float64", "steps=1000000", "budget={seconds: 10}", "diagnostics=false"]
    seconds, folders, reached = 0.0, [], {}
    for name, every in OPTIMIZERS.items():
        seconds += kanexp(*words, f"optimizer={name}", f"log_every={every}", f"name=race_{name}")
        folder = ROOT / f"outputs/race_{name}/latest"
        folders.append(str(folder.resolve().relative_to(ROOT)))
        metrics = pd.read_csv(folder / "metrics.csv")
        reached[name] = metrics[metrics["metric"] == "train_loss"].groupby("seed")["value"].last().median()
    kanexp("report", *folders, "--over", "seconds", "--out", "outputs/race")
    shutil.copy(ROOT / "outputs/race/curves.png", FIGURES / "optimizers.png")
    found = "median training MSE after ten seconds for ten seeds together: "
    found += ", ".join(f"{name} {loss:.1e}" for name, loss in sorted(reached.items(), key=lambda pair: -pair[1]))
    return (
        "`kanexp experiment=jaxkan_t11 dtype=float64 'budget={seconds: 10}' optimizer=...`",
        found,
        f"{seconds:.0f} s",
    )


def reproductions(rows: list[str]) -> None:
    """The table of published results, or of these rows of it; what has run is not run again."""
    began = time.time()
    done = subprocess.run([KANEXP, "reproduce", *rows], cwd=ROOT, check=False)
    if done.returncode not in (0, 1):  # a claim that is not met is a finding, and stands in the table
        sys.exit(f"kanexp reproduce exited with {done.returncode}")
    tables = [path for path in (ROOT / "outputs" / "reproduce").glob("*.md") if path.stat().st_mtime >= began]
    newest = max(tables, key=lambda path: path.stat().st_mtime)
    fill("outputs/readme/reproductions.md", "reproductions", newest.read_text())


def numbers() -> None:
    rows = [*measure(), pairs(), race(), penalty()]
    kanexp("report", "outputs/fourierkan_pr4/latest")
    shutil.copy(ROOT / "outputs/fourierkan_pr4/latest/report/pictures.png", FIGURES / "pictures.png")
    table = ["| command | found: median [lowest, highest] seed | time |", "|---|---|---|"]
    table += [f"| {' | '.join(row)} |" for row in rows]
    fill("outputs/readme/numbers.md", "numbers", "\n".join(table))


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
    if given.rows and given.part != "reproductions":
        parser.error(f"{given.part}: takes no rows")
    os.environ["COLUMNS"] = "110"
    FIGURES.mkdir(parents=True, exist_ok=True)
    if given.part == "reproductions":
        reproductions(given.rows)
    elif given.part == "numbers":
        numbers()
    else:
        examples()


if __name__ == "__main__":
    main()
