"""The Kurkova-Kolmogorov-Arnold network: deep inner functions of one input each, learned outer ones of their sums."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from kanexp.error import require
from kanexp.layer.base import Basis
from kanexp.model.activation import ACTIVATIONS, Activation
from kanexp.model.base import Model
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.network import Network
from kanexp.model.wiring import Apply, Wiring

MOST_DEPTH = 100  # far more than anyone trained; each layer is an object


@dataclass(frozen=True)
class Superposition(Wiring):
    """outer(sum over inputs p of inner_p(x_p)), whose edge layers are in this order: of each inner_p, then outer.

    Each inner function bends what enters the last of its layers by the activation.
    """

    inputs: int
    activation: str

    def run(self, x: Tensor, layers: Sequence[Apply], own: Mapping[str, Tensor]) -> Tensor:
        *inner, outer = layers
        depth, found = len(inner) // self.inputs, []
        for p in range(self.inputs):
            *before, last = inner[depth * p : depth * (p + 1)]
            value = x[:, p : p + 1]
            for layer in before:
                value = layer(value)
            found.append(last(ACTIVATIONS[self.activation](value)))
        total = found[0]
        for value in found[1:]:
            total = total + value
        return outer(total)

    def names(self, layers: int) -> list[str]:
        depth = (layers - 1) // self.inputs
        return [*(f"input {p + 1} layer {i + 1}" for p in range(self.inputs) for i in range(depth)), "outer"]


@dataclass(frozen=True)
class KKAN(Model):
    """y = sum over q of Phi_q(sum over p of Psi_pq(x_p)): inner Psi are perceptrons, outer Phi functions of layer=.

    A perceptron has an edge layer of layer= at its start and at its end, which are the paper's embeddings by Chebyshev
    polynomials with the linear layers behind them, and `depth` linear layers of a `width` between; `functions` is how
    many q there are. Coefficients of an embedding that all rows share, as in the paper, are in those of its edges.

    Source: Toscano, Wang and Karniadakis 2024, https://arxiv.org/abs/2412.16738; jaxKAN
    """

    size: ClassVar[str] = "width"
    uses_widths: ClassVar[bool] = False
    width: int = 16
    depth: int = 2
    functions: int = 16
    activation: Literal["silu", "relu", "gelu", "tanh"] = "tanh"

    def __post_init__(self):
        super().__post_init__()
        require(
            (self.width >= 1, f"width must be at least 1, got {self.width}"),
            (0 <= self.depth <= MOST_DEPTH, f"depth must be between 0 and {MOST_DEPTH}, got {self.depth}"),
            (self.functions >= 1, f"functions must be at least 1, got {self.functions}"),
        )

    def bases(self, layers: Sequence[Basis], depth: int) -> list[Basis]:
        return [layers[0]]

    def network(self, widths: Sequence[int], *layers: Basis) -> Network:
        (basis,) = layers
        hidden = EdgeLayer(Activation(name=self.activation), self.width, self.width)
        inner = [EdgeLayer(basis, 1, self.width), *[hidden] * self.depth, EdgeLayer(basis, self.width, self.functions)]
        outer = EdgeLayer(basis, self.functions, widths[-1])
        return Network([*inner * widths[0], outer], Superposition(widths[0], self.activation))

    def conflict(self, inputs: int) -> str:
        if self.frequencies:
            return f"frequencies mix inputs that are to stay apart, got {self.frequencies}; use model=kan"
        return ""
