"""The convolutional network for pictures, with learned functions or linear layers in the place of its kernels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Generator, Tensor

from kanexp.error import require
from kanexp.layer.base import Basis
from kanexp.model.activation import Activation
from kanexp.model.base import Model
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.layer_norm import layer_norm, layer_norm_start
from kanexp.model.network import Network
from kanexp.model.picture import Window, picture
from kanexp.model.wiring import Apply, Wiring

LINEAR, SILU = Activation(name="identity"), Activation(name="silu")
MOST_STAGES = 16


@dataclass(frozen=True)
class Convolutional(Wiring):
    """Stages of one edge layer at every place of a window, then the mean over all places, then the head.

    With a bottleneck a stage is expand(convolution(squeeze x)) + around(x), four edge layers in this order, of which
    squeeze and expand see one place and the others the window. Stages may end normalized over their channels.
    """

    windows: tuple[Window, ...]  # of each stage, on what enters it
    inner: tuple[int, ...]  # channels in each stage's bottleneck; empty where there is none
    outputs: tuple[int, ...]  # channels that leave each stage
    norm: bool

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {f"norm.{i}": (2, n) for i, n in enumerate(self.outputs) if self.norm}

    def start(self, generator: Generator) -> dict[str, Tensor]:
        return {name: layer_norm_start(shape[1]) for name, shape in self.shapes.items()}

    def run(self, x: Tensor, layers: Sequence[Apply], own: Mapping[str, Tensor]) -> Tensor:
        *parts, head = layers
        count, batch = len(parts) // len(self.windows), x.shape[-1]
        for i, window in enumerate(self.windows):
            x = x.unflatten(1, (window.channels, -1))
            stage = parts[count * i : count * (i + 1)]
            x = self._squeezed(i, x, stage) if self.inner else stage[0](window.patches(x).flatten(2))
            x = layer_norm(x, own[f"norm.{i}"]) if self.norm else x
            x = x.unflatten(2, (-1, batch)).flatten(1, 2)
        return head(x.unflatten(1, (self.outputs[-1], -1)).mean(2))

    def _squeezed(self, i: int, x: Tensor, stage: Sequence[Apply]) -> Tensor:
        """A stage with a bottleneck: pictures (seeds, channels, places, batch) -> (seeds, outputs, places batch)."""
        squeeze, convolution, expand, around = stage
        inside = squeeze(x.flatten(2)).unflatten(2, x.shape[2:])
        inside = self.windows[i]._replace(channels=self.inner[i]).patches(inside)
        return expand(convolution(inside.flatten(2))) + around(self.windows[i].patches(x).flatten(2))

    def names(self, layers: int) -> list[str]:
        parts = ("squeeze", "convolution", "expand", "around") if self.inner else ("convolution",)
        return [*(f"stage {i + 1} {part}" for i in range(len(self.windows)) for part in parts), "head"]

    def flops(self, layers: Sequence[int]) -> int:
        *parts, head = layers
        count = len(parts) // len(self.windows)
        total = head
        for i, window in enumerate(self.windows):
            stage = parts[count * i : count * (i + 1)]
            total += sum(stage) * window.places**2
            total += stage[0] * (window.side**2 - window.places**2) if self.inner else 0
        return total


@dataclass(frozen=True)
class ConvKAN(Model):
    """Convolutions of flat square pictures, gray or in color: an edge layer from all numbers in a window to channels.

    Each stage has twice the channels of the one before it, at places `stride` apart. Around a picture are zeros, of
    which functions are taken, too. A `bottleneck` of 4 squeezes channels to a quarter for the learned functions, as
    torch-conv-kan does, and adds a linear convolution of silu around them. With convolutions linear it is a plain
    convolutional network with silu between its stages.

    Source: Bodner et al. 2024, https://arxiv.org/abs/2406.13155; bottlenecks of Drokin 2024,
    https://arxiv.org/abs/2407.01092
    """

    size: ClassVar[str] = "channels"
    uses_widths: ClassVar[bool] = False
    convolutions: Literal["kan", "linear"] = "kan"
    head: Literal["linear", "kan"] = "linear"
    channels: int = 8
    stages: int = 2
    kernel: int = 3
    stride: int = 2
    bottleneck: int = 1
    norm: Literal["none", "layer"] = "layer"

    def __post_init__(self):
        super().__post_init__()
        sizes = {name: getattr(self, name) for name in ("channels", "stride", "bottleneck")}
        require(
            *((size >= 1, f"{name} must be at least 1, got {size}") for name, size in sizes.items()),
            (1 <= self.stages <= MOST_STAGES, f"stages must be between 1 and {MOST_STAGES}, got {self.stages}"),
            (self.kernel >= 1 and self.kernel % 2 == 1, f"kernel must be odd and at least 1, got {self.kernel}"),
        )

    @property
    def uses_layer(self) -> bool:
        return "kan" in (self.convolutions, self.head)

    def bases(self, layers: Sequence[Basis], depth: int) -> list[Basis]:
        return [layers[0]] if self.uses_layer else [LINEAR, SILU]

    def network(self, widths: Sequence[int], *layers: Basis) -> Network:
        (basis,) = layers
        entering, side = picture(widths[0])
        learned = self.convolutions == "kan"
        windows, inner, edges = [], [], []
        for i in range(self.stages):
            window, leaving = Window(entering, side, self.kernel, self.stride), self.channels * 2**i
            kernel = basis if learned else SILU if i else LINEAR
            squeezed = max(1, max(entering, leaving) // self.bottleneck)
            if self.bottleneck == 1:
                edges.append(EdgeLayer(kernel, window.width, leaving))
            else:
                inner.append(squeezed)
                edges += [
                    EdgeLayer(LINEAR, entering, squeezed, bias=False),
                    EdgeLayer(kernel, squeezed * self.kernel**2, squeezed),
                    EdgeLayer(LINEAR, squeezed, leaving, bias=False),
                    EdgeLayer(SILU, window.width, leaving, bias=False),
                ]
            windows.append(window)
            entering, side = leaving, window.places
        last = basis if self.head == "kan" else LINEAR if learned else SILU
        outputs = tuple(self.channels * 2**i for i in range(self.stages))
        wiring = Convolutional(tuple(windows), tuple(inner), outputs, self.norm == "layer" and self.channels > 1)
        return Network([*edges, EdgeLayer(last, entering, widths[-1])], wiring)

    def conflict(self, inputs: int) -> str:
        if self.frequencies:
            return f"pictures are seen by windows of pixels, got {self.frequencies} frequencies; use model=kan"
        if not picture(inputs)[0]:
            return f"{inputs} inputs are no square picture, gray or in color; use model=kan"
        return ""
