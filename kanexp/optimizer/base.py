"""The contract of an optimizer: move theta (seeds, parameters), every row on its own."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, cast

import torch
from torch import Tensor
from torch.optim.adam import adam

from kanexp.error import require
from kanexp.optimizer.linear import Linear

# theta (seeds, parameters) -> loss (seeds,) and gradient (seeds, parameters) of one batch.
Evaluate = Callable[[Tensor], tuple[Tensor, Tensor]]
Matrix = tuple[int, int, int]  # where the weights of a matrix start in a row of theta, its rows and its columns


class Problem(ABC):
    """What is minimized on one batch: the loss with its gradient, and as a sum of squares where it is one."""

    @abstractmethod
    def __call__(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Loss (seeds,) and gradient (seeds, parameters) at theta (seeds, parameters)."""

    @abstractmethod
    def residuals(self, theta: Tensor) -> Tensor:
        """What squared and summed gives the loss, (seeds, residuals); can be differentiated any number of times."""

    def among(self, rows: Tensor) -> "Problem | None":
        """The problem of some seeds alone, by their numbers (rows,); None where these cannot be evaluated for less."""
        return None

    def trial(self, theta: Tensor) -> Tensor:
        """The residuals once more, only to see whether they are smaller there; overridden where that takes less."""
        with torch.no_grad():
            return self.residuals(theta)

    def linear(self, theta: Tensor) -> Linear:
        """The residuals as a linear function around theta."""
        return Linear.of(self.residuals, theta)

    @abstractmethod
    def jacobian(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """The residuals, and their derivatives (seeds, parameters, residuals)."""


class Stepper(ABC):
    """An optimizer at work on one ensemble: it holds the moments or the history."""

    @abstractmethod
    def step(self, theta: Tensor, problem: Problem) -> tuple[Tensor, Tensor, Tensor]:
        """One step for every seed; optimizers of first order take any function like `Evaluate` for the problem.

        Returns the new theta (a new tensor; the old one is left as it was), the loss at the old theta (seeds,), and how
        many evaluations of function and gradient each seed needed (seeds,), int64.
        A row that is not finite stays so and touches no other row.
        """

    def carry(self, resize: Callable[[Tensor], Tensor]) -> bool:
        """Go on with weights of another shape, to which `resize` brings a state (seeds, parameters).

        Returns False where what is remembered has no meaning for them, and a fresh stepper is needed.
        """
        return False

    def reshape(self, matrices: Sequence[Matrix]) -> None:
        """Weights of another shape come, whose rows have these matrices: said before `carry`.

        Optimizers that start no other ones have nothing to do.
        """
        return

    def forget(self, rows: Tensor) -> None:
        """Start these seeds (seeds,), bool, anew from where they are put: what is remembered led them astray.

        Optimizers that remember nothing of the way have nothing to do.
        """
        return

    def restrict(self, rows: Tensor, mask: Tensor) -> None:
        """Only the weights of a mask (seeds, parameters) are trained from here on; in these seeds (seeds,) some fewer.

        There the others have become zero, and what was concluded from where they were is void.
        """
        self.forget(rows)

    def retire(self, rows: Tensor) -> None:
        """These seeds (seeds,), bool, are through: no more evaluations are spent on them, wherever they are put.

        Optimizers that evaluate all seeds at once anyway have nothing to do.
        """
        return

    def renew(self) -> None:
        """Other samples from here on: what was concluded from the old ones is void.

        Optimizers that conclude nothing from the samples of earlier steps have nothing to do.
        """
        return

    def finished(self) -> Tensor | None:
        """Which seeds can go no further (seeds,), bool; None for optimizers that never know."""
        return None


@dataclass(frozen=True, kw_only=True)
class Optimizer(ABC):
    """Settings of an optimizer."""

    minibatches: ClassVar[bool] = True  # False: it compares losses of different steps, which need the same samples
    renews: ClassVar[bool] = False  # True: it does all the same where other samples come at times, which `renew` tells
    least_squares: ClassVar[bool] = False  # True: it needs a loss that is a sum of squares
    double: ClassVar[str] = ""  # why it needs double precision, if it does: "squares the rounding errors"
    jacobian: ClassVar[bool] = False  # True: it needs the derivatives of every residual
    programs: ClassVar[int] = 1  # how many functions of theta it asks a problem for

    def conflict(self, parameters: int) -> str:
        """Why this optimizer cannot train that many parameters; empty where it can."""
        return ""

    @abstractmethod
    def stepper(self, theta: Tensor) -> Stepper:
        """A fresh stepper for an ensemble like theta (seeds, parameters)."""

    def stepper_for(self, theta: Tensor, matrices: Sequence[Matrix]) -> Stepper:
        """The same for a theta whose rows have these matrices; overridden where those are treated apart."""
        return self.stepper(theta)


# Factor on the learning rate after a share of `schedule_steps`.
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "exponential": lambda done: 0.9**done,
    "cosine": lambda done: (1 + math.cos(math.pi * min(done, 1.0))) / 2,
}


