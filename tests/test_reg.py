import pytest
import torch
from helpers.components import ACTIVATION_BASES, BASES, REGS, name
from helpers.own_layers import Gaussians

from kanexp.init.default import Default
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.layer.fourier import Fourier
from kanexp.layer.mlp_edge import MLPEdge
from kanexp.layer.piecewise_linear import PiecewiseLinear
from kanexp.layer.relu import ReLU
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.network import Network
from kanexp.model.pair_kan import PairKAN
from kanexp.reg.activation import Activation
from kanexp.reg.entropy import Entropy
from kanexp.reg.frequency import Frequency
from kanexp.reg.group import Group
from kanexp.reg.hessian import Hessian
from kanexp.reg.l1 import L1
from kanexp.reg.l2 import L2
from kanexp.reg.smooth import Smooth
from kanexp.reg.sum import Sum
from kanexp.seeding import generator
from kanexp.testing import check_reg


@pytest.mark.parametrize("basis", BASES, ids=name)
@pytest.mark.parametrize("reg", REGS, ids=name)
def test_battery(reg, basis):
    without_orders = isinstance(reg, Frequency) and basis.orders is None
    without_bends = isinstance(reg, Smooth) and reg.order == 2 and basis.kinks
    if isinstance(reg, Hessian):
        layer, hats = EdgeLayer(basis, 1, 1), isinstance(basis, (PiecewiseLinear, BSpline))
        without_bends = bool(layer.inner_shapes or layer.kept) or (basis.kinks and not hats)
    if without_orders or without_bends:
        # The pairs without meaning, which are config errors.
        assert "; use reg" in reg.conflict(basis)
    else:
        assert reg.conflict(basis) == ""
        check_reg(reg, basis)


def drawn(basis, randn):
    """Two layers of two seeds, with weights at random."""
    network = Network([EdgeLayer(basis, 2, 3), EdgeLayer(basis, 3, 1)])
    return network.weights(randn(2, network.length))


def traced(basis, n_in, n_out, theta, x):
    network = Network([EdgeLayer(basis, n_in, n_out)])
    return network.trace(theta, x, network.prepare(x))[1]


def test_l1_is_the_sum_of_absolute_coefficients(randn):
    layers = drawn(BSpline(), randn)
    coefs = torch.stack([sum(w.coef[s].abs().sum() for w in layers) for s in range(2)])
    residuals = torch.stack([sum(w.residual[s].abs().sum() for w in layers) for s in range(2)])
    torch.testing.assert_close(L1().penalty(layers), coefs)
    torch.testing.assert_close(L1(residual=True).penalty(layers), coefs + residuals)


def test_group_is_the_sum_of_the_norms_of_edges(randn):
    layers = drawn(BSpline(), randn)
    expected = torch.zeros(2, dtype=torch.float64)
    for w in layers:
        for seed in range(2):
            for o in range(w.layer.n_out):
                for i in range(w.layer.n_in):
                    own = [*(w.coef[seed, o, :, i] * w.scale[seed, o, i]), w.residual[seed, o, i]]
                    expected[seed] += len(own) ** 0.5 * torch.stack(own).norm()
    torch.testing.assert_close(Group().penalty(layers), expected)


def test_group_takes_whole_edges_away():
    """Of data that need one input of two, the weights of the other end near zero, all of them."""
    network = Network([EdgeLayer(Chebyshev(degree=3), 2, 1)])
    x = torch.rand((1, 2, 200), generator=generator(0, "x"), dtype=torch.float64) * 2 - 1
    y = torch.tanh(x[:, :1])
    theta = torch.full((1, network.length), 0.1, dtype=torch.float64)
    for step in range(3000):
        theta.requires_grad_()
        loss = (network.plain(theta, x) - y).square().mean() + 1e-2 * Group().penalty(network.weights(theta)).sum()
        (grad,) = torch.autograd.grad(loss, theta)
        theta = (theta - 0.1 / (1 + step / 300) * grad).detach()
    used, unused = network.weights(theta)[0].coef.norm(dim=2)[0, 0]
    assert unused < 1e-3
    assert used > 0.5


