"""Strong Wolfe line search, batched over seeds."""

import torch
from torch import Tensor

SUFFICIENT_DECREASE = 1e-4  # c1 and c2 of the strong Wolfe conditions, as Nocedal and Wright recommend
CURVATURE = 0.9


class LineSearch:
    """Strong Wolfe searches of all seeds side by side, each with its own bracket; all attributes are (seeds,).

    `low` is the best length so far that satisfies the decrease condition, `high` the other end of the bracket. Lengths
    without a finite loss count as too long.

    Source: Nocedal and Wright 2006, Numerical Optimization, algorithms 3.5 and 3.6
    """

    def __init__(self, loss: Tensor, grad: Tensor, direction: Tensor, first: Tensor, skip: Tensor):
        self.direction = direction
        self.loss0 = self.loss = loss
        self.slope0 = (grad * direction).sum(1)
        self.grad = grad
        self.low, self.low_slope = torch.zeros_like(loss), self.slope0
        self.high, self.high_loss, self.high_slope = torch.zeros_like(loss), loss, self.slope0
        self.bracketed = torch.zeros_like(skip)
        self.trial = first
        self.size = direction.abs().amax(1)
        # NaN compares false, so a seed that is not finite is done at once.
        self.done = skip | ~(self.slope0 < 0)

    @property
    def length(self) -> Tensor:
        return self.low

    @property
    def moved(self) -> Tensor:
        return self.low > 0

    def tell(self, loss: Tensor, grad: Tensor) -> None:
        """Take the losses (seeds,) and gradients (seeds, parameters) at the trial lengths; set the next ones."""
        slope = (grad * self.direction).sum(1)
        decrease = loss <= self.loss0 + SUFFICIENT_DECREASE * self.trial * self.slope0
        good = ~self.done & decrease & ((loss < self.loss) | ~self.moved) & slope.isfinite()
        bad = ~self.done & ~good
        self.done = self.done | (good & (slope.abs() <= -CURVATURE * self.slope0))

        # The slope at a good point says on which side of it the minimum lies: if it leads back, towards the old low.
        back = good & torch.where(self.bracketed, slope * (self.high - self.low) >= 0, slope >= 0)
        self._set_high(back, self.low, self.loss, self.low_slope)
        self._set_high(bad, self.trial, loss, slope)
        step = self.trial - self.low
        self.low = torch.where(good, self.trial, self.low)
        self.loss = torch.where(good, loss, self.loss)
        self.low_slope = torch.where(good, slope, self.low_slope)
        self.grad = torch.where(good[:, None], grad, self.grad)
        self.bracketed = self.bracketed | bad | back
        # In an empty bracket no length is left to try; what was found by then counts.
        self.done = self.done | (self.bracketed & ((self.high - self.low).abs() * self.size <= 1e-14))
        self.trial = torch.where(
            self.done, self.trial, torch.where(self.bracketed, self._inside(), self.low + 4 * step)
        )

    def _set_high(self, where: Tensor, length: Tensor, loss: Tensor, slope: Tensor) -> None:
        self.high = torch.where(where, length, self.high)
        self.high_loss = torch.where(where, loss, self.high_loss)
        self.high_slope = torch.where(where, slope, self.high_slope)

    def _inside(self) -> Tensor:
        """The minimum of the cubic through both ends, kept a tenth of the bracket away from them."""
        width = self.high - self.low
        d1 = self.low_slope + self.high_slope - 3 * (self.high_loss - self.loss) / width
        d2 = (d1.square() - self.low_slope * self.high_slope).clamp(min=0).sqrt() * width.sign()
        share = 1 - (self.high_slope + d2 - d1) / (self.high_slope - self.low_slope + 2 * d2)
        return self.low + width * torch.nan_to_num(share, nan=0.5, posinf=0.5, neginf=0.5).clamp(0.1, 0.9)
