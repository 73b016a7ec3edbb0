"""The vision transformer, with linear layers or learned functions in each of its parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor

from kanexp.error import require
from kanexp.layer.base import Basis, normal
from kanexp.model.activation import Activation
from kanexp.model.base import Model
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.layer_norm import layer_norm, layer_norm_start
from kanexp.model.network import Network
from kanexp.model.picture import picture
from kanexp.model.wiring import Apply, Wiring

EPSILON = 1e-6  # of layer normalization, as in the published transformer
MOST_BLOCKS = 10_000  # far more than anyone trained; each is an object
LINEAR, GELU = Activation(name="identity"), Activation(name="gelu")


@dataclass(frozen=True)
class Transformer(Wiring):
    """Patches, a class token and learned positions; blocks x + attention(norm x), x + ffn(norm x); head on the class.

    Its edge layers, in order: one for the patches, in each block queries-keys-values, projection and the two of the
    ffn, last the head. Columns of inputs are tokens, sample by sample.
    """

    side: int
    channels: int
    patch: int
    dim: int
    depth: int
    heads: int

    @property
    def tokens(self) -> int:
        """Patches and the class token."""
        return (self.side // self.patch) ** 2 + 1

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        norms = [f"blocks.{i}.{name}" for i in range(self.depth) for name in ("norm", "ffn_norm")]
        shapes: dict[str, tuple[int, ...]] = {"class": (self.dim, 1), "positions": (self.dim, self.tokens)}
        return shapes | dict.fromkeys([*norms, "norm"], (2, self.dim))

    def start(self, generator: Generator) -> dict[str, Tensor]:
        """Class token and positions N(0, 0.02^2)."""
        drawn = {name: normal(self.shapes[name], 0.02, generator) for name in ("class", "positions")}
        return {name: drawn.get(name, layer_norm_start(self.dim)) for name in self.shapes}

    def run(self, x: Tensor, layers: Sequence[Apply], own: Mapping[str, Tensor]) -> Tensor:
        embed, *parts, head = layers
        patches = embed(self._patches(x)).unflatten(-1, (-1, self.tokens - 1))  # (seeds, dim, batch, patches)
        token = own["class"].unsqueeze(-2).expand(*patches.shape[:-1], 1)
        x = torch.cat([token, patches], dim=-1) + own["positions"].unsqueeze(-2)
        shape, x = x.shape[2:], x.flatten(2)  # (seeds, dim, batch * tokens)
        for i in range(self.depth):
            qkv, project, first, second = parts[4 * i : 4 * i + 4]
            x = x + project(self._attend(qkv(layer_norm(x, own[f"blocks.{i}.norm"], EPSILON)), shape))
            x = x + second(first(layer_norm(x, own[f"blocks.{i}.ffn_norm"], EPSILON)))
        return head(layer_norm(x.unflatten(-1, shape)[..., 0], own["norm"], EPSILON))

    def _patches(self, x: Tensor) -> Tensor:
        """Pictures (seeds, channels * side * side, batch) -> (seeds, channels * patch * patch, batch * patches)."""
        count = self.side // self.patch
        x = x.unflatten(1, (self.channels, count, self.patch, count, self.patch))
        return x.permute(0, 1, 3, 5, 6, 2, 4).flatten(1, 3).flatten(2)

    def _attend(self, qkv: Tensor, shape: torch.Size) -> Tensor:
        """(seeds, 3 * dim, batch * tokens) -> what each token takes from the others, (seeds, dim, batch * tokens)."""
        parts = qkv.unflatten(-1, shape).unflatten(1, (3, self.heads, -1))
        q, k, v = parts.permute(1, 0, 2, 4, 5, 3)  # (seeds, heads, batch, tokens, dim / heads) each
        scores = (q @ k.mT) * (self.dim // self.heads) ** -0.5  # (seeds, heads, batch, tokens, tokens)
        taken = scores.softmax(dim=-1) @ v
        return taken.permute(0, 1, 4, 2, 3).flatten(3).flatten(1, 2)

    def names(self, layers: int) -> list[str]:
        parts = ("queries, keys, values", "projection", "ffn in", "ffn out")
        return ["patches", *(f"block {i + 1} {part}" for i in range(self.depth) for part in parts), "head"]

    def flops(self, layers: Sequence[int]) -> int:
        embed, *parts, head = layers
        attention = 4 * self.tokens**2 * self.dim * self.depth  # scores and their sums
        return embed * (self.tokens - 1) + sum(parts) * self.tokens + attention + head


@dataclass(frozen=True)
class ViT(Model):
    """Pre-norm vision transformer on flat square pictures, gray or in color: (channels, side, side) in this order.

    `ffn`, `head` and `qkv` (queries, keys, values) are linear or of any layer=, independently; learned functions have
    no bias there. The patches' embedding and the projection after the attention are linear. `hidden` null gives the ffn
    as many weights as an MLP of 4 dim has.

    Source: Dosovitskiy et al. 2021, https://arxiv.org/abs/2010.11929; with learned functions
    https://github.com/maomaocun/vision_kansformer_mnist_flower_cifar10
    """

    size: ClassVar[str] = "hidden"
    uses_widths: ClassVar[bool] = False
    ffn: Literal["kan", "mlp"] = "kan"
    head: Literal["linear", "kan"] = "linear"
    qkv: Literal["linear", "kan"] = "linear"
    hidden: int | None = None
    patch: int = 7
    dim: int = 64
    depth: int = 2
    heads: int = 4

    def __post_init__(self):
        super().__post_init__()
        sizes = {name: getattr(self, name) for name in ("patch", "dim", "depth", "heads")}
        require(
            *((size >= 1, f"{name} must be at least 1, got {size}") for name, size in sizes.items()),
            (self.depth <= MOST_BLOCKS, f"depth must be at most {MOST_BLOCKS}, got {self.depth}"),
            (self.hidden is None or self.hidden >= 1, f"hidden must be at least 1, or null, got {self.hidden}"),
            (
                self.heads < 1 or self.dim % self.heads == 0,
                f"heads must divide dim, got heads {self.heads} and dim {self.dim}",
            ),
        )

    @property
    def uses_layer(self) -> bool:
        return "kan" in (self.ffn, self.head, self.qkv)

    def bases(self, layers: Sequence[Basis], depth: int) -> list[Basis]:
        return [layers[0]] if self.uses_layer else [LINEAR, GELU]

    def network(self, widths: Sequence[int], *layers: Basis) -> Network:
        (basis,) = layers
        channels, side = picture(widths[0])
        hidden = self.hidden or self._hidden(basis)

        def edges(kind: str, n_in: int, n_out: int, otherwise: Basis = LINEAR) -> EdgeLayer:
            return EdgeLayer(basis if kind == "kan" else otherwise, n_in, n_out, bias=kind != "kan")

        block = [
            edges(self.qkv, self.dim, 3 * self.dim),
            edges("linear", self.dim, self.dim),
            edges(self.ffn, self.dim, hidden),
            edges(self.ffn, hidden, self.dim, otherwise=GELU),
        ]
        embed, head = edges("linear", channels * self.patch**2, self.dim), edges(self.head, self.dim, widths[-1])
        wiring = Transformer(side, channels, self.patch, self.dim, self.depth, self.heads)
        return Network([embed, *block * self.depth, head], wiring)

    def _hidden(self, basis: Basis) -> int:
        """The width at which the ffn has as many weights as one of 4 dim with one weight per edge."""
        weights = basis.terms + (basis.residual != "none") + basis.scale if self.ffn == "kan" else 1
        return max(1, round(4 * self.dim / weights))

    def conflict(self, inputs: int) -> str:
        channels, side = picture(inputs)
        if self.frequencies:
            return f"pictures are cut into patches of pixels, got {self.frequencies} frequencies; use model=kan"
        if not channels:
            return f"{inputs} inputs are no square picture, gray or in color; use model=kan"
        if side % self.patch:
            fits = max((n for n in range(1, side) if side % n == 0), default=1)
            return f"patch {self.patch} does not divide the {side} pixels of a side; use model.patch={fits}"
        return ""
