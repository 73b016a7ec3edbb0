"""Condition: what is known of an equation's answers at an end of an input, between its ends, or from measurements."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from kanexp.task.jet import Jet, Partial


@dataclass(frozen=True)
class Condition:
    """What is known of answers, or of a derivative of theirs, at an end of an input: 0 is its low end, 1 its high one.

    Without an end both ends are alike; without an input, answers are measured all over the domain. `known` gives
    (answers or 1, points) at x (inputs, points); without it they are the solution's.
    """

    axis: int | None
    end: int | None = None
    name: str = "edges"
    answers: tuple[int, ...] = (0,)
    partial: Partial = ()
    known: Callable[[Tensor], Tensor] | None = None
    points: int | None = None  # where it is another number than edge_points
    noise: float = 0.0  # standard deviation of measurements

    @property
    def compares(self) -> bool:
        """Whether it is that both ends of an input are alike; it has points at each then."""
        return self.axis is not None and self.end is None

    @property
    def is_solution(self) -> bool:
        """Whether the solution says what is known."""
        return self.known is None and not self.compares

    def held(self, jet: Jet, points: slice) -> Tensor:
        """What is to equal the known values, (seeds, answers, points), of the jet at these points of it."""
        found = (jet.partials[self.partial] if self.partial else jet.value)[..., points]
        if self.answers != tuple(range(found.shape[1])):
            found = found[:, list(self.answers)]
        if not self.compares:
            return found
        low, high = found.chunk(2, dim=-1)
        return high - low


def nothing(x: Tensor) -> Tensor:
    """Zero (1, points) at x (inputs, points): what a condition may know."""
    return torch.zeros_like(x[:1])
