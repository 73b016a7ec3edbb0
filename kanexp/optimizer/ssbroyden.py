"""Self-scaled Broyden and BFGS with the whole inverse Hessian, batched over seeds."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from kanexp.optimizer.quasi_newton import QuasiNewton, QuasiNewtonStepper

MAX_PARAMETERS = 5000  # 200 MB hold the matrix of one seed
SMALL = 1e-100  # a scale below or above the inverse of this goes into the matrix


@dataclass(frozen=True, kw_only=True)
class SSBroyden(QuasiNewton):
    """Quasi-Newton steps by an estimate H of the inverse Hessian from all gradient differences so far.

    After a move s that changed the gradient by y, H becomes
    (H - Hy (Hy)^T / y.Hy + phi v v^T) / tau + s s^T / y.s with v = sqrt(y.Hy) (s / y.s - Hy / y.Hy).
    `update` says which: bfgs has tau = phi = 1; ssbfgs takes tau = min(1, 1/b), with b = s.H^-1 s / y.s; ssbroyden
    chooses phi, too, between the bounds that keep H positive, by b and h = y.Hy / y.s. The scale 1 / tau lets go of
    directions that H holds for flatter than they are.

    Source: Urban, Stefanou and Pons 2025, https://doi.org/10.1016/j.jcp.2024.113656, formulas 11 to 23, after
    Al-Baali's self-scaling methods
    """

    double: ClassVar[str] = "divides differences of gradients"
    update: Literal["ssbroyden", "ssbfgs", "bfgs"] = "ssbroyden"

    def conflict(self, parameters: int) -> str:
        if parameters <= MAX_PARAMETERS:
            return ""
        return (
            f"it holds a matrix of all parameters, got {parameters} where {MAX_PARAMETERS} are the most; "
            "use optimizer=lbfgs"
        )

    def stepper(self, theta: Tensor) -> "SSBroydenStepper":
        return SSBroydenStepper(self, theta)


class SSBroydenStepper(QuasiNewtonStepper):
    """The inverse Hessians, scale (seeds,) times inverse (seeds, n, n), and which are still unknown (seeds,), bool.

    Reading the matrices is most of a step's time: a step multiplies by each once, and scales none.
    """

    def __init__(self, settings: SSBroyden, theta: Tensor):
        super().__init__(settings, theta)
        self.update = settings.update
        self.inverse = torch.diag_embed(torch.ones_like(theta))
        self.scale = torch.ones_like(theta[:, 0])
        self.unknown = torch.ones_like(self.stopped)
        self.along, self.of = torch.zeros_like(theta), torch.full_like(theta, torch.nan)  # -H times that gradient

    def __setstate__(self, state: dict[str, Any]) -> None:
        # One from before there was a scale has none, and knows no gradient that `along` is of.
        new = {"scale": torch.ones_like(state["loss"]), "of": torch.full_like(state["along"], torch.nan)}
        super().__setstate__(new | state)

    @property
    def steepest(self) -> Tensor:
        return self.unknown

    def forget(self, rows: Tensor) -> None:
        for i in rows.nonzero().flatten().tolist():
            self.inverse[i] = torch.eye(self.inverse.shape[1]).to(self.inverse)
        self.scale = torch.where(rows, 1.0, self.scale)
        self.of = torch.where(rows[:, None], torch.nan, self.of)
        self.unknown = self.unknown | rows

    def direction(self) -> Tensor:
        new = (self.grad != self.of).any(1).nonzero().flatten()
        self.along = self.along.index_copy(0, new, -self._times(self.grad, new))
        self.of = self.grad
        return self.along

    def remember(self, move: Tensor, grad: Tensor, counts: Tensor) -> None:
        change = grad - self.grad
        product = (move * change).sum(1)
        # s.H^-1 s: H^-1 s is -length grad, for s is length (-H grad).
        squared = -move.square().sum(1) * (move * self.grad).sum(1) / (move * self.along).sum(1)
        # The first H is the identity times the curvature that was met.
        first = torch.where(counts & self.unknown, product / change.square().sum(1), 1.0)
        self.scale = self.scale * first
        ahead = self._times(grad, torch.arange(len(grad), device=grad.device))
        turned = ahead + first[:, None] * self.along  # Hy, as `along` is -H times the gradient before
        b, h = squared / first / product, (change * turned).sum(1) / product
        tau, phi = FACTORS[self.update](b, h, move.shape[1])
        counts = counts & (h > 0) & tau.isfinite() & phi.isfinite() & (tau > 0)

        # In rows that do not count the three products below are zero and tau is one.
        product, h, tau, phi = (torch.where(counts, value, 1.0) for value in (product, h, tau, phi))
        v = (h * product).sqrt()[:, None] * (move / product[:, None] - turned / (h * product)[:, None])
        vectors = torch.where(counts[:, None, None], torch.stack([turned, v, move], 1), 0.0)
        factors = torch.stack([-1 / (h * product * tau), phi / tau, 1 / product], 1)
        self.scale = self.scale / tau
        self.inverse.baddbmm_(vectors.mT, (factors / self.scale[:, None]).unsqueeze(-1) * vectors)
        parts = factors * (vectors @ grad.unsqueeze(-1)).squeeze(-1)
        self.along = -(ahead / tau[:, None] + (parts.unsqueeze(1) @ vectors).squeeze(1))
        self.of = grad
        self.unknown = self.unknown & ~counts
        far = (self.scale < SMALL) | (self.scale > 1 / SMALL)
        for i in far.nonzero().flatten().tolist():
            self.inverse[i] *= self.scale[i]
        self.scale = torch.where(far, 1.0, self.scale)

    def _times(self, vectors: Tensor, rows: Tensor) -> Tensor:
        """H of these rows times their vectors, seed by seed: one batch of narrow products takes half as long again."""
        if not len(rows):
            return vectors[rows]
        return torch.stack([self.inverse[i].mv(vectors[i]) for i in rows.tolist()]) * self.scale[rows, None]


def _bfgs(b: Tensor, h: Tensor, parameters: int) -> tuple[Tensor, Tensor]:
    """tau and phi (seeds,) that neither scale nor mix."""
    return torch.ones_like(b), torch.ones_like(b)


def _ssbfgs(b: Tensor, h: Tensor, parameters: int) -> tuple[Tensor, Tensor]:
    """tau that makes H larger where it was too small along the move; phi of BFGS."""
    return (1 / b).clamp(max=1), torch.ones_like(b)


def _ssbroyden(b: Tensor, h: Tensor, parameters: int) -> tuple[Tensor, Tensor]:
    """tau and phi by which the eigenvalues of H stay together."""
    a = (b * h - 1).clamp(min=torch.finfo(b.dtype).eps)  # never negative but by rounding
    least = (h * (1 - (a / (a + 1)).sqrt())).clamp(max=1)
    theta = torch.maximum((least - 1) / a, torch.minimum(1 / least, (1 - b) / b))
    sigma = 1 + theta * a
    spread = sigma.abs() ** (-1 / max(parameters - 1, 1))
    scale = (1 / b).clamp(max=1)
    tau = torch.where(theta > 0, scale * torch.minimum(spread, 1 / theta), torch.minimum(scale * spread, sigma))
    return tau, (1 - theta) / sigma


FACTORS = {"bfgs": _bfgs, "ssbfgs": _ssbfgs, "ssbroyden": _ssbroyden}
