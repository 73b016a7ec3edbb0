"""The contract of a layer: a basis of functions of one variable, shared by all edges of the layer."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor
from torch.nn import functional

from kanexp.calculus import derivative, pulled_back


@dataclass(frozen=True, kw_only=True)
class Basis(ABC):
    """A basis phi_1 .. phi_terms; every edge function is phi(x) = scale * sum_m coef_m phi_m(x) + w residual(x).

    The constant function is no term: it is the layer's bias. A new basis needs `terms` and `features`;
    everything else has a working default.
    """

    per_edge: ClassVar[bool] = False  # True: every edge has functions of its own, features are per edge
    size: ClassVar[str] = ""  # the option that refinement raises; empty where there is none
    layer_norm: ClassVar[bool] = False  # True: the functions see inputs normalized over the layer's features
    bound: ClassVar[str] = "none"  # how the layer brings inputs into the domain, one of BOUNDS
    fuses: ClassVar[bool] = False  # True: `sums` and `pull_sums` gain from being compiled, each into few loops
    unrolled: ClassVar[bool] = False  # True: `features` runs term by term, a program as long as there are terms
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
        """Numbers inside the functions that are measured on inputs x (n_in, samples) and never trained, such as knots.

        Float64, a row per input; `features` takes them after the trained ones. Measured anew at every refinement.
        """
        return {}

    def slopes(self, x: Tensor, features: Tensor, *weights: Tensor) -> Tensor:
        """All derivatives at x, shaped like `features`, which are those of the same x and weights.

        This default differentiates `features`; a basis overrides it where the slope is cheaper.
        """
        return derivative(lambda x: self.features(x, *weights), x)

    def derivatives(self, x: Tensor, order: int, *weights: Tensor) -> tuple[Tensor, ...]:
        """`features`, their first derivatives and so on up to this order, each shaped like `features`.

        This default differentiates `features`; a basis overrides it where a formula is cheaper.
        """
        higher = (derivative(lambda x: self.features(x, *weights), x, k) for k in range(1, order + 1))
        return (self.features(x, *weights), *higher)

    def closed_slopes(self, x: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
        """Slopes as sums of the functions themselves: phi_m' = sum over pairs (a, D) of a(x) (sum_k D_mk phi_k + D_m0).

        Each a is like x, or one number, and each D (terms, terms + 1), float64, whose last column is D_m0. Empty where
        slopes are not of this kind. Where outputs are few a layer's gradient in x is found from sums over terms then,
        and no slope is made.
        """
        return ()

    # All below do the same without gradients, for the fast path, so that numbers stay in the processor's cache: the
    # first three for functions that all edges share, in memory that is given, the others for functions per edge.

    def fill(self, x: Tensor, out: Tensor, *weights: Tensor) -> None:
        """Write `features` into out (..., terms, n_in, batch); overridden where writing in place is faster."""
        out.copy_(self.features(x, *weights))

    def pull(self, x: Tensor, features: Tensor, grad: Tensor) -> Tensor:
        """Sum over the terms of slopes times grad, (..., n_in, batch): the gradient in x, given that of the features.

        Overridden where the sum needs no slope of every term. `grad` may be used as scratch memory.
        """
        return (self.slopes(x, features) * grad).sum(dim=-3)

    def pull_all(self, x: Tensor, features: Tensor, grad: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
        """`pull` of functions that are trained: the gradient in x, and in each of their weights, in its shape.

        This default differentiates `features`; overridden where a formula is cheaper. May use `grad` as memory, too.
        """
        return pulled_back(self.features, grad, x, *weights)

    def sums(self, x: Tensor, weight: Tensor, *weights: Tensor) -> Tensor:
        """Functions per edge times weight (..., n_out, terms, n_in), summed over terms and inputs: (..., n_out, batch).

        Asked for some of a layer's edges at a time, with their part of all weights whose last axes are n_out and n_in.
        """
        return torch.einsum("...toib,...oti->...ob", self.features(x, *weights), weight)

    def pull_sums(self, x: Tensor, weight: Tensor, grad: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
        """The gradients in x, weight and weights, in their shapes, given that of `sums` (..., n_out, batch).

        This default differentiates `sums`.
        """
        return pulled_back(self.sums, grad, x, weight, *weights)

    @property
    def orders(self) -> tuple[int, ...] | None:
        """Frequency or degree of each term, from 1; None where terms have none, as local or trained functions.

        A basis that has them claims that its terms are polynomials of these degrees in the first of them, or that those
        of a higher order change sign more often (`check_basis` looks); and that a larger one has them among its own.
        """
        return None

    @property
    def kinks(self) -> bool:
        """Whether slopes jump, which a second derivative almost everywhere does not see."""
        return False

    @property
    def domain(self) -> tuple[float, float] | None:
        """The interval on which the basis can represent functions; None for the whole line."""
        return None

    def resized(self, size: int) -> "Basis":
        """This basis with another number of intervals, nodes, frequencies, ...: of what `size` names."""
        return replace(self, **{self.size: size})  # type: ignore[arg-type]

    def nests(self, larger: "Basis") -> bool:
        """Whether every function of this basis is one of the larger basis of its kind as well, on its whole domain."""
        return self.orders is not None

    @property
    def period(self) -> float | None:
        """The common period of all terms; None where there is none."""
        return None

    @property
    def pieces(self) -> int:
        """How many intervals the basis cuts its domain into; the number of terms where it has no grid."""
        return self.terms

    def flops(self, n_out: int, n_in: int) -> int:
        """Operations in the matmuls of `features` for a column of inputs; a multiplication and its addition are two."""
        return 0

    def draw_coef(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """Start coefficients (n_out, terms, n_in), float64, as the basis' own paper draws them.

        Without a paper: normal with variance 1 / (n_in terms), which keeps the size of the signal.
        """
        return normal((n_out, self.terms, n_in), 1 / math.sqrt(n_in * self.terms), generator)

    def draw_bias(self, n_out: int, n_in: int, generator: Generator) -> Tensor:
        """Start bias (n_out,), float64: zero unless the basis' own paper says otherwise."""
        return torch.zeros(n_out, dtype=torch.float64)


