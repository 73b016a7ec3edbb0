"""Where an equation is learned, when, and what counts there: the options of all equations, and how points are drawn."""

import math
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor
from torch.quasirandom import SobolEngine

from kanexp.error import require
from kanexp.task.base import Task, scaled, uniform_points


@dataclass(frozen=True, kw_only=True)
class Collocation(Task):
    """Points at which an equation is to hold: a grid, Sobol's sequence or uniform; those two drawn anew at times.

    Every `resample` steps all points are drawn. With `adapt` residual each seed then has points of its own: a share of
    them comes from a pool of `adapt_pool` times as many, without replacement, with a density that is proportional to
    |residual|^exponent / mean |residual|^exponent + floor. Source: Wu, Zhu, Tan, Kartha and Lu 2023 (RAD),
    https://arxiv.org/abs/2207.10289

    With `windows` points reach only so far in time from a step on, as a share of its range, until they reach all of it:
    a time is learned when those before it are. Source: Wight and Zhao 2021, https://arxiv.org/abs/2007.04542

    `weighing` says by what the squared errors count besides their `weights`, for each seed anew every `reweigh` steps
    and where points are drawn: the formulas and sources are in kanexp/train/weighing.py. The best state is selected
    without it.

    In inputs that `periodic` names, networks are periodic by construction, in the length of the range or in the period
    that is given; conditions that say so hold then and are not learned.
    """

    points: int = 4096
    edge_points: int = 64
    sampling: Literal["grid", "sobol", "uniform"] = "sobol"
    resample: int | None = None
    adapt: Literal["residual"] | None = None
    adapt_share: float = 1.0
    adapt_exponent: float = 1.0
    adapt_floor: float = 1.0
    adapt_pool: int = 10
    windows: dict[int, float] = field(default_factory=dict)  # type: ignore[misc]
    weighing: Literal["causal", "attention", "balance"] | None = None
    reweigh: int = 10
    causality: float = 1.0
    slices: int = 32
    gain: float = 0.01
    memory: float | None = None
    periodic: str | list[str] | dict[str, float] | None = None

    names: ClassVar[tuple[str, ...]] = ("x1", "x2")  # of the inputs

    def __post_init__(self):
        require(
            (self.points >= 4, f"points must be at least 4, got {self.points}"),
            (self.edge_points >= 2, f"edge_points must be at least 2, got {self.edge_points}"),
            (self.resample is None or self.resample >= 1, f"resample must be at least 1, or null, got {self.resample}"),
            (
                self.resample is None or self.sampling != "grid",
                "resample needs points that can be drawn anew, got sampling grid; use sobol or uniform",
            ),
            (
                self.adapt is None or self.resample is not None,
                "adapt chooses among points that are drawn anew, and resample is null; say after how many steps, "
                "such as task.resample=100",
            ),
            (0 < self.adapt_share <= 1, f"adapt_share must be above 0 and at most 1, got {self.adapt_share}"),
            (0 < self.adapt_exponent < math.inf, f"adapt_exponent must be positive, got {self.adapt_exponent}"),
            (0 <= self.adapt_floor < math.inf, f"adapt_floor must be zero or more, got {self.adapt_floor}"),
            (self.adapt_pool >= 2, f"adapt_pool must be at least 2, got {self.adapt_pool}"),
            (
                set(self._named_periodic) <= set(self.names),
                f"periodic names inputs, which are {', '.join(self.names)}, got {', '.join(self._named_periodic)}",
            ),
            *(
                (0 < period < math.inf, f"periodic must give a positive period, got {period} for {name}")
                for name, period in self._given_periods.items()
            ),
            (
                not self.windows or self.time is not None,
                "windows grow in time, and there is no input t; leave them out",
            ),
            (
                not self.windows or (min(self.windows) == 0 and self.windows[max(self.windows)] == 1),
                f"windows must begin at step 0 and end with all of the time, 1, got {self.windows}; "
                "for example {0: 0.2, 1000: 0.6, 2000: 1}",
            ),
            (
                (shares := [self.windows[step] for step in sorted(self.windows)]) == sorted(shares)
                and all(0 < share <= 1 for share in shares),
                f"windows must be shares above 0 that do not fall, got {self.windows}",
            ),
            (self.reweigh >= 1, f"reweigh must be at least 1, got {self.reweigh}"),
            (0 < self.causality < math.inf, f"causality must be positive, got {self.causality}"),
            (self.slices >= 2, f"slices must be at least 2, got {self.slices}"),
            (0 < self.gain < math.inf, f"gain must be positive, got {self.gain}"),
            (
                self.memory is None or 0 <= self.memory < 1,
                f"memory must be at least 0 and below 1, or null, got {self.memory}",
            ),
            (
                self.weighing != "causal" or self.time is not None,
                f"weighing: causal lets earlier times count first, and there is no input t among "
                f"{', '.join(self.names)}; use attention or balance",
            ),
        )

    @property
    @abstractmethod
    def ranges(self) -> list[tuple[float, float]]:
        """Lowest and highest value of every input."""

    @property
    def inputs(self) -> int:
        return len(self.ranges)

    @property
    def time(self) -> int | None:
        """The number of the input that is a time, if there is one."""
        return self.names.index("t") if "t" in self.names else None

    @property
    def own_periods(self) -> dict[int, float]:
        """The periods of inputs by their numbers, in own units."""
        lengths = {name: high - low for name, (low, high) in zip(self.names, self.ranges, strict=True)}
        named = {name: lengths[name] for name in self._named_periodic} | self._given_periods
        return {self.names.index(name): period for name, period in named.items()}

    @property
    def _named_periodic(self) -> list[str]:
        return [self.periodic] if isinstance(self.periodic, str) else list(self.periodic or ())

    @property
    def _given_periods(self) -> dict[str, float]:
        return self.periodic if isinstance(self.periodic, dict) else {}

    def repeats(self, axis: int) -> bool:
        """Whether all networks are the same, in all derivatives, at both ends of an input."""
        low, high = self.ranges[axis]
        times = (high - low) / self.own_periods.get(axis, math.inf)
        return round(times) >= 1 and abs(times - round(times)) < 1e-12 * times

    @property
    def moving(self) -> dict[str, object]:
        found = {"resample": self.resample, "windows": self.windows or None, "weighing": self.weighing}
        return {word: value for word, value in found.items() if value is not None}

    @property
    def redrawn(self) -> int | None:
        return self.resample

    @property
    def adapted(self) -> int:
        """Points that each seed has where its residuals are large."""
        return 0 if self.adapt is None else max(1, round(self.adapt_share * self.points))

    @property
    def pool(self) -> int:
        """Points that are drawn for all seeds: those that every one of them has, and those to choose from."""
        return self.points + (self.adapt_pool - 1) * self.adapted

    def reach(self, step: int) -> float:
        """Up to which share of the time points are drawn after that many steps."""
        return self.windows[max(at for at in self.windows if at <= step)] if self.windows else 1.0

    def within(self, x: Tensor, reach: float) -> Tensor:
        """Points (inputs, points) all over the domain brought into a window of time."""
        if reach == 1:
            return x
        assert self.time is not None
        low, found = self.ranges[self.time][0], x.clone()
        found[self.time] = low + reach * (x[self.time] - low)
        return found

    def density(self, residuals: Tensor) -> Tensor:
        """What each point of a pool weighs when some are chosen, from |residuals| (seeds, points); the mean is 1 + c.

        A seed whose residuals are all zero, or not all finite, has no reason to prefer any.
        """
        sizes = (residuals / residuals.amax(1, keepdim=True)) ** self.adapt_exponent
        return torch.nan_to_num(sizes / sizes.mean(1, keepdim=True), nan=1.0) + self.adapt_floor

    def _draw(self, points: int, sampling: str, generator: Generator) -> Tensor:
        if sampling == "grid":
            return grid(self.ranges, round(points ** (1 / self.inputs)))
        if sampling == "uniform":
            return uniform_points(self.ranges, points, generator)
        seed = int(torch.randint(2**31, (), generator=generator))
        unit = SobolEngine(self.inputs, scramble=True, seed=seed).draw(points, dtype=torch.float64).T
        return scaled(unit, self.ranges)

    def _on_edge(self, axis: int, generator: Generator) -> Tensor:
        """Points of an edge, (inputs - 1, points)."""
        others = [ends for i, ends in enumerate(self.ranges) if i != axis]
        if not others:  # an edge of a line is a point
            return torch.empty((0, 1), dtype=torch.float64)
        if self.sampling == "grid":
            return grid(others, self._edge_side)
        return uniform_points(others, self.edge_points, generator)

    @property
    def _edge_side(self) -> int:
        """Points along each side of an edge's grid."""
        return round(self.edge_points ** (1 / (self.inputs - 1)))


def grid(ranges: list[tuple[float, float]], side: int) -> Tensor:
    """Points (inputs, side^inputs), with the ends."""
    axes = [torch.linspace(low, high, side, dtype=torch.float64) for low, high in ranges]
    return torch.stack([axis.flatten() for axis in torch.meshgrid(*axes, indexing="ij")])
