"""Random streams: one independent generator per seed and purpose, and no global state."""

import hashlib

import torch


def generator(seed: int, stream: str) -> torch.Generator:
    """A generator on the CPU for one purpose of one seed ("init", "data" or "batch").

    Streams of one seed are independent, and so are the same streams of neighbouring seeds: the state
    comes from a hash of both.
    """
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little", signed=True))
