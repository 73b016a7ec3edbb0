"""The contract of a model: a blueprint that turns widths and layers into a network."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from kanexp.error import require
from kanexp.layer.base import Basis
from kanexp.model.embedding import Embedding
from kanexp.model.network import Network


@dataclass(frozen=True, kw_only=True)
class Model(ABC):
    """Blueprint of a network; inputs may enter it with cosines and sines of random frequencies (embedding.py)."""

    frequencies: int = 0
    bandwidth: float = 1.0

    size: ClassVar[str] = ""  # the option that `match` raises; empty where hidden widths are
    coordinates = 0  # of the inputs so many, the last, are coordinates of a function; 0: the model sets none apart
    uses_widths: ClassVar[bool] = True  # False: of the widths only inputs and outputs have a meaning for this model

    def __post_init__(self):
        require(
            (self.frequencies >= 0, f"frequencies must be zero or more, got {self.frequencies}"),
            (0 < self.bandwidth < math.inf, f"bandwidth must be positive, got {self.bandwidth}"),
        )

    def embedding(self, inputs: int, periods: Mapping[int, float]) -> Embedding | None:
        """What becomes of so many inputs, some with periods, before the first layer; None where nothing does."""
        if not periods and not self.frequencies:
            return None
        return Embedding(inputs, periods, self.frequencies, self.bandwidth)

    def entering(self, widths: Sequence[int], periods: Mapping[int, float]) -> list[int]:
        """Widths, of which the first is that of what enters the first layer."""
        embedding = self.embedding(widths[0], periods)
        return [widths[0] if embedding is None else embedding.width, *widths[1:]]

    @property
    def uses_layer(self) -> bool:
        """Whether the layer= word has a meaning for this model."""
        return True

    @property
    def kinks(self) -> bool:
        """Whether its own functions, beside those of layer=, have kinks, which second derivatives do not see."""
        return False

    @abstractmethod
    def bases(self, layers: Sequence[Basis], depth: int) -> list[Basis]:
        """What init= and reg= act on: the basis of each of the `depth` layers, from one for all or one for each."""

    @abstractmethod
    def network(self, widths: Sequence[int], *layers: Basis) -> Network:
        """The network with these widths, inputs and outputs included, and one basis for all layers or one for each."""

    def conflict(self, inputs: int) -> str:
        """Why this model has no meaning for so many inputs; empty where it has one."""
        return ""


def one_each(layers: Sequence[Basis], depth: int) -> list[Basis]:
    """A basis for each of `depth` layers, where one may stand for all."""
    return list(layers) * (depth if len(layers) == 1 else 1)
