"""Some of many samples."""

import torch
from torch import Tensor


def some(x: Tensor, count: int) -> Tensor:
    """At most `count` of the samples (..., samples), the same ones every time and in their order.

    Not the first ones: a mesh, a series or a sorted table begins in one corner.
    """
    samples = x.shape[-1]
    if samples <= count:
        return x
    chosen = torch.randperm(samples, generator=torch.Generator().manual_seed(0))[:count]
    return x[..., chosen.sort().values.to(x.device)]
