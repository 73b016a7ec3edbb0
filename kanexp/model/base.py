"""The contract of a model: a blueprint that turns widths and layers into a network."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from kanexp.layer.base import Basis
from kanexp.model.network import Network


@dataclass(frozen=True)
class Model(ABC):
    """Blueprint of a network."""

    size: ClassVar[str] = ""  # the option that `match` raises; empty where hidden widths are
    uses_widths: ClassVar[bool] = True  # False: of the widths only inputs and outputs have a meaning for this model

    @property
    def uses_layer(self) -> bool:
        """Whether the layer= word has a meaning for this model."""
        return True

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
