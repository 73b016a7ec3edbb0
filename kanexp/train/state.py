"""TrainingState: all that training is between two steps, and what can happen to it there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from kanexp.folder.record import SeedStatus
from kanexp.model.network import Network
from kanexp.optimizer.base import Stepper
from kanexp.train.cut import Kept, all_edges, count, without
from kanexp.train.ensemble import Ensemble
from kanexp.train.jump import jump
from kanexp.train.refine import carry, refit


@dataclass
class TrainingState:
    """Everything a checkpoint holds, to go on as if training had never stopped.

    Tensors have a row or an entry per network; masks of networks are bool, (networks,).
    """

    theta: Tensor
    good: Tensor  # the last state of finite loss
    best: Tensor  # the state of lowest loss on the validation data
    best_val: Tensor
    best_step: Tensor
    alive: Tensor  # which are still training
    restarted: Tensor  # which used up their second chance
    evaluations: Tensor
    status: list[SeedStatus]
    stepper: Stepper
    step: int = 0  # the next one
    steps: int = 0  # done
    seconds: float = 0.0
    size: int | None = None  # of the last refinement
    jumps: dict[int, Tensor] = field(default_factory=dict)  # step -> how far a refinement moved the outputs
    side_jumps: dict[int, dict[str, Tensor]] = field(default_factory=dict)  # likewise what an equation makes of them
    coarse: dict[int, dict[str, Tensor]] = field(default_factory=dict)  # step -> test metrics before its refinement
    kept: Kept = field(default_factory=list)  # the edges that are left; of none where they do not go

    @classmethod
    def begin(cls, ensemble: Ensemble, network: Network, start: Tensor) -> "TrainingState":
        """Before the first step of a network, from start weights (networks, length)."""
        alive = torch.ones(len(start), dtype=torch.bool, device=start.device)
        return cls(
            theta=start,
            good=start,
            best=start.clone(),
            best_val=torch.full_like(start[:, 0], torch.inf),
            best_step=torch.zeros(len(start), dtype=torch.int64),
            alive=alive,
            restarted=torch.zeros_like(alive),
            evaluations=torch.zeros(len(start), dtype=torch.int64),
            status=[SeedStatus("ok")] * len(start),
            stepper=ensemble.stepper(start, network),
            kept=all_edges(network, len(start), start.device) if ensemble.first.reg.threshold else [],
        )

    def like(self, fresh: "TrainingState") -> "TrainingState":
        """The state itself. Raises ValueError where it is not of as many networks of such numbers as a fresh one."""
        for name, value in vars(fresh).items():
            own = getattr(self, name)
            if type(own) is not type(value) and name != "size":
                raise ValueError(f"its {name} is no {type(value).__name__}")
            if isinstance(value, Tensor) and (own.dtype, own.shape[:1]) != (value.dtype, value.shape[:1]):
                raise ValueError(f"its {name} is of other networks")
        if self.size is None and self.theta.shape != fresh.theta.shape:
            raise ValueError("its theta is of other networks")
        return self

    def refine(
        self,
        old: Network,
        new: Network,
        size: int,
        x: Tensor,
        carried: bool,
        fresh: Callable[[Tensor, Network], Stepper],
    ) -> Tensor:
        """Go on with a finer network, whose functions are refitted to those of the old one on inputs x.

        What the optimizer remembers is carried over, or a `fresh` stepper begins: where it is not to be `carried`, or
        has no meaning for the new weights. Returns how far the outputs moved (networks,).
        """
        fitted = refit(old, self.theta, new, x)
        moved = jump(old, self.theta, new, fitted, x)
        self.best = refit(old, self.best, new, x)
        self.stepper.reshape(new.matrices)
        if not (carried and self.stepper.carry(partial(carry, old, new))):
            self.stepper = fresh(fitted, new)
        self.theta, self.good, self.size = fitted, fitted, size
        return moved

    def cut(self, network: Network, kept: Kept, x: Tensor) -> Tensor:
        """Go on without edges that are no longer kept, whose mean on inputs x their nodes keep; the best states, too.

        Returns which networks lost some (networks,); the others stay the same to the bit.
        """
        rows = count(kept) < count(self.kept)
        states = (self.theta, self.good, self.best)
        self.theta, self.good, self.best = (
            torch.where(rows[:, None], without(network, one, kept, x), one) for one in states
        )
        self.kept = kept
        self.stepper.restrict(rows, network.mask(kept))
        return rows

    def advance(self, steps: int, before: Tensor, theta: Tensor) -> None:
        """Go on to what so many steps made, all of finite numbers, and to what was before the last of them.

        Members that train no longer stay where they are.
        """
        alive = self.alive[:, None]
        self.good, self.theta = torch.where(alive, before, self.good), torch.where(alive, theta, self.theta)
        self.evaluations += steps * self.alive.cpu()
        self.steps, self.step = self.steps + steps, self.step + steps

    def select(self, looked: Tensor, loss: Tensor) -> None:
        """Keep the states of those looked at whose validation loss (networks,) is the lowest so far."""
        better = looked & (loss < self.best_val)
        self.best = torch.where(better[:, None], self.theta, self.best)
        self.best_val = torch.where(better, loss, self.best_val)
        self.best_step[better.cpu()] = self.step

    def stop(self, ending: Tensor, statuses: Sequence[SeedStatus]) -> None:
        """End these networks, each with its status."""
        self.alive = self.alive & ~ending
        self.stepper.retire(ending)
        both = zip(ending.tolist(), statuses, self.status, strict=True)
        self.status = [new if ends else old for ends, new, old in both]

    def reselect(self, val_loss: Tensor) -> None:
        """Compare what comes with the best states by their loss (networks,) on other validation data."""
        self.best_val = torch.where(self.best_val.isfinite(), val_loss, self.best_val)

    def condemn(self) -> None:
        """Mark networks as lost, at the end, of which no state could be selected."""
        for i in numbers(~self.best_val.isfinite()):
            if self.status[i].ended_well:
                self.status[i] = SeedStatus("diverged", self.steps, "its validation loss was never finite")

    def recover(self, new: Tensor, loss: Tensor) -> Tensor:
        """The step's weights `new` where they and the loss before it are finite; where not, the last good state.

        From there a network goes on once, without what the optimizer remembers, and then no further. The other rows go
        on untouched.
        """
        finite_loss = loss.isfinite()
        # Of finite weights nearly always, and ten times as fast as looking at each.
        finite = new.sum(dim=1).isfinite()
        fine = finite_loss & (finite if bool(finite.all()) else new.isfinite().all(dim=1))
        if bool((fine & self.alive).all()):
            self.good = self.theta
            return new
        self.good = torch.where(finite_loss[:, None] & self.alive[:, None], self.theta, self.good)
        again = self.alive & ~fine & ~self.restarted & (self.steps > 0)
        for i in numbers(self.alive & ~fine):
            why = "its step is not finite" if finite_loss[i] else "its loss is not finite"
            self.status[i] = SeedStatus("restarted" if again[i] else "diverged", self.steps + 1, why)
        self.stepper.forget(again)
        self.restarted = self.restarted | again
        new = torch.where((self.alive & fine)[:, None], new, self.good)
        self.alive = self.alive & (fine | again)
        self.stepper.retire(~self.alive)
        return new


def numbers(mask: Tensor) -> list[int]:
    """The numbers of the networks that are marked."""
    return mask.nonzero().flatten().tolist()
