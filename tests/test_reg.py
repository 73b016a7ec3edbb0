import pytest
import torch
from components import BASES, REGS, name

from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.layer.fourier import Fourier
from kanexp.model.network import EdgeLayer, Network
from kanexp.reg.frequency import Frequency
from kanexp.reg.l1 import L1
from kanexp.testing import check_reg


@pytest.mark.parametrize("basis", BASES, ids=name)
@pytest.mark.parametrize("reg", REGS, ids=name)
def test_battery(reg, basis):
    if not reg.conflict(basis.orders):
        check_reg(reg, basis)


def weights(basis, theta):
    return Network([EdgeLayer(basis, 2, 3), EdgeLayer(basis, 3, 1)]).weights(theta)


def theta_for(basis, seeds=2):
    network = Network([EdgeLayer(basis, 2, 3), EdgeLayer(basis, 3, 1)])
    return torch.randn(seeds, network.length, dtype=torch.float64)


def test_l1_is_the_sum_of_absolute_coefficients():
    layers = weights(BSpline(), theta_for(BSpline()))
    coefs = torch.stack([sum(w.coef[s].abs().sum() for w in layers) for s in range(2)])
    residuals = torch.stack([sum(w.residual[s].abs().sum() for w in layers) for s in range(2)])
    torch.testing.assert_close(L1().penalty(layers), coefs)
    torch.testing.assert_close(L1(residual=True).penalty(layers), coefs + residuals)


def test_frequency_weighs_cosines_and_sines_by_their_frequency():
    layers = weights(Fourier(frequencies=3), theta_for(Fourier(frequencies=3)))
    k = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    expected = 0.0
    for w in layers:
        cos, sin = w.coef.split(3, dim=2)
        expected = expected + ((cos**2 + sin**2) * k[:, None] ** 1.5).sum(dim=(1, 2, 3))
    torch.testing.assert_close(Frequency(alpha=1.5).penalty(layers), expected)


@pytest.mark.parametrize(("alpha", "derivative"), [(2.0, 1), (4.0, 2)])
def test_frequency_is_twice_the_mean_square_of_a_derivative(alpha, derivative):
    basis = Fourier(frequencies=4)
    w = Network([EdgeLayer(basis, 1, 1)]).weights(torch.randn(1, 9, dtype=torch.float64))
    x = torch.arange(64, dtype=torch.float64) * (basis.period / 64)

    def phi(x):
        return w[0].coef[0, 0, :, 0] @ basis.features(x[None])[:, 0]

    x.requires_grad_()
    value = phi(x)
    for _ in range(derivative):
        (value,) = torch.autograd.grad(value.sum(), x, create_graph=True)
    torch.testing.assert_close(Frequency(alpha=alpha).penalty(w)[0], 2 * value.square().mean())


def test_degree_plays_the_frequency_on_polynomials():
    layers = weights(Chebyshev(degree=2), theta_for(Chebyshev(degree=2)))
    expected = sum((w.coef**2 * torch.tensor([1.0, 4.0])[:, None]).sum(dim=(1, 2, 3)) for w in layers)
    torch.testing.assert_close(Frequency(alpha=2.0).penalty(layers), expected)


def test_frequency_says_why_it_does_not_go_with_local_functions():
    assert "no frequency or degree" in Frequency().conflict(BSpline().orders)
    assert Frequency().conflict(Fourier().orders) == ""
