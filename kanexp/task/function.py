"""Regression of a known function of a few variables."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

from kanexp.error import require
from kanexp.task.base import Data, Scene, Split, Task

# Each function with its number of inputs; x is (n_in, samples).
FUNCTIONS: dict[str, tuple[int, Callable[[Tensor], Tensor]]] = {
    "square_plus_exp": (2, lambda x: x[0] ** 2 + 2 * torch.exp(x[1])),
    "exp_sin_square": (2, lambda x: torch.exp(torch.sin(math.pi * x[0]) + x[1] ** 2)),
    "product": (2, lambda x: x[0] * x[1]),
    "runge": (1, lambda x: 1 / (1 + 25 * x[0] ** 2)),
}


@dataclass(frozen=True)
class Function(Task):
    """Samples of a named function at points uniform in [low, high]^n, with optional noise on the training targets.

    square_plus_exp is x^2 + 2 exp(y) (jaxKAN's tutorials), exp_sin_square is exp(sin(pi x) + y^2) (pykan, MLP-KAN),
    product is x y, runge is 1 / (1 + 25 x^2).
    """

    function: Literal["square_plus_exp", "exp_sin_square", "product", "runge"] = "square_plus_exp"
    low: float = -1.0
    high: float = 1.0
    train: int = 800
    val: int = 200
    test: int = 200
    noise: float = 0.0

    def __post_init__(self):
        require(
            (
                -math.inf < self.low < self.high < math.inf,
                f"low must be below high, both finite, got low {self.low} and high {self.high}",
            ),
            (self.train >= 1, f"train must be at least 1, got {self.train}"),
            (self.val >= 1, f"val must be at least 1, got {self.val}"),
            (self.test >= 1, f"test must be at least 1, got {self.test}"),
            (0 <= self.noise < math.inf, f"noise must be zero or more, got {self.noise}"),
        )

    @property
    def inputs(self) -> int:
        return FUNCTIONS[self.function][0]

    @property
    def outputs(self) -> int:
        return 1

    def solution(self, x: Tensor) -> Tensor:
        """The exact answer (1, samples) at x (n_in, samples)."""
        return FUNCTIONS[self.function][1](x)[None]

    def load(self, generator: Generator) -> Data:
        train, val, test = (self._sample(n, generator) for n in (self.train, self.val, self.test))
        disturbed = train.y + self.noise * torch.randn(train.y.shape, generator=generator, dtype=torch.float64)
        return Data(Split(train.x, disturbed), val, test)

    def scene(self, data: Data) -> Scene:
        if self.inputs == 1:
            x = torch.linspace(self.low, self.high, 400, dtype=torch.float64)[None]
            return Scene("curve", x, self.solution(x), (400,))
        side = torch.linspace(self.low, self.high, 61, dtype=torch.float64)
        second, first = torch.meshgrid(side, side, indexing="ij")
        x = torch.stack([first.flatten(), second.flatten()])
        return Scene("surface", x, self.solution(x), (61, 61))

    def metrics(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        error = prediction - target
        mse = error.square().mean(dim=(1, 2))
        return {
            "mse": mse,
            "rmse": mse.sqrt(),
            "mae": error.abs().mean(dim=(1, 2)),
            "max": error.abs().amax(dim=(1, 2)),
        }

    def _sample(self, samples: int, generator: Generator) -> Split:
        unit = torch.rand((self.inputs, samples), generator=generator, dtype=torch.float64)
        x = self.low + (self.high - self.low) * unit
        return Split(x, self.solution(x))
