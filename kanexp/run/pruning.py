"""Pruning between two cuts: by which rule, what it has come to, and one cut of every seed."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from kanexp.config.experiment import Experiment
from kanexp.folder.logs import Ledger, NoLogs
from kanexp.model.network import Network
from kanexp.task.base import Data
from kanexp.train.cut import Kept, count, least, trained_weights, without, without_least_node
from kanexp.train.ensemble import Ensemble
from kanexp.train.loop import train


@dataclass(frozen=True)
class Rule:
    """How a run is pruned.

    Each seed loses a share `cut` of its edges at a time, those of the lowest importance, and trains `steps` on. Where
    its validation loss is then at most (1 + tolerance) times that of the unpruned seed, the cut is kept; if not, it is
    taken back and half as many edges go. Where one alone is too many, the node or input of the lowest importance goes
    with all of its edges; if that is kept, edges follow again, else the seed is done.
    """

    tolerance: float
    cut: float
    steps: int
    optimizer: str

    def __str__(self) -> str:
        return f"tolerance {self.tolerance:g}, cut {self.cut:g}, {self.steps} steps by {self.optimizer}"


@dataclass
class Pruned:
    """What pruning has come to between two cuts; of the seeds that were not lost, a row each."""

    theta: Tensor
    kept: Kept
    loss: Tensor  # on validation
    limit: Tensor
    most: list[float]  # edges that may go at once; 0 where a node is to go
    done: list[bool]
    evaluations: Tensor  # those of the run before included
    seconds: float = 0.0
    steps: int = 0
    interrupted: int = 0

    def sizes(self, rule: Rule) -> list[int]:
        """How many edges of each seed go next."""
        edges = count(self.kept).tolist()
        return [int(min(most, max(1, rule.cut * n))) for most, n in zip(self.most, edges, strict=True)]

    def judge(self, row: int, size: int, fine: bool) -> None:
        """What is to go next, after a cut of so many edges, or of a node where 0, that was kept or taken back."""
        if size:
            self.most[row] = self.most[row] if fine else size // 2
        else:
            self.most[row], self.done[row] = float("inf"), not fine
        self.done[row] = self.done[row] or int(count(self.kept)[row]) == len(self.kept)


def cut_once(
    e: Experiment,
    network: Network,
    state: Pruned,
    data: Data,
    seeds: list[int],
    rule: Rule,
    number: int,
    progress: Any,
) -> list[dict[str, Any]]:
    """One cut of every seed that is not done: made, trained, and kept or taken back. Returns its rows."""
    sizes = state.sizes(rule)
    going = [row for row, done in enumerate(state.done) if not done]
    theta, kept = state.theta[going], [edges[going] for edges in state.kept]
    with torch.no_grad():
        edges_gone = least(network, theta, kept, data.train.x, [sizes[row] for row in going])
        node_gone = without_least_node(network, theta, kept, data.train.x)
        of_nodes = torch.tensor([sizes[row] == 0 for row in going], device=theta.device)[:, None, None]
        left = [torch.where(of_nodes, node, edge) for node, edge in zip(node_gone, edges_gone, strict=True)]
        start = without(network, theta, left, data.train.x)
    own = replace(e, settings=replace(e.settings, seeds=[seeds[row] for row in going]))
    ledger = Ledger([NoLogs()], [own.settings.seed_list])
    result = train(Ensemble((own,)), network, start, data, ledger, progress, mask=network.mask(left))
    state.steps, state.seconds = state.steps + result.steps, state.seconds + result.seconds
    state.interrupted = result.interrupted
    # Of a network without edges nothing is left to look at, whatever its loss.
    fine = (result.best_val <= state.limit[going]) & (count(left) > 0) & (count(left) < count(kept))
    fine = fine & (not result.interrupted)
    for i, row in enumerate(going):
        state.evaluations[row] += result.evaluations[i]
        if fine[i]:
            state.theta[row], state.loss[row] = result.best[i], result.best_val[i]
            for edges, new in zip(state.kept, left, strict=True):
                edges[row] = new[i]
        state.judge(row, sizes[row], bool(fine[i]))
    own_seeds = [seeds[row] for row in going]
    return cut_rows(network, left, own_seeds, number, result.best_val, state.limit[going], fine.tolist())


def cut_rows(
    network: Network, kept: Kept, seeds: list[int], number: int, loss: Tensor, limit: Tensor, fine: list[bool]
) -> list[dict[str, Any]]:
    """A row for each seed: cut (its number), edges, inputs, hidden (nodes), weights, val_loss, limit, kept."""
    weights = trained_weights(network, kept)
    inputs = kept[0].any(1).sum(1)
    nodes = (
        torch.stack([edges.any(1).sum(1) for edges in kept[1:]]).sum(0) if len(kept) > 1 else torch.zeros_like(inputs)
    )
    numbers = zip(*(t.tolist() for t in (count(kept), inputs, nodes, weights, loss, limit)), strict=True)
    names = ("edges", "inputs", "hidden", "weights", "val_loss", "limit")
    return [
        {"seed": seed, "cut": number, **dict(zip(names, own, strict=True)), "kept": ok}
        for seed, own, ok in zip(seeds, numbers, fine, strict=True)
    ]
