"""Shares of samples that select the best state and that are scored, either of which may be none."""

import torch
from torch import Generator, Tensor

from kanexp.task.base import Split


def share_is_right(name: str, share: float, what: str) -> tuple[bool, str]:
    """The condition on one share, for `require`."""
    return 0 <= share < 1, f"{name} must be a share of the {what} from 0 to below 1, got {share}"


def shares_are_right(val: float, test: float, what: str) -> tuple[bool, str]:
    """The condition on both together, for `require`."""
    return val + test < 1, f"val and test must leave {what} to train on, got {val} + {test}"


def divide(
    x: Tensor, y: Tensor, val: float, test: float, generator: Generator, what: str
) -> tuple[tuple[Split, Split, Split], tuple[str, ...]]:
    """Samples x (n_in, samples) and y in three random parts, and sentences about what stands for a part of no share.

    Without samples to select by, those that train do; without samples to score, all are scored.
    """
    samples = x.shape[1]
    order = torch.randperm(samples, generator=generator)
    held = [max(1, round(share * samples)) if share else 0 for share in (val, test)]
    train, chosen, scored = (Split(x[:, part], y[:, part]) for part in order.split([samples - sum(held), *held]))
    notes = []
    if not val:
        chosen = train
        notes.append(f"with task.val=0 the best state is that of the lowest loss on the {what} that train")
    if not test:
        scored = Split(x, y)
        notes.append(f"with task.test=0 all {what} are scored, and those that train are among them")
    return (train, chosen, scored), tuple(notes)