@dataclass(frozen=True, kw_only=True)
class FirstOrder(Optimizer):
    """Settings of an optimizer that moves by one gradient, with a learning rate that follows a schedule.

    The rate rises linearly over the first `warmup` steps. From there exponential takes a tenth off it every
    `schedule_steps`, without jumps; cosine lowers it to zero over `schedule_steps`. A gradient whose 2-norm is above
    `clip` is shortened to it, every seed's on its own.
    """

    learning_rate: float = 1e-3
    schedule: Literal["constant", "exponential", "cosine"] = "constant"
    schedule_steps: int = 1000
    warmup: int = 0
    clip: float | None = None

    def __post_init__(self):
        require(
            (0 < self.learning_rate < math.inf, f"learning_rate must be positive, got {self.learning_rate}"),
            (self.schedule_steps >= 1, f"schedule_steps must be at least 1, got {self.schedule_steps}"),
            (self.warmup >= 0, f"warmup must be zero or more, got {self.warmup}"),
            (self.clip is None or 0 < self.clip < math.inf, f"clip must be positive, or null, got {self.clip}"),
        )

    def rate(self, step: int) -> float:
        """Learning rate of the step after that many."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        return self.learning_rate * SCHEDULES[self.schedule]((step - self.warmup) / self.schedule_steps)


class FirstOrderStepper(Stepper):
    """Counts the steps and shortens the gradients.

    A stepper whose step is a function of tensors alone says so by `memory`, `moved` and `remember`: it can be compiled.
    """

    def __init__(self, settings: FirstOrder, theta: Tensor):
        self.first_order = settings
        self.ones = torch.ones(len(theta), dtype=torch.int64)
        self.steps = 0

    @abstractmethod
    def move(self, theta: Tensor, grad: Tensor, rate: float) -> Tensor:
        """The new theta; `steps` counts this one."""

    def at(self, theta: Tensor) -> Tensor:
        """Where a step takes the gradient, and the loss that it tells: at theta, unless it says otherwise."""
        return theta

    def step(self, theta: Tensor, evaluate: Evaluate) -> tuple[Tensor, Tensor, Tensor]:
        loss, grad = evaluate(self.at(theta))
        return self.descend(theta, grad), loss, self.ones

    def descend(self, theta: Tensor, grad: Tensor) -> Tensor:
        """The new theta after a step with this gradient."""
        self.steps += 1
        return self.move(theta, self.clipped(grad), self.first_order.rate(self.steps - 1))

    def clipped(self, grad: Tensor) -> Tensor:
        """The gradient, shortened where it is too long."""
        if self.first_order.clip is None:
            return grad
        return grad * (self.first_order.clip / grad.norm(dim=1, keepdim=True)).clamp(max=1)

    def restrict(self, rows: Tensor, mask: Tensor) -> None:
        """What is remembered of other weights is zero; an optimizer that cannot be carried starts these seeds anew."""
        if not self.carry(lambda state: torch.where(mask, state, 0.0)):
            self.forget(rows)

    @property
    def memory(self) -> tuple[Tensor, ...] | None:
        """What the next step goes on from, each with a row per seed; None where `move` alone can make it."""
        return None

    def moved(self, theta: Tensor, grad: Tensor, rate: Tensor, *memory: Tensor) -> tuple[Tensor, ...]:
        """The new theta and memory after a step at a rate (): what `move` does, as a function of tensors alone."""
        raise NotImplementedError

    def remember(self, memory: Sequence[Tensor]) -> None:
        """Go on from the memory that `moved` gave; `steps` counts apart."""
        raise NotImplementedError


class SideBySide(Stepper):
    """First-order steppers of different settings, each on rows of its own, after one evaluation of all."""

    def __init__(self, rows: Sequence[slice], steppers: Sequence[FirstOrderStepper]):
        self.rows, self.steppers = list(rows), list(steppers)

    def step(self, theta: Tensor, evaluate: Evaluate) -> tuple[Tensor, Tensor, Tensor]:
        loss, grad = evaluate(torch.cat([stepper.at(theta[rows]) for rows, stepper in self.pairs()]))
        new = [stepper.descend(theta[rows], grad[rows]) for rows, stepper in self.pairs()]
        return torch.cat(new), loss, torch.cat([stepper.ones for stepper in self.steppers])

    def carry(self, resize: Callable[[Tensor], Tensor]) -> bool:
        """`resize` takes the states of all rows, so each stepper's own are put among zeros."""
        count = sum(len(stepper.ones) for stepper in self.steppers)

        def within(rows: slice) -> Callable[[Tensor], Tensor]:
            def resized(state: Tensor) -> Tensor:
                every = state.new_zeros(count, state.shape[1])
                every[rows] = state
                return resize(every)[rows]

            return resized

        return all(stepper.carry(within(rows)) for rows, stepper in self.pairs())

    def forget(self, rows: Tensor) -> None:
        for own, stepper in self.pairs():
            stepper.forget(rows[own])

    def restrict(self, rows: Tensor, mask: Tensor) -> None:
        for own, stepper in self.pairs():
            stepper.restrict(rows[own], mask[own])

    def pairs(self) -> Iterator[tuple[slice, FirstOrderStepper]]:
        """Each stepper with its rows."""
        return zip(self.rows, self.steppers, strict=True)


