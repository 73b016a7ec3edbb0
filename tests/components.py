"""One list of components per group; every battery runs over all of them."""

from kanexp.init.default import Default
from kanexp.init.glorot import Glorot
from kanexp.init.smooth import Smooth
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.layer.fourier import Fourier
from kanexp.model.mlp import ACTIVATIONS, Activation
from kanexp.optimizer.adam import Adam
from kanexp.optimizer.lbfgs import LBFGS
from kanexp.reg.frequency import Frequency
from kanexp.reg.l1 import L1
from kanexp.reg.none import NoPenalty
from kanexp.task.function import FUNCTIONS, Function
from kanexp.task.image import Image

BASES = [
    Fourier(),
    Fourier(frequencies=1),
    Fourier(frequencies=13, residual="silu", scale=True),
    Chebyshev(),
    Chebyshev(degree=1),
    Chebyshev(degree=12, residual="identity"),
    BSpline(),
    BSpline(residual="none", scale=False),
    *(BSpline(intervals=7, order=order, low=-2.0, high=1.5) for order in range(1, 6)),
]
ACTIVATION_BASES = [Activation(name=name) for name in ACTIVATIONS]
INITS = [Default(), Smooth(), Smooth(decay=1.0), Glorot(), Glorot(gain=2.0)]
REGS = [NoPenalty(), L1(), L1(residual=True), Frequency(), Frequency(alpha=0.0)]
OPTIMIZERS = [Adam(learning_rate=0.05), LBFGS(), LBFGS(history=2, max_evaluations=3)]
TASKS = [
    *(Function(function=name) for name in FUNCTIONS),  # type: ignore[arg-type]
    Function(noise=0.1, low=0.5, high=2.0),
    Image(size=16),
    Image(path="china", size=8, color=True, extent=3.14),
    Image(path="flower", size=8),
]


def name(component: object) -> str:
    return str(component).replace(" ", "")
