"""Pairs of columns: how much they work together, and whether they are added, multiplied or may change places."""

from itertools import combinations

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from kanexp.attribution.learned import Learned
from kanexp.data.subset import some
from kanexp.measure.importance import importance
from kanexp.score.functions import root_mean_square
from kanexp.seeding import generator

MOST = 8  # columns, the most important ones, whose pairs are looked at
PLACES = 40  # of a pair at which partial dependence is taken, and rows over which each is a mean
ROWS = 1000  # pairs of rows from which differences are taken
FEW = 10  # rows, with fewer of which nothing is said


def pairs(learned: Learned) -> list[tuple[int, int]]:
    """All pairs of the MOST columns of the highest median importance, in the order of the table."""
    scores = column_importance(learned).median(0).values
    chosen = sorted(scores.argsort(descending=True, stable=True)[:MOST].tolist())
    return list(combinations(chosen, 2))


def column_importance(learned: Learned) -> Tensor:
    """Importance of every column, the sum of that of its inputs, (seeds, columns)."""
    found = importance(learned.network, learned.theta, learned.data.train.x).inputs
    return torch.stack([found[:, inputs].sum(1) for inputs in learned.inputs], dim=1)


def interactions(learned: Learned, chosen: list[tuple[int, int]]) -> Tensor:
    """How much of what was learned only two columns together say, (seeds, pairs).

    The root mean square of F_jk - F_j - F_k over the standard deviation of all answers, where F_jk is the centred
    partial dependence: the mean answer with these columns given and the others as in the data. Friedman and Popescu
    divide by the size of F_jk instead, which makes much of pairs that do nothing.

    Source: Friedman and Popescu 2008, https://doi.org/10.1214/07-AOAS148
    """
    x = some(learned.data.train.x, PLACES)
    size = learned.answers(learned.data.train.x).std(-1, correction=0)  # (seeds, n_out)
    size = torch.where(size > 0, size, 1.0)
    alone = {j: _dependence(learned, x, (j,)) for j in sorted({j for pair in chosen for j in pair})}
    found = [_dependence(learned, x, (j, k)) - alone[j] - alone[k] for j, k in chosen]
    return torch.stack([(root_mean(one) / size).mean(1) for one in found], dim=1)


def root_mean(values: Tensor) -> Tensor:
    """Root mean square over the last axis."""
    return values.square().mean(-1).sqrt()


def _dependence(learned: Learned, x: Tensor, columns: tuple[int, ...]) -> Tensor:
    """Centred partial dependence (seeds, n_out, places) on columns at their values in rows x (n_in, places)."""
    inputs = [i for column in columns for i in learned.inputs[column]]
    places = x.shape[1]
    mixed = x.repeat(1, places)  # for every place all rows
    mixed[inputs] = x[inputs].repeat_interleave(places, dim=1)
    means = learned.answers(mixed).unflatten(-1, (places, places)).mean(-1)
    return means - means.mean(-1, keepdim=True)


def structure(learned: Learned, chosen: list[tuple[int, int]]) -> dict[str, Tensor]:
    """How far what was learned is from a sum, a product and symmetry in each pair, (seeds, pairs) by name.

    With values a and b of two rows in the pair, and the rest of the first row: a sum has f(a, a) - f(a, b) - f(b, a) +
    f(b, b) = 0; a product f(a, a) f(b, b) - f(a, b) f(b, a) = 0, which is the same of log f and has no need of its
    sign; symmetry f(u, v) - f(v, u) = 0, at rows whose two numbers both columns reach. Each is the root mean square
    over that which independent errors of the size of the validation error would make of it: at most about 1 where the
    structure is there. NaN where there is nothing to look at. Of tasks with answers in one number each.

    Source: Liu et al. 2024, https://arxiv.org/abs/2408.10205, section 4 (hypothesis tests of separability, symmetry)
    """
    val, draws = learned.data.val, generator(0, "pairs")
    target = learned.data.own_units(val.y).double()
    error = root_mean_square(learned.answers(val.x) - target[None]).clamp(min=1e-300)  # (seeds,)
    count = learned.data.train.x.shape[1]
    first, second = (torch.randint(count, (ROWS,), generator=draws) for _ in range(2))
    found: dict[str, list[Tensor]] = {"sum": [], "product": [], "symmetric": []}
    for j, k in chosen:
        f = _corners(learned, first, second, j, k)
        found["sum"].append(root_mean(f[0] - f[1] - f[2] + f[3]).mean(1) / (2 * error))
        size = root_mean(f.square().sum(0).sqrt()).mean(1).clamp(min=1e-300)
        found["product"].append(root_mean(f[0] * f[3] - f[1] * f[2]).mean(1) / (size * error))
        found["symmetric"].append(_swapped(learned, j, k) / (2**0.5 * error))
    return {name: torch.stack(values, dim=1) for name, values in found.items()}


def _corners(learned: Learned, first: Tensor, second: Tensor, j: int, k: int) -> Tensor:
    """Answers (4, seeds, n_out, rows) with columns j and k of either row, the rest of the first."""
    x = learned.data.train.x
    answers = []
    for of_j in (first, second):
        for of_k in (first, second):
            at = x[:, first].clone()
            at[learned.inputs[j]], at[learned.inputs[k]] = x[learned.inputs[j]][:, of_j], x[learned.inputs[k]][:, of_k]
            answers.append(learned.answers(at))
    return torch.stack(answers)


def _swapped(learned: Learned, j: int, k: int) -> Tensor:
    """Root mean square (seeds,) of what changes where two numbers change places."""
    nothing = torch.full((len(learned.seeds),), torch.nan, dtype=torch.float64)
    if learned.encoding.columns[j].values or learned.encoding.columns[k].values:
        return nothing
    features = learned.encoding.features(some(learned.data.train.x, ROWS))
    a, b = learned.inputs[j][0], learned.inputs[k][0]
    pair = features[[a, b]]
    low, high = pair.amin(1).max(), pair.amax(1).min()
    both = ((pair >= low) & (pair <= high)).all(0)
    if int(both.sum()) < FEW:
        return nothing
    here = features[:, both]
    there = here.clone()
    there[[a, b]] = here[[b, a]]
    change = learned.answers(learned.encoding.inputs(here)) - learned.answers(learned.encoding.inputs(there))
    return root_mean(change).mean(1)


def p_value(distances: np.ndarray) -> float:
    """How likely seeds are as far as these from a structure that is there, by a one-sided t test on logarithms.

    Small where the structure is not there; NaN for fewer than three seeds, or where nothing was looked at.
    """
    if len(distances) < 3 or not np.isfinite(distances).all():
        return float("nan")
    logs = np.log(np.maximum(distances, 1e-300))
    if np.ptp(logs) == 0:
        return float(logs[0] <= 0)
    return float(stats.ttest_1samp(logs, 0.0, alternative="greater").pvalue)