def test_frequency_weighs_cosines_and_sines_by_their_frequency(randn):
    layers = drawn(Fourier(frequencies=3), randn)
    k = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    expected = 0.0
    for w in layers:
        cos, sin = w.coef.split(3, dim=2)
        expected = expected + ((cos**2 + sin**2) * k[:, None] ** 1.5).sum(dim=(1, 2, 3))
    torch.testing.assert_close(Frequency(alpha=1.5).penalty(layers), expected)


@pytest.mark.parametrize(("alpha", "derivative"), [(2.0, 1), (4.0, 2)])
def test_frequency_is_twice_the_mean_square_of_a_derivative(alpha, derivative, randn):
    basis = Fourier(frequencies=4)
    w = Network([EdgeLayer(basis, 1, 1)]).weights(randn(1, 9))
    x = torch.arange(64, dtype=torch.float64) * (basis.period / 64)

    def phi(x):
        return w[0].coef[0, 0, :, 0] @ basis.features(x[None])[:, 0]

    x.requires_grad_()
    value = phi(x)
    for _ in range(derivative):
        (value,) = torch.autograd.grad(value.sum(), x, create_graph=True)
    torch.testing.assert_close(Frequency(alpha=alpha).penalty(w)[0], 2 * value.square().mean())


def test_degree_plays_the_frequency_on_polynomials(randn):
    layers = drawn(Chebyshev(degree=2), randn)
    expected = sum((w.coef**2 * torch.tensor([1.0, 4.0])[:, None]).sum(dim=(1, 2, 3)) for w in layers)
    torch.testing.assert_close(Frequency(alpha=2.0).penalty(layers), expected)


def test_frequency_says_why_it_does_not_go_with_local_functions():
    for local in (BSpline(), Gaussians()):
        assert "no frequency or degree" in Frequency().conflict(local)
    assert Frequency().conflict(Fourier()) == ""


def test_l2_is_the_sum_of_squared_coefficients(randn):
    layers = drawn(BSpline(), randn)
    expected = sum(w.coef.square().sum(dim=(1, 2, 3)) + w.residual.square().sum(dim=(1, 2)) for w in layers)
    torch.testing.assert_close(L2(residual=True).penalty(layers), expected)


@pytest.mark.parametrize("order", [1, 2])
def test_smooth_over_a_period_is_half_the_frequency_penalty(order, randn):
    layers = drawn(Fourier(frequencies=4), randn)
    expected = Frequency(alpha=2.0 * order).penalty(layers) / 2
    torch.testing.assert_close(Smooth(order=order, live=False).penalty(layers), expected)


# Of second derivatives, differences see what lies in a kink, and the penalty does not.
DIFFERENCES = [
    pytest.param(basis, order, id=f"{order}-{name(basis)}")
    for order in (1, 2)
    for basis in BASES
    if not basis.layer_norm and (order == 1 or not (basis.kinks or basis.bound == "clamp"))
]


@pytest.mark.parametrize(("basis", "order"), DIFFERENCES)
def test_smooth_is_the_mean_square_of_differences_of_the_functions(basis, order):
    """On a grid of 40,001 points over what the inputs span, residual and standalone scale included."""
    layer = EdgeLayer(basis, 2, 3)
    theta = Network([layer]).start(Default(), [generator(seed, "init") for seed in range(2)], torch.float64)
    x = torch.linspace(-0.9, 0.83, 7, dtype=torch.float64).expand(1, 2, -1)
    (w,) = traced(basis, 2, 3, theta, x)
    points = torch.linspace(-0.9, 0.83, 40_001, dtype=torch.float64)
    values = layer.functions(w, points)
    for _ in range(order):
        values = values.diff(dim=-1) / (points[1] - points[0])
    expected = values.square().mean(-1).sum(dim=(1, 2))
    # Jumps of the derivative may lie between the points of a rule.
    jumps = isinstance(basis, PiecewiseLinear) or getattr(basis, "order", 3) <= order or basis.bound == "clamp"
    tolerance = 0.1 if jumps or isinstance(basis, ReLU) else 1e-2
    torch.testing.assert_close(Smooth(order=order).penalty([w]), expected, rtol=tolerance, atol=1e-6)


