"""One list of components per group; every battery runs over all of them."""

from kanexp.init.constant import Constant
from kanexp.init.default import Default
from kanexp.init.efficient import Efficient
from kanexp.init.glorot import Glorot
from kanexp.init.glorot_fine import GlorotFine
from kanexp.init.lecun import LeCun
from kanexp.init.lecun_norm import LeCunNorm
from kanexp.init.power import Power
from kanexp.init.pykan import Pykan
from kanexp.init.pykan_v0 import PykanV0
from kanexp.init.smooth import Smooth
from kanexp.init.xavier import Xavier
from kanexp.layer.bernstein import Bernstein
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.layer.fourier import Fourier
from kanexp.layer.gram import Gram
from kanexp.layer.jacobi import Jacobi
from kanexp.layer.legendre import Legendre
from kanexp.layer.mlp_edge import MLPEdge
from kanexp.layer.piecewise_linear import PiecewiseLinear
from kanexp.layer.rbf import RBF
from kanexp.layer.relu import ReLU
from kanexp.layer.sine import Sine
from kanexp.layer.wavelet import Wavelet
from kanexp.model.activation import ACTIVATIONS, Activation
from kanexp.model.kan import KAN
from kanexp.model.mlp import MLP
from kanexp.model.residual_kan import ResidualKAN
from kanexp.model.vit import ViT
from kanexp.optimizer.adam import Adam
from kanexp.optimizer.adamw import AdamW
from kanexp.optimizer.hessian_free import HessianFree
from kanexp.optimizer.lbfgs import LBFGS
from kanexp.optimizer.levenberg_marquardt import LevenbergMarquardt
from kanexp.optimizer.sgd import SGD
from kanexp.reg.activation import Activation as ActivationPenalty
from kanexp.reg.entropy import Entropy
from kanexp.reg.frequency import Frequency
from kanexp.reg.l1 import L1
from kanexp.reg.l2 import L2
from kanexp.reg.none import NoPenalty
from kanexp.reg.smooth import Smooth as SmoothPenalty
from kanexp.reg.sum import Sum
from kanexp.task.feynman import EQUATIONS, Feynman
from kanexp.task.function import FUNCTIONS, Function
from kanexp.task.image import Image
from kanexp.task.tabular import Tabular

BASES = [
    Fourier(),
    Fourier(frequencies=1),
    Fourier(frequencies=13, residual="silu", scale=True),
    Chebyshev(),
    Chebyshev(degree=1),
    Chebyshev(degree=12, residual="identity"),
    BSpline(),
    BSpline(residual="none", scale=False),
    BSpline(bound="tanh", order=2),
    BSpline(bound="clamp", low=-2.0, high=0.5),
    BSpline(bound="affine"),
    BSpline(grid="quantiles", intervals=7),
    BSpline(grid="quantiles", order=1, residual="none", scale=False),
    PiecewiseLinear(nodes=9, bound="affine"),
    ReLU(bound="tanh"),
    RBF(layer_norm=True, bound="clamp"),
    Legendre(),
    Legendre(degree=1),
    Legendre(degree=17, residual="silu"),
    Jacobi(),
    Jacobi(degree=1),
    Jacobi(degree=9, a=0.3, b=2.0),
    Gram(),
    Gram(degree=1, points=2),
    Gram(degree=9, points=12),
    Bernstein(),
    Bernstein(degree=12),
    RBF(),
    RBF(centers=8, width=0.5**0.5, residual="silu"),
    ReLU(),
    ReLU(intervals=3, order=1, low=-2.0, high=3.0),
    PiecewiseLinear(),
    PiecewiseLinear(nodes=5, low=-1.0, high=0.5, scale=True),
    Sine(),
    Sine(degree=2, residual="silu", scale=True),
    Wavelet(),
    Wavelet(residual="identity", scale=True),
    MLPEdge(hidden=8),
    MLPEdge(hidden=3, octaves=1, residual="silu"),
    *(BSpline(intervals=7, order=order, low=-2.0, high=1.5) for order in range(1, 6)),
]
ACTIVATION_BASES = [Activation(name=name) for name in ACTIVATIONS]
INITS = [Default(), Smooth(), Smooth(decay=1.0), Glorot(), Glorot(gain=2.0)]
INITS += [Glorot(distribution="normal"), LeCun(), LeCunNorm(), GlorotFine(), Power(), Xavier()]
INITS += [PykanV0(), Pykan(), Efficient(), Constant()]
REGS = [NoPenalty(), L1(), L1(residual=True), L2(), L2(residual=True), Frequency(), Frequency(alpha=0.0)]
REGS += [SmoothPenalty(), SmoothPenalty(order=1, live=False), SmoothPenalty(order=1, norm=True)]
REGS += [Entropy(), ActivationPenalty(), Sum(parts={"l1": L1(), "activation": ActivationPenalty(weight=0.1)})]
MODELS = [KAN(), MLP(), MLP(activation="gelu"), ResidualKAN(), ResidualKAN(skip="linear", norm="layer")]
MODELS += [ResidualKAN(skip="none", norm="layer"), ViT(patch=2, dim=8), ViT(ffn="mlp", patch=1, dim=6, heads=3)]
MODELS += [ViT(head="kan", qkv="kan", hidden=5, patch=4, dim=4, depth=1, heads=1)]
OPTIMIZERS = [Adam(learning_rate=0.05), LBFGS(), LBFGS(history=2, max_evaluations=3)]
OPTIMIZERS += [LevenbergMarquardt(), HessianFree(), AdamW(learning_rate=0.05), SGD(), SGD(nesterov=True, clip=1.0)]
OPTIMIZERS += [Adam(learning_rate=0.05, clip=0.5, schedule="cosine", schedule_steps=40, warmup=5)]
TASKS = [
    *(Function(function=name, low=-0.9, high=0.9) for name in FUNCTIONS),
    Function(function="ellipkinc", low=0.0, high=[1.0, 0.9]),
    Function(expression="x1*x3 + sqrt(x2 + 2)"),
    *(Feynman(equation=equation) for equation in EQUATIONS),
    Function(noise=0.1, low=0.5, high=2.0),
    Image(size=16),
    Image(path="china", size=8, color=True, extent=3.14),
    Image(path="flower", size=8),
    *(
        Tabular(dataset=name)
        for name in ("digits", "wine", "breast_cancer", "diabetes", "iris", "two_moons", "circles")
    ),
    Tabular(dataset="iris", normalize="range", target="sepal length (cm)"),
]


def name(component: object) -> str:
    return str(component).replace(" ", "")