@dataclass(frozen=True)
class Polynomials(Basis):
    """P_1 .. P_degree of t = tanh(x) with P_m = (a_m t + b_m) P_{m-1} - c_m P_{m-2}, from P_0 = 1 and P_{-1} = 0."""

    size: ClassVar[str] = "degree"
    unrolled: ClassVar[bool] = True
    bounded: ClassVar[bool] = False  # True: polynomials and slopes on [-1, 1] are so small that sums of them are exact
    degree: int = 5

    @property
    def terms(self) -> int:
        return self.degree

    @property
    def orders(self) -> tuple[int, ...]:
        return tuple(range(1, self.degree + 1))

    @property
    def _degree_is_right(self) -> tuple[bool, str]:
        """The condition on the degree, for `require`."""
        return self.degree >= 1, f"degree must be at least 1, got {self.degree}"

    @property
    @abstractmethod
    def recurrence(self) -> list[tuple[float, float, float]]:
        """a_m, b_m and c_m for m = 1 .. degree."""

    def features(self, x: Tensor) -> Tensor:
        t = torch.tanh(x)
        P = [torch.zeros_like(t), torch.ones_like(t)]
        for a, b, c in self.recurrence:
            P.append((a * t + b) * P[-1] - c * P[-2])
        return torch.stack(P[2:], dim=-3)

    def derivatives(self, x: Tensor, order: int) -> tuple[Tensor, ...]:
        """The recurrence differentiated by Leibniz' rule, in which t = tanh(x) has t' = 1 - t^2."""
        t = [torch.tanh(x)]
        for k in range(order):
            t.append(int(k == 0) - _leibniz(t, t, k))
        before = [torch.zeros_like(x)] * (order + 1)
        last = [torch.ones_like(x), *before[1:]]
        found = []
        for a, b, c in self.recurrence:
            new = [a * _leibniz(t, last, k) + b * last[k] - c * before[k] for k in range(order + 1)]
            found.append(new)
            before, last = last, new
        return tuple(torch.stack(terms, dim=-3) for terms in zip(*found, strict=True))

    def closed_slopes(self, x: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
        """By 1 - t^2, the slope of t = tanh(x), and the slopes of polynomials of t, which are of lower degree."""
        return ((1 - torch.tanh(x).square(), _slope_matrix(tuple(self.recurrence))),) if self.bounded else ()

    def fill(self, x: Tensor, out: Tensor) -> None:
        (a, b, _), *others = self.recurrence
        first, *rest = out.unbind(-3)
        t = torch.tanh(x, out=first) if (a, b) == (1, 0) else torch.tanh(x)
        if t is not first:
            torch.mul(t, a, out=first).add_(b)
        before, last = None, first
        for (a, b, c), P in zip(others, rest, strict=True):
            start = P.fill_(-c) if before is None else torch.mul(before, -c, out=P)
            start.addcmul_(t, last, value=a)
            if b:
                P.add_(last, alpha=b)
            before, last = last, P

    def pull(self, x: Tensor, features: Tensor, grad: Tensor) -> Tensor:
        """The recurrence backwards: the gradient of each polynomial passes to the two that it was made from."""
        P, G, (a, b, _) = features.unbind(-3), grad.unbind(-3), self.recurrence[0]
        t = torch.tanh(x) if b else P[0] if a == 1 else P[0] / a  # not again where the first polynomial is t
        total = torch.zeros_like(t)
        for m, (a, b, c) in reversed(list(enumerate(self.recurrence))):
            if m == 0:
                total.add_(G[0], alpha=a)
                break
            total.addcmul_(G[m], P[m - 1], value=a)
            G[m - 1].addcmul_(G[m], t, value=a)
            if b:
                G[m - 1].add_(G[m], alpha=b)
            if m >= 2:
                G[m - 2].sub_(G[m], alpha=c)
        return total.addcmul_(total, t.square(), value=-1)


@cache
def _slope_matrix(recurrence: tuple[tuple[float, float, float], ...]) -> Tensor:
    """D (terms, terms + 1), float64, with P_m' = sum_k D_mk P_k for polynomials of a recurrence; P_0 stands last."""
    degree = len(recurrence)
    a, b, c = torch.tensor([*recurrence, (1, 0, 0)], dtype=torch.float64).T

    def times_t(of: Tensor) -> Tensor:  # t P_k = (P_{k+1} - b_{k+1} P_k + c_{k+1} P_{k-1}) / a_{k+1}
        found = -of * b / a
        found[1:] += (of / a)[:-1]
        found[:-1] += (of * c / a)[1:]
        return found

    D = torch.zeros(degree + 1, degree + 1, dtype=torch.float64)  # P_0 first
    for m, (a_m, b_m, c_m) in enumerate(recurrence, 1):
        D[m] = a_m * times_t(D[m - 1]) + b_m * D[m - 1] - (c_m * D[m - 2] if m > 1 else 0)
        D[m, m - 1] += a_m
    return torch.cat([D[1:, 1:], D[1:, :1]], 1)


def _leibniz(one: Sequence[Tensor], other: Sequence[Tensor], order: int) -> Tensor:
    """The derivative of this order of a product, from those of both factors."""
    total = one[0] * other[order]
    for i in range(1, order + 1):
        total.addcmul_(one[i], other[order - i], value=math.comb(order, i))
    return total


def slopes_from_lower_degrees(polynomials: Tensor) -> Tensor:
    """m (P_{m-1} - t P_m), like the P_m (..., terms, n_in, batch): slopes of Chebyshev's and Legendre's polynomials.

    Those are of t = tanh(x), whose slope 1 - t^2 cancels against the 1 - t^2 in their derivatives, so that nothing is
    divided and saturated inputs have slope zero.
    """
    t = polynomials[..., :1, :, :]
    lower = torch.cat([torch.ones_like(t), polynomials[..., :-1, :, :]], dim=-3)
    m = torch.arange(1, polynomials.shape[-3] + 1, dtype=t.dtype, device=t.device)[:, None, None]
    return m * (lower - t * polynomials)


@dataclass(frozen=True, kw_only=True)
class Bounded(Basis):
    """A basis on [low, high] that fades to zero outside, and ways to bring any input in there.

    bound tanh maps the whole line to (low, high), clamp stops at the ends, affine maps the range of the data that
    enters the layer, measured for each input at the start; none lets inputs leave. The residual sees the raw input.
    """

    low: float = -1.0
    high: float = 1.0
    bound: Literal["none", "tanh", "clamp", "affine"] = "none"  # type: ignore[misc]

    @property
    def domain(self) -> tuple[float, float]:
        return self.low, self.high

    @property
    def _range_is_right(self) -> tuple[bool, str]:
        """The condition on low and high, for `require`."""
        return (
            -math.inf < self.low < self.high < math.inf,
            f"low must be below high, both finite, got low {self.low} and high {self.high}",
        )


class Bumps(Bounded):
    """phi_m(x) = bump(u - m) with u = (x - low) rate, for m = 0 .. terms - 1: one function, moved along a grid.

    The bump is zero outside of [1 - live, 1].
    """

    @property
    def rate(self) -> float:
        """Grid spacings per unit of x."""
        return self.pieces / (self.high - self.low)

    @property
    @abstractmethod
    def live(self) -> int:
        """How many neighbouring functions can be non-zero at one x."""

    @abstractmethod
    def bump(self, w: Tensor) -> Tensor:
        """The function, elementwise."""

    @abstractmethod
    def bump_slope(self, w: Tensor) -> Tensor:
        """Derivative of the bump, elementwise."""

    def bump_(self, w: Tensor) -> Tensor:
        """`bump` without gradients, in the memory of w; overridden where that is faster."""
        return w.copy_(self.bump(w))

    def features(self, x: Tensor, *weights: Tensor) -> Tensor:
        # Differentiated two or three times, what is computed for functions that are zero is most of the time. Compiled
        # code is faster without an index.
        if not self._sparse or torch.compiler.is_compiling():
            return self.bump(self._moved(x))
        m, w = self._live_at(x)
        return x.new_zeros(*x.shape[:-2], self.terms, *x.shape[-2:]).scatter(-3, m, self.bump(w))

    def slopes(self, x: Tensor, features: Tensor, *weights: Tensor) -> Tensor:
        return self.bump_slope(self._moved(x)) * self.rate

    def fill(self, x: Tensor, out: Tensor) -> None:
        size = self._tile(x)
        for at, part in zip(x.split(size, dim=-1), out.split(size, dim=-1), strict=True):
            if self._sparse:
                m, w = self._live_at(at)
                part.zero_().scatter_(-3, m, self.bump_(w))
            else:
                part.copy_(self.bump_(self._moved(at)))

    def pull(self, x: Tensor, features: Tensor, grad: Tensor) -> Tensor:
        size, total = self._tile(x), torch.empty_like(x)
        for at, part, result in zip(*(t.split(size, dim=-1) for t in (x, grad, total)), strict=True):
            if self._sparse:
                m, w = self._live_at(at)
                torch.sum(self.bump_slope(w).mul_(part.gather(-3, m)), dim=-3, out=result)
            else:
                torch.sum(self.bump_slope(self._moved(at)).mul_(part), dim=-3, out=result)
        return total.mul_(self.rate)

    def _tile(self, x: Tensor) -> int:
        """How much of the batch to work on at a time, so that what is made on the way stays in the cache."""
        each = x[..., 0].numel() * (self.live if self._sparse else self.terms) if x.numel() else 1
        return max(64, 2**16 // each)

    @property
    def _sparse(self) -> bool:
        # Placing one number by its index costs as much as computing a few.
        return self.terms > 2 * self.live

    def _moved(self, x: Tensor) -> Tensor:
        """u - m for every m, (..., terms, n_in, batch)."""
        m = torch.arange(self.terms, dtype=x.dtype, device=x.device)[:, None, None]
        return ((x - self.low) * self.rate).unsqueeze(-3) - m

    def _live_at(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers m of the functions that can be non-zero at x, (..., live, n_in, batch), and u - m."""
        first, rest = (t.unsqueeze(-3) for t in self.first_living(x))
        j = torch.arange(self.live, dtype=x.dtype, device=x.device)[:, None, None]
        return (first + j).long(), rest - j

    def first_living(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The number m of the first function that can be non-zero at x, not yet a whole number's type, and u - m."""
        u = (x - self.low) * self.rate
        # An input that is no number has to become an index all the same; its bumps are no numbers either.
        first = u.floor().nan_to_num(0).clamp(0, self.terms - self.live)
        return first, u - first


def span(x: Tensor, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Where each input's data (n_in, samples) starts and ends; low and high where it is a single value or none."""
    if not x.shape[1]:
        x = x.new_tensor([low, high]).expand(len(x), 2)
    start, end = x.amin(1), x.amax(1)
    wide = end - start > 1e-6 * torch.maximum(start.abs(), end.abs())
    return torch.where(wide, start, low), torch.where(wide, end, high)


def _affine(x: Tensor, low: float, high: float, span: Tensor) -> Tensor:
    start, end = span.unsqueeze(-1).unbind(-3)
    return low + (x - start) * ((high - low) / (end - start))


# From x (..., n_in, batch), low, high and the data's span (..., 2, n_in) to what lies between low and high.
BOUNDS: dict[str, Callable[[Tensor, float, float, Tensor | None], Tensor]] = {
    "tanh": lambda x, low, high, span: low + (torch.tanh(x) + 1) * ((high - low) / 2),
    "clamp": lambda x, low, high, span: x.clamp(low, high),
    "affine": _affine,  # type: ignore[dict-item]
}


def weighted_sums(weights: Sequence[Iterable[float]], x: Tensor) -> tuple[Tensor, ...]:
    """sum_m weights_m x_m over the terms of x (..., terms, n_in, batch), for each row of weights."""
    rows = torch.tensor([list(row) for row in weights], dtype=x.dtype, device=x.device)
    return (rows @ x.flatten(-2)).unflatten(-1, x.shape[-2:]).unbind(-3)


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
