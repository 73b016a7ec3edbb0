"""Several optimizers, one after the other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from kanexp.error import require
from kanexp.optimizer.base import Matrix, Optimizer, Problem, Stepper


@dataclass(frozen=True, kw_only=True)
class Chain(Optimizer):
    """The optimizers of `parts`, named as on the command line, each from where the one before it has come.

    `switch` holds the steps at which the next one takes over, for all seeds; a schedule begins with its part. A seed
    whose part can go no further waits for the next: when it goes on does not depend on the seeds beside it.
    """

    parts: dict[str, Optimizer] | None = None
    switch: list[int] | None = None

    def __post_init__(self):
        parts, switch = list((self.parts or {}).values()), self.switch or []
        require(
            (
                len(parts) > 1,
                "parts must name at least two optimizers, for example "
                "'optimizer.parts={adam: {}, lbfgs: {}}' 'optimizer.switch=[500]'",
            ),
            (
                len(parts) < 2 or len(switch) == len(parts) - 1,
                f"switch must have the step at which each part after the first begins, {len(parts) - 1} for "
                f"{len(parts)} parts, got {len(switch)}",
            ),
            (
                all(a < b for a, b in pairwise([0, *switch])),
                f"switch must rise from above 0, got {', '.join(map(str, switch))}",
            ),
            (not any(isinstance(part, Chain) for part in parts), "a part must not be a chain itself"),
        )
        # Of the class in other optimizers, here of the parts.
        found = {
            "minibatches": all(part.minibatches for part in parts),
            "renews": all(part.minibatches or part.renews for part in parts),
            "least_squares": any(part.least_squares for part in parts),
            "jacobian": any(part.jacobian for part in parts),
            "programs": sum(part.programs for part in parts),
            "double": next((f"has a part that {part.double}" for part in parts if part.double), ""),
        }
        for name, value in found.items():
            object.__setattr__(self, name, value)

    def conflict(self, parameters: int) -> str:
        found = {name: part.conflict(parameters) for name, part in (self.parts or {}).items()}
        return "; ".join(f"{name}: {why}" for name, why in found.items() if why)

    def stepper(self, theta: Tensor) -> "ChainStepper":
        return self.stepper_for(theta, ())

    def stepper_for(self, theta: Tensor, matrices: Sequence[Matrix]) -> "ChainStepper":
        return ChainStepper(self, matrices)


class ChainStepper(Stepper):
    """The part at work, from the first step that it makes, and how many steps were made."""

    retired: Tensor | None = None  # seeds (seeds,) that are through; of the class in one from before there were any

    def __init__(self, settings: Chain, matrices: Sequence[Matrix]):
        self.settings, self.steps, self.matrices = settings, 0, list(matrices)
        self.at_work: Stepper | None = None

    def step(self, theta: Tensor, problem: Problem) -> tuple[Tensor, Tensor, Tensor]:
        switch = self.settings.switch or []
        if self.at_work is None or self.steps in switch:
            parts = list((self.settings.parts or {}).values())
            self.at_work = parts[sum(at <= self.steps for at in switch)].stepper_for(theta, self.matrices)
            if self.retired is not None:
                self.at_work.retire(self.retired)
        self.steps += 1
        return self.at_work.step(theta, problem)

    def reshape(self, matrices: Sequence[Matrix]) -> None:
        self.matrices = list(matrices)

    def carry(self, resize: Callable[[Tensor], Tensor]) -> bool:
        if self.at_work is not None and not self.at_work.carry(resize):
            self.at_work = None  # the part begins anew, not the chain
        return True

    def forget(self, rows: Tensor) -> None:
        if self.at_work is not None:
            self.at_work.forget(rows)

    def restrict(self, rows: Tensor, mask: Tensor) -> None:
        if self.at_work is not None:
            self.at_work.restrict(rows, mask)

    def retire(self, rows: Tensor) -> None:
        self.retired = rows if self.retired is None else self.retired | rows
        if self.at_work is not None:
            self.at_work.retire(rows)

    def renew(self) -> None:
        if self.at_work is not None:
            self.at_work.renew()

    def finished(self) -> Tensor | None:
        """Which seeds can go no further with the last part; none before it."""
        last = self.steps > (self.settings.switch or [0])[-1]
        return self.at_work.finished() if last and self.at_work is not None else None
