"""pykan's own way from networks to formulas on the Feynman equations, on the data and by the test of ours.

A network [n, 5, 1] is trained, pruned, trained, its edges are replaced by symbols, it is trained again and written out
by pykan's functions, with what they do where nothing else is said; nothing is chosen by eye. outputs/pykan_chain.csv
gets a row for each equation and seed, and what has one is not done again. Seconds are those of the processor, one
thread: others on the machine do not count. A chain is stopped after LIMIT of them; what came out within the seconds of
ours is counted by itself.

Source: Liu et al. 2024, https://arxiv.org/abs/2404.19756; pykan 0.2.8, https://kindxiaoming.github.io/pykan/
"""

import contextlib
import math
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import sympy
import torch
from feynman_formulas import EXACT, is_right
from marked import ROOT, fill
from torch import Tensor

from kanexp.formula.computed import computed
from kanexp.formula.expression import Data, inputs_of
from kanexp.formula.formulas import Formula, shown
from kanexp.seeding import generator
from kanexp.task.base import Split
from kanexp.task.feynman import EQUATIONS, Feynman

SIMPLICITY = 0.8  # what pykan's choice of symbols weighs complexity by where nothing is said; the fit by 1 less this
LIMIT = 120.0  # seconds after which a chain is stopped
STEPS, SPARSITY = 50, 1e-3  # of each training with L-BFGS; of the penalty in the first
TABLE, PAGE = Path("outputs/pykan_chain.csv"), "outputs/readme/feynman_formulas.md"
COLUMNS = [
    "equation",
    "seed",
    "simplicity",
    "ended",
    "stage",
    "seconds",
    "network_rmse",
    "rmse",
    "exact",
    "right",
    "formula",
]


class OutOfTime(Exception):
    """The seconds of a chain are over."""


class NotANumber(Exception):
    """A training ended with a loss that is no number."""


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in what runs within, once it has taken these seconds of the processor."""

    def over(number: int, frame: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    with open(os.devnull, "w") as silent, contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):
        yield


@contextlib.contextmanager
def float64() -> Iterator[None]:
    """What is made within is in float64, as in pykan's documentation."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def loaded(equation: str) -> tuple[Split, Split, list[sympy.Symbol]]:
    """Training data and test data of our runs in own units, (n, samples) and (1, samples), and the inputs' names."""
    task = Feynman(equation=equation, scale=False)
    data = task.load(generator(0, "data"))
    return data.train, data.test, inputs_of(task.names)


def chain(make: Callable[..., Any], train: Split, test: Split, names: Sequence[sympy.Symbol], said: dict) -> sympy.Expr:
    """The formula that one network comes to; `said` holds seed and simplicity, and gets stage and error on test data.

    `make` is pykan's KAN. Raises NotANumber, and whatever pykan does.
    """
    rows = dict(zip(("train_input", "train_label"), (train.x.T, train.y.T), strict=True))
    rows |= dict(zip(("test_input", "test_label"), (test.x.T, test.y.T), strict=True))

    def fitted(stage: str, **options: float) -> float:
        said["stage"] = stage
        losses = model.fit(rows, opt="LBFGS", steps=STEPS, **options)
        if not math.isfinite(losses["train_loss"][-1]):
            raise NotANumber
        return float(losses["test_loss"][-1])

    with tempfile.TemporaryDirectory() as folder:
        model = make(width=[len(names), 5, 1], grid=5, k=3, seed=said["seed"], ckpt_path=f"{folder}/model")
        fitted("fit", lamb=SPARSITY)
        said["stage"] = "prune"
        model = model.prune()
        said["network_rmse"] = fitted("refit after prune") / float(test.y.std())
        said["stage"] = "auto_symbolic"
        model.auto_symbolic(weight_simple=said["simplicity"])
        fitted("refit of symbols")
        said["stage"] = "symbolic_formula"
        found = model.symbolic_formula(var=list(names))
        return sympy.sympify(found[0][0])


def off(written: sympy.Expr, names: Sequence[sympy.Symbol], test: Split) -> float:
    """Root mean square error on test data relative to their deviation; infinite where there are no numbers."""
    try:
        values = torch.as_tensor(computed(names, written)(*test.x))
    except (ZeroDivisionError, OverflowError, TypeError, ValueError, NameError):  # complex infinity, say
        return math.inf
    if values.is_complex():
        return math.inf
    error = float((values - test.y[0]).square().mean().sqrt() / test.y.std())
    return error if math.isfinite(error) else math.inf


def right(written: sympy.Expr, names: Sequence[sympy.Symbol], x: Tensor, y: Tensor) -> bool:
    """Whether it is exact once its numbers are fitted to test data."""
    try:
        return is_right(Formula(0, written), Data(names, x, y))
    except (ZeroDivisionError, OverflowError, TypeError, ValueError, NameError):
        return False


