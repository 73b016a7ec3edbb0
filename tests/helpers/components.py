"""What the batteries run over: one of every part in conf/, found there and made by its defaults, and further cases.

A new part is found by itself. A case is another instance of one, with options that change what the batteries see.
"""

import importlib
from collections.abc import Iterable

import yaml
from conftest import ROOT

from kanexp.init.glorot import Glorot
from kanexp.init.smooth import Smooth
from kanexp.layer.bernstein import Bernstein
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.layer.fourier import Fourier
from kanexp.layer.gegenbauer import Gegenbauer
from kanexp.layer.gram import Gram
from kanexp.layer.jacobi import Jacobi
from kanexp.layer.laguerre import Laguerre
from kanexp.layer.legendre import Legendre
from kanexp.layer.lucas import Lucas
from kanexp.layer.mlp_edge import MLPEdge
from kanexp.layer.piecewise_linear import PiecewiseLinear
from kanexp.layer.rational import Rational
from kanexp.layer.rbf import RBF
from kanexp.layer.relu import ReLU
from kanexp.layer.sinc import Sinc
from kanexp.layer.sine import Sine
from kanexp.layer.wavelet import Wavelet
from kanexp.model.activation import ACTIVATIONS, Activation
from kanexp.model.base import Model
from kanexp.model.conv_kan import ConvKAN
from kanexp.model.deeponet import DeepONet
from kanexp.model.mlp import MLP
from kanexp.model.mult_kan import MultKAN
from kanexp.model.residual_kan import ResidualKAN
from kanexp.model.residual_mlp import ResidualMLP
from kanexp.model.vit import ViT
from kanexp.optimizer.adam import Adam
from kanexp.optimizer.adamw import AdamW
from kanexp.optimizer.chain import Chain
from kanexp.optimizer.lbfgs import LBFGS
from kanexp.optimizer.sgd import SGD
from kanexp.optimizer.ssbroyden import SSBroyden
from kanexp.reg.activation import Activation as ActivationPenalty
from kanexp.reg.frequency import Frequency
from kanexp.reg.l1 import L1
from kanexp.reg.l2 import L2
from kanexp.reg.smooth import Smooth as SmoothPenalty
from kanexp.reg.sum import Sum
from kanexp.task.audio import Audio
from kanexp.task.burgers import Burgers
from kanexp.task.equation import TypedEquation
from kanexp.task.feynman import EQUATIONS, Feynman
from kanexp.task.function import FUNCTIONS, Function
from kanexp.task.helmholtz import Helmholtz
from kanexp.task.image import Image
from kanexp.task.operator import Operator
from kanexp.task.sdf import SignedDistance
from kanexp.task.tabular import BUNDLED, MADE, Tabular
from kanexp.task.vision import Vision

# Parts of which nothing can be made, or loaded, without more words; what they say then, as test_components.py checks.
# What stands for them: test_starts_from_a_file in test_init.py, and cases of Sum, Vision and TypedEquation below.
INCOMPLETE = {
    "init/custom": "path must name an .npz file of start weights, got ''",
    "reg/sum": "parts must name at least one penalty",
    "optimizer/chain": "parts must name at least two optimizers",
    "task/equation": "domain must name the inputs with their ranges, such as {t: [0, 1], x: [-1, 1]}",
    "task/vision": "data_dir: mnist is not on this machine",
}


def name(component: object) -> str:
    return str(component).replace(" ", "")


def classes(group: str) -> dict[str, type]:
    """Of every option of a group: conf/<group>/<option>.yaml says which class it is."""
    found = {}
    for file in sorted((ROOT / "conf" / group).glob("[!_]*.yaml")):
        module, _, class_name = yaml.safe_load(file.read_text())["_target_"].rpartition(".")
        found[file.stem] = getattr(importlib.import_module(module), class_name)
    return found


def instances(group: str, cases: Iterable = ()) -> list:
    """One of every part of a group by its defaults, and the cases; each once."""
    defaults = [cls() for option, cls in classes(group).items() if f"{group}/{option}" not in INCOMPLETE]
    return list({name(part): part for part in [*defaults, *cases]}.values())


def square(model: Model) -> int:
    """Inputs of the smallest square picture, of 4 x 4 pixels or more, that a model takes."""
    return next(side**2 for side in range(4, 65) if not model.conflict(side**2))


