"""Any optimizer of torch.optim by its name, one seed after the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.optimizer.base import FirstOrder, FirstOrderStepper

# They ask for the loss again, want matrices or sparse gradients; or are no optimizers by themselves.
OTHERS = {"LBFGS", "Muon", "SparseAdam", "Optimizer"}
NAMES = sorted(
    name
    for name, kind in vars(torch.optim).items()
    if isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer)
)
NAMES = [name for name in NAMES if name not in OTHERS]


@dataclass(frozen=True, kw_only=True)
class Torch(FirstOrder):
    """torch.optim.<name> with `options` for its other arguments, on all weights of a seed as one tensor.

    An optimizer for every seed, one after the other: slower than the words that move all of them at once, and compiled
    in its evaluations alone. Its learning rate is ours, with the schedule; after a refinement it begins anew.

    Source: https://docs.pytorch.org/docs/stable/optim.html
    """

    name: str = "NAdam"
    options: dict[str, float | bool | list[float]] | None = None

    def __post_init__(self):
        super().__post_init__()
        require((self.name in NAMES, f"name must be one of {', '.join(NAMES)}, got '{self.name}'"))
        require(("lr" not in (self.options or {}), "options: lr is learning_rate; leave it out"))
        try:
            self.make(torch.zeros(1))
        except (TypeError, ValueError) as error:
            raise ValueError(f"options: torch.optim.{self.name}: {error}") from None

    def make(self, weights: Tensor) -> torch.optim.Optimizer:
        """A fresh one for weights (parameters,)."""
        options = {
            name: tuple(value) if isinstance(value, list) else value for name, value in (self.options or {}).items()
        }
        found: torch.optim.Optimizer = getattr(torch.optim, self.name)([weights], lr=self.learning_rate, **options)
        return found

    def stepper(self, theta: Tensor) -> "TorchStepper":
        return TorchStepper(self, theta)


class TorchStepper(FirstOrderStepper):
    """The optimizer of every seed, kept in a checkpoint by what it remembers."""

    def __init__(self, settings: Torch, theta: Tensor):
        super().__init__(settings, theta)
        self.settings = settings
        self.weights = [row.clone() for row in theta]
        self.optimizers = [settings.make(row) for row in self.weights]

    def move(self, theta: Tensor, grad: Tensor, rate: float) -> Tensor:
        for row, own, slope, optimizer in zip(theta, self.weights, grad, self.optimizers, strict=True):
            own.copy_(row)
            own.grad = slope.clone()
            optimizer.param_groups[0]["lr"] = rate
            optimizer.step()
            own.grad = None
        return torch.stack(self.weights)

    def forget(self, rows: Tensor) -> None:
        for i in rows.nonzero().flatten().tolist():
            self.optimizers[i] = self.settings.make(self.weights[i])

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: value for name, value in vars(self).items() if name != "optimizers"}
        pairs = zip(self.weights, self.optimizers, strict=True)
        return kept | {"remembered": [dict(optimizer.state.get(row, {})) for row, optimizer in pairs]}

    def __setstate__(self, kept: Mapping[str, Any]) -> None:
        self.__dict__.update({name: value for name, value in kept.items() if name != "remembered"})
        self.optimizers = [self.settings.make(row) for row in self.weights]
        for row, optimizer, state in zip(self.weights, self.optimizers, kept["remembered"], strict=True):
            if state:  # not by load_state_dict, which changes the precision of single numbers
                optimizer.state[row] = state
