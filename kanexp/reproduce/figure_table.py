"""The tables behind the figures: each from a row's runs and what is claimed of them, in long form."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kanexp.report.curve import bands
from kanexp.report.table import Run
from kanexp.reproduce.claim import Claim
from kanexp.reproduce.edge_claim import Edge
from kanexp.reproduce.edges import affine_fit
from kanexp.reproduce.grid_claim import Decreasing, Slope, Stages
from kanexp.reproduce.runs import NotFound, Runs, declared, made_with, scores
from kanexp.reproduce.score_claim import Covers, Median


def curves(runs: Runs, claims: Sequence[Claim]) -> pd.DataFrame:
    """Losses over evaluations of function and gradient: arm, metric, at, low, median and high over seeds."""
    pairs = [(arm, run.label, seed) for arm, run in runs.named for seed in run.record.seeds]
    rows = pd.DataFrame(pairs, columns=["arm", "run", "seed"]).assign(problem="")
    return bands(runs.all, rows, "evaluations")


def points(runs: Runs, claims: Sequence[Claim]) -> pd.DataFrame:
    """Every seed's score: arm, parameters, metric, seed, value, better (lower or higher), and what was published."""
    metric = next((metric for metric in (getattr(claim, "metric", "") for claim in claims) if metric), None)
    if metric is None:
        raise NotFound("no claim names the metric to draw")
    known = [claim for claim in claims if isinstance(claim, Median | Covers) and claim.metric == metric]
    tables = []
    for arm, run in runs.named:
        own = scores(run, metric)
        columns = {"arm": arm, "parameters": run.record.parameters, "metric": metric, "seed": own.index}
        better = declared(run, metric).better
        shown = next((claim.published for claim in known if made_with(run, claim.of)), np.nan)
        tables.append(pd.DataFrame(columns | {"value": own.to_numpy(), "better": better, "published": shown}))
    return pd.concat(tables, ignore_index=True)


def pictures(runs: Runs, claims: Sequence[Claim]) -> pd.DataFrame:
    """What the runs without a penalty learned: see `_picture`."""
    return _pictures([run for run in runs.all if "reg.alpha" not in run.config])


def strip(runs: Runs, claims: Sequence[Claim]) -> pd.DataFrame:
    """What the runs with a weighted penalty learned, by its power: see `_picture`."""
    return _pictures([run for run in runs.all if "reg.alpha" in run.config])


def exponents(runs: Runs, claims: Sequence[Claim]) -> pd.DataFrame:
    """Exponent of the spectrum's decay of every layer over training: arm, step, seed, layer, value."""
    tables = []
    for run in runs.all:
        own = run.folder.read_table("diagnostics")
        own = own[own["metric"] == "beta"].dropna()
        tables.append(own[["step", "seed", "layer", "value"]].assign(arm=_start_or_power(run)))
    return pd.concat(tables, ignore_index=True)


def edges(runs: Runs, claims: Sequence[Claim]) -> pd.DataFrame:
    """Edge functions of each run's seed of median loss: arm, state, layer, output, input, x, y, function, fit.

    Of a run that did not go beyond its first step, only the start. Where a claim names the function that an edge is
    to be, `fit` is that function brought closest to it.
    """
    tables = []
    for arm, run in runs.named:
        own = run.folder.read_figure("edges").assign(arm=arm, function="", fit=np.nan)
        for claim in claims:
            if isinstance(claim, Edge) and made_with(run, claim.of):
                place = (own["layer"] == claim.layer) & (own["output"] == claim.output) & (own["input"] == claim.input)
                rows = place & (own["state"] == "after")
                own.loc[rows, "function"] = claim.function
                own.loc[rows, "fit"] = affine_fit(own[rows], claim.function)
        tables.append(own if (run.record.steps or 0) > 1 else own[own["state"] == "before"])
    return pd.concat(tables, ignore_index=True)


def staircase(runs: Runs, claims: Sequence[Claim]) -> pd.DataFrame:
    """Test errors over the size of the grid: metric, size, seed, value, published."""
    claim = next((claim for claim in claims if isinstance(claim, Stages | Decreasing | Slope)), None)
    if claim is None:
        raise NotFound("no claim is about the refinement of a grid")
    stages = runs.stages(claim.of, claim.metric)
    found = stages.rename_axis("seed").reset_index().melt("seed", var_name="size")
    known = next((claim.published for claim in claims if isinstance(claim, Stages)), [])
    published = dict(zip(stages, known, strict=False))
    return found.assign(metric=claim.metric, published=found["size"].map(published))


def solution(runs: Runs, claims: Sequence[Claim]) -> pd.DataFrame:
    """The solution of the seed of median loss on a dense grid: x1, x2, channel, target, before, after."""
    return runs.all[0].folder.read_figure("prediction")


def _pictures(runs: Sequence[Run]) -> pd.DataFrame:
    if not runs:
        raise NotFound("there is no run whose picture could be drawn")
    return pd.concat([_picture(run).assign(arm=_start_or_power(run)) for run in runs], ignore_index=True)


def _start_or_power(run: Run) -> str:
    """A run's name by its start, or where it has a weighted penalty, by its power."""
    return f"alpha {run.config['reg.alpha']}" if "reg.alpha" in run.config else run.option("init")


def _picture(run: Run) -> pd.DataFrame:
    """part, x, y, value of one run.

    Parts target, before and after are the pixels of the seed of median loss; spectrum before and after are power over
    frequency x of layer y, median over seeds; psnr is on held-out pixels, of seed x.
    """
    drawn = run.folder.read_figure("prediction")
    side = (run.record.scene or {})["shape"][0]
    y, x = np.divmod(np.arange(side * side), side)
    parts = [
        pd.DataFrame({"part": part, "x": x, "y": y, "value": drawn.loc[drawn["channel"] == 0, part].to_numpy()})
        for part in ("target", "before", "after")
    ]
    spectra = run.folder.read_figure("spectra")
    power = spectra.groupby(["state", "layer", "frequency"])["power"].median().reset_index()
    part = "spectrum " + power["state"]
    parts.append(pd.DataFrame({"part": part, "x": power["frequency"], "y": power["layer"], "value": power["power"]}))
    psnr = scores(run, "psnr")
    parts.append(pd.DataFrame({"part": "psnr", "x": psnr.index, "y": 0, "value": psnr.to_numpy()}))
    return pd.concat(parts, ignore_index=True)
