"""Pictures among a model's inputs: their sizes, and the patches around each place."""

import math
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor


def picture(numbers: int) -> tuple[int, int]:
    """Channels and side of the square picture of so many numbers; zeros where there is none."""
    # Never both, for the root of 3 is irrational.
    for channels in (1, 3):
        side = math.isqrt(numbers // channels)
        if channels * side**2 == numbers:
            return channels, side
    return 0, 0


class Window(NamedTuple):
    """A square that moves over a square picture by `stride` places, half a kernel of zeros around it."""

    channels: int
    side: int
    kernel: int
    stride: int

    @property
    def places(self) -> int:
        """Of the window along one side: the picture's own, at stride 1."""
        return (self.side - 1) // self.stride + 1

    @property
    def width(self) -> int:
        """Numbers in the window."""
        return self.channels * self.kernel**2

    def patches(self, x: Tensor) -> Tensor:
        """Pictures (seeds, channels, places, batch) -> what the window sees, (seeds, width, its places, batch)."""
        flat = x.flatten(1, 2)
        padded = torch.cat([flat, flat.new_zeros(len(flat), 1, flat.shape[-1])], dim=1)
        index = _index(self).to(x.device)
        return padded.index_select(1, index).unflatten(1, (self.width, self.places**2))


@cache
def _index(window: Window) -> Tensor:
    """Where each number of each patch is among those of a picture and one zero behind them, (width places,)."""
    channels, side, kernel, stride = window
    start = torch.arange(window.places) * stride - kernel // 2
    line = start + torch.arange(kernel)[:, None]  # (kernel, places)
    row, column = line[:, None, :, None], line[None, :, None, :]
    inside = (row >= 0) & (row < side) & (column >= 0) & (column < side)
    channel = torch.arange(channels)[:, None, None, None, None]
    at = channel * side**2 + row * side + column
    return torch.where(inside, at, channels * side**2).flatten()
