"""Studies as people write them down, made from random numbers and with nothing wrong with them."""

import numpy as np
import pandas as pd

ARMS = ("spline", "fourier", "chebyshev", "mlp", "rbf")


def made(rng, arms=3, seeds=6, spread=(0.1, 0.5), kind="regression", problems=("",), test_rows=1000):
    """A row for each problem, arm and seed: log-normal errors and all that goes with them."""
    rows = []
    for problem in problems:
        variance = 10 ** rng.uniform(-1, 1)
        for arm in ARMS[:arms]:
            level, sigma = rng.normal(-6, 1.0), np.exp(rng.uniform(*np.log(spread)))
            for seed in range(seeds):
                mse = float(np.exp(level + sigma * rng.normal()))
                row = {"dataset": problem, "method": arm, "seed": seed}
                row |= {"params": 1321, "steps": 2000, "seconds": round(20 * rng.uniform(0.9, 1.1), 2)}
                rows.append(row | SCORES[kind](rng, mse, variance, test_rows))
    table = pd.DataFrame(rows)
    return table.drop(columns="dataset") if problems == ("",) else table


def _regression(rng, mse, variance, test_rows):
    train, val = (mse * np.exp(rng.normal(shift, 0.05)) for shift in (-0.5, 0.1))
    row = {"train_mse": train, "val_mse": val, "test_mse": mse, "test_rmse": mse**0.5}
    return row | {"test_mae": mse**0.5 * rng.uniform(0.6, 0.8), "test_r2": 1 - mse / variance}


def _picture(rng, mse, variance, test_rows):
    return {"test_mse": mse, "test_psnr": -10 * np.log10(mse), "test_ssim": np.exp(-10 * mse * rng.uniform(0.9, 1.1))}


def _classes(rng, mse, variance, test_rows):
    wrong = min(20 * mse, 0.5)
    right = rng.binomial(test_rows, 1 - wrong)
    return {"val_loss": 5 * mse * rng.uniform(0.9, 1.1), "test_acc": right / test_rows, "n_test": test_rows}


def _equation(rng, mse, variance, test_rows):
    return {"l2re": mse**0.5, "val_loss": mse * rng.uniform(0.8, 1.2)}


SCORES = {"regression": _regression, "picture": _picture, "classes": _classes, "equation": _equation}


def results(table):
    """The columns of a made study that are results."""
    return [name for name in table if name.startswith(("train_", "val_", "test_")) or name == "l2re"]


def rounded(table, digits):
    """The table with so many significant digits, as texts."""
    shown = {name: table[name].map(lambda x: f"{x:.{digits}g}") for name in results(table)}
    return table.assign(**shown)


def long(table):
    """A row for each metric."""
    names = results(table)
    keys = [name for name in table if name not in names]
    return table.melt(keys, names, "metric", "value")


def by_part(table):
    """A row for train, val and test data."""
    keys = [name for name in table if name not in results(table)]
    parts = []
    for part in ("train", "val", "test"):
        own = [name for name in results(table) if name.startswith(f"{part}_")]
        names = {name: name.removeprefix(f"{part}_") for name in own}
        parts.append(table[[*keys, *own]].rename(columns=names).assign(split=part))
    return pd.concat(parts)


def summary(table, ends=True):
    """A row for each arm: mean, deviation and number of seeds; with `ends` the least and the largest."""
    by = [name for name in ("dataset", "method") if name in table]
    groups = table.groupby(by, sort=False)
    made = {"params": groups["params"].first(), "n_seeds": groups.size()}
    for name in [name for name in results(table) if name.startswith("test_") or name == "l2re"]:
        statistics = ("mean", "std", "min", "max") if ends else ("mean", "std")
        made |= {f"{name}_{statistic}": groups[name].agg(statistic) for statistic in statistics}
    return pd.DataFrame(made).reset_index()


def curves(rng, table, epochs=12, select="val"):
    """A row for each epoch of each run, and the epoch that validation (or test) data select."""
    rows = []
    for run in table.to_dict("records"):
        mses = {}
        for part in ("val", "test"):
            falling = np.linspace(2, 0, epochs) + 0.3 * rng.normal(size=epochs)
            mses[part] = run["test_mse"] * np.exp(falling)
        best = int(np.argmin(mses[select]))
        for epoch in range(epochs):
            scores = {f"{part}_mse": mses[part][epoch] for part in mses}
            rows.append({"method": run["method"], "seed": run["seed"], "epoch": epoch} | scores | {"best_epoch": best})
    return pd.DataFrame(rows)


def _scaled(rng, table, names, factor):
    return table.assign(**{name: table[name] * factor * np.exp(0.1 * rng.normal(size=len(table))) for name in names})


def random(rng):
    """Any of the above."""
    kind = str(rng.choice(list(SCORES)))
    problems = ("",) if rng.random() < 0.7 else ("poisson", "burgers")
    arms, seeds = int(rng.integers(2, 6)), int(rng.integers(3, 11))
    spread = [(0.05, 0.2), (0.1, 0.5), (0.3, 1.0)][rng.integers(3)]
    table = made(rng, arms, seeds, spread, kind, problems, int(rng.choice([100, 1000, 10000])))
    if rng.random() < 0.2:
        table = table.assign(n_trials=8, status="ok")
    if kind == "classes" and rng.random() < 0.4:
        table = table.assign(test_acc=100 * table["test_acc"])
    if rng.random() < 0.2:  # a search over learning rates, which all arms had
        factors = {0.001: 1.0, 0.01: rng.uniform(0.3, 3)}
        error = [name for name in results(table) if name in ("test_mse", "l2re", "val_loss")]
        if kind in ("equation",):
            table = pd.concat([_scaled(rng, table, error, factor).assign(lr=lr) for lr, factor in factors.items()])
    form = rng.integers(6)
    if form == 0 and kind == "regression":
        return curves(rng, table.drop_duplicates(["method", "seed"]))
    if form == 1 and kind != "classes":
        return summary(table)
    if form == 2 and kind == "regression":
        return by_part(table)
    if rng.random() < 0.4:
        table = rounded(table, int(rng.integers(4, 9)))
    return long(table) if form == 3 else table
