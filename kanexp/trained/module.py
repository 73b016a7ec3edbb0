"""TrainedNetwork: one trained network as a torch.nn.Module, from rows in own units to answers in own units."""

import keyword

import torch
from torch import Tensor, nn

from kanexp.data.encoding import Encoding
from kanexp.model.network import Network


class TrainedNetwork(nn.Module):
    """One seed's network with the scaling of its data inside: (batch, features) -> (batch, outputs).

    Features are numbers in their own units, missing ones NaN, and 1 or 0 for each value of a category, in the order of
    `feature_names`. Answers are in the target's own units; of classes they are logits. Its parameters have the names
    they have in model.pt and the type they were trained in, while scaling is done in float64: no digit of a large
    number is lost before it is small.
    """

    offset: Tensor
    scale: Tensor
    fill: Tensor
    target_offset: Tensor
    target_scale: Tensor

    def __init__(
        self,
        network: Network,
        theta: Tensor,
        encoding: Encoding,
        target_offset: Tensor,
        target_scale: Tensor,
    ):
        """Of theta (1, length), and what the outputs (outputs,) are multiplied by and moved to."""
        super().__init__()
        self.feature_names, self.classes = encoding.names, encoding.classes
        self._network, self._scales = network, not encoding.is_unchanged
        for name, value in network.unflatten(theta.detach()).items():
            _hold(self, _attribute(name), value[0].clone(memory_format=torch.contiguous_format))
        for name in ("offset", "scale", "fill"):
            self.register_buffer(name, getattr(encoding, name)[:, 0].clone(), persistent=False)
        self.register_buffer("target_offset", target_offset.double(), persistent=False)
        self.register_buffer("target_scale", target_scale.double(), persistent=False)

    @property
    def theta(self) -> Tensor:
        """All weights in one row (1, length), as the network's own functions take them."""
        return torch.cat([self.get_parameter(_attribute(name)).flatten() for name in self._network.shapes])[None]

    def forward(self, x: Tensor) -> Tensor:
        """Answers (batch, outputs), float64, for features (batch, features) of any floating type."""
        theta = self.theta
        x = x.double()
        if self._scales:
            x = (torch.where(x.isnan(), self.fill, x) - self.offset) / self.scale
        answers = self._network.plain(theta, x.to(theta.dtype).T[None])[0].T
        return answers.double() * self.target_scale + self.target_offset


def _attribute(name: str) -> str:
    """A weight's name as programs can have it, in which no part may be a word of Python's: class_ for class."""
    return ".".join(f"{part}_" if keyword.iskeyword(part) else part for part in name.split("."))


def _hold(module: nn.Module, name: str, value: Tensor) -> None:
    """Make a parameter of a dotted name: layers.0.coef is the coef of the module layers.0."""
    *path, last = name.split(".")
    for part in path:
        if part not in module._modules:
            module.add_module(part, nn.Module())
        module = module.get_submodule(part)
    module.register_parameter(last, nn.Parameter(value))
