"""The signed distance of a plane shape: how far its outline is from a point, below zero inside."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from kanexp.error import require
from kanexp.score.score import Score
from kanexp.task.base import Regression, Scene

IOU = Score("grid_iou", "higher", "share")


def _star(points: int, outer: float, inner: float) -> list[list[float]]:
    """Corners of a star that points up, its outer and inner ones in turn."""
    turns = [(math.pi * (0.5 + k / points), inner if k % 2 else outer) for k in range(2 * points)]
    return [[radius * math.cos(angle), radius * math.sin(angle)] for angle, radius in turns]


RADIUS = 0.6  # of the circle
SHAPES = {"box": [[-0.7, -0.4], [0.7, -0.4], [0.7, 0.4], [-0.7, 0.4]], "star": _star(5, 0.8, 0.35)}


@dataclass(frozen=True)
class SignedDistance(Regression):
    """Points of [-1, 1]^2 to their distance from an outline, negative inside: exact, and kinked where sides are as far.

    `corners`, a list of [x, y] in their order, are those of a polygon of your own, used instead of the shape. Scores
    are those of a function, and on the grid that is drawn the share of common inside in all that either calls inside.

    Source: Park et al. 2019 (DeepSDF), https://arxiv.org/abs/1901.05103
    """

    shape: Literal["circle", "box", "star"] = "star"
    corners: list[list[float]] | None = None

    def __post_init__(self):
        super().__post_init__()
        corners = self.corners or []
        inside = all(len(point) == 2 and all(-1 <= value <= 1 for value in point) for point in corners)
        require(
            (
                self.corners is None or (len(corners) >= 3 and inside),
                f"corners must be three or more of [x, y], each from -1 to 1, got {self.corners}",
            )
        )

    @property
    def source(self) -> str:
        return "shape" if self.corners is None else "corners"

    @property
    def ranges(self) -> list[tuple[float, float]]:
        return [(-1.0, 1.0)] * 2

    def solution(self, x: Tensor) -> Tensor:
        if self.corners is None and self.shape == "circle":
            return torch.linalg.vector_norm(x, dim=0, keepdim=True) - RADIUS
        return polygon_distance(x, torch.tensor(self.corners or SHAPES[self.shape]).to(x))

    @property
    def scores(self) -> tuple[Score, ...]:
        return (*super().scores, IOU)

    def scene_metrics(self, prediction: Tensor, scene: Scene) -> dict[str, Tensor]:
        inside, known = prediction < 0, scene.target < 0
        common, either = ((values).sum(dim=(1, 2)) for values in (inside & known, inside | known))
        return super().scene_metrics(prediction, scene) | {"grid_iou": common / either}


def polygon_distance(x: Tensor, corners: Tensor) -> Tensor:
    """Signed distance (1, points) of points x (2, points) from a polygon of corners (corners, 2), negative inside.

    Inside is where a ray to the right crosses the sides an odd number of times.
    """
    start, side = corners[:, :, None], (corners.roll(-1, 0) - corners)[:, :, None]
    to = x - start  # (corners, 2, points)
    along = ((to * side).sum(1) / side.square().sum(1)).clamp(0, 1)  # where on each side its nearest point lies
    distance = torch.linalg.vector_norm(to - along[:, None] * side, dim=1).amin(0)
    below, ends_below = start[:, 1] <= x[1], (start + side)[:, 1] <= x[1]
    left = to[:, 1] * side[:, 0] > to[:, 0] * side[:, 1]
    crossed = (below != ends_below) & (left == below)
    return torch.where(crossed.sum(0) % 2 == 1, -distance, distance)[None]
