import pytest
import torch
from helpers.components import BASES, name
from torch.testing import assert_close

from kanexp.init.default import Default
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.network import Network
from kanexp.seeding import generator
from kanexp.train.derivatives import jacobian


@pytest.mark.parametrize("basis", BASES, ids=name)
def test_jacobian_is_what_autograd_gives_row_by_row(basis):
    network = Network([EdgeLayer(basis, 2, 3), EdgeLayer(basis, 3, 2)])
    x = torch.randn(1, 2, 5, dtype=torch.float64, generator=generator(0, "data"))
    theta = network.start(Default(), [generator(seed, "init") for seed in range(2)], torch.float64, x[0])
    y, derivatives = jacobian(network, theta, x, network.prepare(x))
    theta.requires_grad_()
    expected = network.plain(theta, x)
    assert_close(y, expected.detach())
    for output in range(2):
        for sample in range(5):
            (row,) = torch.autograd.grad(expected[:, output, sample].sum(), theta, retain_graph=True)
            assert_close(derivatives[:, :, output, sample], row)