def row(equation: str, seed: int, simplicity: float, make: Callable[..., Any], limit: float = LIMIT) -> dict[str, Any]:
    """What one chain came to; failures are `ended`: their exception, or that numbers or the time ended."""
    train, test, names = loaded(equation)
    said: dict[str, Any] = {"seed": seed, "simplicity": simplicity, "stage": "start", "network_rmse": math.inf}
    found, begin = None, time.process_time()
    try:
        with quiet(), float64(), at_most(limit):
            found = chain(make, train, test, names, said)
        ended = "formula"
    except Exception as error:  # whatever pykan raises is what is counted here
        ended = type(error).__name__
    seconds = time.process_time() - begin
    error = math.inf if found is None else off(found, names, test)
    if found is not None and error == math.inf:
        ended = "no numbers"
    return {
        **{"equation": equation, "seed": seed, "simplicity": simplicity},
        **{"ended": ended, "stage": said["stage"], "seconds": round(seconds, 1)},
        **{"network_rmse": said["network_rmse"], "rmse": error, "exact": error <= EXACT},
        "right": ended == "formula" and (error <= EXACT or right(found, names, test.x, test.y[0])),
        "formula": "" if found is None else str(shown(found)),
    }


def rows() -> pd.DataFrame:
    return pd.read_csv(TABLE, keep_default_na=False) if TABLE.is_file() else pd.DataFrame(columns=COLUMNS)


def seconds_of_ours(text: str) -> dict[str, float]:
    """Of ours per seed, training and reading, from the table that scripts/feynman_formulas has put into a page."""
    table = text.split("<!-- exact -->")[1].split("<!-- /exact -->")[0]
    lines = [[cell.strip() for cell in line.split(" | ")] for line in table.splitlines() if line.startswith("|")]
    head, _, *cells = [[cell.strip("| ") for cell in line] for line in lines]
    seeds = next(int(word) for word in " ".join(head).split() if word.isdigit())
    return {line[0]: (float(line[-2]) + float(line[-1])) / seeds for line in cells}


def page(found: pd.DataFrame, ours: dict[str, float]) -> str:
    """The table as Markdown: a line for each equation, and what all come to."""
    early, written = found["seconds"] <= found["equation"].map(ours), found["ended"] == "formula"
    found = found.assign(written=written, early=early & written, exact_early=early & found["exact"])
    lines = ["| equation | seeds | written | exact | right | least error | network | seconds | ours | not written |"]
    lines.append("|" + "---|" * 10)
    for equation in (name for name in EQUATIONS if name in set(found["equation"])):
        own = found[found["equation"] == equation]
        cells = [equation, len(own), *(int(own[count].sum()) for count in ("written", "exact", "right"))]
        cells += [f"{own[error].min():.1e}".replace("inf", "-") for error in ("rmse", "network_rmse")]
        cells += [f"{own['seconds'].median():.1f}", f"{ours[equation]:.1f}", ", ".join(_failures(own)) or "-"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join([*lines, "", *_sentences(found)])


def _failures(found: pd.DataFrame) -> list[str]:
    failed = found[found["ended"] != "formula"]
    return list(dict.fromkeys(f"{ended} in {at}" for ended, at in zip(failed["ended"], failed["stage"], strict=True)))


def _sentences(found: pd.DataFrame) -> list[str]:
    """What all chains come to."""
    chains = found[["written", "early", "exact", "exact_early", "right"]].sum()
    any_seed = found.groupby("equation")[["exact", "exact_early", "right"]].max().sum()
    others = found.loc[~found["written"], "ended"].value_counts()
    return [
        f"{len(found)} chains of {found['equation'].nunique()} equations: {chains['written']} are written, "
        f"{chains['early']} of them in our seconds.",
        f"Exact: {chains['exact']} chains of {any_seed['exact']} equations, in our seconds {chains['exact_early']} "
        f"of {any_seed['exact_early']}; right: {chains['right']} of {any_seed['right']}.",
        f"Not written: {', '.join(f'{count} {ended}' for ended, count in others.items()) or 'none'}.",
    ]


def of(simplicity: float) -> pd.DataFrame:
    found = rows()
    return found[found["simplicity"] == simplicity]


def compare(seeds: Sequence[int], equations: Sequence[str], simplicity: float, make: Callable[..., Any]) -> str:
    """Do what has no row yet, one seed of all equations after the other; the table of all rows, put into the page."""
    for seed in seeds:
        for equation in equations or EQUATIONS:
            done = of(simplicity)
            if not len(done[(done["equation"] == equation) & (done["seed"] == seed)]):
                new = row(equation, seed, simplicity, make)
                TABLE.parent.mkdir(parents=True, exist_ok=True)
                pd.DataFrame([new]).to_csv(TABLE, mode="a", header=not TABLE.is_file(), index=False)
                print(*(f"{name}={value}" for name, value in new.items()), flush=True)
    text = page(of(simplicity), seconds_of_ours((ROOT / PAGE).read_text()))
    fill(PAGE, f"pykan {simplicity:g}", text)
    return text
