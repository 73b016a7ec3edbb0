"""Film: what the first seed of each run answers while it trains, on a grid that is coarse enough to be kept."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from kanexp.folder.logs import Ledger
from kanexp.model.network import Network
from kanexp.task.base import Data, Scene

SIDE, LENGTH = 64, 200  # most points along each side of a picture or surface, and along a curve


class Film:
    """Keeps answers at the points of a scene."""

    def __init__(self, scene: Scene, data: Data):
        self._data = data
        self._x = coarse(scene).x.to(data.train.x.device, data.train.x.dtype)[None]

    def take(self, ledger: Ledger, step: int, rows: Sequence[int], network: Network, theta: Tensor) -> None:
        """Write what the first seeds answer in own units, as far as they are among these rows of theta."""
        first = [row for row in ledger.first if row in rows]
        if not first:
            return
        with torch.no_grad():
            answers = self._data.own_units(network(theta[first], self._x)).tolist()
        for row, channels in zip(first, answers, strict=True):
            for channel, values in enumerate(channels):
                ledger.frame(step, row, channel, values)


def coarse(scene: Scene) -> Scene:
    """Every so many points of a curve, surface or picture, the same number along each side."""
    most = LENGTH if scene.kind == "curve" else SIDE
    stride = -(-max(scene.shape) // most)
    numbers = torch.arange(scene.x.shape[1]).reshape(scene.shape)[(slice(None, None, stride),) * len(scene.shape)]
    at = numbers.flatten()
    return replace(scene, x=scene.x[:, at], target=scene.target[:, at], shape=tuple(numbers.shape))