class Moments:
    """Running means of a gradient and of its square, (seeds, parameters) each."""

    def __init__(self, beta1: float, beta2: float, theta: Tensor):
        self.beta1, self.beta2 = beta1, beta2
        self.mean, self.square = torch.zeros_like(theta), torch.zeros_like(theta)
        self.steps = torch.zeros((), device=theta.device)
        # Seeds that were started anew have means of their own, so that no other seed's rounding changes.
        self.anew: dict[int, Moments] = {}

    def forget(self, rows: Tensor) -> None:
        for i in rows.nonzero().flatten().tolist():
            self.anew[i] = Moments(self.beta1, self.beta2, self.mean[i : i + 1])

    @property
    def memory(self) -> tuple[Tensor, Tensor, Tensor]:
        """The means, and of how many steps each row's are, (seeds, 1)."""
        own = (self.mean, self.square, self.steps.expand(len(self.mean), 1))
        if not self.anew:
            return own
        whole = tuple(kept.clone() for kept in own)
        for i, fresh in self.anew.items():
            for kept, new in zip(whole, fresh.memory, strict=True):
                kept[i] = new[0]
        return cast(tuple[Tensor, Tensor, Tensor], whole)

    def remember(self, memory: Sequence[Tensor]) -> None:
        self.mean, self.square = memory[0], memory[1]
        # Other rows than those that were started anew have all made the same steps.
        self.steps = memory[2][next((i for i in range(len(self.mean)) if i not in self.anew), 0), 0].clone()
        for i, own in self.anew.items():
            own.remember([kept[i : i + 1].clone() for kept in memory])  # not written to by both

    def moved(
        self, theta: Tensor, grad: Tensor, rate: Tensor, epsilon: float, decay: float, *memory: Tensor
    ) -> tuple[Tensor, ...]:
        """`move` and its means as a function of tensors: what torch's fused kernel does in one pass, for a compiler."""
        mean, square, steps = memory
        steps = steps + 1
        mean, square = torch.lerp(mean, grad, 1 - self.beta1), self.beta2 * square + (1 - self.beta2) * grad * grad
        first, second = ((1 - beta ** steps.double()).to(theta.dtype) for beta in (self.beta1, self.beta2))
        new = theta * (1 - rate * decay) if decay else theta
        return new - rate / first * mean / (square.sqrt() / second.sqrt() + epsilon), mean, square, steps

    def resize(self, resize: Callable[[Tensor], Tensor]) -> None:
        count = len(self.mean)
        self.mean, self.square = resize(self.mean), resize(self.square)
        for i, own in self.anew.items():
            own.mean, own.square = (resize(kept.expand(count, -1))[i : i + 1] for kept in (own.mean, own.square))

    def move(self, theta: Tensor, grad: Tensor, rate: float, epsilon: float, decay: float) -> Tensor:
        """theta (1 - rate decay) - rate mean / (sqrt(square) + epsilon), the means corrected for their start."""
        new = theta.clone()
        adam(
            [new],
            [grad],
            [self.mean],
            [self.square],
            [],
            [self.steps],
            fused=True,  # one pass over all that would be ten
            amsgrad=False,
            beta1=self.beta1,
            beta2=self.beta2,
            lr=rate,
            weight_decay=decay,
            eps=epsilon,
            maximize=False,
            decoupled_weight_decay=True,
        )
        for i, own in self.anew.items():
            new[i] = own.move(theta[i : i + 1], grad[i : i + 1], rate, epsilon, decay)[0]
        return new


