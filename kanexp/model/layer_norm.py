"""Layer normalization: of what enters a transformer's parts, a residual network's layers, or a layer's functions."""

import torch
from torch import Tensor


def layer_norm(x: Tensor, weights: Tensor, epsilon: float = 1e-5) -> Tensor:
    """x (seeds, n, columns) normalized over its n features, with gain and offset weights (seeds, 2, n).

    As torch.nn.LayerNorm, whose epsilon is the default.
    """
    centered = x - x.mean(dim=1, keepdim=True)
    gain, offset = weights.unsqueeze(-1).unbind(dim=1)
    return centered * (centered.square().mean(dim=1, keepdim=True) + epsilon).rsqrt() * gain + offset


def layer_norm_start(n: int) -> Tensor:
    """Gain one and offset zero (2, n), float64, where every layer normalization starts."""
    return torch.tensor([1.0, 0.0], dtype=torch.float64)[:, None].repeat(1, n)
