"""The contract of a model: a blueprint that turns widths and a layer into a network."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from kanexp.layer.base import Basis
from kanexp.model.network import Network


@dataclass(frozen=True)
class Model(ABC):
    """Blueprint of a network."""

    uses_layer: ClassVar[bool] = True  # False: the layer= word has no meaning for this model

    @abstractmethod
    def bases(self, layer: Basis, depth: int) -> list[Basis]:
        """The basis of each of the `depth` layers."""

    @abstractmethod
    def network(self, widths: Sequence[int], layer: Basis) -> Network:
        """The network with these widths, inputs and outputs included."""