BASES = instances(
    "layer",
    [
        Fourier(frequencies=1),
        Fourier(frequencies=13, residual="silu", scale=True),
        Chebyshev(degree=1),
        Chebyshev(degree=12, residual="identity"),
        BSpline(residual="none", scale=False),
        BSpline(bound="tanh", order=2),
        BSpline(bound="clamp", low=-2.0, high=0.5),
        BSpline(bound="affine"),
        BSpline(grid="quantiles", intervals=7),
        BSpline(grid="quantiles", order=1, residual="none", scale=False),
        *(BSpline(intervals=7, order=order, low=-2.0, high=1.5) for order in range(1, 6)),
        PiecewiseLinear(nodes=9, bound="affine"),
        PiecewiseLinear(nodes=5, low=-1.0, high=0.5, scale=True),
        ReLU(bound="tanh"),
        ReLU(intervals=3, order=1, low=-2.0, high=3.0),
        RBF(layer_norm=True, bound="clamp"),
        RBF(centers=8, width=0.5**0.5, residual="silu"),
        Legendre(degree=1),
        Legendre(degree=17, residual="silu"),
        Jacobi(degree=1),
        Jacobi(degree=9, a=0.3, b=2.0),
        Gram(degree=1, points=2),
        Gram(degree=9, points=12),
        Bernstein(degree=12),
        Laguerre(degree=9, a=1.5),
        Gegenbauer(degree=9, a=-0.3),
        Lucas(degree=1),
        Sinc(centers=5, low=-1.0, bound="tanh"),
        Rational(degree=6, denominator=5, residual="silu"),
        BSpline(grid="trained", intervals=7, bound="tanh"),
        Sine(degree=2, residual="silu", scale=True),
        Wavelet(residual="identity", scale=True),
        *(Wavelet(kind=kind) for kind in ("morlet", "derivative", "difference")),
        MLPEdge(hidden=8),
        MLPEdge(hidden=3, octaves=1, residual="silu"),
    ],
)
ACTIVATION_BASES = [Activation(name=name) for name in ACTIVATIONS]
INITS = instances("init", [Smooth(decay=1.0), Glorot(gain=2.0), Glorot(distribution="normal")])
REGS = instances(
    "reg",
    [
        L1(residual=True),
        L2(residual=True),
        Frequency(alpha=0.0),
        SmoothPenalty(order=1, live=False),
        SmoothPenalty(order=1, norm=True),
        Sum(parts={"l1": L1(), "activation": ActivationPenalty(weight=0.1)}),
    ],
)
MODELS = instances(
    "model",
    [
        MLP(activation="gelu"),
        MultKAN(share=0.2, arity=3),
        ConvKAN(channels=4, bottleneck=2, stages=1, stride=1, norm="none"),
        ConvKAN(convolutions="linear", channels=2, kernel=5),
        DeepONet(branch="mlp", coordinates=2, rank=3),
        DeepONet(branch="mlp", trunk="mlp"),
        ResidualKAN(skip="linear", norm="layer"),
        ResidualKAN(skip="none", norm="layer"),
        ResidualMLP(activation="tanh", skip="linear", norm="layer"),
        ViT(patch=2, dim=8),
        ViT(ffn="mlp", patch=1, dim=6, heads=3),
        ViT(head="kan", qkv="kan", hidden=5, patch=4, dim=4, depth=1, heads=1),
    ],
)
OPTIMIZERS = instances(
    "optimizer",
    [
        Adam(learning_rate=0.05),
        Adam(learning_rate=0.05, clip=0.5, schedule="cosine", schedule_steps=40, warmup=5),
        AdamW(learning_rate=0.05),
        SGD(nesterov=True, clip=1.0),
        LBFGS(history=2, max_evaluations=3),
        SSBroyden(update="ssbfgs", max_evaluations=3),
        Chain(parts={"adam": Adam(learning_rate=0.05), "lbfgs": LBFGS()}, switch=[2]),
    ],
)
TASKS = instances(
    "task",
    [
        *(Function(function=name, low=-0.9, high=0.9) for name in FUNCTIONS),
        Function(function="ellipkinc", low=0.0, high=[1.0, 0.9]),
        Function(expression="x1*x3 + sqrt(x2 + 2)"),
        Function(noise=0.1, low=0.5, high=2.0),
        *(Feynman(equation=equation) for equation in EQUATIONS),
        Feynman(equation="II.36.38", domain="pykan"),
        Feynman(equation="I.27.6", domain="unit"),
        Image(size=16),
        Image(path="china", size=8, color=True, extent=3.14),
        Image(path="flower", size=8),
        Image(size=16, val=0.0, test=0.0),
        Audio(seconds=0.1, rate=4000, val=0.0, test=0.0),
        SignedDistance(shape="circle"),
        SignedDistance(corners=[[-0.5, -0.5], [0.5, -0.5], [0.0, 0.6]]),
        *(Tabular(dataset=name) for name in (*BUNDLED, *MADE)),
        Tabular(dataset="iris", normalize="range", target="sepal length (cm)"),
        Vision(dataset="digits"),
        Operator(operator="advection", sensors=7, points=3),
        Helmholtz(k=2.5, waves_x=3.0, waves_y=0.5),
        Burgers(viscosity=0.05),
        TypedEquation(
            residual="u_t + 2*u_x",
            domain={"t": [0.0, 1.0], "x": [-1.0, 1.0]},
            known=["u(0, x) = sin(pi*x)", "u(t, -1) = u(t, 1)"],
            exact="sin(pi*(x - 2*t))",
        ),
    ],
)
LOGGERS = instances("logger")
