"""The contract of a layer: a basis of functions of one variable, shared by all edges of the layer."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
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
    size: ClassVar[str] = ""  # the option that refinement raises; empty where there is none
    layer_norm: ClassVar[bool] = False  # True: the functions see inputs normalized over the layer's features
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

    def fixed_weights(self, x: Tensor) -> dict[str, Tensor]:
        """Numbers inside the functions that are measured on inputs x (n_in, samples) and never trained: knots, ranges.

        Float64, a row per input; `features` takes them after the trained ones.
        """
        return {}

    @property
    def remeasures(self) -> bool:
        """Whether the fixed weights are measured again at a refinement."""
        return False

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

    def resized(self, size: int) -> "Basis":
        """The same with another number of intervals, nodes, frequencies, ...: of what `size` names."""
        return replace(self, **{self.size: size})  # type: ignore[arg-type]

    def nests(self, larger: "Basis") -> bool:
        """Whether every function of this basis is one of the larger basis of its kind as well, on its whole domain."""
        return self.orders is not None

    @property
    def unbound(self) -> "Basis":
        """The same functions of inputs that are already in the domain."""
        return self

    @property
    def fit_range(self) -> tuple[float, float]:
        """The interval on which starts shape the functions."""
        return self.domain or (-1.0, 1.0)

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


@dataclass(frozen=True, kw_only=True)
class Bounded(Basis):
    """A basis on [low, high] that fades to zero outside, and ways to bring any input in there.

    bound tanh maps the whole line to (low, high), clamp stops at the ends, affine maps the range of the data that
    enters the layer, measured for each input at the start; none lets inputs leave. The
    residual sees the input as it is.
    """

    low: float = -1.0
    high: float = 1.0
    bound: Literal["none", "tanh", "clamp", "affine"] = "none"

    @property
    def domain(self) -> tuple[float, float] | None:
        return (self.low, self.high) if self.bound == "none" else None

    @property
    def fit_range(self) -> tuple[float, float]:
        return self.low, self.high

    @property
    def unbound(self) -> "Basis":
        return replace(self, bound="none")

    @property
    def _range_is_right(self) -> tuple[bool, str]:
        """The condition on low and high, for `require`."""
        return (
            -math.inf < self.low < self.high < math.inf,
            f"low must be below high, both finite, got low {self.low} and high {self.high}",
        )

    def fixed_weights(self, x: Tensor) -> dict[str, Tensor]:
        if self.bound != "affine":
            return {}
        start, end = span(x.double(), self.low, self.high)
        return {"start": start, "end": end}

    def inside(self, x: Tensor, *span: Tensor) -> Tensor:
        """x (..., n_in, batch) brought into the domain; `span` is where each input's data starts and ends."""
        if span:
            start, end = (s.unsqueeze(-1) for s in span)
            return self.low + (x - start) * ((self.high - self.low) / (end - start))
        return _BOUNDS[self.bound][0](x, self.low, self.high) if self.bound != "none" else x

    def chain(self, x: Tensor, slopes: Tensor) -> Tensor:
        """Slopes (..., terms, n_in, batch) at the point inside, times the slope of getting there."""
        if self.bound == "none":
            return slopes
        return slopes * _BOUNDS[self.bound][1](x, self.low, self.high).unsqueeze(-3)


def span(x: Tensor, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Where each input's data (n_in, samples) starts and ends; low and high where it is a single value or none."""
    if not x.shape[1]:
        x = x.new_tensor([low, high]).expand(len(x), 2)
    start, end = x.amin(1), x.amax(1)
    wide = end - start > 1e-6 * torch.maximum(start.abs(), end.abs())
    return torch.where(wide, start, low), torch.where(wide, end, high)


def _tanh_slope(x: Tensor, low: float, high: float) -> Tensor:
    return (1 - torch.tanh(x).square()) * ((high - low) / 2)


# Each bound with its derivative, as functions of x, low and high.
_BOUNDS: dict[str, tuple[Callable[[Tensor, float, float], Tensor], Callable[[Tensor, float, float], Tensor]]] = {
    "tanh": (lambda x, low, high: low + (torch.tanh(x) + 1) * ((high - low) / 2), _tanh_slope),
    "clamp": (lambda x, low, high: x.clamp(low, high), lambda x, low, high: ((x >= low) & (x <= high)).to(x.dtype)),
}


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
