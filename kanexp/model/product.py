"""A layer's functions, then the sum over its inputs: with gradients by hand, in memory that stays in the cache."""

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from kanexp.model.edge_layer import EdgeLayer


class Kernels(NamedTuple):
    """A layer's two elementwise functions, in memory that is given to them or compiled."""

    features: Callable[..., Tensor]  # x, memory for the features that may be used, inner weights -> features
    pull: Callable[..., tuple[Tensor, ...]]  # x, features, their gradient, inner weights -> those of x and the weights


class EdgeKernels(NamedTuple):
    """The same of a layer with functions per edge, whose features are summed where they are made."""

    sums: Callable[..., Tensor]  # x, weight, inner weights -> outputs
    pull_sums: Callable[..., tuple[Tensor, ...]]  # x, weight, gradient of the outputs, inner weights -> of all weights


# Numbers in one chunk of features. The sum over a large batch goes chunk by chunk: features and their gradient are
# written and read again before they leave the processor's cache. No more of them exist at once, but for the KEPT that
# wait for the backward of a layer which has no more of them than that.
CHUNK = 2**22
KEPT = 2**23

# Numbers in one block of features per edge, and samples in it. Several are at work at once, and fit in the cache.
BLOCK = 2**19
COLUMNS = 1024


class Block(NamedTuple):
    """A part of a layer's edges and of the batch."""

    outs: slice
    ins: slice
    columns: slice

    def of_edges(self, weight: Tensor) -> Tensor:
        """The part of numbers (..., n_out, n_in) of every edge."""
        return weight[..., self.outs, self.ins]


def chunks(layer: "EdgeLayer", x: Tensor) -> list[slice]:
    """The batch in parts of about equal size, with at most CHUNK features each."""
    return parts(x.shape[-1], CHUNK * x.shape[-1] // max(1, x.numel() * layer.terms))


def parts(length: int, most: int) -> list[slice]:
    """0 .. length in as few parts as can be of about equal size, of no more than `most` each, or of one."""
    size = math.ceil(length / (math.ceil(length / max(1, most)) or 1)) or 1
    return [slice(start, start + size) for start in range(0, length, size)] or [slice(0, 0)]


def blocks(layer: "EdgeLayer", x: Tensor) -> Iterator[Block]:
    """The edges and the batch x (seeds, n_in, batch) in blocks of about BLOCK features per edge, or of CHUNK.

    The larger ones where no feature is stored, in compiled code, and where each call costs much, on a GPU.
    """
    large = layer.compiles or x.device.type != "cpu"
    numbers = (CHUNK if large else BLOCK) // max(1, len(x) * layer.basis.terms)
    columns = parts(x.shape[-1], numbers if large else min(numbers, COLUMNS))
    edges = numbers // max(1, columns[0].stop)
    if any(shape[-2:] != (layer.n_out, layer.n_in) for shape in layer.inner_shapes.values()):  # cannot be cut
        edges = layer.n_out * layer.n_in
    outs = parts(layer.n_out, edges)
    ins = parts(layer.n_in, edges // outs[0].stop)
    return (Block(o, i, c) for c in columns for o in outs for i in ins)


class Product(torch.autograd.Function):
    """Features, then matmul, for all layers whose edges share their functions.

    Few features are kept for the backward; many are computed again there, from the inputs. The plain path,
    differentiating through `features`, keeps every intermediate of a recurrence.
    """

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, layer: "EdgeLayer", *inner: Tensor) -> Tensor:
        y = x.new_empty(len(x), layer.n_out, x.shape[-1])
        cut = chunks(layer, x)
        keep, kept = any(ctx.needs_input_grad) and x.numel() * layer.terms <= KEPT, []
        memory = layer.memory(x[..., cut[0]])
        for chunk in cut:
            features = layer.kernels.features(x[..., chunk], memory, *inner)
            torch.baddbmm(bias.unsqueeze(-1), weight.flatten(2), features.flatten(1, 2), out=y[..., chunk])
            if keep:
                kept.append(features)
                memory = layer.memory(x[..., chunk])
        ctx.save_for_backward(x, weight, *inner, *kept)
        ctx.layer, ctx.inner = layer, len(inner)
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        (x, weight), saved = ctx.saved_tensors[:2], ctx.saved_tensors[2:]
        inner, kept = saved[: ctx.inner], saved[ctx.inner :]
        layer, wanted = ctx.layer, ctx.needs_input_grad
        grad_x = torch.empty_like(x) if wanted[0] else None
        grad_weight = torch.zeros_like(weight) if wanted[1] else None
        grad_inner = tuple(torch.zeros_like(w) for w in inner)
        cut = chunks(layer, x)
        memory = None if kept else layer.memory(x[..., cut[0]])
        for i, chunk in enumerate(cut):
            at, pulled = x[..., chunk], grad[..., chunk]
            features = kept[i] if kept else layer.kernels.features(at, memory, *inner)
            if grad_weight is not None:
                grad_weight.flatten(2).baddbmm_(pulled, features.flatten(1, 2).mT)
            if grad_x is not None and layer.few_outputs:
                grad_x[..., chunk] = layer.pull_sums(at, features, weight, pulled)
            elif grad_x is not None or inner:
                of_features = (weight.flatten(2).mT @ pulled).view_as(features)
                of_x, *of_inner = layer.kernels.pull(at, features, of_features, *inner)
                if grad_x is not None:
                    grad_x[..., chunk] = of_x
                for total, part in zip(grad_inner, of_inner, strict=True):
                    total += part
        return grad_x, grad_weight, grad.sum(-1) if wanted[2] else None, None, *grad_inner


class EdgeProduct(torch.autograd.Function):
    """The same for layers with functions per edge: block by block, made and summed, and again in the backward.

    Nothing of the shape edges x batch outlives its block.
    """

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, layer: "EdgeLayer", *inner: Tensor) -> Tensor:
        y = bias.unsqueeze(-1).repeat(1, 1, x.shape[-1])
        for block in blocks(layer, x):
            own = _cut(layer, block, inner)
            y[:, block.outs, block.columns] += layer.edge_kernels.sums(
                x[:, block.ins, block.columns], weight[:, block.outs, :, block.ins], *own
            )
        ctx.save_for_backward(x, weight, *inner)
        ctx.layer = layer
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, *inner = ctx.saved_tensors
        layer = ctx.layer
        grads = [torch.zeros_like(t) for t in (x, weight, *inner)]
        for block in blocks(layer, x):
            whole = [grads[0][:, block.ins, block.columns], grads[1][:, block.outs, :, block.ins]]
            found = layer.edge_kernels.pull_sums(
                x[:, block.ins, block.columns],
                weight[:, block.outs, :, block.ins],
                grad[:, block.outs, block.columns],
                *_cut(layer, block, inner),
            )
            for total, part in zip((*whole, *_cut(layer, block, grads[2:])), found, strict=True):
                total += part
        return grads[0], grads[1], grad.sum(-1), None, *grads[2:]


def _cut(layer: "EdgeLayer", block: Block, inner: "tuple[Tensor, ...] | list[Tensor]") -> list[Tensor]:
    """What of the numbers inside the functions belongs to a block's edges; all where they are not those of edges."""
    edges = (layer.n_out, layer.n_in)
    return [block.of_edges(w) if tuple(w.shape[-2:]) == edges else w for w in inner]
