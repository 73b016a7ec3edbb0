"""The contract of a layer: a basis of functions of one variable, shared by all edges of the layer."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor
from torch.nn import functional


@dataclass(frozen=True, kw_only=True)
class Basis(ABC):
    """A basis phi_1 .. phi_terms; every edge function is phi(x) = scale * sum_m coef_m phi_m(x) + w residual(x).

    The constant function is no term: it is the layer's bias. A new basis needs `terms` and `features`;
    everything else has a working default.
    """

    per_edge: ClassVar[bool] = False  # True: every edge has functions of its own, features are per edge
    residual: Literal["none", "silu", "identity"] = "none"
    scale: bool = False

    @property
    @abstractmethod
    def terms(self) -> int:
        """How many functions the basis has."""

    @abstractmethod
    def features(self, x: Tensor, *weights: Tensor) -> Tensor:
        """All basis functions at x: (..., n_in, batch) -> (..., terms, n_in, batch).

        A basis whose functions are trained themselves takes their weights after x, as `draw_weights` names them, with
        the same leading axes as x. One with functions of its own on every edge (`per_edge`) returns
        (..., terms, n_out, n_in, batch).
        """

    def draw_weights(self, n_out: int, n_in: int, generator: Generator) -> dict[str, Tensor]:
        """Start of the trained numbers inside the functions, float64, in the order `features` takes them."""
        return {}

    def slopes(self, x: Tensor, features: Tensor, *weights: Tensor) -> Tensor:
        """All derivatives at x, shaped like `features`, which are those of the same x and weights.

        This default differentiates `features`; a basis overrides it where the slope is cheaper.
        """
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            values = self.features(x, *weights)
            # The gradient in x is sum_m v_m phi_m'(x), linear in v: its own gradient in v holds every slope at once.
            v = torch.zeros_like(values, requires_grad=True)
            (mixed,) = torch.autograd.grad(values, x, v, create_graph=True)
            return torch.autograd.grad(mixed, v, torch.ones_like(mixed))[0]

    @property
    def orders(self) -> tuple[int, ...] | None:
        """Frequency or degree of each term, from 1; None for local functions, which have none."""
        return tuple(range(1, self.terms + 1))

    @property
    def domain(self) -> tuple[float, float] | None:
        """The interval on which the basis can represent functions; None for the whole line."""
        return None

    @property
    def period(self) -> float | None:
        """The common period of all terms; None where there is none."""
        return None

    @property
    def pieces(self) -> int:
        """How many intervals the basis cuts its domain into; the number of terms where it has no grid."""
        return self.terms

    def draw_coef(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """Start coefficients (n_out, terms, n_in), float64, as the basis' own paper draws them.

        Without a paper: normal with variance 1 / (n_in terms), which keeps the size of the signal.
        """
        return normal((n_out, self.terms, n_in), 1 / math.sqrt(n_in * self.terms), generator)

    def draw_bias(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """Start bias (n_out,), float64: zero unless the basis' own paper says otherwise."""
        return torch.zeros(n_out, dtype=torch.float64)


def normal(shape: tuple[int, ...], std: float, generator: Generator) -> Tensor:
    """Normal draws in float64, so that float32 and float64 runs start from the same numbers."""
    return torch.randn(shape, generator=generator, dtype=torch.float64) * std


def truncated_normal(shape: tuple[int, ...], std: float, generator: Generator) -> Tensor:
    """Normal draws cut at two `std`; their realized standard deviation is 0.88 `std`."""
    draws = torch.empty(shape, dtype=torch.float64)
    torch.nn.init.trunc_normal_(draws, std=1.0, a=-2.0, b=2.0, generator=generator)
    return draws * std


def uniform(shape: tuple[int, ...], bound: float, generator: Generator) -> Tensor:
    """Uniform draws on (-bound, bound) in float64."""
    return (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1) * bound


def _silu_slope(x: Tensor) -> Tensor:
    s = torch.sigmoid(x)
    return s * (1 + x * (1 - s))


# Each residual function with its derivative.
RESIDUALS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "silu": (functional.silu, _silu_slope),
    "identity": (torch.clone, torch.ones_like),
}
