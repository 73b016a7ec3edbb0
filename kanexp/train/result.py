"""What training tells while it is under way (Progress), and what it leaves (Result)."""

from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from kanexp.folder.record import SeedStatus
from kanexp.model.network import Network


@dataclass
class Progress:
    """What a watcher sees after each step."""

    step: int
    steps: int
    train_loss: Tensor  # (seeds,)
    val_loss: Tensor  # (seeds,)
    evaluations: int  # of function and gradient, over all seeds
    running: int  # seeds still training


@dataclass
class Result:
    """What training leaves; every tensor has a row or an entry per seed."""

    start: Tensor  # (seeds, length)
    network: Network  # of `best`: where layers were refined, another one than that of `start`
    best: Tensor  # the state of lowest loss on the validation data
    last: Tensor  # the state at the end
    best_step: Tensor
    best_val: Tensor
    evaluations: Tensor
    steps: int = 0
    seconds: float = 0.0
    interrupted: int = 0  # the signal that asked for the end before its time, 0 for none
    compiled: bool = False  # whether the last steps, or their evaluations, were compiled
    status: list[SeedStatus] = field(default_factory=list)
    jumps: dict[int, Tensor] = field(default_factory=dict)  # step -> how far a refinement moved the outputs
    side_jumps: dict[int, dict[str, Tensor]] = field(default_factory=dict)  # likewise what an equation makes of them
    coarse: dict[int, dict[str, Tensor]] = field(default_factory=dict)  # step -> test metrics before its refinement
    test: dict[str, Tensor] = field(default_factory=dict)  # test metrics of the best state
    kept: list[Tensor] | None = None  # of each layer the edges that are left, bool (seeds, n_out, n_in); None: all

    def of(self, rows: slice) -> "Result":
        """The part of some networks; of the seconds, their share."""
        own: dict[str, Any] = {name: value[rows] for name, value in vars(self).items() if isinstance(value, Tensor)}
        own |= {"seconds": self.seconds * len(own["start"]) / len(self.start), "status": self.status[rows]}
        own |= {"kept": self.kept and [edges[rows] for edges in self.kept]}
        own |= {"jumps": {step: jumps[rows] for step, jumps in self.jumps.items()}}
        own |= {"side_jumps": {step: _part(jumps, rows) for step, jumps in self.side_jumps.items()}}
        own |= {"coarse": {step: _part(scores, rows) for step, scores in self.coarse.items()}}
        return replace(self, **own, test=_part(self.test, rows))


def _part(scores: dict[str, Tensor], rows: slice) -> dict[str, Tensor]:
    return {name: values[rows] for name, values in scores.items()}