def test_smooth_norm_is_mlp_kans(layers):
    case = layers["cases"]["piecewise_linear"]
    basis = PiecewiseLinear(nodes=9)
    coef = torch.tensor(case["values"], dtype=torch.float64)  # (n_in, n_out, nodes)
    n_in, n_out, _ = coef.shape
    network = Network([EdgeLayer(basis, n_in, n_out)])
    named = {"layers.0.coef": coef.permute(1, 2, 0)[None], "layers.0.bias": coef.new_zeros(1, n_out)}
    layers = network.weights(network.flatten(named))
    penalty = Smooth(order=1, live=False, norm=True).penalty(layers)
    assert float(penalty.detach()) == pytest.approx(case["penalty"], rel=1e-12)


def test_entropy_is_efficient_kans(layers):
    case = layers["cases"]["efficient_kan"]
    coef = torch.tensor(case["spline_weight"], dtype=torch.float64)  # (n_out, n_in, terms)
    n_out, n_in, _ = coef.shape
    network = Network([EdgeLayer(BSpline(residual="none", scale=False), n_in, n_out)])
    named = {"layers.0.coef": coef.transpose(1, 2)[None], "layers.0.bias": coef.new_zeros(1, n_out)}
    layers = network.weights(network.flatten(named))
    factors = [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0)]
    penalties = [float(Entropy(magnitude=a, entropy=e).penalty(layers)) for a, e in factors]
    assert penalties == pytest.approx(case["penalty"], rel=1e-10)


@pytest.mark.parametrize("basis", [BSpline(), Chebyshev(), MLPEdge(hidden=4)], ids=name)
def test_activation_is_pykans(basis, randn):
    """`MultKAN.reg` line by line, on the output of every edge for every sample."""
    layer = EdgeLayer(basis, 3, 4)
    theta = randn(2, Network([layer]).length)
    x = randn(1, 3, 50)
    (w,) = traced(basis, 3, 4, theta, x)
    penalty = Activation(size=1.5, entropy=2.5).penalty([w])
    for seed in range(2):
        outputs = [layer.functions(w, x[0, i])[seed, :, i] for i in range(3)]  # (n_out, batch) each
        vec = torch.stack([y.std(1) / (x[0, i].std() + 0.1) for i, y in enumerate(outputs)], dim=1)
        p_row = vec / (torch.sum(vec, dim=1, keepdim=True) + 1)
        p_col = vec / (torch.sum(vec, dim=0, keepdim=True) + 1)
        entropy_row = -torch.mean(torch.sum(p_row * torch.log2(p_row + 1e-4), dim=1))
        entropy_col = -torch.mean(torch.sum(p_col * torch.log2(p_col + 1e-4), dim=0))
        torch.testing.assert_close(penalty[seed], 1.5 * vec.sum() + 2.5 * (entropy_row + entropy_col))


def test_a_sum_adds_its_weighted_parts(randn):
    layers = drawn(Fourier(), randn)
    total = Sum(parts={"l1": L1(weight=0.5), "l2": L2(weight=2.0)}).penalty(layers)
    torch.testing.assert_close(total, 0.5 * L1().penalty(layers) + 2 * L2().penalty(layers))