@dataclass(frozen=True, kw_only=True)
class Adaptive(FirstOrder):
    """Settings of an optimizer that divides every weight's step by the size of its gradients."""

    beta1: float = 0.9
    beta2: float = 0.999

    def __post_init__(self):
        super().__post_init__()
        require(
            (0 <= self.beta1 < 1, f"beta1 must be at least 0 and below 1, got {self.beta1}"),
            (0 <= self.beta2 < 1, f"beta2 must be at least 0 and below 1, got {self.beta2}"),
        )


class AdaptiveStepper(FirstOrderStepper):
    """Adam's two moments."""

    def __init__(self, settings: Adaptive, theta: Tensor, epsilon: float, decay: float):
        super().__init__(settings, theta)
        self.moments, self.epsilon, self.decay = Moments(settings.beta1, settings.beta2, theta), epsilon, decay

    def carry(self, resize: Callable[[Tensor], Tensor]) -> bool:
        self.moments.resize(resize)
        return True

    def forget(self, rows: Tensor) -> None:
        self.moments.forget(rows)

    def move(self, theta: Tensor, grad: Tensor, rate: float) -> Tensor:
        return self.moments.move(theta, grad, rate, self.epsilon, self.decay)

    @property
    def memory(self) -> tuple[Tensor, ...]:
        return self.moments.memory

    def moved(self, theta: Tensor, grad: Tensor, rate: Tensor, *memory: Tensor) -> tuple[Tensor, ...]:
        return self.moments.moved(theta, grad, rate, self.epsilon, self.decay, *memory)

    def remember(self, memory: Sequence[Tensor]) -> None:
        self.moments.remember(memory)
