"""Merged inputs: two that a function uses only as their sum, difference, product or ratio become one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import sympy
import torch
from torch import Tensor

SAME = 0.1  # share of the slopes that differs, below which they count as the same: networks' slopes are rough


@dataclass(frozen=True)
class Input:
    """One number that goes into a form: its expression, its values and the function's slope in it, (samples,) both."""

    written: sympy.Expr
    values: Tensor
    slope: Tensor


Pair: TypeAlias = Callable[[Input, Input], tuple[sympy.Expr, Tensor, Tensor, Tensor]]


# Each gives what the pair becomes, its values, and the slope in it as either of the two says.
def _difference(a: Input, b: Input) -> tuple[sympy.Expr, Tensor, Tensor, Tensor]:
    return a.written - b.written, a.values - b.values, a.slope, -b.slope


def _sum(a: Input, b: Input) -> tuple[sympy.Expr, Tensor, Tensor, Tensor]:
    return a.written + b.written, a.values + b.values, a.slope, b.slope


def _product(a: Input, b: Input) -> tuple[sympy.Expr, Tensor, Tensor, Tensor]:
    return a.written * b.written, a.values * b.values, a.slope * a.values, b.slope * b.values


def _ratio(a: Input, b: Input) -> tuple[sympy.Expr, Tensor, Tensor, Tensor]:
    if float(a.values.abs().min()) > float(b.values.abs().min()):  # what is divided by stays away from 0
        a, b = b, a
    return a.written / b.written, a.values / b.values, a.slope * a.values, -b.slope * b.values


SUMS: tuple[Pair, ...] = (_difference, _sum)
PRODUCTS: tuple[Pair, ...] = (_product, _ratio)


def merged(inputs: Sequence[Input]) -> list[Input]:
    """The inputs, of which those that belong together are one, as long as there are any: the surest pair first.

    What f(a, b) uses as a - b has slopes that add up to zero; as a b, slopes a f_a and b f_b that are the same.
    Source: Udrescu and Tegmark 2020, https://arxiv.org/abs/1905.11481, symmetries
    """
    found = list(inputs)
    while options := sorted(_options(found), key=lambda option: option[0]):
        _, i, j, one = options[0]
        found = [other for place, other in enumerate(found) if place not in (i, j)]
        found.insert(i, one)
    return found


def _options(inputs: Sequence[Input]) -> list[tuple[float, int, int, Input]]:
    found = []
    for i, j in combinations(range(len(inputs)), 2):
        for pair in (*SUMS, *PRODUCTS):
            written, values, one, other = pair(inputs[i], inputs[j])
            slope = (one + other) / 2
            off = float((one - other).square().mean().sqrt() / ((one.square() + other.square()).mean().sqrt() + 1e-300))
            if pair in PRODUCTS:
                slope = slope / torch.where(values == 0, 1.0, values)
            if off < SAME and bool(values.isfinite().all()) and bool(slope.isfinite().all()):
                found.append((off, i, j, Input(written, values, slope)))
    return found