@pytest.mark.parametrize("basis", [*BASES, *ACTIVATION_BASES], ids=name)
def test_a_basis_knows_whether_its_slopes_jump(basis):
    """Against slopes by autograd, so close to each other that smooth ones hardly differ."""
    drawn = basis.draw_weights(1, 1, generator(0, "check")) | basis.fixed_weights(torch.linspace(-1, 1, 99)[None])
    low, high = basis.domain or (-3.0, 3.0)
    x = torch.linspace(low + 1e-3, high - 1e-3, 30001, dtype=torch.float64)[None].requires_grad_()
    features = EdgeLayer(basis, 1, 1).features(x[None], *(w[None] for w in drawn.values())).flatten(1, -2)[0]
    jumps = []
    for values in features:
        (slope,) = torch.autograd.grad(values.sum(), x, retain_graph=True)
        jumps.append(float((slope.diff().abs().max() / slope.abs().max().clamp(min=1e-9)).detach()))
    assert (max(jumps) > 0.05) is basis.kinks


def test_kinks_have_no_second_derivative_to_be_penalized():
    assert "use reg.order=1" in Smooth().conflict(PiecewiseLinear())
    assert "use reg.order=1" in Smooth().conflict(BSpline(order=1))
    assert Smooth(order=1).conflict(PiecewiseLinear()) == Smooth().conflict(BSpline(order=2)) == ""


@pytest.mark.parametrize(("schedule", "shares"), [("constant", "111"), ("warmup", "0½1"), ("decay", "1½0")])
def test_schedules_of_the_weight(schedule, shares):
    reg = L1(weight=4.0, schedule=schedule, schedule_steps=100)
    expected = [{"0": 0.0, "½": 2.0, "1": 4.0}[share] for share in shares]
    assert [reg.weight_at(step) for step in (0, 50, 100)] == expected
    assert reg.weight_at(1000) == expected[-1]


def test_hessian_is_the_mean_square_of_second_derivatives_of_functions_of_two_inputs(randn):
    """Against second derivatives by torch on a fine grid of midpoints, in the splines' coordinate."""
    network = PairKAN(rows=2, order=3).network([2, 3], Chebyshev(degree=4))
    theta = randn(2, network.length)
    grid = (torch.arange(200, dtype=torch.float64) + 0.5) / 100 - 1
    u, b = torch.meshgrid(grid, grid, indexing="ij")
    points = torch.stack([u, b]).flatten(1).requires_grad_()
    expected = torch.zeros(2, dtype=torch.float64)
    y = network.plain(theta, torch.stack([points[0].atanh(), points[1]])[None])
    for seed in range(2):
        for q in range(3):
            (first,) = torch.autograd.grad(y[seed, q].sum(), points, create_graph=True)
            second = [torch.autograd.grad(part.sum(), points, retain_graph=True)[0] for part in first]
            expected[seed] += (second[0] ** 2 + second[1] ** 2).sum(0).mean()
    torch.testing.assert_close(Hessian().penalty(network.weights(theta)), expected, rtol=2e-3, atol=0)


def test_hessian_of_tables_is_of_differences_of_their_values(randn):
    network = PairKAN(rows=3, order=1).network([2, 1], PiecewiseLinear(nodes=5, low=-1, high=1))
    theta = randn(1, network.length)
    values = network.weights(theta)[0].coef.reshape(4, 5) + network.weights(theta)[0].bias.reshape(4, 1)
    bends = (values.diff(n=2, dim=0) / (2 / 3) ** 2, values.diff(n=2, dim=1) / 0.5**2)
    twist = values.diff(dim=0).diff(dim=1) / (2 / 3 * 0.5)
    # Along the other input bends are joined by straight lines, of whose square this is the mean.
    ends = [(rows[:-1] ** 2 + rows[:-1] * rows[1:] + rows[1:] ** 2) / 3 for rows in (bends[0].T, bends[1])]
    expected = ends[0].mean() + ends[1].mean() + 2 * (twist**2).mean()
    torch.testing.assert_close(Hessian().penalty(network.weights(theta))[0], expected)


def test_hessian_of_functions_of_one_input_is_what_smooth_is_over_the_domain(randn):
    layers = drawn(Chebyshev(degree=5), randn)
    torch.testing.assert_close(Hessian().penalty(layers), Smooth(live=False).penalty(layers))
