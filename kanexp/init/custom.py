"""Start weights from a file."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor

from kanexp.error import require
from kanexp.init.base import Edges, Init


@dataclass(frozen=True)
class Custom(Init):
    """Arrays of an .npz file, named and shaped as one seed's in model.pt.

    These are layers.0.coef (n_out, terms, n_in), layers.0.residual (n_out, n_in), layers.0.scale (n_out, n_in) and
    layers.0.bias (n_out,), and so on for the other layers. A missing residual, scale or bias is what init=default
    draws; a missing coef is an error. All seeds start alike: what is left to differ is the order of minibatches.
    """

    path: str = ""

    def __post_init__(self):
        require((Path(self.path).is_file(), f"path must name an .npz file of start weights, got '{self.path}'"))
        _read(self.path)

    def coef(self, edges: Edges, generator: Generator) -> Tensor:
        coef = self._array(edges, "coef", (edges.n_out, edges.terms, edges.n_in))
        if coef is None:
            raise ValueError(f"path: '{self.path}' has no array layers.{edges.index}.coef")
        return coef

    def residual(self, edges: Edges, generator: Generator) -> Tensor:
        found = self._array(edges, "residual", (edges.n_out, edges.n_in))
        return super().residual(edges, generator) if found is None else found

    def scale(self, edges: Edges, generator: Generator) -> Tensor:
        found = self._array(edges, "scale", (edges.n_out, edges.n_in))
        return super().scale(edges, generator) if found is None else found

    def bias(self, edges: Edges, coef: Tensor, generator: Generator) -> Tensor:
        found = self._array(edges, "bias", (edges.n_out,))
        return edges.paper_bias(generator) if found is None else found

    def _array(self, edges: Edges, name: str, shape: tuple[int, ...]) -> Tensor | None:
        key = f"layers.{edges.index}.{name}"
        found = _read(self.path).get(key)
        if found is not None and found.shape != shape:
            raise ValueError(f"path: {key} in '{self.path}' must have shape {shape}, got {found.shape}")
        return None if found is None else torch.from_numpy(found)


@lru_cache(maxsize=1)
def _read(path: str) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key].astype(np.float64) for key in file.files}
    except (OSError, ValueError, AttributeError, EOFError) as error:
        raise ValueError(f"path: cannot read '{path}' as an .npz file ({error}); make it with numpy.savez") from error
