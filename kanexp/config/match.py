"""A network's size solved for a number of parameters, so that models are compared at equal size."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from kanexp.layer.base import Basis
from kanexp.model.base import Model


class Plan(NamedTuple):
    """What a network is built from."""

    model: Model
    widths: list[int]
    layers: list[Basis]

    @property
    def parameters(self) -> int:
        return self.model.network(self.widths, *self.layers).parameters


@dataclass(frozen=True)
class Match:
    """What was solved: where the size stands, the size, and what it came to."""

    option: str  # "widths", or as typed: "layer.intervals", "model.hidden"
    size: int | list[int]
    parameters: int
    target: int

    @property
    def record(self) -> dict[str, Any]:
        return {
            "option": self.option,
            "size": self.size,
            "parameters": self.parameters,
            "target": self.target,
            "mismatch": round(self.parameters / self.target - 1, 6),
        }

    def __str__(self) -> str:
        size = str(self.size).replace(" ", "")
        off = f"{100 * (self.parameters / self.target - 1):+.2g} %" if self.parameters != self.target else "exactly"
        return f"match: {self.option}={size} for {self.parameters:,} parameters of {self.target:,} asked for ({off})"


def match(plan: Plan, target: int, by: str) -> tuple[Plan, Match]:
    """The plan whose parameters come closest to the target, its hidden widths (or `by` grid, its bases) resized.

    Widths keep their proportions. Raises ValueError where no size fits.
    """
    resized, option = _BY[by](plan)

    def count(size: int) -> float:
        try:
            return resized(size).parameters
        except ValueError:  # of the basis: it does not come in this size
            return math.inf

    size = _closest(count, target, option)
    found = resized(size)
    shown = found.widths if option == "widths" else size
    return found, Match(option, shown, found.parameters, target)


def _by_width(plan: Plan) -> tuple[Callable[[int], Plan], str]:
    model, widths, _ = plan
    if model.size:
        return lambda n: plan._replace(model=replace(model, **{model.size: n})), f"model.{model.size}"
    first, *hidden, last = widths
    if not hidden:
        raise ValueError(
            f"match: widths [{first}, {last}] have no hidden width to solve; use widths=[in,10,out], or by: grid"
        )

    def resized(n: int) -> Plan:
        return plan._replace(widths=[first, *(max(1, round(n * w / max(hidden))) for w in hidden), last])

    return resized, "widths"


def _by_grid(plan: Plan) -> tuple[Callable[[int], Plan], str]:
    model, _, layers = plan
    names = [type(layer).__name__ for layer in layers if not layer.size] if model.uses_layer else [type(model).__name__]
    if names:
        raise ValueError(f"match: {names[0]} has no grid or degree to solve; use by: width")
    if model.size and getattr(model, model.size) is None:
        raise ValueError(f"match: by grid needs a width that stays; set model.{model.size}, or use by: width")
    option = f"layer.{layers[0].size}" if len(layers) == 1 else "layers.size"
    return lambda n: plan._replace(layers=[layer.resized(n) for layer in layers]), option


_BY: dict[str, Callable[[Plan], tuple[Callable[[int], Plan], str]]] = {"width": _by_width, "grid": _by_grid}

SMALLEST = 64  # no basis begins at a larger size


def _closest(count: Callable[[int], float], target: int, option: str) -> int:
    """The size whose count, which grows with it, comes closest to the target."""
    low = next(n for n in range(1, SMALLEST + 1) if count(n) < math.inf)
    if count(low) > target:
        raise ValueError(
            f"match: {target:,} parameters are fewer than the {count(low):,} of the smallest size, {option} {low}; "
            "ask for more"
        )
    high = low
    while count(high) < target:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < target else (low, middle)
    if count(high) == math.inf:
        raise ValueError(
            f"match: {target:,} parameters are more than the {count(low):,} of the largest size, {option} {low}; "
            "ask for fewer"
        )
    return min((low, high), key=lambda n: abs(count(n) - target))
