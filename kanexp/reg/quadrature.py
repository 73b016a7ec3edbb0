"""Where penalties look at functions: the domain of a basis, and points of a quadrature on a range of inputs."""

from torch import Tensor

from kanexp.calculus import gauss_legendre
from kanexp.layer.base import Basis

NODES = 10  # of the Gauss-Legendre rule in each piece: exact for squares of polynomials of degree 9


def domain(basis: Basis, like: Tensor) -> tuple[Tensor, Tensor]:
    """Both ends of the range that a basis tells functions apart on, (1,) each, in the dtype of `like`."""
    low, high = basis.domain or ((0.0, basis.period) if basis.period else (-1.0, 1.0))
    return like.new_full((1,), low), like.new_full((1,), high)


def points(basis: Basis, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs (seeds or 1, 1, points) and what each counts (points,); low and high are (seeds or 1,)."""
    # One rule per piece of the basis: over the domain, the kinks of uniform splines lie between the rules.
    points, weights = (t.to(low) for t in gauss_legendre(basis.pieces, NODES))
    return low[:, None, None] + (high - low)[:, None, None] * points, weights
