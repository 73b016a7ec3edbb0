"""The product of a layer whose functions are zero almost everywhere: only those that live at an input are computed."""

import platform
import warnings
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from kanexp.layer.base import Bumps
from kanexp.model.product import CHUNK, parts

if TYPE_CHECKING:
    from kanexp.model.edge_layer import EdgeLayer

# How many terms there must be for each that lives at an input, and a sample for each term: a full matrix is multiplied
# that much faster, number by number. And how many numbers the full one must have, which is done sooner if it has fewer.
FULL = 8
FEW = 2**20
# Outputs whose weights are gathered without leaving the cache.
NEAR = 64


def suits(layer: "EdgeLayer", x: Tensor) -> bool:
    """Whether so few functions live at any of the inputs x that all others are better left out; by shapes alone."""
    basis, batch = layer.basis, x.shape[-1]
    if (
        not isinstance(basis, Bumps)
        or layer.inner_shapes
        or not layer.by_hand
        or x.device.type != "cpu"
        or not available()
    ):
        return False
    many = basis.terms >= basis.live * (FULL + (layer.n_out / NEAR) ** 2)
    worth = many and batch >= FULL * basis.terms and x.numel() * basis.terms >= FEW
    return worth and x.device.type == "cpu" and available()


@cache
def available() -> bool:
    """Whether torch multiplies sparse matrices here; it says once that it does so only lately."""
    if not torch.backends.mkl.is_available() or platform.system() != "Linux":
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.sparse_csr_tensor([0, 0], [], torch.zeros(0), (1, 1), check_invariants=False)
    return True


def sparse_product(layer: "EdgeLayer", x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """bias + sum over inputs and terms, (seeds, n_out, batch), at inputs x (seeds or 1, n_in, batch)."""
    seeds, n_out = bias.shape
    if len(x) == seeds:
        return SparseProduct.apply(x, weight, bias, layer.basis)
    # Inputs that seeds share are looked at once for as many as stay near: their outputs are those of one layer.
    together = [
        SparseProduct.apply(x, weight[some].flatten(0, 1)[None], bias[some].flatten()[None], layer.basis)
        for some in parts(seeds, 2 * NEAR // n_out)
    ]
    return torch.cat(together, dim=1).view(seeds, n_out, -1)


class SparseProduct(torch.autograd.Function):
    """The sum over inputs and living terms as a product with a sparse matrix, and its gradients as two more.

    For local functions on the processor. Nothing but the inputs waits for the backward.
    """

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, basis: Bumps) -> Tensor:
        table = _table(weight)
        y = x.new_empty(*bias.shape, x.shape[-1])
        for chunk in _chunks(basis, x, weight):
            first, rest = _living(basis, x[..., chunk])
            matrix = _matrix(_numbers(basis, first), basis.bump(rest), first.shape[-1] * basis.live, len(table))
            torch.add((matrix @ table).view(*first.shape[:2], -1).mT, bias.unsqueeze(-1), out=y[..., chunk])
        ctx.save_for_backward(x, weight)
        ctx.basis = basis
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        basis, table, wanted = ctx.basis, _table(weight), ctx.needs_input_grad
        grad_x = torch.empty_like(x) if wanted[0] else None
        grad_table = torch.zeros_like(weight.permute(0, 3, 2, 1), memory_format=torch.contiguous_format)
        for chunk in _chunks(basis, x, weight):
            first, rest = _living(basis, x[..., chunk])
            pulled = grad[..., chunk].mT.contiguous()  # (seeds, batch, n_out)
            if wanted[1]:
                _pull_table(basis, first, basis.bump(rest), pulled, grad_table)
            if grad_x is not None:
                matrix = _matrix(_numbers(basis, first), basis.bump_slope(rest), basis.live, len(table))
                slopes = (matrix @ table).view(*first.shape, -1)  # (seeds, batch, n_in, n_out), of every edge
                grad_x[..., chunk] = slopes.mul_(pulled.unsqueeze(2)).sum(-1).mT * basis.rate
        return grad_x, grad_table.permute(0, 3, 2, 1) if wanted[1] else None, grad.sum(-1), None


def _chunks(basis: Bumps, x: Tensor, weight: Tensor) -> list[slice]:
    """The batch in parts for which no more than CHUNK numbers exist at once."""
    return parts(x.shape[-1], CHUNK // max(1, x[..., :1].numel() * max(basis.live, weight.shape[1])))


def _table(weight: Tensor) -> Tensor:
    """A row for every function of every input and seed: (seeds, n_out, terms, n_in) -> (seeds n_in terms, n_out)."""
    return weight.permute(0, 3, 2, 1).flatten(0, 2).contiguous()


def _living(basis: Bumps, x: Tensor) -> tuple[Tensor, Tensor]:
    """The first living function at each input, (seeds, batch, n_in), and u - m of all that live, with one more axis."""
    first, rest = basis.first_living(x.mT.contiguous())
    return first.int(), rest.unsqueeze(-1) - torch.arange(basis.live, dtype=x.dtype, device=x.device)


def _numbers(basis: Bumps, first: Tensor) -> Tensor:
    """Rows of the table for all that live, (seeds, batch, n_in, live)."""
    seeds, _, n_in = first.shape
    begin = torch.arange(seeds * n_in, dtype=first.dtype, device=first.device).view(seeds, 1, n_in) * basis.terms
    return (first + begin).unsqueeze(-1) + torch.arange(basis.live, dtype=first.dtype, device=first.device)


def _matrix(columns: Tensor, values: Tensor, in_row: int, width: int) -> Tensor:
    """A sparse matrix with the same count of numbers in every row."""
    ends = torch.arange(0, columns.numel() + 1, in_row, dtype=columns.dtype, device=columns.device)
    return _csr(ends, columns.flatten(), values.flatten(), (len(ends) - 1, width))


def _csr(ends: Tensor, columns: Tensor, values: Tensor, size: tuple[int, int]) -> Tensor:
    return torch.sparse_csr_tensor(ends, columns, values, size, check_invariants=False)


def _pull_table(basis: Bumps, first: Tensor, values: Tensor, pulled: Tensor, total: Tensor) -> None:
    """Add the gradient of the table to total (seeds, n_in, terms, n_out), given that of the outputs.

    Inputs are sorted by their first living function: a row of a sparse matrix is then all samples of one of them.
    """
    seeds, batch, n_in = first.shape
    begins = basis.terms - basis.live + 1  # what can be the first
    place = torch.arange(seeds * n_in, dtype=first.dtype, device=first.device).view(seeds, n_in, 1)
    bins = (first.mT + place * begins).flatten()
    ordered, order = torch.sort(bins, stable=True)
    edges = torch.arange(seeds * n_in * begins + 1, dtype=bins.dtype, device=bins.device)
    ends = torch.searchsorted(ordered, edges, out_int32=True)
    sample = torch.arange(seeds * batch, dtype=bins.dtype, device=bins.device).view(seeds, 1, batch)
    columns = sample.expand(seeds, n_in, batch).flatten()[order]
    by_term = values.permute(3, 0, 2, 1).flatten(1)[:, order]
    for j, living in enumerate(by_term):
        part = _csr(ends, columns, living, (seeds * n_in * begins, seeds * batch)) @ pulled.flatten(0, 1)
        total[:, :, j : j + begins] += part.view(seeds, n_in, begins, -1)
