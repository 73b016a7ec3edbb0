"""What a run says in the terminal before and after it trains."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import fields

import pandas as pd
import torch
from torch import Tensor

from kanexp import console
from kanexp.config.experiment import Experiment
from kanexp.config.run_config import default_name
from kanexp.measure import tables
from kanexp.model.network import Network
from kanexp.report.interval import median_interval
from kanexp.score.score import metric_label
from kanexp.task.base import Data
from kanexp.train import cut
from kanexp.train.result import Result

NOTABLE_SHARE = 0.01  # of inputs outside the domain, from which on it is worth a word
WEAK, STRONG = 0.05, 20.0  # spreads of a layer's output, outside of which a signal dies or explodes
OVERFIT = 10.0  # times the training loss, from which on a validation loss says that rows were learned by heart
NOTABLE_JUMP = 0.01  # of the outputs' size, from which on a refinement is worth a warning


def introduce(e: Experiment, data: Data, network: Network, start: Tensor) -> None:
    """What is about to be trained, and how the signal goes through it at its start theta (seeds, length)."""
    seeds = e.settings.seed_list
    if not e.model.uses_layer and any(o.startswith("layer") for o in e.config.overrides):
        console.say(
            f"note: {type(e.model).__name__} has no edge functions, so layer={e.config.choices['layer']} is not used"
        )
    if not e.model.uses_widths and any(o.startswith("widths") for o in e.config.overrides):
        console.say(f"note: {type(e.model).__name__} has sizes of its own, so hidden widths are not used")
    if e.match:
        console.say(str(e.match))
    console.say(
        f"{default_name(e.config)}: widths {e.widths}, {network.parameters} parameters, "
        f"{count(seeds)}, {start.device}, {e.settings.dtype}"
    )
    if e.optimizer.double and not any(o.startswith("dtype") for o in e.config.overrides):
        console.say(f"note: {type(e.optimizer).__name__} needs double precision: dtype=float64")
    if data.notes:
        console.say(f"data: {'; '.join(data.notes)}")
    signal = tables.signal({"before": (network, start)}, data.train.x, seeds)
    if e.settings.verbose or _is_wrong(signal):
        _show_signal(signal)
    share = signal.loc[signal["layer"] == 0, "outside"].median()
    if share > NOTABLE_SHARE:
        console.say(
            f"note: {100 * share:.1f} % of the inputs are outside the domain of the first layer, where its functions "
            f"end; {' or '.join(_ways_in(e))} brings them into it"
        )


def _ways_in(e: Experiment) -> list[str]:
    """Words that bring inputs into the domain of the first layer."""
    ways = []
    if getattr(e.task, "normalize", "") == "standard":
        ways.append("task.normalize=range")
    if getattr(e.task, "scaled", True) is False:
        ways.append("task.scale=true")
    if any(field.name == "bound" for field in fields((e.layers or [e.layer])[0])):
        ways.append("bound: affine of its layer" if e.layers else "layer.bound=affine")
    return ways or ["another range of the task or of the layer"]


def conclude(seeds: list[int], result: Result, brief: bool, train: Mapping[str, Tensor]) -> None:
    """The scores, and what is remarkable about them; of one run of many, less.

    `train` are scores (seeds,) of the training data, by their names.
    """
    rows, coverage = [], 0.0
    scores = {f"test_{name}": values for name, values in result.test.items()} | {"val_loss": result.best_val}
    for name, values in scores.items():
        m = median_interval(values.tolist())
        coverage = m.coverage
        row = (metric_label(name), console.number(m.median), console.interval(m.low, m.high))
        own = train.get(name.removeprefix("test_"))
        rows.append((*row, "" if own is None else console.number(median_interval(own.tolist()).median)))
    few = "" if coverage >= 0.95 else f"; {len(seeds)} seeds: the whole range"
    note = (
        f"best state on validation; interval of the median, {100 * coverage:.0f} % sure{few}" if len(seeds) > 1 else ""
    )
    if brief:
        name, median, interval, _ = rows[0]
        console.say(f"{name} {median} ({interval}), {count(seeds)} in {result.seconds:.1f} s")
    else:
        columns = ("metric", "median", "interval", "on training data")[: 4 if train else 3]
        console.table(f"{count(seeds)} in {result.seconds:.1f} s", columns, [row[: len(columns)] for row in rows], note)
    if result.kept and not brief:
        console.say(_edges_left(result.kept))
    if started := [seed for seed, step in zip(seeds, result.best_step.tolist(), strict=True) if step == 0]:
        of = "" if len(started) == len(seeds) else f" for {_listed(started)}"
        console.say(
            f"warning: no step was better on validation than the start{of}, so the scores are those of the start; "
            "try a lower optimizer.learning_rate or another init"
        )
    for seed, twin in _twins(seeds, result.best):
        console.say(f"warning: seeds {seed} and {twin} ended with identical weights; they are not independent")
    for step, jumps in result.jumps.items():
        if (worst := float(jumps.max())) > NOTABLE_JUMP:
            console.say(
                f"warning: the refinement at step {step} moved the outputs by {100 * worst:.1f} % of their "
                "size (refinement_jump in metrics.csv): inputs are outside the domain, or the grids do not nest"
            )
    for step, by_name in result.side_jumps.items():
        if (worst := float(by_name["residual"].max())) > NOTABLE_JUMP:
            console.say(
                f"warning: the refinement at step {step} moved the residuals of the equation by {100 * worst:.2g} % of "
                "their size (refinement_jump_residual in metrics.csv, and beside it each derivative's): inputs are "
                "outside the domain, which layer.bound=tanh prevents, or the grids do not nest, as 5, 10, 20 do"
            )
    for seed, status in zip(seeds, result.status, strict=True):
        if status.kind != "ok":
            console.say(f"seed {seed}: {status}")


def overfits(metrics: pd.DataFrame, weights: int, samples: int) -> str:
    """A sentence where, at the end, data that select have a far higher loss than those that are learned.

    Of the log of a run and its numbers of weights and of training samples; empty where all is well, or where there are
    fewer weights than samples.
    """
    losses = metrics[metrics["metric"].isin(["train_loss", "val_loss"])]
    last = losses.sort_values("step", kind="stable").groupby(["metric", "seed"])["value"].last()
    if weights <= samples or not {"train_loss", "val_loss"} <= set(last.index.get_level_values(0)):
        return ""
    train, val = last["train_loss"].median(), last["val_loss"].median()
    if not 0 < OVERFIT * train <= val < math.inf:
        return ""
    return (
        f"overfits: the loss ends at {train:.2g} on training data and {val:.2g} on validation data, with "
        f"{weights:,} weights for {samples:,} rows; fewer widths, reg=smooth, more data or patience=... may help"
    )


def count(seeds: list[int]) -> str:
    return f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''}"


def _edges_left(kept: cut.Kept) -> str:
    edges, whole = cut.count(kept).tolist(), sum(one[0].numel() for one in kept)
    fewest, most = min(edges), max(edges)
    return f"edges left: {fewest if fewest == most else f'{fewest} to {most}'} of {whole}"


def _listed(seeds: list[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _twins(seeds: list[int], theta: Tensor) -> list[tuple[int, int]]:
    """Pairs of seeds with the same weights."""
    pairs = itertools.combinations(range(len(seeds)), 2)
    return [(seeds[i], seeds[j]) for i, j in pairs if torch.equal(theta[i], theta[j])]


def _is_wrong(signal: pd.DataFrame) -> bool:
    """Whether inputs miss a domain, or what leaves a layer hardly varies, or grows out of all bounds."""
    median = signal.groupby("layer")[["std", "outside"]].median()
    outside = median["outside"].fillna(0.0) > NOTABLE_SHARE
    return bool((outside | ~median["std"].between(WEAK, STRONG)).any())


def _show_signal(signal: pd.DataFrame) -> None:
    """The start in one small table: medians over seeds."""
    rows = []
    for layer in sorted(signal["layer"].unique()):
        m = signal[signal["layer"] == layer].drop(columns=["state", "seed"]).median()
        outside = "any input" if pd.isna(m["outside"]) else f"{100 * m['outside']:.1f} %"
        output, slope = (f"{m[a]:.3g} +- {m[b]:.3g}" for a, b in (("mean", "std"), ("slope_mean", "slope_std")))
        rows.append((str(layer + 1), output, slope, outside))
    console.table("signal at the start", ("layer", "output", "its derivative", "inputs outside the domain"), rows)
